// Tests pages in headless Chromium, each a built folder, one HTML file or a URL: node check.mjs FOLDER PAGE...
// SCREENSHOTS=DIR saves screenshots of each page: light, dark and on a phone.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { basename, extname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

import { faults } from "./accessible.mjs";
import { npy } from "./npy.mjs";
import { prepare } from "./page/picture.mjs";

const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".css": "text/css",
  ".mjs": "text/javascript",
  ".wasm": "application/wasm",
  ".onnx": "application/octet-stream",
};
// Mouse strokes in coordinates of the pad, [x, y] from 0 to 1.
const DIGITS = {
  0: [circle(0.5, 0.5, 0.2, 0.3)],
  1: [[[0.5, 0.15], [0.5, 0.85]]],
  2: [[[0.3, 0.3], [0.4, 0.18], [0.6, 0.18], [0.68, 0.32], [0.6, 0.5], [0.3, 0.82], [0.72, 0.82]]],
  3: [[[0.3, 0.2], [0.6, 0.17], [0.66, 0.33], [0.48, 0.47], [0.68, 0.62], [0.6, 0.82], [0.3, 0.8]]],
  4: [[[0.35, 0.15], [0.3, 0.5], [0.7, 0.5]], [[0.65, 0.2], [0.62, 0.88]]],
  7: [[[0.25, 0.2], [0.72, 0.2], [0.45, 0.85]]],
};
const PHONE = { width: 390, height: 844 };

function circle(x, y, rx, ry) {
  return Array.from({ length: 25 }, (_, i) => {
    const angle = (i / 24) * 2 * Math.PI;
    return [x + rx * Math.sin(angle), y - ry * Math.cos(angle)];
  });
}

function checkPreparation() {
  for (const { name, shape, grey, expected, several } of JSON.parse(readFileSync(new URL("vectors.json", import.meta.url)))) {
    const values = Float64Array.from(Buffer.from(grey, "base64"));
    const found = prepare({ height: shape[0], width: shape[1], values });
    if (expected === null) {
      assert.equal(found, null, `${name}: should be blank`);
      continue;
    }
    assert(found, `${name}: should not be blank`);
    assert.equal(found.several, several, `${name}: several digits, or not`);
    const wanted = Buffer.from(expected, "base64");
    const error = Math.max(...wanted.map((value, i) => Math.abs(value - found.pixels[i])));
    assert(error <= 1, `${name}: prepared pixels are off by ${error}`);
  }
}

function serve(folder) {
  const server = createServer((request, response) => {
    const path = request.url === "/" ? "/index.html" : request.url;
    try {
      const content = readFileSync(join(folder, basename(path)));
      response.setHeader("Content-Type", TYPES[extname(path)]);
      response.end(content);
    } catch {
      response.writeHead(404).end();
    }
  });
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
}

// Returns a picture, its planes gray or red, green and blue, as a BMP file enlarged by the factor `scale`.
function bmp(pixels, [height, width], scale) {
  const planes = pixels.length === 3 * height * width ? [2, 1, 0] : [0, 0, 0]; // blue comes first in the file
  const [rows, columns] = [height * scale, width * scale];
  const stride = 4 * Math.ceil((3 * columns) / 4);
  const file = Buffer.alloc(54 + stride * rows);
  file.write("BM");
  for (const [at, value] of [[2, file.length], [10, 54], [14, 40], [18, columns], [22, rows]]) {
    file.writeInt32LE(value, at);
  }
  file.writeInt16LE(1, 26);
  file.writeInt16LE(24, 28);
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++) {
      const pixel = Math.floor((rows - 1 - y) / scale) * width + Math.floor(x / scale);
      planes.forEach((plane, i) => {
        file[54 + stride * y + 3 * x + i] = pixels[plane * height * width + pixel];
      });
    }
  }
  return file;
}

// Whether the page names the expected class or, if the network is not one of digits, any class.
function named(text, expected) {
  return (digits ? [names[expected]] : names).some((name) => name && text.startsWith(`${name}, `));
}

async function verdict(page, expected) {
  const text = (await page.locator("#verdict").textContent()).trim();
  assert(named(text, expected), `expected ${digits ? expected : "a class"}, the page says "${text}"`);
}

async function draw(page, strokes) {
  const box = await page.locator("#pad").boundingBox();
  const place = ([x, y]) => [box.x + x * box.width, box.y + y * box.height];
  await page.locator("#clear").click();
  for (const [first, ...rest] of strokes) {
    await page.mouse.move(...place(first));
    await page.mouse.down();
    for (const point of rest) await page.mouse.move(...place(point), { steps: 2 });
    await page.mouse.up();
  }
  await rested(page);
}

// Waits until the prediction is final, when a screen reader would announce it.
async function rested(page) {
  await page.waitForSelector("#verdict:not([aria-busy])");
}

async function checkStrokes(page) {
  for (const [digit, strokes] of Object.entries(DIGITS)) {
    await draw(page, strokes);
    await verdict(page, digit);
  }
}

