// Prepares pictures as images like MNIST's: prepare(grey, [28, 28]).
// The steps, constants and names are those of cnnkit/data/photo.py and cnnkit/data/digit, which
// explain them; vectors.json tests both.
//
// A plane is {height, width, values: Float64Array}, row by row. Grey is 0 to 255, ink 0 to 1.

import { contrast } from "./colour.mjs";
import { findDigit } from "./find.mjs";
import { averageAreas, enlarge, plane, round } from "./planes.mjs";
import { evenOut, place } from "./strokes.mjs";

const SMALL_SIDE = 20;
const ENLARGED_SIDE = 64;
const WORKING_SIDE = 256;

/** Returns {pixels: Uint8Array [H * W], several}, or null if nothing stands out. */
export function prepare(grey, [height, width] = [28, 28]) {
  const digit = findDigit(toWorkingSize(grey));
  return digit && { pixels: place(evenOut(digit.ink), height, width), several: digit.several };
}

/** Yields the grey levels of RGBA pixels: on white and, if some are transparent, on black. */
export function* greys({ data, width, height }) {
  let transparent = false;
  for (let i = 3; i < data.length; i += 4) transparent ||= data[i] < 255;
  for (const ground of transparent ? [255, 0] : [255]) {
    yield plane(height, width, contrast(flat({ data, width, height }, ground), height, width));
  }
}

// Returns RGBA pixels as interleaved RGB on a grey ground.
function flat({ data, width, height }, ground) {
  const rgb = new Uint8Array(3 * width * height);
  for (let i = 0; i < width * height; i++) {
    const alpha = data[4 * i + 3] / 255;
    for (let k = 0; k < 3; k++) {
      rgb[3 * i + k] = Math.round(data[4 * i + k] * alpha + ground * (1 - alpha));
    }
  }
  return rgb;
}

function toWorkingSize(grey) {
  const longer = Math.max(grey.height, grey.width);
  if (longer < SMALL_SIDE) return enlarge(grey, Math.ceil(ENLARGED_SIDE / longer));
  const scale = WORKING_SIDE / longer;
  if (scale >= 1) return grey;
  const sides = [grey.height, grey.width].map((side) => Math.max(1, round(side * scale)));
  return averageAreas(grey, ...sides);
}
