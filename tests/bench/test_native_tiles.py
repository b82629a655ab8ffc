"""Executed FLOP count the tiles that the native engine computes, not what Python assumes."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from cnnkit import ops
from cnnkit.bench.measure.native_flop import non_blank
from cnnkit.data.dataset import Dataset

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / "tests" / "native" / "list_tiles.cpp"
FLAGS = {
    "avx2": ("-mavx2", "-mfma"),
    "avx512": ("-mavx2", "-mfma", "-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl"),
}
ISAS = [isa for isa in FLAGS if isa in ops.available_isas()]
COMPILER = os.environ.get("CXX") or shutil.which("g++") or shutil.which("clang++")


@pytest.fixture(scope="module", params=ISAS)
def program(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program that lists tiles, with the engine of one instruction set inside."""
    if COMPILER is None:
        pytest.skip("there is no C++ compiler")
    isa = request.param
    (engine,) = (
        file
        for file in (ROOT / "csrc").rglob(f"*{isa}.cpp")
        if "infer.inl.h" in file.read_text(encoding="utf-8")
    )
    reference = engine.with_name(engine.name.replace(isa, "scalar"))
    built = tmp_path_factory.mktemp("tiles") / f"list_tiles_{isa}"
    options = ["-std=c++17", "-O1", "-w", f"-I{ROOT / 'csrc'}", f'-DENGINE="{engine}"', *FLAGS[isa]]
    done = subprocess.run(
        [COMPILER, *options, PROGRAM, reference, "-o", built],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return built


@pytest.fixture(scope="module")
def images(mnist: Dataset) -> NDArray[np.uint8]:
    """Digits, noise, each pixel alone, a blank image and a white one: uint8 [n, 1, 28, 28]."""
    draw = np.random.default_rng(0)
    noise = draw.integers(0, 256, (40, 784)) * (draw.random((40, 784)) < 0.02)
    single = np.eye(784) * draw.integers(1, 256, (784, 1))
    white = np.full((1, 784), 255)
    rest = np.concatenate([noise, single, np.zeros((1, 784)), white]).astype(np.uint8)
    return np.concatenate([mnist.test.images[:200], rest.reshape(-1, 1, 28, 28)])


def test_the_engine_computes_the_tiles_whose_flop_are_counted(
    program: Path, images: NDArray[np.uint8]
) -> None:
    done = subprocess.run([program], input=images.tobytes(), capture_output=True, check=True)
    lines = [line.split() for line in done.stdout.decode().splitlines()]
    tiles, windows = (
        ["".join("01"[mark] for mark in marks.ravel().astype(int)) for marks in each]
        for each in non_blank(images)
    )
    assert [line[0] for line in lines] == tiles, "in inference"
    assert [line[1] for line in lines] == tiles, "in training"
    assert [line[2] for line in lines] == windows
