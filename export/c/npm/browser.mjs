// The package in a browser, a worker or a bundler, which finds mnist.wasm by its URL.

import { modelOf } from "./model.mjs";

export { SelfTestError } from "./mnist.mjs";

export async function load(source = fetch(new URL("./mnist.wasm", import.meta.url))) {
  return modelOf(await source);
}
