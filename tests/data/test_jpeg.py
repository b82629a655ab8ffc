"""Plain JPEG files give the same facts and pixels without `Image.open`, be they damaged or not."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cnnkit.data.jpeg import decoded, plain_header
from cnnkit.data.own import decoder
from cnnkit.data.own.decoder import read_picture
from cnnkit.graph.preprocessing import Preprocessing, Resize

RECORD = replace(Preprocessing.of((3, 8, 8)), resize=Resize("stretch", "bilinear", True))


def jpeg(mode: str = "RGB", size: tuple[int, int] = (17, 9), **options: Any) -> bytes:
    bands = {"L": 1, "RGB": 3, "CMYK": 4}[mode]
    generator = np.random.default_rng(5)
    coarse = generator.integers(0, 256, (4, 4, bands), np.uint8)
    layers = [Image.fromarray(coarse[..., band]).resize(size) for band in range(bands)]
    picture = layers[0] if bands == 1 else Image.merge(mode, layers)
    content = io.BytesIO()
    picture.save(content, "JPEG", **options)
    return content.getvalue()


PLAIN: dict[str, Callable[[], bytes]] = {
    "gray": lambda: jpeg("L"),
    "one pixel": lambda: jpeg(size=(1, 1)),
    "whole chroma": lambda: jpeg(subsampling=0, quality=95),
    "half chroma": lambda: jpeg(subsampling=1),
    "progressive": lambda: jpeg(progressive=True, size=(40, 50)),
    "optimised": lambda: jpeg(optimize=True),
    "restarts": lambda: jpeg(restart_marker_rows=1, size=(40, 50)),
    "comment": lambda: jpeg(comment=b"\xff\xda"),
    "rest behind it": lambda: jpeg() + b"\xff\xd8 more",
}
OTHERS: dict[str, Callable[[], bytes]] = {
    "four inks": lambda: jpeg("CMYK"),
    "a camera's notes": lambda: jpeg(exif=b"Exif\0\0II*\0\x08\0\0\0\0\0"),
    "a colour profile": lambda: jpeg(icc_profile=b"profile"),
    "a short JFIF part": lambda: jpeg().replace(b"\0\x10JFIF", b"\0\x06JFIF", 1),
    "12 bits": lambda: jpeg().replace(b"\0\x11\x08\0\x09", b"\0\x11\x0c\0\x09", 1),
    "too many pixels": lambda: jpeg().replace(
        b"\0\x11\x08\0\x09\0\x11", b"\0\x11\x08\xff\xff\xff\xff", 1
    ),
    "no height": lambda: jpeg().replace(b"\0\x11\x08\0\x09", b"\0\x11\x08\0\0", 1),
    "nothing behind the head": lambda: jpeg()[:30],
    "another format": lambda: b"\x89PNG\r\n\x1a\n",
    "nothing": lambda: b"",
}


@pytest.mark.parametrize("name", PLAIN)
def test_a_plain_jpeg_has_the_bytes_of_image_open(name: str) -> None:
    content = PLAIN[name]()
    header = plain_header(content)
    assert header is not None
    with Image.open(io.BytesIO(content)) as usual:
        assert header == (usual.mode, usual.size)
        made = decoded(content, *header)
        assert made is not None
        assert made.tobytes() == usual.tobytes()


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_not_plain_is_left_to_image_open(name: str) -> None:
    assert plain_header(OTHERS[name]()) is None


@pytest.mark.parametrize("name", ["gray", "progressive"])
def test_damaged_jpegs_are_judged_as_by_image_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    content, generator = PLAIN[name](), np.random.default_rng(11)
    path = tmp_path / "picture.jpg"
    damaged = [content[:end] for end in range(2, len(content), 41)] + [content[:-2]]
    for _ in range(60):
        changed = bytearray(content)
        at = int(generator.integers(2, 700 if generator.random() < 0.8 else len(content)))
        changed[at % len(content)] = generator.integers(256)
        damaged.append(bytes(changed))
    read = 0
    for changed in damaged:
        path.write_bytes(changed)
        facts, pixels = read_picture(str(path), RECORD)
        looked, _ = read_picture(str(path), None)
        with monkeypatch.context() as without:
            without.setattr(decoder, "plain_header", lambda content: None)
            usual, same = read_picture(str(path), RECORD)
            assert looked == read_picture(str(path), None)[0]
        assert facts == usual
        assert (pixels is None) == (same is None)
        if pixels is not None and same is not None:
            assert (pixels == same).all()
            read += plain_header(changed) is not None
    assert read > 10
