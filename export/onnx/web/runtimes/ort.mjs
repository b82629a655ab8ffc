// model.onnx in onnxruntime-web: one thread, so that no special headers are needed.

import * as ort from "./ort.wasm.min.mjs";
import { metadata } from "./onnx_file.mjs";

export async function open() {
  ort.env.wasm.numThreads = 1;
  const answer = await fetch("model.onnx");
  if (!answer.ok) throw new Error(`model.onnx cannot be fetched (${answer.status})`);
  const bytes = new Uint8Array(await answer.arrayBuffer());
  const about = metadata(bytes);
  const session = await ort.InferenceSession.create(bytes, { executionProviders: ["wasm"] });
  const [height, width] = about.imgsz;

  // Returns logits and probabilities of raw pixels, Uint8Array [H * W].
  async function run(pixels) {
    const image = new ort.Tensor("uint8", pixels, [1, 1, height, width]);
    const { logits, probabilities } = await session.run({ image }, ["logits", "probabilities"]);
    return { logits: logits.data, probabilities: probabilities.data };
  }

  return {
    name: `onnxruntime-web ${ort.env.versions.web}`,
    names: about.names,
    size: [height, width],
    predict: async (pixels) => (await run(pixels)).probabilities,

    // The 16 images that the file carries must give the answers that it carries.
    async selfTest() {
      const text = atob(about["cnnkit.golden.images"]);
      const images = Uint8Array.from(text, (character) => character.charCodeAt(0));
      const expected = about["cnnkit.golden.logits"];
      for (const [i, row] of expected.entries()) {
        const { logits } = await run(images.subarray(i * height * width, (i + 1) * height * width));
        const error = Math.max(...row.map((value, k) => Math.abs(value - logits[k])));
        if (!(error <= about["cnnkit.golden.tolerance"])) {
          throw new Error(`golden vector ${i} is off by ${error}: do not trust its answers`);
        }
      }
      return `${expected.length} of ${expected.length} golden vectors`;
    },
  };
}
