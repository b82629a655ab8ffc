// Takes a picture with the page's camera button in headless Chromium, whose camera is a film:
// node page_camera.mjs MODULES URL FILM. Prints what the page saw, and what it does without a camera.

import { createRequire } from "node:module";
import { join } from "node:path";

const [modules, url, film] = process.argv.slice(2);
const { chromium } = createRequire(join(modules, "/"))("playwright-core");

async function opened(flags, prepare) {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--no-first-run", ...flags],
  });
  const page = await browser.newPage();
  await page.addInitScript(prepare);
  await page.goto(url);
  await page.waitForFunction(() => /draw|open|not work/i.test(document.querySelector("#verdict").textContent));
  return { browser, page };
}

const report = {};
const fake = ["--use-fake-device-for-media-stream", `--use-file-for-fake-video-capture=${film}`];
const { browser, page } = await opened([...fake, "--use-fake-ui-for-media-stream"], () => {});
report.hidden = [await page.locator("#camera").isHidden(), await page.locator("#view").isHidden()];
await page.locator("#camera").click();
await page.waitForSelector("#view:not([hidden])");
report.button = await page.locator("#camera").textContent();
await page.evaluate(() => document.querySelector("#seen").setAttribute("aria-label", "waiting"));
await page.locator("#camera:enabled").click();
await page.waitForSelector('#seen:not([aria-label="waiting"])');
await page.waitForSelector("#verdict:not([aria-busy])");
report.seen = await page.evaluate(() => {
  const canvas = document.querySelector("#seen");
  return [...canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data];
});
report.verdict = await page.locator("#verdict").textContent();
report.after = [await page.locator("#camera").textContent(), await page.locator("#view").isHidden()];
report.running = await page.evaluate(() => document.querySelector("#view").srcObject !== null);
await browser.close();

const refused = await opened([], () => {
  navigator.mediaDevices.getUserMedia = () => Promise.reject(new Error("Permission denied"));
});
await refused.page.locator("#camera").click();
await refused.page.waitForFunction(() => /camera/.test(document.querySelector("#verdict").textContent));
report.refused = await refused.page.locator("#verdict").textContent();
await refused.browser.close();

const without = await opened([], () => {
  Object.defineProperty(navigator, "mediaDevices", { value: undefined });
});
report.without = await without.page.locator("#camera").isHidden();
await without.browser.close();
console.log(JSON.stringify(report));
