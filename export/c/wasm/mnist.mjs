// The network in a browser or in Node: const model = await open(fetch("mnist.wasm"))

// In the order of fitting.h.
const MODES = ["none", "stretch", "pad", "crop"];
const FILTERS = ["nearest", "box", "bilinear", "bicubic", "lanczos"];

export class SelfTestError extends Error {}

/**
 * Opens mnist.wasm, given as a Response, as bytes or as a promise of either, and runs its golden
 * images, if it has any; throws SelfTestError if an output is off.
 *
 * Returns {names, height, width, preprocessing, classify, selfTest}; preprocessing is the record that
 * fitting.mjs takes, selfTest describes the result of the test.
 */
export async function open(source) {
  const given = await source;
  if (given.ok === false) throw new Error(`${given.url} cannot be fetched (${given.status})`);
  const bytes = given.arrayBuffer ? await given.arrayBuffer() : given;
  const { exports } = (await WebAssembly.instantiate(bytes)).instance;
  const { buffer } = exports.memory;
  const [height, width, classes] = [exports.height(), exports.width(), exports.classes()];
  const channels = exports.channels();
  const pixels = new Uint8Array(buffer, exports.pixels(), channels * height * width);
  const probabilities = new Float32Array(buffer, exports.probabilities(), classes);
  const wrong = exports.self_test?.() ?? 0;
  if (wrong) throw new SelfTestError(`the self-test failed: ${wrong} golden pictures come out wrong`);
  return {
    names: Array.from({ length: classes }, (_, k) => text(buffer, exports.name(k))),
    height,
    width,
    preprocessing: {
      size: [channels, height, width],
      colour: { 1: "gray", 3: "rgb" }[channels],
      layout: "NCHW",
      resize: {
        mode: MODES[exports.resize_mode()],
        filter: FILTERS[exports.resize_filter()],
        antialias: true,
        fill: exports.resize_fill(),
      },
    },
    selfTest: exports.self_test ? "golden pictures come out right" : "carries no golden pictures",

    /** Returns {label, probabilities} of raw pixels, Uint8Array [channels * height * width]. */
    classify(image) {
      if (image.length !== pixels.length) throw new RangeError(`takes ${pixels.length} pixels`);
      pixels.set(image);
      const label = exports.predict();
      return { label, probabilities: probabilities.slice() };
    },
  };
}

// Reads a C string.
function text(buffer, address) {
  const bytes = new Uint8Array(buffer, address);
  return new TextDecoder().decode(bytes.subarray(0, bytes.indexOf(0)));
}
