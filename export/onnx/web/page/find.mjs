// The ink of a digit in a grey picture: findDigit(grey), as in cnnkit/data/digit/find.py.

import { eraseLines } from "./lines.mjs";
import { choosePieces } from "./pieces.mjs";
import { boxOf, cut, highest, lowest, median, plane, quantile, round, smooth, transpose } from "./planes.mjs";
import { relit } from "./shadow.mjs";
import { soften, strokeWidth } from "./strokes.mjs";

const LEAST_CONTRAST = 12; // grey levels of 255
const NOISE_FACTOR = 5;
const FAINTEST = 0.25;
const REACHES = [0.06, 0.12, 0.25, 0.5];
const MORE = 1.2;
const SMOOTHED = 1.06;
const BENDS = 16;
const SHARP = 0.12;
const CHANGE = 0.5;
const MOSTLY = 0.6;
const SHARPEST = 0.85;
const BLURRED = 3;
const SLENDER = 3;
const STEP = 0.15;
const HOLE = 0.2;
const DOUBTFUL = 0.35;
const SMALLER = 0.75;
const LEVEL = 4;
const BETWEEN = 0.15;
const AROUND = 0.9;
const DARKEST = 64;

/** Returns the digit, {ink, box, several}, dark on light or light on dark; null if it is blank. */
export function findDigit(grey) {
  const levels = extremes(grey.values);
  if (hasTwoLevels(grey, levels)) return drawnDigit(grey, levels);
  const lit = relit(grey);
  if (isSmooth(lit)) return null;
  let [digit, lead] = eitherDigit(lit);
  if (digit && lead < DOUBTFUL) {
    const [again, other] = eitherDigit(smooth(lit)); // without the grain of a pencil
    digit = other > lead ? again : digit;
  }
  return digit && softened(digit, grey);
}

// Returns the digit in dark or in light ink, and by how much it is likelier than the other.
function eitherDigit(grey) {
  const [dark, light] = [darkDigit(grey), darkDigit(inverted(grey))];
  if (!dark || !light) return [dark ?? light, dark || light ? Infinity : 0];
  return [likelier(dark, light), Math.abs(likelihood(dark, light) - likelihood(light, dark))];
}

// Returns a digit with a soft outline also where the picture cuts it off.
function softened(digit, { height, width }) {
  const [top, bottom, left, right] = digit.box;
  const ends = [top === 0, bottom === height, left === 0, right === width];
  return { ...digit, ink: soften(digit.ink, ends) };
}

function likelier(dark, light) {
  if (!dark || !light) return dark ?? light;
  return likelihood(dark, light) >= likelihood(light, dark) ? dark : light;
}

function extremes(values) {
  return values.reduce(([low, high], value) => [Math.min(low, value), Math.max(high, value)], [255, 0]);
}

const inverted = ({ height, width, values }) => plane(height, width, values.map((value) => 255 - value));

function hasTwoLevels({ values }, [low, high]) {
  const between = values.reduce((sum, value) => sum + (value > low + LEVEL && value < high - LEVEL), 0);
  return high - low > 2 * LEAST_CONTRAST && between / values.length <= BETWEEN;
}

// Returns the digit of a drawing: the paper is one level, that all around where there is one.
function drawnDigit(grey, [low, high]) {
  const { height, width, values } = grey;
  const dark = digitOn(grey, new Float64Array(values.length).fill(high), true);
  const light = digitOn(inverted(grey), new Float64Array(values.length).fill(255 - low), true);
  const columns = Array.from({ length: height }, (_, y) => [values[y * width], values[(y + 1) * width - 1]]);
  const border = [...values.subarray(0, width), ...values.subarray(values.length - width), ...columns.flat()];
  const share = (test) => border.filter(test).length / border.length;
  if (share((value) => value >= high - LEVEL) >= AROUND) return dark ?? light;
  if (share((value) => value <= low + LEVEL) >= AROUND) return light ?? dark;
  return likelier(dark, light);
}

function likelihood(one, other) {
  const solid = one.bar && !surrounds(other, one) ? 0 : one.solid;
  return one.score - solid - STEP * one.step + HOLE * (surrounds(one, other) ? 1 : 0);
}

function surrounds(one, other) {
  const [top, bottom, left, right] = one.box;
  const around = top < other.box[0] && bottom > other.box[1] && left < other.box[2] && right > other.box[3];
  return around && other.ink.values.length < SMALLER * one.ink.values.length;
}

// Whether levels only drift across the picture: no pixel is off the middle of others.
function isSmooth(grey) {
  const calm = smooth(grey);
  const step = Math.max(1, Math.floor(Math.max(grey.height, grey.width) / BENDS));
  const floor = noiseFloor(grey, calm);
  for (const { height, width, values } of [calm, transpose(calm)]) {
    if (height <= 2 * step) continue;
    const bends = new Float64Array((height - 2 * step) * width);
    for (let i = 0; i < bends.length; i++) {
      bends[i] = Math.abs(values[i] + values[i + 2 * step * width] - 2 * values[i + step * width]);
    }
    if (quantile(bends, 0.998) > floor) return false;
  }
  return true;
}

function noiseFloor(grey, calm) {
  const noise = grey.values.map((value, i) => Math.abs(value - calm.values[i]));
  return Math.max(LEAST_CONTRAST, NOISE_FACTOR * 1.4826 * median(noise) * SMOOTHED);
}

