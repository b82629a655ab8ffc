"""The IDX reader accepts exactly the format, and names every fault."""

from __future__ import annotations

import gzip
import struct
import tracemalloc
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from cnnkit.data.idx import decompress, format_idx, parse_idx, read_idx, write_idx
from cnnkit.errors import InputError, StorageError

arrays = hnp.arrays(np.uint8, hnp.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=6))


@given(arrays)
def test_what_is_formatted_is_parsed_back(array: NDArray[np.uint8]) -> None:
    again = parse_idx(format_idx(array), "x")
    assert again.dtype == np.uint8
    assert again.shape == array.shape
    assert (again == array).all()
    assert again.flags.writeable


@given(st.binary(max_size=80))
def test_arbitrary_bytes_are_an_array_or_an_input_error(content: bytes) -> None:
    try:
        array = parse_idx(decompress(content, "x"), "x")
    except InputError:
        return
    assert format_idx(array) == decompress(content, "x")


@given(arrays, st.booleans(), st.data())
def test_a_damaged_file_is_an_array_or_an_input_error(
    array: NDArray[np.uint8], packed: bool, data: st.DataObject
) -> None:
    content = bytearray(format_idx(array))
    if packed:
        content = bytearray(gzip.compress(content))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at] ^= data.draw(st.integers(1, 255))
    cut = bytes(content[: data.draw(st.integers(0, len(content)))])
    for damaged in (bytes(content), cut, bytes(content) + b"\1"):
        with suppress(InputError):
            parse_idx(decompress(damaged, "x"), "x")


@given(arrays, st.binary(min_size=1, max_size=3))
def test_one_byte_more_or_less_is_refused(array: NDArray[np.uint8], more: bytes) -> None:
    content = format_idx(array)
    with pytest.raises(InputError, match="too long"):
        parse_idx(content + more, "x")
    with pytest.raises(InputError, match=r"too short|ends inside|not an IDX file"):
        parse_idx(content[:-1], "x")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "has only 0 bytes"),
        (b"\0\0\x08", "has only 3 bytes"),
        (b"\1\0\x08\1" + bytes(4), "starts with 0x01000801"),
        (b"\0\0\x07\1" + bytes(4), "starts with 0x00000701"),
        (b"\0\0\x08\0", "starts with 0x00000800"),
        (b"\0\0\x08\xff" + bytes(2000), "starts with 0x000008ff"),
        (b"\0\0\x0d\1\0\0\0\1" + bytes(4), "holds float32 values"),
        (b"\0\0\x0c\1\0\0\0\1" + bytes(4), "holds int32 values"),
        (b"\0\0\x08\3\0\0\0\1\0\0", "ends inside its header"),
        (b"\0\0\x08\2" + struct.pack(">II", 2, 3) + bytes(5), "2x3, which takes 18 bytes"),
        (b"\0\0\x08\4" + struct.pack(">4I", 0, *[2**32 - 1] * 3), "impossible sizes"),
        (gzip.compress(bytes(100), mtime=0)[:-9], "is a truncated gzip file"),
        (b"\x1f\x8b" + bytes(30), "is a damaged gzip file"),
        (gzip.compress(bytes(100), mtime=0) + b"more", "is a damaged gzip file"),
    ],
)
def test_each_fault_is_named_with_its_file(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        read_idx(path)
    assert str(path) in str(caught.value)


def test_a_gzip_file_with_a_wrong_checksum_is_refused(tmp_path: Path) -> None:
    content = bytearray(gzip.compress(format_idx(np.arange(200, dtype=np.uint8))))
    content[-6] ^= 1
    path = tmp_path / "x"
    path.write_bytes(content)
    with pytest.raises(InputError, match="damaged gzip file"):
        read_idx(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\0\0\x08\1" + struct.pack(">I", 2**30), "unpacks to 1,073,741,832 bytes, more than"),
        (b"\0\0\x08\3" + struct.pack(">3I", *[2**32 - 1] * 3), "unpacks to .* unpack it with"),
        (b"\0\0\x08\1" + struct.pack(">I", 4), "is too long.* takes 12 bytes, but it has more"),
        (b"\0\0\0\0", "is not an IDX file"),
    ],
)
def test_a_gzip_bomb_is_refused_before_it_unpacks(content: bytes, message: str) -> None:
    packed = gzip.compress(content + bytes(100_000_000), compresslevel=1)
    tracemalloc.start()
    with pytest.raises(InputError, match=f"(?i){message}"):
        parse_idx(decompress(packed, "x"), "x")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000


def test_gzip_is_known_by_content_and_not_by_name(tmp_path: Path) -> None:
    array = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    write_idx(tmp_path / "a.gz", array)
    assert (tmp_path / "a.gz").read_bytes()[:2] == b"\x1f\x8b"
    (tmp_path / "a.gz").rename(tmp_path / "plain-name")
    write_idx(tmp_path / "b", array)
    (tmp_path / "b").rename(tmp_path / "b.gz")
    for name in ("plain-name", "b.gz"):
        assert (read_idx(tmp_path / name) == array).all()


def test_the_same_array_gives_the_same_gzip_bytes(tmp_path: Path) -> None:
    for name in ("a.gz", "b.gz"):
        write_idx(tmp_path / name, np.ones((3, 5), np.uint8))
    assert (tmp_path / "a.gz").read_bytes() == (tmp_path / "b.gz").read_bytes()


@pytest.mark.parametrize(
    "array", [np.zeros(3, np.int8), np.zeros((), np.uint8), np.zeros(2, np.float32)]
)
def test_only_uint8_of_some_rank_is_written(tmp_path: Path, array: NDArray[np.uint8]) -> None:
    with pytest.raises(InputError):
        write_idx(tmp_path / "x", array)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_not_there_is_a_storage_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="nothing-here"):
        read_idx(tmp_path / "nothing-here")
