// Runs model.onnx in onnxruntime-web, with one thread, so that no cross-origin headers are needed.

import * as ort from "./ort.wasm.min.mjs";
import { recordOf } from "./fitting.mjs";
import { metadata } from "./onnx_file.mjs";

export async function open() {
  ort.env.wasm.numThreads = 1;
  const answer = await fetch("model.onnx");
  if (!answer.ok) throw new Error(`model.onnx cannot be fetched (${answer.status})`);
  const bytes = new Uint8Array(await answer.arrayBuffer());
  const about = metadata(bytes);
  const session = await ort.InferenceSession.create(bytes, { executionProviders: ["wasm"] });
  const preprocessing = recordOf(about);
  const [channels, height, width] = preprocessing.size;

  async function run(pixels) {
    const count = pixels.length / (channels * height * width);
    const image = new ort.Tensor("uint8", pixels, [count, channels, height, width]);
    return session.run({ image });
  }

  return {
    name: `onnxruntime-web ${ort.env.versions.web}`,
    names: about.names,
    size: [height, width],
    preprocessing,
    recipe: about["cnnkit.preprocessing"]?.colours === "white digit on black" ? "mnist" : null,
    predict: async (pixels) => (await run(pixels)).probabilities.data,

    // Runs the golden images and compares the outputs with those in the metadata.
    async selfTest() {
      const golden = (key) => about[`cnnkit.golden.${key}`];
      const images = Uint8Array.from(atob(golden("images")), (letter) => letter.charCodeAt(0));
      const { label, logits } = await run(images);
      const wrong = golden("labels").filter((name, i) => name !== Number(label.data[i])).length;
      const errors = golden("logits").flat().map((value, i) => Math.abs(value - logits.data[i]));
      const error = Math.max(...errors);
      if (wrong || !(error <= golden("tolerance"))) {
        throw new Error(`the self-test failed: ${wrong} labels differ, a logit is off by ${error}`);
      }
      return `${golden("labels").length} golden vectors agree`;
    },
  };
}
