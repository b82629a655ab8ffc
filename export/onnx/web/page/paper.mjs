// The background of a picture: fitPaper(grey), with the steps of fit_paper in cnnkit/data/photo.py.

const PAPER_ROUNDS = 8;
const NEAREST = 6; // grey levels of 255

export function median(values) {
  const sorted = Float64Array.from(values).sort();
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

// Solves the symmetric system by Gaussian elimination with pivoting.
function solve(matrix, vector) {
  const n = vector.length;
  const rows = matrix.map((row, i) => [...row, vector[i]]);
  for (let k = 0; k < n; k++) {
    const pivot = rows.slice(k).reduce((best, row, i) => {
      return Math.abs(row[k]) > Math.abs(rows[best][k]) ? k + i : best;
    }, k);
    [rows[k], rows[pivot]] = [rows[pivot], rows[k]];
    for (let i = k + 1; i < n; i++) {
      const factor = rows[i][k] / rows[k][k];
      for (let j = k; j <= n; j++) rows[i][j] -= factor * rows[k][j];
    }
  }
  const result = new Array(n).fill(0);
  for (let k = n - 1; k >= 0; k--) {
    const rest = result.reduce((sum, value, j) => sum + rows[k][j] * value, 0);
    result[k] = (rows[k][n] - rest) / rows[k][k];
  }
  return result;
}

// Returns the terms 1, x, y, xx, xy, yy of every pixel; x and y run from -1 to 1.
function quadraticTerms(height, width) {
  const terms = new Float64Array(6 * height * width);
  let at = 0;
  for (let row = 0; row < height; row++) {
    const y = (2 * (row + 0.5)) / height - 1;
    for (let column = 0; column < width; column++) {
      const x = (2 * (column + 0.5)) / width - 1;
      for (const term of [1, x, y, x * x, x * y, y * y]) terms[at++] = term;
    }
  }
  return terms;
}

// Returns the coefficients of the quadratic surface fitted to the paper by least squares.
function leastSquares(terms, paper, values) {
  const normal = Array.from({ length: 6 }, (_, k) => {
    return Array.from({ length: 6 }, (_, j) => (j === k ? 1e-6 : 0));
  });
  const right = new Array(6).fill(0);
  for (let i = 0; i < values.length; i++) {
    if (!paper[i]) continue;
    for (let k = 0; k < 6; k++) {
      const term = terms[6 * i + k];
      right[k] += term * values[i];
      for (let j = 0; j < 6; j++) normal[k][j] += term * terms[6 * i + j];
    }
  }
  return solve(normal, right);
}

function frameOf(height, width) {
  const [edgeY, edgeX] = [height, width].map((side) => Math.max(1, side >> 4));
  const frame = new Uint8Array(height * width).fill(1);
  for (let row = edgeY; row < height - edgeY; row++) {
    frame.fill(0, row * width + edgeX, Math.max((row + 1) * width - edgeX, row * width + edgeX));
  }
  return frame;
}

/** Returns the background, Float64Array, as a quadratic surface, so that uneven light is not ink. */
export function fitPaper({ height, width, values }) {
  const terms = quadraticTerms(height, width);
  const frame = frameOf(height, width);
  let paper = frame;
  const surface = new Float64Array(values.length).fill(median(values.filter((_, i) => paper[i])));
  const distance = new Float64Array(values.length);
  for (let step = 0; step < PAPER_ROUNDS; step++) {
    for (let i = 0; i < values.length; i++) distance[i] = Math.abs(values[i] - surface[i]);
    const deviation = 1.4826 * median(distance.filter((_, i) => paper[i]));
    const limit = Math.max(3 * deviation, NEAREST);
    const near = frame.map((framed, i) => distance[i] <= limit && (step > 0 || framed));
    if (step && near.every((value, i) => value === paper[i])) break; // it has converged
    paper = near;
    const factors = leastSquares(terms, paper, values);
    for (let i = 0; i < values.length; i++) {
      let level = 0;
      for (let k = 0; k < 6; k++) level += terms[6 * i + k] * factors[k];
      surface[i] = level;
    }
  }
  return surface;
}
