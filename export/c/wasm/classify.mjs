// Classify pictures: node classify.mjs mnist.wasm one.jpg another.ppm

import { readFile } from "node:fs/promises";

import { fit } from "./fitting.mjs";
import { open, SelfTestError } from "./mnist.mjs";
import { readPhoto } from "./photo.mjs";

const [modelPath, ...paths] = process.argv.slice(2);
let subject = modelPath;
try {
  if (!paths.length) throw new Error("usage: classify.mjs mnist.wasm PICTURE...");
  const model = await open(readFile(modelPath));
  for (subject of paths) {
    const picture = await readPhoto(await readFile(subject));
    const { label, probabilities } = model.classify(fit(picture, model.preprocessing));
    const shares = model.names.map((name, k) => `${name}: ${probabilities[k].toFixed(3)}`);
    console.log(`${subject}: ${model.names[label]}  (${shares.join(", ")})`);
  }
} catch (error) {
  console.error(`${subject}: ${error.message}`);
  process.exitCode = error instanceof SelfTestError ? 1 : 2;
}
