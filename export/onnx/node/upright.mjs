// Turns a PNG file's picture as its EXIF data say, of which pngjs takes no notice.

/** Returns {pixels, channels, height, width} of a decoded picture, upright. */
export function upright({ pixels, channels, height, width }, bytes) {
  const o = orientation(bytes);
  if (!(o >= 2 && o <= 8)) return { pixels, channels, height, width };
  const [rows, columns] = o >= 5 ? [width, height] : [height, width];
  const turned = new Uint8Array(pixels.length);
  for (let i = 0, to = 0; i < rows; ++i) {
    for (let j = 0; j < columns; ++j, to += channels) {
      let [row, column] = o >= 5 ? [j, i] : [i, j];
      if ([3, 4, 6, 7].includes(o)) row = height - 1 - row;
      if ([2, 3, 7, 8].includes(o)) column = width - 1 - column;
      const from = (row * width + column) * channels;
      turned.set(pixels.subarray(from, from + channels), to);
    }
  }
  return { pixels: turned, channels, height: rows, width: columns };
}

// EXIF's number for how the picture lies, in the chunk eXIf; 1, upright, without one.
function orientation(bytes) {
  const view = (from, length) => new DataView(bytes.buffer, bytes.byteOffset + from, length);
  const file = view(0, bytes.byteLength);
  for (let at = 8, length; at + 12 <= bytes.byteLength; at += 12 + length) {
    length = file.getUint32(at);
    if (file.getUint32(at + 4) !== 0x65584966 || at + 12 + length > bytes.byteLength || length < 10) continue;
    const exif = view(at + 8, length);
    const little = exif.getUint16(0) === 0x4949;
    const begin = exif.getUint32(4, little);
    const entries = begin + 2 <= length ? exif.getUint16(begin, little) : 0;
    for (let i = 0, entry = begin + 2; i < entries && entry + 12 <= length; ++i, entry += 12) {
      if (exif.getUint16(entry, little) === 0x0112) return exif.getUint16(entry + 8, little);
    }
    return 1;
  }
  return 1;
}
