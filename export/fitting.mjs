// Brings a decoded picture to a network's size and colour; every byte is as Pillow's in Python, and
// as that of fitting.c, where the arithmetic is explained. Needs nothing, in a browser or in Node.

const FRACTION_BITS = 22;
const ONE = 2 ** FRACTION_BITS;
const MODES = ["none", "stretch", "pad", "crop"];

const sinc = (x) => (x === 0 ? 1 : Math.sin(x * Math.PI) / (x * Math.PI));

function bicubic(x) {
  x = Math.abs(x);
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * -0.5 : 0;
}

const FILTERS = {
  nearest: { support: 0 },
  box: { support: 0.5, weight: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) },
  bilinear: { support: 1, weight: (x) => Math.max(1 - Math.abs(x), 0) },
  bicubic: { support: 2, weight: bicubic },
  lanczos: { support: 3, weight: (x) => (-3 <= x && x < 3 ? sinc(x) * sinc(x / 3) : 0) },
};

/** Returns the record in a model's metadata; if there is none, a picture must have the model's size. */
export function recordOf(about) {
  const record = about["cnnkit.preprocessing"];
  if (record?.size) return record;
  const size = [about.channels, ...about.imgsz];
  const colour = { 1: "gray", 3: "rgb" }[size[0]];
  return { size, colour, layout: "NCHW", resize: { mode: "none", fill: 0 } };
}

/**
 * Fits a picture {pixels, channels, height, width} to a model's preprocessing record, the value of
 * "cnnkit.preprocessing" in its metadata. `pixels` are 8 bits a sample, row by row; the channels are
 * 1: gray, 2: gray and alpha, 3: RGB, 4: RGBA, as in ImageData. A transparent picture is seen on
 * white. Returns a Uint8Array, [C, H, W] or, for the layout "NHWC", [H, W, C].
 */
export function fit(picture, record) {
  const plan = makePlan(picture, record);
  const [channels, height, width] = record.size;
  const { across, down, left, top } = plan;
  const resampled = (plan.columnsFirst ? columnsFirst : rowsFirst)(picture, plan, channels);
  const image = new Uint8Array(channels * height * width).fill(record.resize.fill);
  const interleaved = record.layout === "NHWC";
  for (let y = 0; y < down.out; ++y) {
    for (let x = 0; x < across.out; ++x) {
      const at = (top + y) * width + left + x;
      for (let c = 0; c < channels; ++c) {
        const value = resampled[(y * across.out + x) * channels + c];
        image[interleaved ? at * channels + c : at + c * height * width] = value;
      }
    }
  }
  return image;
}

function makePlan({ channels, height, width, pixels }, { size, colour, resize, layout }) {
  if (!(channels >= 1 && channels <= 4 && height >= 1 && width >= 1)) {
    throw new Error("has an unknown number of channels, or no pixels");
  }
  if (pixels.length < height * width * channels) throw new Error("is cut off");
  const colours = { gray: 1, rgb: 3 }[colour];
  const { mode, filter, antialias, fill } = resize ?? {};
  const known = MODES.includes(mode) && ["NCHW", "NHWC"].includes(layout) && size?.[0] === colours;
  const filtered = mode === "none" || (filter in FILTERS && (antialias || filter === "nearest"));
  if (!known || !filtered || !colours) {
    throw new Error("cannot be prepared: the network's preprocessing is unknown");
  }
  const [, toHeight, toWidth] = size;
  if (mode === "none" && (height !== toHeight || width !== toWidth)) {
    throw new Error(`is ${width}x${height}, not ${toWidth}x${toHeight} pixels`);
  }
  let [outHeight, outWidth, partHeight, partWidth] = [toHeight, toWidth, height, width];
  const [ratio, wanted] = [width / height, toWidth / toHeight];
  if (mode === "pad" && ratio > wanted) outHeight = Math.max(1, toEven((height / width) * toWidth));
  else if (mode === "pad" && ratio < wanted) outWidth = Math.max(1, toEven((width / height) * toHeight));
  else if (mode === "crop" && ratio > wanted) partWidth = wanted * height;
  else if (mode === "crop" && ratio < wanted) partHeight = width / wanted;
  const [left, top] = [(width - partWidth) * 0.5, (height - partHeight) * 0.5];
  return {
    across: makeAxis(width, outWidth, left, left + partWidth, filter),
    down: makeAxis(height, outHeight, top, top + partHeight, filter),
    left: toEven((toWidth - outWidth) / 2),
    top: toEven((toHeight - outHeight) / 2),
    columnsFirst: height > outHeight && height - outHeight > 2 * (width - outWidth),
  };
}

