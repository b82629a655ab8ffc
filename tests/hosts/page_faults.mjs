// Prints what accessible.mjs finds in HTML texts: node page_faults.mjs WEB TEXTS.json

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [web, file] = process.argv.slice(2);
const { chromium } = createRequire(join(web, "/"))("playwright-core");
const { faults } = await import(pathToFileURL(join(web, "accessible.mjs")));
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--no-first-run"],
});
const page = await browser.newPage();
const found = [];
for (const text of JSON.parse(readFileSync(file, "utf8"))) {
  await page.setContent(text);
  found.push(await faults(page));
}
await browser.close();
console.log(JSON.stringify(found));
