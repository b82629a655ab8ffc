"""C of integers: its logits are ONNX Runtime's to the bit, on every compiler, in planned memory."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.checkout import ROOT
from support.corruptions import DAMAGES
from support.quantised import images_of, mixed_network

from cnnkit.data.dataset import Dataset, Split
from cnnkit.errors import InputError, VerdictError
from cnnkit.export.pipeline import export
from cnnkit.formats.c.source import read_c, write_c, write_c_int8
from cnnkit.formats.detect import detect, read_contract
from cnnkit.formats.onnx.quantize import write_onnx_int8
from cnnkit.formats.onnx.session import open_session
from cnnkit.formats.options import Options
from cnnkit.graph.architecture import Architecture
from cnnkit.graph.builder import Builder
from cnnkit.graph.convnet import INPUT, LOGITS
from cnnkit.graph.graph import Graph
from cnnkit.graph.networks import separable
from cnnkit.graph.quantised import run_integers
from cnnkit.graph.quantised.lowering import lower_integers
from cnnkit.graph.weights import Weights
from cnnkit.runtimes.c import build

STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror", "-DCNNKIT_NET_SELF_TEST"]
MAIN = '#include "net.h"\nint main(void) { return cnnkit_net_self_test(); }\n'
COMPILERS = {
    "gcc": ["gcc", "-std=c99", "-O1"],
    "vectors": ["gcc", "-std=gnu99", "-O3", "-mavx2", "-mfma"],
    "clang": ["clang", "-std=c99", "-O2"],
    "C++": ["g++", "-x", "c++", "-std=c++17", "-O1"],
    "undefined behaviour": [
        *("gcc", "-std=c99", "-O1", "-fsanitize=undefined,address", "-fno-sanitize-recover"),
    ],
}
M4 = ["-mcpu=cortex-m4", "-mfpu=fpv4-sp-d16", "-mfloat-abi=hard"]
M55 = ["-mcpu=cortex-m55", "-mfloat-abi=hard"]
BOARDS = {"cortex-m4": ("mps2-an386", M4), "cortex-m55": ("mps3-an547", M55)}
FIRMWARE = """\
#include "net.h"
#include "semihosting.h"
int main(void) {
    const int wrong = cnnkit_net_self_test();
    print(wrong ? "wrong\\n" : "right\\n");
    return wrong;
}
"""
LINK = ["-nostartfiles", "--specs=nano.specs", "-T", "board.ld", "-DCNNKIT_NET_OWN_EXPF",
        "-Wl,--defsym=stack_bytes=16384,--defsym=flash_bytes=4194304,--defsym=ram_bytes=4194304",
        "-o", "net.elf"]  # fmt: skip
BOARD = ["arm-none-eabi-gcc", "-std=c99", "-mthumb", "-O2", "-c", "net.c", "-o", "net.o"]


@pytest.fixture(scope="module")
def weights() -> Weights:
    return Weights(mixed_network(), {})


@pytest.fixture(scope="module")
def pictures() -> Dataset:
    split = Split(images_of(24), np.arange(24) % 5)
    return Dataset("drawn", split, split, tuple("abcde"), {}, "drawn")


@pytest.fixture(scope="module")
def options(pictures: Dataset) -> Options:
    return Options(pictures, stem="net", ranges="min-max")


@pytest.fixture(scope="module")
def folder(weights: Weights, options: Options, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("integers")
    files = write_c_int8(weights, options)
    (folder / "net.c").write_bytes(files[".int8.c"])
    (folder / "net.h").write_bytes(files[".h"])
    (folder / "main.c").write_text(MAIN)
    return folder


def test_its_logits_are_those_of_onnx_runtime_to_the_bit(
    folder: Path, weights: Weights, options: Options
) -> None:
    images = images_of(64, seed=9)
    source = read_c(folder / "net.c")
    content = write_onnx_int8(weights, options)[".int8.onnx"]
    (logits,) = open_session(content).run([LOGITS], {INPUT: images})
    np.testing.assert_array_equal(build(source)(images).logits, logits)
    np.testing.assert_array_equal(run_integers(source.weights.graph, images), logits)


def test_a_source_tells_its_format_and_its_network(folder: Path, weights: Weights) -> None:
    assert detect(folder / "net.c") == "c-int8"
    assert read_contract(folder / "net.c")["cnnkit.weights_sha256"] == weights.sha256
    graph = read_c(folder / "net.c").weights.graph
    assert "QLinearConv" in {node.operator for node in graph.nodes}


@pytest.mark.parametrize("name", COMPILERS)
def test_it_compiles_without_a_warning_and_tests_itself(
    folder: Path, name: str, tmp_path: Path
) -> None:
    program = tmp_path / "program"
    command = [*COMPILERS[name], *STRICT, "main.c", "net.c", "-o", program, "-lm"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert subprocess.run([program], check=False).returncode == 0


@pytest.mark.parametrize(
    "processor",
    [
        M4,
        ["-mcpu=cortex-m0"],
        M55,
        ["-mcpu=cortex-m55+nomve", "-mfloat-abi=hard"],
    ],
    ids=lambda flags: flags[0][6:],
)
def test_it_compiles_for_microcontrollers(folder: Path, processor: list[str]) -> None:
    done = subprocess.run(
        [*BOARD, *processor, *STRICT], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_code_that_computes_an_address_of_its_own_is_aligned(folder: Path, tmp_path: Path) -> None:
    """Compilers align functions to two bytes with -O0 and -Os, and jumps went two bytes astray."""
    made = tmp_path / "net.o"
    flags = [*M4, "-O0", "-ffunction-sections", "-c", "net.c", "-o", made]
    subprocess.run([*BOARD[:3], *flags], cwd=folder, check=True)
    headers = ["arm-none-eabi-objdump", "-h", made]
    listed = subprocess.run(headers, capture_output=True, text=True, check=True).stdout
    (power,) = re.findall(r"\.text\.run_tile .* 2\*\*(\d)\n", listed)
    assert int(power) >= 2


def self_test_on(processor: str, level: str, folder: Path, tmp_path: Path) -> str:
    """Return what an emulated microcontroller prints."""
    machine, flags = BOARDS[processor]
    if not shutil.which("qemu-system-arm"):
        pytest.skip("qemu-system-arm is not installed")
    board = ROOT / "export" / "c" / "cortex-m"
    for name in ("board.ld", "semihosting.h", "startup.c"):
        shutil.copy(board / name, tmp_path)
    for name in ("net.c", "net.h"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    (tmp_path / "main.c").write_text(FIRMWARE)
    command = [*BOARD[:3], level, *flags, *LINK, *STRICT[-1:], "main.c", "startup.c", "net.c"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    emulator = ["qemu-system-arm", "-M", machine, "-display", "none", "-kernel", "net.elf"]
    semihosting = ["-semihosting-config", "enable=on,target=native"]
    ran = subprocess.run(
        [*emulator, *semihosting], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    return ran.stdout + ran.stderr


@pytest.mark.parametrize("level", ["-O2", "-Os"])
@pytest.mark.parametrize("processor", BOARDS)
def test_it_has_the_same_logits_on_an_emulated_microcontroller(
    folder: Path, tmp_path: Path, processor: str, level: str
) -> None:
    """One multiplies in pairs, the other in vectors (Helium), and -Os leaves that out."""
    assert self_test_on(processor, level, folder, tmp_path) == "right\n"


def write(network: Graph, options: Options, tmp_path: Path) -> None:
    for suffix, content in write_c_int8(Weights(network, {}), options).items():
        (tmp_path / f"net{suffix.removeprefix('.int8')}").write_bytes(content)


KERNELS = [(1, 1), (1, 2), (3, 1), (1, 5), (3, 3), (2, 4), (5, 5), (4, 6), (2, 7), (3, 8)]


@pytest.mark.parametrize(
    "kernels", [KERNELS, *[[kernel] for kernel in KERNELS]], ids=lambda kernels: str(kernels)
)
def test_windows_of_one_channel_that_share_their_bytes_are_right(
    kernels: list[tuple[int, int]], pictures: Dataset, options: Options, tmp_path: Path
) -> None:
    """A kernel is compiled for its sizes if it is the only one, and for any size otherwise."""
    net = Builder((1, 9, 11))  # no row ends with a group of four
    pooled = []
    for rows, columns in kernels:
        x = net.conv(net.pixels, f"conv{rows}{columns}", 3, (rows, columns))
        pooled.append(net.add("GlobalAveragePool", f"mean{rows}{columns}", [x]))
    x = net.add("Concat", "all", pooled, axis=1) if len(pooled) > 1 else pooled[0]
    images = np.random.default_rng(4).integers(0, 256, (24, 1, 9, 11), dtype=np.uint8)
    split = Split(images, pictures.train.labels)
    data = replace(pictures, train=split, test=split)
    write(net.classifier(x, 5), replace(options, dataset=data), tmp_path)
    assert self_test_on("cortex-m4", "-O2", tmp_path, tmp_path) == "right\n"


def test_a_convolution_of_one_pixel_is_a_matrix(
    pictures: Dataset, options: Options, tmp_path: Path
) -> None:
    net = Builder((3, 12, 10))
    x = net.add("GlobalAveragePool", "mean", [net.unit(net.pixels, "stem", 8, 3, stride=2)])
    x = net.unit(net.unit(x, "fours", 6, 1), "others", 7, 1)
    write(net.classifier(x, 5), options, tmp_path)
    source = read_c(tmp_path / "net.c")
    text = source.files[".c"].decode()
    assert [text.count(f"    {kernel}(&layer") for kernel in ("gemm", "pointwise")] == [1, 1]
    images = images_of(40, seed=3)
    expected = run_integers(source.weights.graph, images)
    np.testing.assert_array_equal(build(source)(images).logits, expected)
    assert self_test_on("cortex-m4", "-O2", tmp_path, tmp_path) == "right\n"


def test_one_bit_of_a_weight_fails_the_self_test(folder: Path, tmp_path: Path) -> None:
    text = (folder / "net.c").read_text()
    start = text.index("{", text.index("int8_t weight2["))
    first = text[start + 1 : text.index(",", start)].strip()
    changed = text[:start] + text[start:].replace(first, str(int(first) ^ 1), 1)
    (tmp_path / "net.c").write_text(changed)
    for name in ("net.h", "main.c"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    command = ["gcc", "-DCNNKIT_NET_SELF_TEST", "main.c", "net.c", "-o", "program", "-lm"]
    subprocess.run(command, cwd=tmp_path, check=True)
    assert subprocess.run([tmp_path / "program"], check=False).returncode > 0


def test_constants_are_less_than_a_third_of_the_float_ones(
    weights: Weights, options: Options, pictures: Dataset
) -> None:
    architecture = Architecture()
    plain = Weights.of(architecture, architecture.initial_parameters(1), {})
    digits = np.random.default_rng(0).integers(0, 256, (20, 1, 28, 28), dtype=np.uint8)
    split = Split(digits, np.arange(20) % 10)
    data = replace(pictures, train=split, test=split, names=tuple("0123456789"))
    limits = replace(options, dataset=data, flash=3800, ram=6300)
    assert write_c_int8(plain, limits)
    with pytest.raises(VerdictError, match="--flash allows 3,800"):
        write_c(plain, replace(limits, ranges="best", ram=None))
    with pytest.raises(VerdictError, match="--ram allows 1,000"):
        write_c_int8(plain, replace(limits, ram=1000))


def test_of_a_convolution_before_a_max_pool_only_a_band_exists(
    pictures: Dataset, options: Options, tmp_path: Path
) -> None:
    net = Builder((3, 12, 10))
    x = net.max_pool(net.unit(net.pixels, "stem", 10, 3), "halves")
    x = net.unit(x, "next", 7, 3)
    around = {"kernel_shape": (2, 3), "strides": (3, 3), "pads": (1, 1, 1, 0)}
    x = net.add("MaxPool", "thirds", [x], **around)
    write(net.classifier(x, 5), options, tmp_path)
    source = read_c(tmp_path / "net.c")
    assert (tmp_path / "net.c").read_text().count("static const struct pooled layer") == 2
    images = images_of(40, seed=3)
    expected = run_integers(source.weights.graph, images)
    np.testing.assert_array_equal(build(source)(images).logits, expected)
    whole = lower_integers(source.weights.graph).arena
    assert lower_integers(source.weights.graph, bands=True).arena < whole


def test_equal_layers_share_their_structure(
    pictures: Dataset, options: Options, tmp_path: Path
) -> None:
    net = Builder((3, 12, 10))
    x = net.unit(net.pixels, "stem", 8, 3, stride=2)
    for name in ("first", "second", "third"):
        x = separable(net, x, name, 8)
    write(net.classifier(net.add("GlobalAveragePool", "mean", [x]), 5), options, tmp_path)
    source = read_c(tmp_path / "net.c")
    calls = re.findall(r"    (depthwise|pointwise)\(&(layer\d+)", source.files[".c"].decode())
    assert len(calls) == 6
    assert len({*calls}) == 2
    images = images_of(40, seed=3)
    expected = run_integers(source.weights.graph, images)
    np.testing.assert_array_equal(build(source)(images).logits, expected)


def test_a_layer_in_float_is_refused_by_its_name(weights: Weights, options: Options) -> None:
    with pytest.raises(InputError, match="--keep-float inner: leaves a layer in float"):
        write_c_int8(weights, replace(options, keep_float=("inner",)))


@pytest.mark.parametrize("what", DAMAGES["c-int8"])
def test_a_damaged_source_is_refused(artefacts: dict[str, Path], tmp_path: Path, what: str) -> None:
    source = artefacts["c-int8"]
    path = tmp_path / source.name
    path.write_bytes(DAMAGES["c-int8"][what](source.read_bytes()))
    path.with_suffix(".h").write_bytes(source.with_suffix(".h").read_bytes())
    with pytest.raises(InputError, match=r"is not what this version|holds other weights|damaged"):
        read_c(path)


def test_a_fall_of_accuracy_names_the_layers_that_add_most_noise(
    weights: Weights, pictures: Dataset, tmp_path: Path
) -> None:
    black = Split(np.zeros_like(pictures.train.images), pictures.train.labels)
    spoilt = replace(pictures, train=black, kind="random images")
    options = Options(spoilt, ranges="min-max", max_accuracy_drop=0.0)
    with pytest.raises(VerdictError, match=r"the layers that add most noise are .*--max-drop"):
        export(weights, "c-int8", tmp_path / "net.int8.c", options)
    assert not list(tmp_path.iterdir())


def test_the_card_and_the_report_have_every_layers_noise(
    weights: Weights, pictures: Dataset, tmp_path: Path
) -> None:
    options = Options(pictures, ranges="min-max", max_accuracy_drop=1.0)
    report = export(weights, "c-int8", tmp_path / "net.int8.c", options)
    assert report.passed
    assert len(report.notes["layers"]) == 9
    card = (tmp_path / "net.int8.c.md").read_text()
    assert "## Layers in 8 bits" in card
    assert "| separable.depthwise.conv | Conv |" in card
