// Strokes of a width like MNIST's, and their place in the image: as in cnnkit/data/digit/strokes.py.

import { averageAreas, boxOf, cut, highest, lowest, pad, plane, round } from "./planes.mjs";

const FIT = 20 / 28;
const THINNEST = 0.08;
const THICKEST = 0.19;
const TIE = 1e-6;
const FADED = 0.25;
const FINE = 64;

export function strokeWidth({ height, width, values }) {
  const inside = (y, x) => y >= 0 && y < height && x >= 0 && x < width && values[y * width + x] >= 0.5;
  let [area, outline] = [0, 0];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (!inside(y, x)) continue;
      const inner = inside(y - 1, x) && inside(y + 1, x) && inside(y, x - 1) && inside(y, x + 1);
      area += 1;
      outline += inner ? 0 : 1;
    }
  }
  return (2 * area) / (Math.max(height, width) * Math.max(1, outline));
}

const area = ({ values }) => values.reduce((sum, value) => sum + (value >= 0.5 ? 1 : 0), 0);

/** Dilates strokes thinner than any in MNIST, once scaled to 20 pixels; erodes bold ones. */
export function evenOut(ink) {
  while (strokeWidth(ink) < THINNEST) ink = highest(pad(ink, 1), 1);
  while (Math.max(ink.height, ink.width) >= FINE && strokeWidth(ink) > THICKEST) {
    const thinner = lowest(pad(ink, 1), 1);
    if (area(thinner) < 0.25 * area(ink)) break;
    ink = cut(thinner, boxOf(thinner));
  }
  return ink;
}

/** Gives ink an outline as soft as its others where the picture's edge cuts it off: [top, bottom, left, right]. */
export function soften(ink, ends) {
  let [soft, steps] = [0, 0];
  const inside = ink.values.map((value) => (value >= 0.5 ? 1 : 0));
  inside.forEach((on, i) => {
    soft += !on && ink.values[i] > 0 ? 1 : 0;
    steps += i >= ink.width && on !== inside[i - ink.width] ? 1 : 0;
    steps += i % ink.width && on !== inside[i - 1] ? 1 : 0;
  });
  const reach = round(soft / Math.max(1, steps));
  if (!reach || !ends.some(Boolean)) return ink;
  const [top, bottom, left, right] = ends.map((each) => (each ? reach : 0));
  const wider = plane(ink.height + top + bottom, ink.width + left + right);
  const [down, across] = [fade(wider.height, top, bottom), fade(wider.width, left, right)];
  const within = (place, count) => Math.min(Math.max(place, 0), count - 1);
  wider.values.forEach((_, i) => {
    const [row, column] = [Math.floor(i / wider.width), i % wider.width];
    const from = within(row - top, ink.height) * ink.width + within(column - left, ink.width);
    const value = ink.values[from] * down[row] * across[column];
    wider.values[i] = value > FADED ? value : 0;
  });
  return cut(wider, boxOf(wider));
}

function fade(count, first, last) {
  return Array.from({ length: count }, (_, i) => {
    const rising = first ? (i + 0.5) / (2 * first) : 1;
    return Math.min(1, rising, last ? (count - (i + 0.5)) / (2 * last) : 1);
  });
}

/** Scales the ink to fit and puts its centre of mass in the middle of Uint8Array [H * W]. */
export function place(ink, height, width) {
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
    Math.min(Math.max((full >> 1) - Math.floor(centre + TIE), 0), full - have);
  const top = corner(height, small.height, massY / mass);
  const left = corner(width, small.width, massX / mass);
  const result = new Uint8Array(height * width);
  small.values.forEach((value, i) => {
    const [row, column] = [Math.floor(i / small.width), i % small.width];
    result[(top + row) * width + left + column] = round((value * 255) / most);
  });
  return result;
}
