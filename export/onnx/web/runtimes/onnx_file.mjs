// The metadata of an ONNX file: metadata(bytes) returns metadata_props, parsed as JSON.
// ONNX Runtime does not expose it in JavaScript, so this reads the protobuf (ModelProto field 14).

function* fields(bytes) {
  let at = 0;
  const varint = () => {
    let [value, shift] = [0, 0];
    for (;;) {
      const byte = bytes[at++];
      if (byte === undefined || shift > 63) throw new Error("the model is a damaged ONNX file");
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
      shift += 7;
    }
  };
  while (at < bytes.length) {
    const key = varint();
    const [field, type] = [Math.floor(key / 8), key % 8];
    if (type === 0) varint();
    else if (type === 1) at += 8;
    else if (type === 5) at += 4;
    else if (type === 2) {
      const length = varint();
      yield [field, bytes.subarray(at, at + length)];
      at += length;
    } else throw new Error("the model is not an ONNX file");
  }
}

/** Returns {names: [...], "cnnkit.golden.labels": [...], ...} from the bytes of an ONNX file. */
export function metadata(bytes) {
  const text = new TextDecoder();
  const result = {};
  for (const [field, pair] of fields(bytes)) {
    if (field !== 14) continue;
    const { 1: key, 2: value } = Object.fromEntries(fields(pair));
    result[text.decode(key)] = JSON.parse(text.decode(value));
  }
  return result;
}
