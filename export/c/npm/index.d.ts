/** What the network says of a picture. */
export interface Prediction {
  /** The name of the likeliest class. */
  label: string;
  /** Its number, from 0: `model.names[index]`. */
  index: number;
  /** Its probability, 0 to 1. */
  probability: number;
  /** The probability of each class, in the order of `model.names`. */
  probabilities: Float32Array;
  /** Whether the picture seems to show several digits: the prediction is then of little use. */
  several: boolean;
}

/** An `ImageData`, or what Node's picture decoders give: RGBA bytes, row by row. */
export interface Picture {
  readonly data: Uint8Array | Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
}

/** What a browser can decode or draw: a `File` or `Blob`, an `<img>`, a `<canvas>`, a `<video>`. */
export type Drawable = Exclude<Parameters<typeof createImageBitmap>[0], ImageData>;

export interface Model {
  /** The names of the classes. */
  readonly names: readonly string[];
  /** Channels of the network's input: 1 (gray) or 3 (RGB). */
  readonly channels: number;
  /** Height of the network's input in pixels. */
  readonly height: number;
  /** Width of the network's input in pixels. */
  readonly width: number;

  /**
   * Classifies raw pixels that have the network's size already: 0 to 255, not scaled,
   * `channels * height * width` bytes, channel by channel and row by row.
   *
   * @throws {RangeError} there are more or fewer pixels.
   */
  classify(pixels: Uint8Array): Prediction;

  /**
   * Classifies a picture of any size. It is prepared as the network's data was, or as one of MNIST's
   * digits if the network is one of those: the same steps as `cnnkit predict`.
   *
   * @returns null if the network reads digits and nothing stands out in the picture.
   * @throws {TypeError} it is no picture.
   */
  classify(picture: Picture): Prediction | null;

  /**
   * Decodes a picture in a browser or a worker, and classifies it. Node has no decoder of its own:
   * decode there (with sharp or pngjs, for example), and call `classify`.
   *
   * @throws {DOMException} the browser cannot decode it.
   */
  classifyPicture(picture: Drawable): Promise<Prediction | null>;
}

/**
 * Opens the network and, if it carries golden images, runs them as a self-test.
 *
 * @param source `mnist.wasm` as bytes or as a response, where it does not lie beside this module.
 * @throws {SelfTestError} an output of the self-test is off.
 */
export function load(
  source?: Uint8Array | ArrayBuffer | Response | Promise<Uint8Array | ArrayBuffer | Response>,
): Promise<Model>;

/** The module computes something else than what it was built from. */
export class SelfTestError extends Error {}
