// Prepares a picture for a network, {recipe, preprocessing, size}: by its record, or as MNIST's digits.

import { fit } from "./fitting.mjs";
import { greys, prepare } from "./picture.mjs";

/** How pictures get the network's size, unless they are prepared as MNIST's; stretched if it says none. */
export function resampling({ recipe, preprocessing }) {
  if (recipe === "mnist") return null;
  if (preprocessing.resize.mode !== "none") return preprocessing;
  return { ...preprocessing, resize: { mode: "stretch", filter: "bilinear", antialias: true, fill: 0 } };
}

/** Returns {pixels: Uint8Array [C * H * W], several} of RGBA pixels; pixels is null if nothing stands out. */
export function prepared(image, network) {
  const { data: pixels, height, width } = image;
  const record = resampling(network);
  if (record) return { pixels: fit({ pixels, channels: 4, height, width }, record), several: false };
  for (const grey of greys(image)) {
    const digit = prepare(grey, network.size);
    if (digit) return digit;
  }
  return { pixels: null, several: false };
}
