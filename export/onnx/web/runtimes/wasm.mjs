// Runs mnist.wasm, the network compiled from C, without an inference runtime.

import { open as openModule } from "./mnist.mjs";
import { recipe } from "./recipe.mjs"; // which the build writes

export async function open() {
  const model = await openModule(fetch("mnist.wasm"));
  return {
    name: "WebAssembly, compiled from C",
    names: model.names,
    size: [model.height, model.width],
    preprocessing: model.preprocessing,
    recipe,
    predict: async (pixels) => model.classify(pixels).probabilities,
    selfTest: async () => model.selfTest, // it ran when the module was opened
  };
}
