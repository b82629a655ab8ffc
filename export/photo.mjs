// Reads a picture file: PGM, PPM and PAM; JPEG, PNG, WebP and others if the package sharp is installed.

import { readNetpbm } from "./netpbm.mjs";

/** Returns {pixels, channels, height, width} from the bytes of a file; throws what is wrong with it. */
export async function readPhoto(bytes) {
  if (bytes[0] === 80) return readNetpbm(bytes); // P5, P6 or P7
  const sharp = await load();
  if (!sharp) throw new Error("is not a PGM, PPM or PAM file; `npm install sharp` reads JPEG, PNG and WebP files as well");
  const { depth, space } = await orThrow(sharp(bytes).metadata());
  if (depth !== "uchar") throw new Error("has other than 8 bits a sample");
  if (space === "cmyk") throw new Error("is a picture in CMYK colours; save it as RGB");
  // Turned as the camera noted, with the colours as they are stored.
  const picture = sharp(bytes, { ignoreIcc: true, failOn: "truncated" }).rotate().toColourspace("srgb").raw();
  const { data, info } = await orThrow(picture.toBuffer({ resolveWithObject: true }));
  return { pixels: data, channels: info.channels, height: info.height, width: info.width };
}

function orThrow(promise) {
  return promise.catch((error) => {
    throw new Error(`is not a picture, or damaged (${error.message})`);
  });
}

async function load() {
  try {
    return (await import("sharp")).default;
  } catch {
    return null;
  }
}
