// Classify pictures: node classify.mjs mnist.onnx one.jpg another.png

import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { PNG } from "pngjs";

import { fit, recordOf } from "./fitting.mjs";
import { metadata } from "./onnx_file.mjs";
import { readPhoto } from "./photo.mjs";
import { upright } from "./upright.mjs";

export class SelfTestError extends Error {}

/** Opens a model and runs the golden images in its metadata; throws if an output is off. */
export async function open(path) {
  const bytes = await readFile(path);
  const about = metadata(bytes);
  const session = await InferenceSession.create(bytes, {
    intraOpNumThreads: 1, // faster for a network this small
    interOpNumThreads: 1,
    extra: { session: { intra_op: { allow_spinning: "0" } } },
  });
  const preprocessing = recordOf(about);
  const [channels, height, width] = preprocessing.size;
  const shape = preprocessing.layout === "NHWC" ? [height, width, channels] : preprocessing.size;
  const model = { session, names: about.names, shape, preprocessing };
  await selfTest(model, about);
  return model;
}

/** Maps raw pixels, Uint8Array of N pictures, to logits and probabilities, N rows of K, and N labels. */
export async function classify({ session, names, shape }, pixels) {
  const count = pixels.length / shape.reduce((product, side) => product * side);
  const image = new Tensor("uint8", pixels, [count, ...shape]);
  const { logits, probabilities, label } = await session.run({ image });
  const rows = ({ data }) =>
    Array.from({ length: count }, (_, i) => data.slice(i * names.length, (i + 1) * names.length));
  return {
    logits: rows(logits),
    probabilities: rows(probabilities),
    labels: Array.from(label.data, Number),
  };
}

// Detects an incompatible runtime, a broken build or a damaged file before the first prediction.
async function selfTest(model, about) {
  const golden = (key) => about[`cnnkit.golden.${key}`];
  const images = new Uint8Array(Buffer.from(golden("images"), "base64"));
  const { labels, logits } = await classify(model, images);
  const wrong = labels.filter((label, i) => label !== golden("labels")[i]).length;
  const errors = golden("logits").flatMap((row, i) => row.map((value, k) => Math.abs(value - logits[i][k])));
  const error = Math.max(...errors);
  if (wrong || !(error <= golden("tolerance"))) {
    const found = `${wrong} of ${labels.length} golden labels differ, the largest logit error is ${error}`;
    throw new SelfTestError(`the self-test failed: ${found}`);
  }
}

// Reads a picture as raw pixels, prepared as the model's metadata say.
async function readPicture(path, { preprocessing }) {
  const bytes = await readFile(path);
  if (bytes[0] !== 137) return fit(await readPhoto(bytes), preprocessing);
  const { data: pixels, height, width } = PNG.sync.read(bytes);
  return fit(upright({ pixels, channels: 4, height, width }, bytes), preprocessing);
}

async function main(modelPath, paths) {
  let subject = modelPath;
  try {
    const model = await open(modelPath);
    for (subject of paths) {
      const { labels, probabilities } = await classify(model, await readPicture(subject, model));
      const shares = model.names.map((name, k) => `${name}: ${probabilities[0][k].toFixed(3)}`);
      console.log(`${subject}: ${model.names[labels[0]]}  (${shares.join(", ")})`);
    }
  } catch (error) {
    console.error(`${subject}: ${error.message}`);
    process.exitCode = error instanceof SelfTestError ? 1 : 2;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [model, ...paths] = process.argv.slice(2);
  if (paths.length) {
    await main(model, paths);
  } else {
    console.error("usage: classify.mjs MODEL PICTURE...");
    process.exitCode = 2;
  }
}
