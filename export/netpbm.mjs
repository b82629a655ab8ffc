// Reads a binary PGM, PPM or PAM file (P5, P6, P7) of 8 bits.

const LARGEST_PICTURE = 50_000_000; // pixels
const CHANNELS = { GRAYSCALE: 1, GRAYSCALE_ALPHA: 2, RGB: 3, RGB_ALPHA: 4 };
const PAM_LINES = { WIDTH: "width", HEIGHT: "height", DEPTH: "channels", MAXVAL: "most", TUPLTYPE: "type" };

/** Returns {pixels, channels, height, width} from the bytes of a file; throws what is wrong with it. */
export function readNetpbm(bytes) {
  const kind = String.fromCharCode(...bytes.subarray(0, 2));
  if (!["P5", "P6", "P7"].includes(kind) || bytes.length < 3) {
    throw new Error("is not a binary PGM, PPM or PAM file");
  }
  const words = new Words(bytes, 2);
  const head = kind === "P7" ? pamHeader(words) : header(words, kind === "P5" ? 1 : 3);
  const { channels, height, width, most } = head;
  if (!(width >= 1 && height >= 1 && most >= 1)) throw new Error("has a damaged header");
  if (most !== 255) throw new Error("has other than 8 bits a sample");
  if (width * height > LARGEST_PICTURE) throw new Error("has too many pixels");
  if (!isSpace(bytes[words.at])) throw new Error("has a damaged header");
  const pixels = bytes.subarray(words.at + 1, words.at + 1 + width * height * channels);
  if (pixels.length < width * height * channels) throw new Error("is cut off");
  return { pixels, channels, height, width };
}

const isSpace = (letter) => letter === 32 || (letter >= 9 && letter <= 13);

// The words of a header, between white space and comments.
class Words {
  constructor(bytes, at) {
    Object.assign(this, { bytes, at });
  }

  next(accepts = (letter) => !isSpace(letter)) {
    const { bytes } = this;
    for (; isSpace(bytes[this.at]) || bytes[this.at] === 35; ++this.at) {
      if (bytes[this.at] !== 35) continue;
      while (this.at < bytes.length && bytes[this.at] !== 10 && bytes[this.at] !== 13) ++this.at; // a comment
    }
    const start = this.at;
    while (this.at < bytes.length && accepts(bytes[this.at]) && this.at - start < 16) ++this.at;
    return String.fromCharCode(...bytes.subarray(start, this.at));
  }

  number() {
    const digits = this.next((letter) => letter >= 48 && letter <= 57);
    return /^\d{1,8}$/.test(digits) ? Number(digits) : -1;
  }
}

function header(words, channels) {
  const [width, height, most] = [words.number(), words.number(), words.number()];
  return { channels, height, width, most };
}

function pamHeader(words) {
  const head = { channels: -1, height: -1, width: -1, most: -1 };
  for (let word = words.next(); word !== "ENDHDR"; word = words.next()) {
    const key = PAM_LINES[word];
    const isText = key === "type";
    if (!Object.hasOwn(PAM_LINES, word) || (isText && head.type)) throw new Error("has a PAM header of another kind");
    head[key] = isText ? words.next() : words.number();
  }
  const { channels, type } = head;
  if (!(channels >= 1 && channels <= 4) || (type !== undefined && CHANNELS[type] !== channels)) {
    throw new Error("has a PAM header of another kind");
  }
  return head;
}
