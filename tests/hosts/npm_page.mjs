// Uses the package in Chromium without a bundler: node npm_page.mjs MODULES PACKAGE
// Prints what it predicts for a 1 drawn on a canvas, and for an empty picture file.

import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { basename, extname, join } from "node:path";

const [modules, folder] = process.argv.slice(2);
const { chromium } = createRequire(join(modules, "/"))("playwright-core");
const TYPES = { ".mjs": "text/javascript", ".wasm": "application/wasm" };
const server = createServer(({ url }, response) => {
  if (url === "/") return response.setHeader("Content-Type", "text/html").end('<!doctype html><link rel="icon" href="data:,">');
  response.setHeader("Content-Type", TYPES[extname(url)] ?? "text/plain");
  return response.end(readFileSync(join(folder, basename(url))));
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--no-first-run"],
});
try {
  const page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  const found = await page.evaluate(async () => {
    const { load } = await import("/browser.mjs");
    const model = await load();
    const canvas = Object.assign(document.createElement("canvas"), { width: 200, height: 200 });
    const context = canvas.getContext("2d");
    context.fillStyle = "#fff";
    context.fillRect(0, 0, 200, 200);
    const blank = await new Promise((resolve) => canvas.toBlob(resolve));
    context.fillStyle = "#000";
    context.fillRect(92, 30, 16, 140);
    const { label, probability } = await model.classifyPicture(canvas);
    return { label, probability, blank: await model.classifyPicture(blank) };
  });
  console.log(JSON.stringify(found));
} finally {
  await browser.close();
  server.close();
}
