// Grey levels from colours, along the axis on which a picture has its contrast: as in
// cnnkit/data/digit/colour.py, which explains it.

const LUMA = [0.299, 0.587, 0.114];
const BETTER = 2;
const STEP = 0.02;
const ROUNDS = 30;

const times = (matrix, vector) => matrix.map((row) => row.reduce((sum, value, i) => sum + value * vector[i], 0));
const along = (matrix, axis) => times(matrix, axis).reduce((sum, value, i) => sum + value * axis[i], 0);

// Returns the sums of products of the differences between pixels that are `step` apart.
function spreadOf(rgb, height, width, step) {
  const spread = [0, 1, 2].map(() => [0, 0, 0]);
  const add = (one, other) => {
    const d = [0, 1, 2].map((k) => rgb[3 * other + k] - rgb[3 * one + k]);
    for (let i = 0; i < 3; i++) for (let j = 0; j < 3; j++) spread[i][j] += d[i] * d[j];
  };
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = y * width + x;
      if (y + step < height) add(at, at + step * width);
      if (x + step < width) add(at, at + step);
    }
  }
  return spread;
}

function principalAxis(spread) {
  const size = (axis) => axis.reduce((sum, value) => sum + Math.abs(value), 0);
  let axis = spread.reduce((best, row, i) => (row[i] > best[0] ? [row[i], row] : best), [0, null])[1];
  if (!axis) return LUMA;
  for (let round = 0; round < ROUNDS; round++) {
    const whole = size(axis);
    axis = times(spread, axis.map((value) => value / whole));
  }
  const whole = size(axis);
  return axis.map((value) => value / whole);
}

/** Returns the levels 0 to 255, Float64Array, of interleaved RGB. */
export function contrast(rgb, height, width) {
  const step = Math.max(1, Math.round(STEP * Math.max(height, width)));
  const spread = spreadOf(rgb, height, width, step);
  let axis = principalAxis(spread);
  if (along(spread, axis) < BETTER ** 2 * along(spread, LUMA)) axis = LUMA;
  return levels(rgb, axis);
}

function levels(rgb, axis) {
  const lift = -255 * axis.reduce((sum, value) => sum + Math.min(value, 0), 0);
  const values = new Float64Array(rgb.length / 3);
  for (let i = 0; i < values.length; i++) {
    values[i] = axis[0] * rgb[3 * i] + axis[1] * rgb[3 * i + 1] + axis[2] * rgb[3 * i + 2] + lift;
  }
  return values;
}
