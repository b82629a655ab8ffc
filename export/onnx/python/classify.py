"""Classify pictures of the network's size: `python classify.py mnist.onnx a.png b.png`."""

from __future__ import annotations

import base64
import json
import sys

import numpy as np
import onnxruntime
from PIL import Image

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


def read_picture(path: str, height: int, width: int) -> np.ndarray:
    """Return a grey picture as uint8 [1, H, W]; for MNIST a white digit on black."""
    with Image.open(path, formats=FORMATS) as picture:
        if picture.size != (width, height):
            raise ValueError(f"is {picture.width}x{picture.height}, not {width}x{height} pixels")
        return np.asarray(picture.convert("L"), dtype=np.uint8)[None]


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
            images.append(read_picture(path, *metadata["imgsz"]))
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
