// Converts a picture to an image like MNIST's: prepare(grey, [28, 28]). The steps, constants and
// names are those of cnnkit/data/photo.py, which explains them; vectors.json tests both.
//
// A plane is {height, width, values: Float64Array}, row by row. Grey is 0 to 255, ink 0 to 1.

import { fitPaper, median } from "./paper.mjs";

const WORKING_SIDE = 256;
const FIT = 20 / 28;
const LEAST_CONTRAST = 12; // grey levels of 255
const NOISE_FACTOR = 5;
const FAINTEST = 0.25;
const SPECK = 0.04;
const THINNEST = 0.08;

/** Returns the prepared image as Uint8Array [H * W], or null if nothing stands out. */
export function prepare(grey, [height, width] = [28, 28]) {
  const ink = dropSpecks(findInk(shrink(grey)));
  return ink.values.some((value) => value > 0) ? place(thicken(crop(ink)), height, width) : null;
}

/** Yields the grey levels of RGBA pixels: on white and, if some are transparent, on black. */
export function* greys({ data, width, height }) {
  let transparent = false;
  for (let i = 3; i < data.length; i += 4) transparent ||= data[i] < 255;
  for (const ground of transparent ? [255, 0] : [255]) {
    const values = new Float64Array(width * height);
    for (let i = 0; i < values.length; i++) {
      const alpha = data[4 * i + 3] / 255;
      const behind = ground * (1 - alpha);
      const red = Math.round(data[4 * i] * alpha + behind);
      const green = Math.round(data[4 * i + 1] * alpha + behind);
      const blue = Math.round(data[4 * i + 2] * alpha + behind);
      values[i] = (red * 19595 + green * 38470 + blue * 7471 + 32768) >> 16; // 299, 587, 114 ‰
    }
    yield { height, width, values };
  }
}

function plane(height, width) {
  return { height, width, values: new Float64Array(height * width) };
}

// Rounds halves to even, like Python and NumPy.
function round(value) {
  const down = Math.floor(value);
  const up = value - down > 0.5 || (value - down === 0.5 && down % 2 !== 0);
  return up ? down + 1 : down;
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

function shrink(grey) {
  const scale = WORKING_SIDE / Math.max(grey.height, grey.width);
  if (scale >= 1) return grey;
  const sides = [grey.height, grey.width].map((side) => Math.max(1, round(side * scale)));
  return averageAreas(grey, ...sides);
}

function findInk(grey) {
  const paper = fitPaper(grey);
  const difference = grey.values.map((value, i) => value - paper[i]);
  const squares = (sign) =>
    difference.reduce((sum, value) => sum + (sign * value > 0 ? value * value : 0), 0);
  const sign = squares(1) > squares(-1) ? 1 : -1;
  const ink = plane(grey.height, grey.width);
  ink.values = difference.map((value) => Math.max(sign * value, 0));
  const floor = Math.max(LEAST_CONTRAST, NOISE_FACTOR * 1.4826 * median(difference.map(Math.abs)));
  const standingOut = ink.values.filter((value) => value > floor).sort();
  const full = standingOut[Math.floor(0.98 * (standingOut.length - 1))] ?? Infinity;
  const least = Math.max(floor, FAINTEST * full);
  ink.values = ink.values.map((value) => (value > least ? Math.min(value / full, 1) : 0));
  return ink;
}

function dropSpecks(ink) {
  const { height, width, values } = ink;
  const todo = values.map((value) => (value > 0 ? 1 : 0));
  const pieces = [];
  for (let start = 0; start < values.length; start++) {
    if (!todo[start]) continue;
    const piece = [start];
    todo[start] = 0;
    for (const at of piece) {
      // The list grows while the loop runs.
      const [row, column] = [Math.floor(at / width), at % width];
      for (let y = Math.max(row - 1, 0); y <= Math.min(row + 1, height - 1); y++) {
        for (let x = Math.max(column - 1, 0); x <= Math.min(column + 1, width - 1); x++) {
          if (todo[y * width + x]) piece.push(y * width + x);
          todo[y * width + x] = 0;
        }
      }
    }
    pieces.push({ piece, mass: piece.reduce((sum, at) => sum + values[at], 0) });
  }
  const largest = pieces.reduce((most, { mass }) => Math.max(most, mass), 0);
  const kept = plane(height, width);
  for (const { piece, mass } of pieces) {
    if (mass >= SPECK * largest) for (const at of piece) kept.values[at] = values[at];
  }
  return kept;
}

function crop({ height, width, values }) {
  let [top, bottom, left, right] = [height, 0, width, 0];
  for (let i = 0; i < values.length; i++) {
    if (!values[i]) continue;
    const [row, column] = [Math.floor(i / width), i % width];
    [top, bottom] = [Math.min(top, row), Math.max(bottom, row)];
    [left, right] = [Math.min(left, column), Math.max(right, column)];
  }
  const result = plane(bottom - top + 1, right - left + 1);
  for (let y = 0; y < result.height; y++) {
    const row = (top + y) * width;
    result.values.set(values.subarray(row + left, row + right + 1), y * result.width);
  }
  return result;
}

// Returns the maximum of each 3x3 neighbourhood, one pixel wider on every side.
function widen({ height, width, values }) {
  const result = plane(height + 2, width + 2);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let to = y; to < y + 3; to++) {
        for (let at = to * result.width + x; at < to * result.width + x + 3; at++) {
          result.values[at] = Math.max(result.values[at], values[y * width + x]);
        }
      }
    }
  }
  return result;
}

function thicken(ink) {
  for (;;) {
    const { height, width, values } = ink;
    const inside = (y, x) =>
      y >= 0 && y < height && x >= 0 && x < width && values[y * width + x] >= 0.5;
    let [area, outline] = [0, 0];
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        if (!inside(y, x)) continue;
        const inner =
          inside(y - 1, x) && inside(y + 1, x) && inside(y, x - 1) && inside(y, x + 1);
        area += 1;
        outline += inner ? 0 : 1;
      }
    }
    if (2 * area >= THINNEST * Math.max(height, width) * outline) return ink;
    ink = widen(ink);
  }
}

function place(ink, height, width) {
  const scale = Math.min((height * FIT) / ink.height, (width * FIT) / ink.width);
  const sides = [ink.height, ink.width].map((side) => Math.max(1, round(side * scale)));
  const small = averageAreas(ink, ...sides);
  const most = small.values.reduce((largest, value) => Math.max(largest, value), 0);
  let [mass, massY, massX] = [0, 0, 0];
  small.values.forEach((value, i) => {
    mass += value;
    massY += value * (Math.floor(i / small.width) + 0.5);
    massX += value * ((i % small.width) + 0.5);
  });
  const corner = (full, have, centre) =>
    Math.min(Math.max((full >> 1) - Math.floor(centre), 0), full - have);
  const top = corner(height, small.height, massY / mass);
  const left = corner(width, small.width, massX / mass);
  const result = new Uint8Array(height * width);
  small.values.forEach((value, i) => {
    const [row, column] = [Math.floor(i / small.width), i % small.width];
    result[(top + row) * width + left + column] = round((value * 255) / most);
  });
  return result;
}