// Rounds to the nearest integer, halves to the even one.
function toEven(value) {
  const below = Math.floor(value);
  const above = value - below > 0.5 || (value - below === 0.5 && below % 2 !== 0);
  return above ? below + 1 : below;
}

// The weights of every pixel of an axis: `out` pixels from those between `start` and `end`.
function makeAxis(inside, out, start, end, filter) {
  [start, end] = [Math.fround(start), Math.fround(end)];
  const scale = Math.fround(end - start) / out;
  const same = inside === out && start === 0 && end === inside;
  const taps =
    same || filter === "nearest"
      ? nearest(inside, out, start, scale)
      : Array.from({ length: out }, (_, at) => weighted(inside, at, start, scale, FILTERS[filter]));
  return { out, taps };
}

function nearest(inside, out, start, scale) {
  const taps = [];
  for (let position = start + scale * 0.5; taps.length < out; position += scale) {
    const first = Math.trunc(position);
    taps.push(first < inside ? { first, weights: [ONE] } : { first: 0, weights: [] });
  }
  return taps;
}

function weighted(inside, at, start, scale, { support, weight }) {
  const widened = Math.max(scale, 1);
  const centre = start + (at + 0.5) * scale;
  const first = Math.max(Math.trunc(centre - support * widened + 0.5), 0);
  const last = Math.min(Math.trunc(centre + support * widened + 0.5), inside);
  const weights = new Float64Array(Math.max(last - first, 0));
  const inverse = 1 / widened;
  let total = 0;
  for (let i = 0; i < weights.length; ++i) {
    weights[i] = weight((i + first - centre + 0.5) * inverse);
    total += weights[i];
  }
  return {
    first,
    weights: Int32Array.from(weights, (value) => {
      const share = total === 0 ? value : value / total;
      return Math.trunc(share * ONE + (share < 0 ? -0.5 : 0.5));
    }),
  };
}

const toByte = (sum) => (sum < 0 ? 0 : Math.min(sum >> FRACTION_BITS, 255));

function onWhite(value, alpha) {
  const sum = (value * alpha + 255 * (255 - alpha) + 128) << 7;
  return (((sum >> 8) + sum) >> 8) >> 7;
}

// Reads a row of a picture as 1 or 3 samples a pixel.
function readRow({ pixels, channels: stored, width }, y, channels) {
  const colours = stored < 3 ? 1 : 3;
  const row = new Uint8Array(width * channels);
  const seen = [0, 0, 0];
  for (let x = 0; x < width; ++x) {
    const at = (y * width + x) * stored;
    for (let c = 0; c < 3; ++c) {
      const value = pixels[at + (c % colours)];
      seen[c] = stored % 2 ? value : onWhite(value, pixels[at + colours]);
    }
    for (let c = 0; c < channels; ++c) row[x * channels + c] = seen[c];
    if (channels < colours) row[x] = (seen[0] * 19595 + seen[1] * 38470 + seen[2] * 7471 + 0x8000) >> 16;
  }
  return row;
}

function columnsFirst(picture, { across, down }, channels) {
  const samples = picture.width * channels;
  const high = alongColumns((y) => readRow(picture, y, channels), down, samples);
  const result = new Uint8Array(down.out * across.out * channels);
  for (let y = 0; y < down.out; ++y) {
    const row = alongRow(high.subarray(y * samples, (y + 1) * samples), across, channels);
    result.set(row, y * row.length);
  }
  return result;
}

function rowsFirst(picture, { across, down }, channels) {
  const rows = new Map(); // those that have been resampled
  const row = (y) => {
    if (!rows.has(y)) rows.set(y, alongRow(readRow(picture, y, channels), across, channels));
    return rows.get(y);
  };
  return alongColumns(row, down, across.out * channels);
}

function alongRow(row, { out, taps }, channels) {
  const result = new Uint8Array(out * channels);
  let to = 0;
  for (const { first, weights } of taps) {
    for (let c = 0; c < channels; ++c) {
      let sum = ONE / 2;
      let at = first * channels + c;
      for (let i = 0; i < weights.length; ++i, at += channels) sum += row[at] * weights[i];
      result[to++] = toByte(sum);
    }
  }
  return result;
}

// Resamples along the columns; `row(y)` returns a row of `samples` samples.
function alongColumns(row, { out, taps }, samples) {
  const result = new Uint8Array(out * samples);
  const sums = new Int32Array(samples);
  taps.forEach(({ first, weights }, y) => {
    sums.fill(ONE / 2);
    for (let i = 0; i < weights.length; ++i) {
      const values = row(first + i);
      for (let at = 0; at < samples; ++at) sums[at] += values[at] * weights[i];
    }
    for (let at = 0; at < samples; ++at) result[y * samples + at] = toByte(sums[at]);
  });
  return result;
}
