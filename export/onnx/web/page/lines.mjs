// Ruled lines, frames and the dark edges of scans: as in cnnkit/data/digit/lines.py.

import { listPieces } from "./pieces.mjs";
import { boxOf, highest, highestOfRows, label, plane, quantile, round, transpose } from "./planes.mjs";

const LONG = 0.5;
const STEEPEST = 0.12;
const STEPS = 6;
const FAT = 0.06;
const FATTEST = 0.2;
const BEYOND = 0.04;
const NEARLY = 0.02;
const SEEN = 0.5;
const MOST = 0.6;
const LEAST = 0.02;
const RULED = 3;
const NEAR = 3;
const APART = 0.05;
const NARROW = 8;
const PART = 0.1;

/** Returns the mask without the lines that stick out of the rest at both of their ends. */
export function eraseLines(mask) {
  if (Math.min(mask.height, mask.width) < NARROW) return mask;
  let level = findLines(mask);
  let upright = findLines(transpose(without(mask, level, "pixels"))).map((line) => {
    return { ...line, pixels: transpose(line.pixels), band: transpose(line.band) };
  });
  if (!isRuled([...level, ...upright])) {
    [level, upright] = [level, upright].map((lines) => lines.filter((line) => isApart(line, mask)));
  }
  const rest = without(mask, [...level, ...upright]);
  [level, upright] = [level, upright].map((lines) => lines.filter((line) => !isBar(line, rest)));
  if (isFrame(level, upright, rest)) return without(mask, [...level, ...upright]);
  const keptLevel = chosen(without(mask, upright), level, mask.width, 2);
  let keptUpright = chosen(without(mask, level), upright, mask.height, 0);
  if (keptUpright.length === 1 && !mainBox(without(mask, [...keptLevel, ...keptUpright]))) {
    keptUpright = []; // it is a 1
  }
  return without(mask, [...keptLevel, ...keptUpright]);
}

function isRuled(lines) {
  return lines.length >= RULED || lines.some((line) => line.whole);
}

function isApart({ pixels }, mask) {
  const { labels } = label(mask);
  const own = new Set(labels.filter((_, i) => pixels.values[i]));
  const near = highest(plane(mask.height, mask.width, Float64Array.from(pixels.values)), NEAR).values;
  const sum = (values) => values.reduce((total, on) => total + on, 0);
  const others = labels.map((number, i) => (own.has(number) && !near[i] ? 1 : 0));
  return sum(others) <= APART * sum(pixels.values);
}

function isFrame(level, upright, rest) {
  const box = mainBox(rest);
  if (level.length < 2 || upright.length < 2 || !box) return false;
  const lines = plane(rest.height, rest.width, new Uint8Array(rest.values.length));
  for (const { pixels } of [...level, ...upright]) pixels.values.forEach((on, i) => on && (lines.values[i] = 1));
  const hull = boxOf(lines);
  const around = hull[0] < box[0] && hull[1] > box[1] && hull[2] < box[2] && hull[3] > box[3];
  const along = (found, first) => found.every(({ start, end }) => start <= box[first] && end >= box[first + 1]);
  return around && along(level, 2) && along(upright, 0);
}

function isBar({ band, edge }, rest) {
  if (!edge) return false;
  const { labels, pieces } = listPieces(rest, rest.values);
  if (!pieces.length) return false;
  const { number } = pieces.reduce((most, piece) => (piece.mass > most.mass ? piece : most));
  const near = highest(plane(rest.height, rest.width, Float64Array.from(band.values)), NEAR).values;
  return labels.some((each, i) => each === number && near[i] > 0);
}

function chosen(mask, lines, side, first) {
  lines = [...lines].sort((one, other) => one.start - one.end - (other.start - other.end));
  for (let count = lines.length; count > 0; count--) {
    const longest = lines.slice(0, count);
    const box = mainBox(without(mask, longest));
    if (!box) {
      if (count === lines.length && lines.every((line) => line.whole && isThin(line))) return lines;
      continue;
    }
    const [start, end] = [box[first] - BEYOND * side, box[first + 1] + BEYOND * side];
    if (longest.every((line) => line.start <= start && line.end >= end)) return longest;
  }
  return [];
}

