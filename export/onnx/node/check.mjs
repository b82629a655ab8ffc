// Run classify.mjs on every image of a folder and compare: node check.mjs FOLDER

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { PNG } from "pngjs";

import { npy } from "./npy.mjs";

const folder = resolve(process.argv[2]);
const { data: pixels, shape: [, channels, height, width] } = npy(join(folder, "images.npy"));
const labels = [...npy(join(folder, "labels.npy")).data].map(Number);
const names = readFileSync(join(folder, "names.txt"), "utf8").split("\n");
const pictures = mkdtempSync(join(tmpdir(), "pictures-"));
try {
  const files = labels.map((_, i) => `${i}.png`);
  files.forEach((file, i) => {
    const picture = new PNG({ width, height });
    const area = height * width;
    const planes = channels === 3 ? [0, area, 2 * area] : [0, 0, 0];
    for (let at = 0; at < area; at++) {
      const colours = planes.map((plane) => pixels[channels * area * i + plane + at]);
      picture.data.set([...colours, 255], 4 * at);
    }
    writeFileSync(join(pictures, file), PNG.sync.write(picture));
  });
  const program = fileURLToPath(new URL("classify.mjs", import.meta.url));
  const command = [program, join(folder, "mnist.onnx"), ...files];
  const lines = execFileSync("node", command, { cwd: pictures, encoding: "utf8" }).trim().split("\n");
  const wrong = labels.filter((label, i) => !lines[i].startsWith(`${files[i]}: ${names[label]}  (`)).length;
  console.log(`onnx/node: ${labels.length} pictures, ${wrong} with another label than PyTorch's`);
  process.exitCode = wrong || !labels.length ? 1 : 0;
} finally {
  rmSync(pictures, { recursive: true });
}