async function checkKeyboard(page) {
  const chooser = page.waitForEvent("filechooser"); // of the last key; the browser needs notice of it
  chooser.catch(() => {}); // what fails before that key is what shall be told
  await page.locator("#pad").focus();
  await page.keyboard.press("Delete");
  for (let i = 0; i < 6; i++) await page.keyboard.press("ArrowRight");
  await page.keyboard.press(" ");
  for (let i = 0; i < 18; i++) await page.keyboard.press("ArrowDown");
  await page.keyboard.press(" ");
  await rested(page);
  await verdict(page, 1);
  await page.keyboard.press("Delete");
  await rested(page);
  assert.match(await page.locator("#verdict").textContent(), /^(Draw a digit|Open a picture)/);
  await page.locator("#open").focus();
  await page.keyboard.press("Enter");
  await chooser;
}

async function checkPicture(page, pixels, label) {
  const buffer = bmp(pixels, size, 12);
  await page.locator("#file").setInputFiles({ name: "digit.bmp", mimeType: "image/bmp", buffer });
  await page.waitForFunction((all) => {
    return all.some((name) => document.querySelector("#verdict").textContent.startsWith(`${name}, `));
  }, digits ? [names[label]] : names.filter(Boolean));
  const broken = { name: "broken.png", mimeType: "image/png", buffer: Buffer.from("no picture") };
  await page.locator("#file").setInputFiles(broken);
  await page.getByText("broken.png is not a picture").waitFor();
}

// Classifies the images inside the page; returns the numbers of those with an unexpected label.
async function wrongLabels(page, images, labels) {
  const answers = await page.evaluate(async ({ texts, runtimeModule }) => {
    const { open } = await import(runtimeModule);
    const runtime = await open();
    const answers = [];
    for (const text of texts) {
      const shares = await runtime.predict(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)));
      answers.push(shares.indexOf(Math.max(...shares)));
    }
    return answers;
  }, {
    texts: images.map((image) => Buffer.from(image).toString("base64")),
    runtimeModule: page.url().startsWith("file:") ? "runtime.mjs" : "./runtime.mjs",
  });
  return answers.flatMap((answer, i) => (answer === labels[i] ? [] : [i]));
}

async function checkPage(browser, where, images, labels) {
  const file = where.endsWith(".html");
  const server = file || where.startsWith("http") ? null : await serve(where);
  const name = where.startsWith("http") ? "served" : basename(where, ".html");
  const url = file ? pathToFileURL(where).href : server ? `http://127.0.0.1:${server.address().port}/` : where;
  const complaints = [];
  try {
    const page = await browser.newPage({ viewport: { width: 1100, height: 800 }, colorScheme: "light" });
    await page.addInitScript(() => {
      const wait = setTimeout;
      window.setTimeout = (call, delay, ...values) => wait(call, delay / 10, ...values); // the page's pauses
    });
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) complaints.push(message.text());
    });
    page.on("pageerror", (error) => complaints.push(String(error)));
    page.on("request", (request) => {
      const own = request.url().startsWith(file ? url : new URL(url).origin);
      if (!own && !/^(data|blob):/.test(request.url())) complaints.push(`a request: ${request.url()}`);
    });
    await page.goto(url);
    await page.waitForFunction(() => /draw|not work/i.test(document.querySelector("#verdict").textContent));
    const wrong = await wrongLabels(page, images, labels);
    await checkStrokes(page);
    await checkKeyboard(page);
    await checkPicture(page, images[0], labels[0]);
    await draw(page, DIGITS[3]);
    await takePictures(page, name);
    const about = await page.locator("dl").innerText();
    console.error(`${name}: ${about.replaceAll("\n", " ")}`);
    assert.deepEqual(await faults(page), []);
    assert.deepEqual(complaints, []);
    await page.close();
    return wrong;
  } finally {
    server?.close();
  }
}

async function takePictures(page, name) {
  const folder = process.env.SCREENSHOTS;
  const shot = async (kind) =>
    folder && (await page.screenshot({ path: join(folder, `${name}-${kind}.png`), fullPage: true }));
  await shot("light");
  await page.emulateMedia({ colorScheme: "dark" });
  await shot("dark");
  await page.setViewportSize(PHONE);
  const wide = await page.evaluate(() => document.scrollingElement.scrollWidth);
  assert(wide <= PHONE.width, `a phone would have to scroll sideways: ${wide} pixels`);
  await shot("phone");
}

const [folder, ...pages] = process.argv.slice(2);
checkPreparation();
const { data: pixels, shape } = npy(join(folder, "images.npy"));
const names = readFileSync(join(folder, "names.txt"), "utf8").split("\n");
const labels = [...npy(join(folder, "labels.npy")).data].map(Number);
const [channels, ...size] = shape.slice(1);
const values = channels * size[0] * size[1];
const images = labels.map((_, i) => pixels.subarray(values * i, values * (i + 1)));
// What is drawn below are digits; only of MNIST's own size do networks recognise them for certain.
const digits = channels === 1 && size.every((side) => side === 28) && names.slice(0, 10).join("") === "0123456789";
const quiet = ["--disable-quic", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--no-first-run", ...quiet],
});
const wrong = new Set();
try {
  for (const page of pages) {
    for (const image of await checkPage(browser, page, images, labels)) wrong.add(image);
  }
} finally {
  await browser.close();
}
console.log(`onnx/web: ${images.length} pictures, ${wrong.size} with another label than PyTorch's`);
process.exit(wrong.size || !images.length ? 1 : 0);
