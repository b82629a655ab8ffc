"""Pictures of others: only the named formats are read, and none takes more memory than it may."""

from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from PIL.GifImagePlugin import GifImageFile

from cnnkit.data.photo import FRAMES, read_grey
from cnnkit.data.pictures import FORMATS, LARGEST_PICTURE
from cnnkit.errors import InputError

SIDE = 10_000  # twice as many pixels as allowed
EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\nshowpage\n%%EOF\n"


def png(width: int, height: int, depth: int, colour: int) -> bytes:
    """Return the bytes of a PNG file that says these sizes, and holds almost no pixels."""
    chunks = {
        b"IHDR": struct.pack(">2I5B", width, height, depth, colour, 0, 0, 0),
        b"IDAT": zlib.compress(bytes(1000)),
        b"IEND": b"",
    }
    parts = [b"\x89PNG\r\n\x1a\n"]
    for name, content in chunks.items():
        check = struct.pack(">I", zlib.crc32(name + content))
        parts.append(struct.pack(">I", len(content)) + name + content + check)
    return b"".join(parts)


def saved(kind: str, side: int, mode: str = "1", **options: object) -> bytes:
    content = io.BytesIO()
    Image.new(mode, (side, side)).save(content, kind, **options)
    return content.getvalue()


def with_sizes(content: bytes, at: int, form: str) -> bytes:
    return content[:at] + struct.pack(form, SIDE, SIDE) + content[at + struct.calcsize(form) :]


def bombs() -> dict[str, Callable[[], bytes]]:
    return {
        "png, 16 bits": lambda: png(SIDE, SIDE, 16, 0),
        "png, RGBA": lambda: png(SIDE, SIDE, 8, 6),
        "png, beyond Pillow's own limit": lambda: png(99_999, 99_999, 8, 6),
        "tiff": lambda: saved("TIFF", SIDE, compression="group4"),
        "gif": lambda: with_sizes(saved("GIF", 1), 6, "<2H"),
        "bmp": lambda: with_sizes(saved("BMP", 1), 18, "<2i"),
        "webp": lambda: saved("WEBP", 12_000, "RGB", quality=0, method=0),
    }


@pytest.mark.parametrize("name", bombs())
def test_a_picture_of_too_many_pixels_is_refused_undecoded(tmp_path: Path, name: str) -> None:
    path = tmp_path / "bomb"
    path.write_bytes(bombs()[name]())
    assert path.stat().st_size < 1_000_000
    program = (
        "import resource, sys; from pathlib import Path; from cnnkit.data.photo import read_grey\n"
        "from cnnkit.errors import InputError\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try: next(read_grey(Path(sys.argv[1])))\n"
        "except InputError as error: print(error.reason)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, path], capture_output=True, text=True, check=True
    )
    reason, kilobytes = done.stdout.splitlines()
    assert "pixels, more than 50,000,000" in reason
    assert int(kilobytes) < 50_000


def test_the_limit_is_said_and_a_picture_below_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "long.png"
    Image.new("1", (LARGEST_PICTURE // 1000 + 1, 1000)).save(path)
    with pytest.raises(InputError, match=r"has 50001x1000 pixels, more than 50,000,000"):
        next(read_grey(path))
    Image.new("1", (LARGEST_PICTURE // 100_000, 1000)).save(path)
    assert next(read_grey(path)).shape == (1000, 500)


def test_a_deep_picture_takes_little_more_than_its_values(tmp_path: Path) -> None:
    path = tmp_path / "deep.png"
    Image.new("I;16", (2000, 2000)).save(path)
    tracemalloc.start()
    next(read_grey(path))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 * 8 * 2000 * 2000


def test_an_eps_file_does_not_start_ghostscript(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = tmp_path / "ran"
    program = tmp_path / "gs"
    program.write_text(f"#!/bin/sh\ntouch '{ran}'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    (tmp_path / "x.eps").write_bytes(EPS)
    with pytest.raises(InputError, match="is not a picture"):
        next(read_grey(tmp_path / "x.eps"))
    assert not ran.exists()


@pytest.mark.parametrize("kind", ["PPM", "ICO", "TGA", "PCX", "JPEG2000", "DDS", "SGI"])
def test_other_formats_than_the_named_are_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x.png"
    Image.new("RGB", (16, 16)).save(path, kind)
    with pytest.raises(InputError, match="is not a picture") as caught:
        next(read_grey(path))
    assert "PNG, JPEG, WEBP, GIF, BMP or TIFF" in str(caught.value)


@pytest.mark.parametrize("kind", FORMATS)
def test_every_named_format_is_read(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x"
    Image.new("L", (16, 12), 77).save(path, kind)
    assert next(read_grey(path)).shape == (12, 16)


def test_only_the_first_of_many_frames_are_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.gif"
    frames = [Image.new("L", (100, 100), 255 - level) for level in range(2 * FRAMES)]
    frames[0].save(path, save_all=True, append_images=frames[1:])
    decoded, load = [], GifImageFile.load

    def noting(image: GifImageFile) -> Any:
        decoded.append(image.tell())
        return load(image)

    monkeypatch.setattr(GifImageFile, "load", noting)
    assert next(read_grey(path)).shape == (100, 100)
    assert 0 < max(decoded) < FRAMES
