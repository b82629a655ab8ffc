"""Classify pictures: `python classify.py mnist.onnx a.png b.jpg`."""

from __future__ import annotations

import base64
import json
import sys

import numpy as np
import onnxruntime
from PIL import Image, ImageOps

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")  # some others run programs


def open_model(path: str) -> tuple[onnxruntime.InferenceSession, dict]:
    """Return a session and the model's metadata: `names`, `imgsz`, `channels` and more."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # faster for a network this small
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    texts = session.get_modelmeta().custom_metadata_map
    return session, {key: json.loads(text) for key, text in texts.items()}


def classify(session: onnxruntime.InferenceSession, images: np.ndarray) -> tuple:
    """Return labels int64 [N] and probabilities float32 [N, K] of images uint8 [N, C, H, W]."""
    label, probabilities = session.run(["label", "probabilities"], {"image": images})
    return label, probabilities


def self_test(session: onnxruntime.InferenceSession, metadata: dict) -> str:
    """Run the golden images in the model's metadata; return an error message, or "" if all is well.

    Detects an incompatible runtime, a broken build or a damaged file before the first prediction.
    """
    golden = {key: metadata[f"cnnkit.golden.{key}"] for key in ("labels", "logits", "tolerance")}
    pixels = np.frombuffer(base64.b64decode(metadata["cnnkit.golden.images"]), np.uint8)
    images = pixels.reshape(-1, metadata["channels"], *metadata["imgsz"])
    label, logits = session.run(["label", "logits"], {"image": images})
    error = float(np.abs(logits - np.array(golden["logits"])).max())
    if label.tolist() == golden["labels"] and error <= golden["tolerance"]:
        return ""
    wrong = int((label != np.array(golden["labels"])).sum())
    return f"{wrong} of {len(label)} golden labels differ, the largest logit error is {error:.2e}"


def read_picture(path: str, metadata: dict) -> np.ndarray:
    """Return a picture as uint8 [C, H, W], prepared as the metadata say; for MNIST as it is."""
    record = metadata["cnnkit.preprocessing"]
    mode = "RGB" if metadata["channels"] == 3 else "L"
    with Image.open(path, formats=FORMATS) as picture:
        if record.get("orientation") == "exif":
            ImageOps.exif_transpose(picture, in_place=True)
        image = resize(flatten(picture).convert(mode), metadata["imgsz"], record.get("resize", {}))
    pixels = np.asarray(image, np.uint8)
    return pixels[None] if mode == "L" else np.ascontiguousarray(pixels.transpose(2, 0, 1))


def flatten(picture: Image.Image) -> Image.Image:
    """Return a picture of 8 bits, gray or RGB; if it is transparent, on white."""
    if picture.mode[0] == "I":  # 16 bits
        levels = (np.clip(np.asarray(picture, np.int64), 0, 65535) + 128) // 257
        return Image.fromarray(levels.astype(np.uint8))
    if "A" in picture.getbands() or "transparency" in picture.info:
        layer = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
    return picture if picture.mode == "L" else picture.convert("RGB")


def resize(picture: Image.Image, imgsz: list[int], how: dict) -> Image.Image:
    """Bring a picture to [height, width]: the same bytes as in training, with Pillow 13."""
    size = (imgsz[1], imgsz[0])
    kind = how.get("mode", "none")
    if kind == "none":
        if picture.size != size:
            raise ValueError(f"is {picture.width}x{picture.height}, not {size[0]}x{size[1]} pixels")
        return picture
    method = Image.Resampling[how["filter"].upper()]
    if kind == "pad":
        fill = (how["fill"],) * len(picture.getbands())
        return pad(picture, size, method, fill if len(fill) > 1 else fill[0])
    return ImageOps.fit(picture, size, method) if kind == "crop" else picture.resize(size, method)


def pad(picture: Image.Image, size: tuple, method: Image.Resampling, fill: object) -> Image.Image:
    """Do as ImageOps.pad, but of a very narrow picture keep one row or column."""
    width, height = picture.size
    inner = size
    if width / height > size[0] / size[1]:
        inner = size[0], max(1, round(height / width * size[0]))
    elif width / height < size[0] / size[1]:
        inner = max(1, round(width / height * size[1])), size[1]
    result = Image.new(picture.mode, size, fill)
    corner = round((size[0] - inner[0]) / 2), round((size[1] - inner[1]) / 2)
    result.paste(picture.resize(inner, method), corner)
    return result


def main(model: str, paths: list[str]) -> int:
    """Print a line per picture; return the exit code."""
    session, metadata = open_model(model)
    failure = self_test(session, metadata)
    if failure:
        print(f"{model}: the self-test failed: {failure}", file=sys.stderr)
        return 1
    images = []
    for path in paths:
        try:
            images.append(read_picture(path, metadata))
        except (OSError, ValueError) as error:
            print(f"{path}: {error}", file=sys.stderr)
            return 2
    names = metadata["names"]
    for path, label, row in zip(paths, *classify(session, np.stack(images)), strict=True):
        shares = ", ".join(f"{name}: {share:.3f}" for name, share in zip(names, row, strict=True))
        print(f"{path}: {names[label]}  ({shares})")
    return 0


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit("usage: classify.py MODEL PICTURE...")
    sys.exit(main(sys.argv[1], sys.argv[2:]))
