// What both entry points share; index.d.ts documents it.

import { open } from "./mnist.mjs";
import { prepared } from "./prepared.mjs";
import { recipe } from "./recipe.mjs"; // which the Makefile writes

export async function modelOf(source) {
  const { names, height, width, preprocessing, classify } = await open(source);
  const network = { recipe, preprocessing, size: [height, width] };

  const predicted = (pixels, several) => {
    const { label, probabilities } = classify(pixels);
    return { label: names[label], index: label, probability: probabilities[label], probabilities, several };
  };

  return {
    names,
    channels: preprocessing.size[0],
    height,
    width,

    classify(image) {
      if (image instanceof Uint8Array) return predicted(image, false);
      const { data, width: across, height: down } = image ?? {};
      if (!data || data.length !== 4 * across * down || !data.length) {
        throw new TypeError("classify takes an ImageData, {data, width, height} with RGBA bytes, or a Uint8Array");
      }
      const { pixels, several } = prepared(image, network);
      return pixels && predicted(pixels, several);
    },

    async classifyPicture(picture) {
      const bitmap = await createImageBitmap(picture);
      const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d");
      context.drawImage(bitmap, 0, 0);
      bitmap.close();
      return this.classify(context.getImageData(0, 0, context.canvas.width, context.canvas.height));
    },
  };
}
