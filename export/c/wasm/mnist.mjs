// The network in a browser or in Node: const model = await open(fetch("mnist.wasm"))

export class SelfTestError extends Error {}

/**
 * Opens mnist.wasm, given as a Response or its bytes or a promise of one of them, and proves it on
 * the pictures that it carries, if it does; throws SelfTestError if an answer is off.
 *
 * Returns {names, height, width, classify, selfTest}; selfTest says what was proven.
 */
export async function open(source) {
  const given = await source;
  if (given.ok === false) throw new Error(`${given.url} cannot be fetched (${given.status})`);
  const bytes = given.arrayBuffer ? await given.arrayBuffer() : given;
  const { exports } = (await WebAssembly.instantiate(bytes)).instance;
  const { buffer } = exports.memory;
  const [height, width, classes] = [exports.height(), exports.width(), exports.classes()];
  const pixels = new Uint8Array(buffer, exports.pixels(), height * width);
  const probabilities = new Float32Array(buffer, exports.probabilities(), classes);
  const wrong = exports.self_test?.() ?? 0;
  if (wrong) throw new SelfTestError(`the self-test failed: ${wrong} golden pictures come out wrong`);
  return {
    names: Array.from({ length: classes }, (_, k) => text(buffer, exports.name(k))),
    height,
    width,
    selfTest: exports.self_test ? "golden pictures come out right" : "carries no golden pictures",

    /** Returns {label, probabilities} of raw pixels, Uint8Array [height * width]. */
    classify(image) {
      if (image.length !== pixels.length) throw new RangeError(`takes ${pixels.length} pixels`);
      pixels.set(image);
      const label = exports.predict();
      return { label, probabilities: probabilities.slice() };
    },
  };
}

// A string of C.
function text(buffer, address) {
  const bytes = new Uint8Array(buffer, address);
  return new TextDecoder().decode(bytes.subarray(0, bytes.indexOf(0)));
}