// Returns on how much of a digit's outline levels change within a few pixels, as around ink.
function sharpness(calm, darker, digit, mask) {
  const [high, low] = [highest(calm, 2).values, lowest(calm, 2).values];
  const change = high.map((value, i) => value - low[i]);
  const on = (_, i) => digit.values[i];
  if (quantile(change.filter(on), 0.97) < SHARP * quantile(darker.filter(on), 0.98)) return 0;
  const inner = lowest(plane(mask.height, mask.width, Float64Array.from(mask.values)), 1).values;
  // Of a line of one pixel the mean of nine has a third.
  const share = digit.values.some((of, i) => of && inner[i] > 0) ? CHANGE : CHANGE / 3;
  let [outline, sharp] = [0, 0];
  digit.values.forEach((of, i) => {
    if (!of || inner[i] > 0) return;
    outline += 1;
    sharp += change[i] >= share * darker[i] ? 1 : 0;
  });
  return outline ? sharp / outline : 1;
}

function darkDigit(grey) {
  const side = Math.max(grey.height, grey.width);
  let found = null;
  for (const [step, share] of REACHES.entries()) {
    const digit = digitOn(grey, paperOf(grey, Math.max(2, round(share * side))));
    const complete = digit && found && completed(found, digit);
    if (complete) return complete;
    if (digit) found = { ...digit, step };
  }
  return found;
}

const total = (values) => values.reduce((sum, value) => sum + value, 0);

// Returns a digit with the ink that a wider window has found in its place; null if that is much more.
function completed(digit, wider) {
  const [top, bottom, left, right] = digit.box;
  const [down, across] = [(bottom - top) >> 3, (right - left) >> 3];
  const within = (value, most) => Math.min(Math.max(value, 0), most);
  const { height, width } = wider.ink;
  const [above, before] = [wider.box[0], wider.box[2]];
  const place = [
    within(top - down - above, height),
    within(bottom + down - above, height),
    within(left - across - before, width),
    within(right + across - before, width),
  ];
  const part = cut(wider.ink, place);
  const sum = total(part.values);
  if (!sum || sum >= MORE * total(digit.ink.values)) return null;
  const inner = boxOf(part);
  const box = inner.map((at, i) => at + (i < 2 ? above + place[0] : before + place[2]));
  return { ...digit, ink: cut(part, inner), box };
}

// Returns the closing of a picture by squares of side 2 reach + 1.
function paperOf(grey, reach) {
  const [averaged, sharp] = [smooth(grey), grey].map((levels) => lowest(highest(levels, reach), reach).values);
  return averaged.map((level, i) => Math.min(level, sharp[i]));
}

// Finds the digit in dark ink on paper, which is known, or else only estimated.
function digitOn(grey, paper, known = false) {
  const { height, width } = grey;
  const calm = smooth(grey);
  const floor = noiseFloor(grey, calm);
  let darker = paper.map((level, i) => level - grey.values[i]);
  const blank = darker.filter((value) => value < floor);
  if (blank.length === darker.length) return null;
  if (blank.length) {
    const lift = median(blank);
    darker = darker.map((value) => value - lift);
  }
  const ink = darker.map((value, i) => (Math.max(value, 0) * 255) / Math.max(paper[i], DARKEST));
  const seen = plane(height, width, Uint8Array.from(darker, (value) => (value > floor ? 1 : 0)));
  for (let round = 0; round < 3; round++) {
    const values = ink.filter((_, i) => seen.values[i]);
    if (!values.length) return null;
    const least = FAINTEST * quantile(values, 0.98);
    const mask = plane(height, width, seen.values.map((on, i) => (on && ink[i] > least ? 1 : 0)));
    const digit = choosePieces(eraseLines(mask), ink);
    if (digit) {
      const sharp = known ? 1 : sharpness(calm, darker, digit.mask, mask);
      return sharp >= MOSTLY ? measure(ink, darker, sharp, digit) : null;
    }
    const near = highest(plane(height, width, Float64Array.from(mask.values)), 2).values;
    near.forEach((on, i) => on && (seen.values[i] = 0));
  }
  return null;
}

function measure(ink, darker, sharp, { mask, count, several }) {
  const full = quantile(ink.filter((_, i) => mask.values[i]), 0.98);
  const [top, bottom, left, right] = boxOf(mask);
  const strength = plane(bottom - top, right - left);
  let [filled, outline] = [0, 0];
  for (let y = top; y < bottom; y++) {
    for (let x = left; x < right; x++) {
      const at = y * mask.width + x;
      if (!mask.values[at]) continue;
      strength.values[(y - top) * strength.width + x - left] = Math.min(ink[at] / full, 1);
      filled += 1 / strength.values.length;
      outline += (y === top) + (y === bottom - 1) + (x === left) + (x === right - 1);
    }
  }
  const covered = outline / (2 * (strength.height + strength.width));
  const [shorter, longer] = [strength.height, strength.width].sort((one, other) => one - other);
  if (covered > 0.85 && filled > 0.8 && 2 * shorter > longer) return null; // paper between lines
  const score =
    0.75 * Math.log(Math.max(1, quantile(darker.filter((_, i) => mask.values[i]), 0.98))) -
    BLURRED * Math.max(0, SHARPEST - sharp) -
    0.2 * Math.min(count, 4) -
    0.6 * Math.max(0, strokeWidth(strength) - 0.27);
  const solid = Math.max(0, covered - 0.35) + Math.max(0, filled - 0.6) + Math.max(0, filled - 0.75);
  const bar = bottom - top >= SLENDER * (right - left) && (top > 0 || bottom < mask.height);
  return { ink: strength, box: [top, bottom, left, right], score, solid, bar, several, step: 0 };
}
