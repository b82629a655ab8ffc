// Opens pictures in a built page in headless Chromium: node page_photos.mjs MODULES PAGE PICTURE...
// Prints what the page says of each picture, and the pixels that its network sees, as JSON.

import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { basename, extname, join } from "node:path";

const [modules, folder, ...pictures] = process.argv.slice(2);
const { chromium } = createRequire(join(modules, "/"))("playwright-core");
const TYPES = { ".html": "text/html", ".css": "text/css", ".mjs": "text/javascript", ".wasm": "application/wasm" };

const server = createServer((request, response) => {
  const name = request.url === "/" ? "index.html" : basename(request.url);
  try {
    const content = readFileSync(join(folder, name));
    response.setHeader("Content-Type", TYPES[extname(name)]);
    response.end(content);
  } catch {
    response.writeHead(404).end();
  }
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--no-first-run"],
});
try {
  const page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  await page.waitForFunction(() => /draw|not work/i.test(document.querySelector("#verdict").textContent));
  const seen = {};
  for (const path of pictures) {
    await page.evaluate(() => document.querySelector("#seen").setAttribute("aria-label", "waiting"));
    await page.locator("#file").setInputFiles(path);
    await page.waitForSelector('#seen:not([aria-label="waiting"])');
    await page.waitForSelector("#verdict:not([aria-busy])");
    seen[basename(path)] = await page.evaluate(() => {
      const canvas = document.querySelector("#seen");
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      return { verdict: document.querySelector("#verdict").textContent, pixels: [...data] };
    });
  }
  console.log(JSON.stringify(seen));
} finally {
  await browser.close();
  server.close();
}
