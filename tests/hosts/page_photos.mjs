// Opens pictures in a built page in headless Chromium: node page_photos.mjs MODULES PAGE PICTURE...
// Prints what the page says of each picture, and the pixels that its network sees, as JSON.

import { basename } from "node:path";

import { launch, serve } from "./browser.mjs";

const [modules, folder, ...pictures] = process.argv.slice(2);
const server = await serve(folder);
const browser = await launch(modules);
try {
  const page = await browser.newPage();
  await page.goto(server.address);
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
