// Prints what each file holds, or what is wrong with it: node read_netpbm.mjs FILE...

import { readFileSync } from "node:fs";

import { readNetpbm } from "../../export/netpbm.mjs";

for (const path of process.argv.slice(2)) {
  try {
    const { channels, height, width, pixels } = readNetpbm(readFileSync(path));
    console.log(`${channels} ${height} ${width} ${pixels.reduce((sum, value) => sum + value, 0)}`);
  } catch (error) {
    console.log(error.message);
  }
}
