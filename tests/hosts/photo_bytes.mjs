// Writes what a network takes of picture files: node photo_bytes.mjs APP CHANNELS HEIGHT WIDTH FILL FILE...

import { readFileSync } from "node:fs";
import { join } from "node:path";

const [app, channels, height, width, fill, ...files] = process.argv.slice(2);
const { fit } = await import(join(app, "fitting.mjs"));
const { readPhoto } = await import(join(app, "photo.mjs"));
const size = [channels, height, width].map(Number);
const resize = { mode: "pad", filter: "bilinear", antialias: true, fill: Number(fill) };
for (const file of files) {
  let image = new Uint8Array(size[0] * size[1] * size[2]);
  try {
    image = fit(await readPhoto(readFileSync(file)), { size, colour: size[0] === 1 ? "gray" : "rgb", resize, layout: "NCHW" });
  } catch (error) {
    console.error(`${file}: ${error.message}`);
  }
  process.stdout.write(image);
}
