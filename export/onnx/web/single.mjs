// Packs a built page into one HTML file, which opens from disk without a server or a request:
// build.sh wasm mnist.c site && node single.mjs site page.html

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const [site, to] = process.argv.slice(2);
const text = (name) => readFileSync(join(site, name), "utf8");
const data = (type, content) => `data:${type};base64,${Buffer.from(content).toString("base64")}`;
const names = readdirSync(site);
const types = { ".wasm": "application/wasm", ".onnx": "application/octet-stream" };
const files = names.filter((name) => types[name.slice(-5)]);
if (files.some((name) => name.endsWith(".onnx"))) {
  console.error("single.mjs: ONNX Runtime loads its own files; use a page built by `build.sh wasm`");
  process.exit(2);
}

// Modules of an HTML file from disk may not import files: an import map gives each as a data URL.
function packed(name) {
  let source = text(name).replace(/(from|import) "\.\/([^"]+)"/g, '$1 "$2"');
  for (const file of files) {
    source = source.replaceAll(`"${file}"`, JSON.stringify(data(types[file.slice(-5)], readFileSync(join(site, file)))));
  }
  return data("text/javascript", source);
}

const modules = names.filter((name) => name.endsWith(".mjs"));
const imports = Object.fromEntries(modules.map((name) => [name, packed(name)]));
const script = `<script type="importmap">${JSON.stringify({ imports })}</script>\n<script type="module">import "app.mjs";</script>`;
const page = text("index.html")
  .replace('<link rel="stylesheet" href="style.css">', () => `<style>\n${text("style.css")}</style>`)
  .replace('<script type="module" src="app.mjs"></script>', () => script);
writeFileSync(to, page);