function without({ height, width, values }, lines, part = "band") {
  const result = plane(height, width, values.slice());
  for (const line of lines) line[part].values.forEach((on, i) => on && (result.values[i] = 0));
  return result;
}

function isThin({ pixels, start, end }) {
  return pixels.values.reduce((sum, on) => sum + on, 0) < FAT * (end - start) ** 2;
}

function mainBox(mask) {
  const pieces = listPieces(mask, mask.values).pieces.filter((piece) => piece.side > 2);
  const sound = pieces.filter((piece) => !piece.scrap);
  const kept = sound.length ? sound : pieces;
  const largest = kept.reduce((most, piece) => Math.max(most, piece.mass), 0);
  if (largest < (LEAST * Math.max(mask.height, mask.width)) ** 2) return null;
  const boxes = kept.filter((piece) => piece.mass >= PART * largest).map((piece) => piece.box);
  return [0, 1, 2, 3].map((side) => Math[side % 2 ? "max" : "min"](...boxes.map((box) => box[side])));
}

function taller({ height, width, values }) {
  const result = plane(height, width, values.slice());
  for (let i = 0; i < values.length - width; i++) {
    if (values[i]) result.values[i + width] = 1;
    if (values[i + width]) result.values[i] = 1;
  }
  return result;
}

// Returns where the vertical run of each pixel of ink begins, and the row after its end.
function verticalRuns({ height, width, values }) {
  const [top, bottom] = [new Int32Array(values.length), new Int32Array(values.length)];
  for (let x = 0; x < width; x++) {
    let last = 0;
    for (let y = 0, i = x; y < height; y++, i += width) {
      if (!values[i]) last = y + 1;
      top[i] = last;
    }
    last = height;
    for (let y = height - 1, i = y * width + x; y >= 0; y--, i -= width) {
      if (!values[i]) last = y;
      bottom[i] = last;
    }
  }
  return { top, bottom };
}

// Returns the longest run of true; gaps of two are bridged.
function longestRun(values) {
  const bridged = values.map((on, i) => {
    const [before, beforeThat] = [values[i - 1], values[i - 2]];
    const [after, afterThat] = [values[i + 1], values[i + 2]];
    return on || (before && after) || (before && afterThat) || (beforeThat && after);
  });
  let best = [0, 0];
  for (let start = 0, at = 0; at <= bridged.length; at++) {
    if (bridged[at]) continue;
    if (at - start > best[1] - best[0]) best = [start, at];
    start = at + 1;
  }
  return best;
}

function stretch(values) {
  const [first, last] = [values.indexOf(true), values.lastIndexOf(true)];
  const count = values.filter(Boolean).length;
  return count && count >= MOST * (last + 1 - first) ? [first, last + 1] : longestRun(values);
}

function findLines(mask) {
  const { height, width, values } = mask;
  const runs = verticalRuns(mask);
  const thin = values.map((on, i) => {
    const edge = runs.top[i] === 0 || runs.bottom[i] === height;
    return on && runs.bottom[i] - runs.top[i] <= (edge ? FATTEST : FAT) * height ? 1 : 0;
  });
  const left = taller(plane(height, width, thin));
  if (!mayHaveLines(left)) return [];
  const crossed = taller(mask);
  const found = [];
  const clear = (line) => {
    taller(taller(line.pixels)).values.forEach((on, i) => on && (left.values[i] = 0));
  };
  const rises = Array.from({ length: 2 * STEPS + 1 }, (_, i) => i - STEPS);
  rises.sort((one, other) => Math.abs(one) - Math.abs(other));
  for (const rise of rises) {
    if (left.values.reduce((sum, on) => sum + on, 0) < (LONG * width) / 2) break;
    const drift = Array.from({ length: width }, (_, x) => {
      return round((rise / STEPS) * STEEPEST * (x - width / 2));
    });
    const at = (y, x) => y + drift[x] >= 0 && y + drift[x] < height && (y + drift[x]) * width + x;
    const share = (y) => {
      let sum = 0;
      for (let x = 0; x < width; x++) {
        const i = at(y, x);
        if (i !== false) sum += left.values[i];
      }
      return sum / width;
    };
    const shares = Array.from({ length: height }, (_, y) => [share(y), y]);
    shares.sort((one, other) => other[0] - one[0]);
    for (const [before, y] of shares) {
      if (before < SEEN * LONG) break;
      if (share(y) < SEEN * LONG) continue; // a line above or below it has been found meanwhile
      const places = drift.map((_, x) => at(y, x));
      const path = drift.map((rows) => Math.min(Math.max(y + rows, 0), height - 1));
      const run = longestRun(places.map((i) => i !== false && crossed.values[i] === 1));
      const line = run[1] - run[0] >= SEEN * LONG * width ? lineAlong(mask, runs, crossed, path, run) : null;
      for (const i of places) if (i !== false) left.values[i] = 0;
      if (line) {
        found.push(line);
        clear(line);
      }
    }
  }
  return found;
}

