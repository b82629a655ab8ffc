// Uses the package in Chromium without a bundler: node npm_page.mjs MODULES PACKAGE
// Prints what it predicts for a 1 drawn on a canvas, and for an empty picture file.

import { launch, serve } from "./browser.mjs";

const [modules, folder] = process.argv.slice(2);
const server = await serve(folder, '<!doctype html><link rel="icon" href="data:,">');
const browser = await launch(modules);
try {
  const page = await browser.newPage();
  await page.goto(server.address);
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
