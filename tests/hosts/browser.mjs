// Headless Chromium by playwright-core of the folder `modules`, and files that it can open.

import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { basename, extname, join } from "node:path";

const TYPES = { ".html": "text/html", ".css": "text/css", ".mjs": "text/javascript", ".wasm": "application/wasm" };

export function launch(modules) {
  const { chromium } = createRequire(join(modules, "/"))("playwright-core");
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--no-first-run"],
  });
}

// Serves a folder until close(); its address shows index.html, or the HTML text `start`.
export async function serve(folder, start = null) {
  const server = createServer(({ url }, response) => {
    const name = url === "/" ? "index.html" : basename(url);
    try {
      const content = url === "/" && start !== null ? start : readFileSync(join(folder, name));
      response.setHeader("Content-Type", TYPES[extname(name)]);
      response.end(content);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { address: `http://127.0.0.1:${server.address().port}/`, close: () => server.close() };
}
