// Which connected pieces of ink are the digit: as in cnnkit/data/digit/pieces.py.

import { label, plane, round } from "./planes.mjs";

const SPECK = 0.04;
const SMALLEST = 0.03;
const HOLLOW = 0.15;
const MARGIN = 0.125;
const THIN = 0.08;

/** Lists the connected pieces of a mask: {labels, pieces}. */
export function listPieces(mask, ink) {
  const { height, width } = mask;
  const { labels, count } = label(mask);
  const pieces = Array.from({ length: count }, (_, i) => {
    return { number: i + 1, mass: 0, size: 0, shallow: 0, box: [height, 0, width, 0] };
  });
  labels.forEach((number, i) => {
    if (!number) return;
    const piece = pieces[number - 1];
    const [row, column] = [Math.floor(i / width), i % width];
    const depth = Math.min(
      Math.min(row, height - 1 - row) / height,
      Math.min(column, width - 1 - column) / width,
    );
    piece.mass += ink[i];
    piece.size += 1;
    piece.shallow += depth < MARGIN ? 1 : 0;
    const [top, bottom, left, right] = piece.box;
    piece.box = [Math.min(top, row), Math.max(bottom, row + 1), Math.min(left, column), Math.max(right, column + 1)];
  });
  for (const piece of pieces) {
    const [top, bottom, left, right] = piece.box;
    [piece.height, piece.width] = [bottom - top, right - left];
    piece.side = Math.max(piece.height, piece.width);
    const touching = top === 0 || left === 0 || bottom === height || right === width;
    const along = piece.shallow >= 0.9 * piece.size;
    piece.touching = touching;
    piece.scrap = touching && (along || piece.size < THIN * piece.side ** 2);
  }
  return { labels, pieces };
}

function withoutFrames(pieces, labels, width) {
  const kept = pieces.filter((piece) => {
    const [top, bottom, left, right] = piece.box;
    const inside = pieces.some(
      (other) =>
        other !== piece &&
        other.box[0] >= top + 0.02 * piece.height &&
        other.box[1] <= bottom - 0.02 * piece.height &&
        other.box[2] >= left + 0.02 * piece.width &&
        other.box[3] <= right - 0.02 * piece.width &&
        other.side >= 0.3 * piece.side,
    );
    if (!inside) return true;
    const [down, across] = [HOLLOW * piece.height, HOLLOW * piece.width];
    let core = 0;
    for (let y = round(top + down); y < round(bottom - down); y++) {
      for (let x = round(left + across); x < round(right - across); x++) {
        core += labels[y * width + x] === piece.number ? 1 : 0;
      }
    }
    return core >= 0.1 * piece.size;
  });
  return kept.length ? kept : pieces;
}

function areSeveral(pieces) {
  const highest = Math.max(...pieces.map((piece) => piece.height));
  const tall = pieces.filter((piece) => piece.height >= 0.5 * highest);
  tall.sort((one, other) => one.box[2] - other.box[2]);
  return tall.slice(1).some((other, i) => {
    const one = tall[i];
    const shared = Math.min(one.box[1], other.box[1]) - Math.max(one.box[0], other.box[0]);
    const beside = other.box[2] - one.box[3] >= 0.02 * highest;
    return beside && shared >= 0.5 * Math.min(one.height, other.height);
  });
}

/** Returns the digit: {mask, count of its pieces, several}; null if nothing is one. */
export function choosePieces(mask, ink) {
  const { height, width } = mask;
  const longer = Math.max(height, width);
  const { labels, pieces: all } = listPieces(mask, ink);
  let pieces = all.filter((piece) => piece.side >= Math.max(2, SMALLEST * longer));
  if (!pieces.length) return null;
  pieces = withoutFrames(pieces, labels, width);
  const largest = Math.max(...pieces.map((piece) => piece.side));
  const least = Math.max(0.25 * largest, 0.08 * longer);
  if (pieces.some((piece) => !piece.touching && piece.side >= least)) {
    pieces = pieces.filter((piece) => !piece.scrap);
  }
  const most = Math.max(...pieces.map((piece) => piece.mass));
  pieces = pieces.filter((piece) => piece.mass >= SPECK * most);
  const numbers = new Set(pieces.map((piece) => piece.number));
  const chosen = plane(height, width, Uint8Array.from(labels, (number) => (numbers.has(number) ? 1 : 0)));
  return { mask: chosen, count: pieces.length, several: areSeveral(pieces) };
}