// Whether enough columns have thin ink near some row for a line, however it slopes.
function mayHaveLines(left) {
  const { height, width, values } = left;
  const reach = Math.ceil((STEEPEST * width) / 2);
  const near = transpose(highestOfRows(transpose(plane(height, width, Float64Array.from(values))), reach));
  for (let y = 0; y < height; y++) {
    let sum = 0;
    for (let x = 0; x < width; x++) sum += near.values[y * width + x];
    if (sum / width >= SEEN * LONG) return true;
  }
  return false;
}

// Returns the columns with ink on a path or beside it, and where its vertical runs lie.
function inkAlong({ height, width, values }, { top, bottom }, path, [start, end]) {
  const found = [];
  for (let x = start; x < end; x++) {
    let row = path[x];
    for (const shift of [1, -1]) {
      if (!values[row * width + x]) row = Math.min(Math.max(path[x] + shift, 0), height - 1);
    }
    const i = row * width + x;
    if (values[i]) found.push([x, top[i], bottom[i]]);
  }
  return found;
}

function thinPart(found) {
  const usual = Math.trunc(quantile(found.map(([, first, last]) => last - first), 0.25));
  const most = usual + Math.max(2, Math.floor(usual / 2));
  return { usual, thin: found.filter(([, first, last]) => last - first <= most) };
}

function lineAlong(mask, runs, crossed, path, run) {
  const { height, width } = mask;
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  for (let step = 0; step < 2; step++) {
    const found = inkAlong(mask, runs, path, run);
    if (found.length < 2) return null;
    const { thin } = thinPart(found);
    const [middleX, middleY] = [mean(thin.map(([x]) => x)), mean(thin.map(([, a, b]) => (a + b - 1) / 2))];
    let [product, square] = [0, 0];
    for (const [x, a, b] of thin) {
      product += (x - middleX) * ((a + b - 1) / 2 - middleY);
      square += (x - middleX) ** 2;
    }
    const straight = path.map((_, x) => middleY + (product / Math.max(1, square)) * (x - middleX));
    path = straight.map((y) => Math.min(Math.max(round(y), 0), height - 1));
    run = stretch(straight.map((y, x) => y > -1 && y < height && crossed.values[path[x] * width + x] === 1));
  }
  const found = inkAlong(mask, runs, path, run);
  const [start, end] = run;
  if (end - start < LONG * width || found.length < 2) return null;
  const { usual, thin } = thinPart(found);
  const atEdge = (test) => found.filter(test).length > 0.5 * found.length;
  const edge = atEdge(([, first]) => first === 0) || atEdge(([, , last]) => last === height);
  if (usual > (edge ? FATTEST : FAT) * height) return null;
  const pixels = plane(height, width, new Uint8Array(height * width));
  for (const [x, a, b] of thin) for (let y = a; y < b; y++) pixels.values[y * width + x] = 1;
  const band = plane(height, width, pixels.values.slice());
  if (edge) {
    const from = atEdge(([, first]) => first === 0) ? 0 : height - usual - 1;
    for (let i = from * width; i < (from + usual + 1) * width; i++) band.values[i] |= mask.values[i];
  }
  return { pixels, band, start, end, whole: start <= NEARLY * width && end >= width - NEARLY * width, edge };
}
