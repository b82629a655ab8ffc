"""Small folders of pictures: `make_folders(tmp_path, {"cat": 4, "dog": 4})`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from cnnkit.data.dataset import Dataset
from cnnkit.data.load import load_dataset
from cnnkit.data.own.options import PictureOptions


def noise(seed: int, size: tuple[int, int] = (8, 8), mode: str = "RGB") -> Image.Image:
    """Return a picture that no other seed has."""
    shape = (size[1], size[0], 3) if mode == "RGB" else (size[1], size[0])
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, shape, np.uint8), mode)


def save(path: Path, picture: Image.Image) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path)
    return path


def make_folders(root: Path, counts: Mapping[str, int], first: int = 0) -> Path:
    """Write as many pictures into each folder: `root/cat/0.png` and so on."""
    for folder, count in counts.items():
        for index in range(count):
            save(root / folder / f"{index}.png", noise(first))
            first += 1
    return root


def load(root: Path, quiet: bool = True, **options: object) -> Dataset:
    return load_dataset(folder=root, quiet=quiet, options=PictureOptions(**options))  # type: ignore[arg-type]
