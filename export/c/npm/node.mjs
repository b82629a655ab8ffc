// The package in Node: reads mnist.wasm from the package's folder.

import { readFile } from "node:fs/promises";

import { modelOf } from "./model.mjs";

export { SelfTestError } from "./mnist.mjs";

export async function load(source = readFile(new URL("./mnist.wasm", import.meta.url))) {
  return modelOf(await source);
}
