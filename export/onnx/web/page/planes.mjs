// Planes of pixels, as in cnnkit/data/digit/planes.py: resampling, sliding maxima, components.
//
// A plane is {height, width, values: Float64Array}, row by row; a mask is Uint8Array of 0 and 1.

export function plane(height, width, values = new Float64Array(height * width)) {
  return { height, width, values };
}

// Rounds halves to even, like Python and NumPy.
export function round(value) {
  const down = Math.floor(value);
  const up = value - down > 0.5 || (value - down === 0.5 && down % 2 !== 0);
  return up ? down + 1 : down;
}

export function median(values) {
  const sorted = Float64Array.from(values).sort();
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Returns NumPy's quantile, which interpolates between the values. */
export function quantile(values, share) {
  const sorted = Float64Array.from(values).sort();
  const at = share * (sorted.length - 1);
  const low = Math.floor(at);
  const high = Math.min(low + 1, sorted.length - 1);
  return sorted[low] + (at - low) * (sorted[high] - sorted[low]);
}

export function transpose({ height, width, values }) {
  const result = new values.constructor(values.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) result[x * height + y] = values[y * width + x];
  }
  return { height: width, width: height, values: result };
}

// Averages over equal parts of each row, and transposes: rows of the result are columns of `source`.
function averageAcross(source, width) {
  const result = plane(width, source.height);
  const step = source.width / width;
  for (let x = 0; x < width; x++) {
    const [left, right] = [x * step, (x + 1) * step];
    for (let at = Math.floor(left); at < Math.min(Math.ceil(right), source.width); at++) {
      const share = (Math.min(right, at + 1) - Math.max(left, at)) / step;
      for (let y = 0; y < source.height; y++) {
        result.values[x * source.height + y] += share * source.values[y * source.width + at];
      }
    }
  }
  return result;
}

/** Resamples: each pixel of the result is the mean of the area that it covers in `source`. */
export function averageAreas(source, height, width) {
  return averageAcross(averageAcross(source, width), height);
}

// Enlarges each row by Catmull-Rom's cubic, and transposes.
function enlargeAcross(source, factor) {
  const result = plane(source.width * factor, source.height);
  for (let x = 0; x < result.height; x++) {
    const at = (x + 0.5) / factor - 0.5;
    const first = Math.floor(at);
    const t = at - first;
    const shares = [
      (((2 - t) * t - 1) * t) / 2,
      ((3 * t - 5) * t * t + 2) / 2,
      (((4 - 3 * t) * t + 1) * t) / 2,
      ((t - 1) * t * t) / 2,
    ];
    shares.forEach((share, shift) => {
      const from = Math.min(Math.max(first + shift - 1, 0), source.width - 1);
      for (let y = 0; y < source.height; y++) {
        result.values[x * source.height + y] += share * source.values[y * source.width + from];
      }
    });
  }
  return result;
}

/** Enlarges a picture by a whole factor; pixels beyond its edge repeat it. */
export function enlarge(source, factor) {
  const result = enlargeAcross(enlargeAcross(source, factor), factor);
  result.values.forEach((value, i, values) => (values[i] = Math.min(Math.max(value, 0), 255)));
  return result;
}

/** Returns the maximum of the 2 `reach` + 1 pixels around each pixel in its row. */
export function highestOfRows({ height, width, values }, reach) {
  const [padded, window] = [width + 2 * reach, 2 * reach + 1];
  const result = plane(height, width);
  for (let y = 0; y < height; y++) {
    const row = new Float64Array(padded).fill(-Infinity);
    row.set(values.subarray(y * width, (y + 1) * width), reach);
    let span = 1; // `row` holds the maxima of `span` pixels from each on
    for (; 2 * span <= window; span *= 2) {
      for (let x = 0; x + span < padded; x++) row[x] = Math.max(row[x], row[x + span]);
    }
    for (let x = 0; x < width; x++) {
      result.values[y * width + x] = Math.max(row[x], row[x + window - span]);
    }
  }
  return result;
}

/** Returns the maximum of the square of 2 `reach` + 1 pixels around each pixel. */
export function highest(source, reach) {
  return transpose(highestOfRows(transpose(highestOfRows(source, reach)), reach));
}

/** Returns the minimum of that square. */
export function lowest(source, reach) {
  const negative = (each) => plane(each.height, each.width, each.values.map((value) => -value));
  return negative(highest(negative(source), reach));
}

/** Returns the mean of the 3x3 pixels around each pixel. */
export function smooth({ height, width, values }) {
  const result = plane(height, width);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      let sum = 0;
      for (let dy = -1; dy <= 1; dy++) {
        const row = Math.min(Math.max(y + dy, 0), height - 1) * width;
        for (let dx = -1; dx <= 1; dx++) sum += values[row + Math.min(Math.max(x + dx, 0), width - 1)];
      }
      result.values[y * width + x] = sum / 9;
    }
  }
  return result;
}

/** Puts a frame of zeros, `margin` wide, around a plane. */
export function pad({ height, width, values }, margin) {
  const result = plane(height + 2 * margin, width + 2 * margin);
  for (let y = 0; y < height; y++) {
    const row = values.subarray(y * width, (y + 1) * width);
    result.values.set(row, (y + margin) * result.width + margin);
  }
  return result;
}

/** Numbers the connected components (8 neighbours) from 1: {labels: Int32Array, count}. */
export function label({ height, width, values }) {
  const labels = new Int32Array(values.length);
  let count = 0;
  for (let start = 0; start < values.length; start++) {
    if (!values[start] || labels[start]) continue;
    const piece = [start];
    labels[start] = ++count;
    for (const at of piece) {
      // The list grows while the loop runs.
      const [row, column] = [Math.floor(at / width), at % width];
      for (let y = Math.max(row - 1, 0); y <= Math.min(row + 1, height - 1); y++) {
        for (let x = Math.max(column - 1, 0); x <= Math.min(column + 1, width - 1); x++) {
          const next = y * width + x;
          if (values[next] && !labels[next]) {
            labels[next] = count;
            piece.push(next);
          }
        }
      }
    }
  }
  return { labels, count };
}

/** Returns the bounding box of what is not zero: first row, row after the last, columns likewise. */
export function boxOf({ height, width, values }) {
  let [top, bottom, left, right] = [height, 0, width, 0];
  for (let i = 0; i < values.length; i++) {
    if (!values[i]) continue;
    const [row, column] = [Math.floor(i / width), i % width];
    [top, bottom] = [Math.min(top, row), Math.max(bottom, row + 1)];
    [left, right] = [Math.min(left, column), Math.max(right, column + 1)];
  }
  return [top, bottom, left, right];
}

/** Returns the part of a plane in a box. */
export function cut({ width, values }, [top, bottom, left, right]) {
  const result = { height: bottom - top, width: right - left };
  result.values = new values.constructor(result.height * result.width);
  for (let y = top; y < bottom; y++) {
    result.values.set(values.subarray(y * width + left, y * width + right), (y - top) * result.width);
  }
  return result;
}
