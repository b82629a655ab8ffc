// A shadow with a straight edge across a picture: relit(grey), as in cnnkit/data/digit/shadow.py.

import { median, plane, quantile, round, smooth } from "./planes.mjs";

const DARKEST = 0.2;
const LIGHTEST = 0.88;
const LEAST_STEP = 20;
const PART = 0.08;
const DEEP = 0.2;
const OWN = 0.9;
const WIDTHS = [1.5, 3, 6];
const SAME = 0.12;
const AGREEING = 0.55;
const IN_SIGHT = 0.8;

/** Returns grey levels as if no shadow with a straight edge lay across the picture. */
export function relit(grey) {
  const calm = smooth(grey);
  const edge = findEdge(calm);
  if (!edge) return grey;
  const { height, width } = grey;
  const far = distances(edge, height, width);
  const [low, high] = far.reduce(([least, most], at) => [Math.min(least, at), Math.max(most, at)], [0, 0]);
  if (Math.min(high, -low) < DEEP * Math.max(height, width)) return grey;
  let best = { agreeing: 0 };
  for (const reach of WIDTHS) {
    const found = { ...lightInShadow(calm, edge, reach), reach };
    if (found.agreeing > best.agreeing) best = found;
  }
  if (best.agreeing < AGREEING) return grey;
  const values = grey.values.map((level, i) => (far[i] > 0 ? Math.min(level / best.ratio, 255) : level));
  const lit = withoutEdge(plane(height, width, values), edge, far, best.reach);
  return plane(height, width, lit.values.map(round)); // whole levels: sums of them are exact, in any order
}

// Returns the distance of each pixel from the edge; it is positive in the shadow.
function distances({ point, normal }, height, width) {
  const far = new Float64Array(height * width);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      far[y * width + x] = (y - point[0]) * normal[0] + (x - point[1]) * normal[1];
    }
  }
  return far;
}

// Returns the places [y, x] of the pixels around a picture, clockwise.
function border(height, width) {
  const count = (number, place) => Array.from({ length: number - 1 }, (_, i) => place(i));
  return [
    ...count(width, (i) => [0, i]),
    ...count(height, (i) => [i, width - 1]),
    ...count(width, (i) => [height - 1, width - 1 - i]),
    ...count(height, (i) => [height - 1 - i, 0]),
  ];
}

// Returns the line between the two places where the border's level steps; null without them.
function findEdge({ height, width, values }) {
  if (Math.min(height, width) < 4) return null;
  const at = border(height, width);
  const levels = at.map(([y, x]) => values[y * width + x]);
  const count = levels.length;
  const [first, last] = twoSteps(levels);
  if (last - first < PART * count || last - first > (1 - PART) * count) return null;
  const [inside, outside] = [levels.slice(first, last), [...levels.slice(0, first), ...levels.slice(last)]];
  const [one, other] = [median(inside), median(outside)];
  if (Math.abs(one - other) < LEAST_STEP) return null;
  const nearer = (level) => Math.abs(level - one) < Math.abs(level - other);
  if (inside.filter(nearer).length < OWN * inside.length) return null;
  if (outside.filter((level) => !nearer(level)).length < OWN * outside.length) return null;
  const middle = (before, after) => [(before[0] + after[0]) / 2, (before[1] + after[1]) / 2];
  const start = middle(at[first - 1], at[first]);
  const end = middle(at[last - 1], at[last % count]);
  const length = Math.sqrt((end[0] - start[0]) ** 2 + (end[1] - start[1]) ** 2);
  if (length < 1) return null;
  const along = [(end[0] - start[0]) / length, (end[1] - start[1]) / length];
  const sign = one < other ? 1 : -1;
  return { point: start, along, normal: [-along[1] * sign, along[0] * sign], length };
}

// Returns the part of a circle whose mean differs most from the rest's, weighted by lengths.
function twoSteps(levels) {
  const count = levels.length;
  const sums = new Float64Array(count + 1);
  levels.forEach((level, i) => (sums[i + 1] = sums[i] + level - levels[0]));
  let [best, part] = [-1, [0, count]];
  for (let first = 1; first < count; first++) {
    for (let last = first + 1; last <= count; last++) {
      const length = last - first;
      const differing = (sums[last] - sums[first]) * count - sums[count] * length;
      const gain = (differing * differing) / (length * (count - length));
      if (gain > best) [best, part] = [gain, [first, last]];
    }
  }
  return part;
}

// Returns on how much of an edge both sides have one ratio, and the light in the shadow.
function lightInShadow({ height, width, values }, { point, along, normal, length }, reach) {
  const [light, dark] = [[], []];
  const level = (y, x, side) => {
    const row = Math.floor(y + side * reach * normal[0] + 0.5);
    const column = Math.floor(x + side * reach * normal[1] + 0.5);
    return row >= 0 && row < height && column >= 0 && column < width ? values[row * width + column] : null;
  };
  const steps = Math.floor(length);
  for (let i = 0; i < steps; i++) {
    const [y, x] = [point[0] + (i + 0.5) * along[0], point[1] + (i + 0.5) * along[1]];
    const [one, other] = [level(y, x, -1), level(y, x, 1)];
    if (one === null || other === null) continue;
    light.push(one);
    dark.push(other);
  }
  if (light.length < IN_SIGHT * steps) return { agreeing: 0 };
  const ratio = median(dark.map((value, i) => value / Math.max(light[i], 1)));
  if (ratio < DARKEST || ratio > LIGHTEST) return { agreeing: 0 };
  const most = SAME * quantile(light, 0.9);
  const same = light.filter((value, i) => Math.abs(dark[i] / ratio - value) <= most).length;
  return { agreeing: same / light.length, ratio };
}

// Returns levels with those within `reach` of the edge interpolated across it.
function withoutEdge({ height, width, values }, { normal }, far, reach) {
  const result = values.slice();
  const beyond = reach + 1;
  const within = (value, most) => Math.min(Math.max(Math.floor(value + 0.5), 0), most);
  far.forEach((distance, i) => {
    if (Math.abs(distance) > reach) return;
    const [y, x] = [Math.floor(i / width) - distance * normal[0], (i % width) - distance * normal[1]];
    const [light, dark] = [-1, 1].map((side) => {
      const row = within(y + side * beyond * normal[0], height - 1);
      return values[row * width + within(x + side * beyond * normal[1], width - 1)];
    });
    result[i] = light + (dark - light) * ((distance + beyond) / (2 * beyond));
  });
  return plane(height, width, result);
}
