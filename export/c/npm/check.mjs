// Compares the installed package with the labels of a folder: node check.mjs FOLDER, for example check

import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { load } from "mnist-network";

import { npy } from "./npy.mjs";

const folder = resolve(process.argv[2]);
const { data: pixels } = npy(join(folder, "images.npy"));
const labels = [...npy(join(folder, "labels.npy")).data].map(Number);
const names = readFileSync(join(folder, "names.txt"), "utf8").split("\n");
const model = await load();
const values = model.channels * model.height * model.width;
const wrong = labels.filter((label, i) => {
  const said = model.classify(Uint8Array.from(pixels.subarray(values * i, values * (i + 1))));
  return said.index !== label || said.label !== names[label];
}).length;
console.log(`c/npm: ${labels.length} pictures, ${wrong} with another label than PyTorch's`);
process.exitCode = wrong || !labels.length ? 1 : 0;
