// Fits every picture of a file of cases: node fit_pictures.mjs < cases. See test_fitting_hosts.py.

import { readFileSync, writeFileSync } from "node:fs";

import { fit } from "../../export/fitting.mjs";

const MODES = ["none", "stretch", "pad", "crop"];
const FILTERS = ["nearest", "box", "bilinear", "bicubic", "lanczos"];

const bytes = readFileSync(0);
const images = [];
for (let at = 0; at < bytes.length; ) {
  const [c, h, w, mode, filter, fill, interleaved, channels, height, width] = Array.from(
    { length: 10 },
    (_, i) => bytes.readInt32LE(at + 4 * i),
  );
  at += 40;
  const pixels = bytes.subarray(at, (at += channels * height * width));
  const record = {
    size: [c, h, w],
    colour: c === 1 ? "gray" : "rgb",
    resize: { mode: MODES[mode], filter: FILTERS[filter], antialias: true, fill },
    layout: interleaved ? "NHWC" : "NCHW",
  };
  images.push(fit({ pixels, channels, height, width }, record));
}
writeFileSync(1, Buffer.concat(images));
