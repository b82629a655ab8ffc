// Reads the .npy files of the checks: npy("images.npy") returns {shape, data}.

import { readFileSync } from "node:fs";

const TYPES = { "|u1": Uint8Array, "<i8": BigInt64Array, "<f4": Float32Array };

export function npy(path) {
  const file = readFileSync(path);
  const start = 10 + file.readUInt16LE(8);
  const header = file.subarray(10, start).toString("latin1");
  const [, type] = /'descr': '([^']+)'/.exec(header);
  const [, shape] = /'shape': \(([^)]*)\)/.exec(header);
  const bytes = new Uint8Array(file.subarray(start)); // a copy, so that it is aligned
  return { shape: shape.split(",").filter(Boolean).map(Number), data: new TYPES[type](bytes.buffer) };
}
