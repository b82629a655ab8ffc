// The page: drawing or picture → 28×28 → probabilities. runtime.mjs is the runtime chosen by the build.

import { Camera } from "./camera.mjs";
import { Pad } from "./pad.mjs";
import { prepared, resampling } from "./prepared.mjs";
import { open } from "./runtime.mjs";

const LARGEST = 1024; // pixels a side of a picture; a digit needs no more
const SPOKEN_AFTER = 500; // ms without a stroke before a screen reader announces the class
const UNSURE = 0.5; // of the likeliest class
const MEASURED = 2; // ms of repeated calls; one is too short for a browser's clock

const at = (id) => document.getElementById(id);
const pad = new Pad(at("pad"), schedule);
let runtime = null;
let wanted = false; // the drawing has changed since the current prediction began
let answering = false;
let speaking = 0;

// Predictions run one after another, so that the last one shown belongs to the last stroke.
async function schedule() {
  if (!runtime) return;
  at("verdict").setAttribute("aria-busy", "true"); // not announced while the pen moves
  clearTimeout(speaking);
  wanted = true;
  if (answering) return;
  answering = true;
  while (wanted) {
    await new Promise(requestAnimationFrame);
    wanted = false;
    await answer().catch(fail);
  }
  answering = false;
  speaking = setTimeout(() => at("verdict").removeAttribute("aria-busy"), SPOKEN_AFTER);
}

async function answer() {
  const started = performance.now();
  const { image } = pad.read();
  const { pixels, several } = pad.empty ? { pixels: null } : prepared(image, runtime);
  at("prepare-time").textContent = pixels ? `${(performance.now() - started).toFixed(1)} ms` : "…";
  showSeen(pixels);
  if (!pixels) {
    showShares(null);
    say(pad.empty ? invitation() : "Nothing stands out yet.");
    return;
  }
  const shares = await runtime.predict(pixels);
  showShares(shares);
  const best = shares.indexOf(Math.max(...shares));
  const doubt = several ? ": these look like several digits" : shares[best] < UNSURE ? ": not sure" : "";
  say(`${runtime.names[best]}, ${percent(shares[best])} sure${doubt}`);
  const microseconds = await (runtime.microseconds ?? time)(pixels);
  at("network-time").textContent = `${microseconds.toFixed(1)} µs a picture`;
}

function invitation() {
  return resampling(runtime) ? "Open a picture, or draw one." : "Draw a digit from 0 to 9.";
}

async function time(pixels) {
  const started = performance.now();
  let [calls, passed] = [0, 0];
  while (passed < MEASURED) {
    await runtime.predict(pixels);
    calls += 1;
    passed = performance.now() - started;
  }
  return (1000 * passed) / calls;
}

function percent(share) {
  return `${(100 * share).toFixed(share > 0.9995 || share < 0.0005 ? 0 : 1)} %`;
}

function say(text) {
  at("verdict").classList.remove("failed");
  at("verdict").textContent = text;
}

function fail(error) {
  at("verdict").classList.add("failed");
  at("verdict").textContent = `It does not work here: ${error.message}`;
  console.error(error);
}

function makeBars(names) {
  for (const name of names) {
    const row = document.createElement("li");
    for (const [part, text] of [["name", name], ["track", ""], ["share", ""]]) {
      const cell = row.appendChild(document.createElement("span"));
      cell.className = part;
      cell.textContent = text;
    }
    row.children[1].appendChild(document.createElement("span")).className = "bar";
    at("bars").append(row);
  }
}

function showShares(shares) {
  const best = shares ? Math.max(...shares) : NaN;
  [...at("bars").children].forEach((row, i) => {
    row.classList.toggle("best", shares?.[i] === best);
    row.querySelector(".bar").style.transform = `scaleX(${shares?.[i] ?? 0})`;
    row.querySelector(".share").textContent = shares ? percent(shares[i]) : "–";
  });
}

function showSeen(pixels) {
  const canvas = at("seen");
  [canvas.height, canvas.width] = runtime.size;
  const image = new ImageData(canvas.width, canvas.height);
  const area = canvas.width * canvas.height;
  const colours = pixels?.length === 3 * area ? [0, area, 2 * area] : [0, 0, 0];
  for (let i = 0; pixels && i < area; i++) {
    image.data.set([...colours.map((plane) => pixels[plane + i]), 255], 4 * i);
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
  canvas.setAttribute("aria-label", pixels ? "Your drawing, scaled and centred" : "Nothing yet");
}

// Decodes a picture: as it is to be seen or, if the network's record says so, just as it is stored.
function decode(file) {
  const record = resampling(runtime);
  if (!record) return createImageBitmap(file); // applies the EXIF orientation
  const imageOrientation = record.orientation === "stored" ? "none" : "from-image";
  return createImageBitmap(file, { imageOrientation, colorSpaceConversion: "none" });
}

async function openPicture(file) {
  try {
    const bitmap = await decode(file);
    const scale = resampling(runtime) ? 1 : Math.min(1, LARGEST / Math.max(bitmap.width, bitmap.height));
    const [width, height] = [bitmap.width, bitmap.height].map((side) => {
      return Math.max(1, Math.round(side * scale));
    });
    const context = new OffscreenCanvas(width, height).getContext("2d");
    context.imageSmoothingQuality = "high";
    context.fillStyle = "#fff";
    if (resampling(runtime)) context.fillRect(0, 0, width, height);
    context.drawImage(bitmap, 0, 0, width, height);
    pad.open(context.getImageData(0, 0, width, height));
  } catch {
    say(`${file.name || "That"} is not a picture that this browser can read.`);
  }
}

function acceptPictures() {
  new Camera(at("camera"), at("view"), openPicture, say);
  at("clear").addEventListener("click", () => pad.clear());
  at("open").addEventListener("click", () => at("file").click());
  at("file").addEventListener("change", ({ target }) => {
    if (target.files.length) openPicture(target.files[0]);
    target.value = ""; // so that the same file can be opened again
  });
  const dropping = (on) => (event) => {
    event.preventDefault();
    document.body.classList.toggle("dropping", on);
  };
  addEventListener("dragover", dropping(true));
  addEventListener("dragleave", dropping(false));
  addEventListener("drop", (event) => {
    dropping(false)(event);
    if (event.dataTransfer.files.length) openPicture(event.dataTransfer.files[0]);
  });
  addEventListener("paste", ({ clipboardData }) => {
    if (clipboardData.files.length) openPicture(clipboardData.files[0]);
  });
}

async function start() {
  const opened = await open();
  at("runtime").textContent = opened.name;
  makeBars(opened.names);
  at("self-test").textContent = await opened.selfTest();
  runtime = opened;
  if (resampling(runtime)) document.querySelector("h1").textContent = document.title = "Open a picture";
  acceptPictures();
  schedule();
}

start().catch(fail);
