// Classify pictures of the network's size: node classify.mjs mnist.wasm digit.pgm another.pgm

import { readFile } from "node:fs/promises";

import { open, SelfTestError } from "./mnist.mjs";

// Reads a binary PGM file (P5) as raw pixels, for MNIST a white digit on black.
async function readPgm(path, { height, width }) {
  const bytes = await readFile(path);
  const head = /^P5(?:\s+|#.*\n)+(\d+)(?:\s+|#.*\n)+(\d+)(?:\s+|#.*\n)+255\s/.exec(bytes.toString("latin1"));
  if (!head) throw new Error("is no binary PGM file of 8 bits");
  if (Number(head[1]) !== width || Number(head[2]) !== height) {
    throw new Error(`is ${head[1]}x${head[2]}, not ${width}x${height} pixels`);
  }
  const pixels = bytes.subarray(head[0].length, head[0].length + height * width);
  if (pixels.length < height * width) throw new Error("is cut off");
  return pixels;
}

const [modelPath, ...paths] = process.argv.slice(2);
let subject = modelPath;
try {
  if (!paths.length) throw new Error("usage: classify.mjs mnist.wasm PICTURE...");
  const model = await open(readFile(modelPath));
  for (subject of paths) {
    const { label, probabilities } = model.classify(await readPgm(subject, model));
    const shares = model.names.map((name, k) => `${name}: ${probabilities[k].toFixed(3)}`);
    console.log(`${subject}: ${model.names[label]}  (${shares.join(", ")})`);
  }
} catch (error) {
  console.error(`${subject}: ${error.message}`);
  process.exitCode = error instanceof SelfTestError ? 1 : 2;
}
