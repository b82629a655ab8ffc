// Prints what accessible.mjs finds in HTML texts: node page_faults.mjs WEB TEXTS.json

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { launch } from "./browser.mjs";

const [web, file] = process.argv.slice(2);
const { faults } = await import(pathToFileURL(join(web, "accessible.mjs")));
const browser = await launch(web);
const page = await browser.newPage();
const found = [];
for (const text of JSON.parse(readFileSync(file, "utf8"))) {
  await page.setContent(text);
  found.push(await faults(page));
}
await browser.close();
console.log(JSON.stringify(found));
