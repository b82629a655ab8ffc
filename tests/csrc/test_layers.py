"""Which folder of csrc may include which: kernels below, what runs networks above."""

from __future__ import annotations

import re
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

CSRC = Path(__file__).parents[2] / "csrc"

# Of every folder those whose files it may include besides its own. "" holds kernels.h.
KERNELS = {"", "cpu/simd", "conv", "conv/winograd", "conv/winograd_f2x2"}
MAY_INCLUDE: dict[str, set[str]] = {
    "": set(),
    "cpu": {""},
    "cpu/simd": {""},
    "conv": {"", "cpu/simd"},
    "conv/winograd": {"", "cpu/simd", "conv"},
    "conv/winograd_f2x2": {"", "cpu/simd", "conv"},
    "conv_backward": {"", "cpu/simd", "conv"},
    "ops": {"", "cpu/simd"},
    "roofline": {"", "cpu/simd"},
    "cpu/targets": {*KERNELS, "conv_backward", "ops", "roofline", "cpu"},
    "runtime": {"", "cpu", "conv"},
    "mnist": {"", "runtime"},
    "mnist/targets": {"", "cpu/simd", "mnist"},
    "program": {"", "runtime"},
    "program/fast": {"", "cpu/simd", "conv/winograd"},
    "program/targets": {"", "cpu", "cpu/simd", "conv/winograd", "program", "program/fast"},
    "program/int8": {"", "runtime", "program"},
    "program/int8/targets": {"", "cpu", "cpu/simd", "program/int8"},
    "training": {"", "runtime", "program"},
    "training/kernels": {"", "cpu/simd"},
    "training/targets": {"", "cpu/simd", "conv/winograd", "training", "training/kernels"},
    "engines": {"", "runtime", "mnist", "training"},
    "python": {
        *("", "cpu", "roofline", "runtime", "mnist", "program", "program/int8", "training"),
        "engines",
    },
    "onnxruntime": {"", "cpu", "runtime"},
}
C_KERNELS = CSRC.parent / "cnnkit/formats/c/kernels"  # which csrc/program/ compiles
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)


def folder(name: str) -> str:
    return name.rpartition("/")[0]


def sources() -> list[str]:
    found = [file for file in CSRC.rglob("*") if file.suffix in {".h", ".cpp"}]
    return sorted(file.relative_to(CSRC).as_posix() for file in found)


def includes(name: str) -> list[str]:
    found = INCLUDE.findall((CSRC / name).read_text())
    kernels = [other for other in found if other.endswith(".c")]
    assert not kernels or name in ("program/kernels.inl.h", "program/int8/kernels.inl.h")
    assert all((C_KERNELS / other).is_file() for other in kernels)
    return [other for other in found if other not in kernels]


def offences(name: str, included: list[str]) -> list[str]:
    """Return what this file includes though its folder may not."""
    allowed = {folder(name), *MAY_INCLUDE[folder(name)]}
    return [other for other in included if folder(other) not in allowed]


def test_every_folder_with_sources_has_its_place() -> None:
    assert {folder(name) for name in sources()} == set(MAY_INCLUDE)


def test_what_may_be_included_goes_one_way() -> None:
    order = list(TopologicalSorter(MAY_INCLUDE).static_order())  # raises where there is a cycle
    assert set(order) == set(MAY_INCLUDE)


@pytest.mark.parametrize("name", sources())
def test_a_file_includes_only_what_its_folder_may(name: str) -> None:
    included = includes(name)
    assert all((CSRC / other).is_file() for other in included)
    assert offences(name, included) == []


def test_the_scan_sees_includes() -> None:
    assert "mnist/engine.h" in includes("engines/engines.cpp")
    assert sum(len(includes(name)) for name in sources()) > 100


@pytest.mark.parametrize(
    ("name", "included"),
    [
        ("kernels.h", "mnist/mnist.h"),
        ("conv/direct.inl.h", "runtime/buffer.h"),
        ("ops/adam.inl.h", "conv/pool.inl.h"),
        ("cpu/targets/avx2.cpp", "mnist/mnist.h"),
        ("runtime/engine.cpp", "mnist/engine.h"),
        ("mnist/engine.cpp", "engines/engines.h"),
    ],
)
def test_an_include_that_climbs_is_found(name: str, included: str) -> None:
    assert offences(name, [included]) == [included]


def test_every_size_has_64_bits_on_windows_too() -> None:
    """`long` has 32 bits there: products of sizes overflow before they are seen to be too large."""
    for path in sorted(CSRC.rglob("*.*")):
        lines = path.read_text().splitlines() if path.suffix in (".h", ".cpp") else []
        for number, line in enumerate(lines, 1):
            code = line.partition("//")[0].replace("long long", "")
            assert not re.search(r"\blong\b|\d[uU]?[lL]\b", code), f"{path}:{number}"
