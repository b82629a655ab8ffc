"""C of networks beyond the family: kernels called layer by layer on an arena."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cnnkit.data.dataset import Dataset, Split
from cnnkit.errors import InputError, VerdictError
from cnnkit.formats.c import body
from cnnkit.formats.c.source import Source, as_held, read_c, write_c
from cnnkit.formats.golden_vectors import exact_logits
from cnnkit.formats.options import Options, read_size
from cnnkit.graph.builder import Builder
from cnnkit.graph.networks import separable
from cnnkit.graph.weights import Weights
from cnnkit.runtimes.c import build

STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror"]
SIZE = (3, 12, 10)


def network() -> Weights:
    """Return a network that has all kinds of layers, and odd numbers of channels."""
    net = Builder(SIZE)
    x = net.unit(net.pixels, "stem", 10, 3, stride=2)
    y = net.norm(net.conv(x, "inner", 10, 3, bias=False), "inner.norm")
    x = net.relu(net.add("Add", "sum", [y, x]))
    x = separable(net, x, "separable", 20)
    x = net.add("Concat", "joined", [x, net.relu(net.conv(x, "grouped", 4, 1, group=2))], axis=1)
    x = net.relu(net.norm(net.max_pool(x, "pool"), "alone"))
    net.tensors |= {
        "twice": np.array([2, 2], np.float32),
        "kernel": np.full((24, 2, 2, 2), 0.1, np.float32),
        "mask": np.arange(24).reshape(24, 1, 1) % 3 > 0,
        "ones": np.ones(24, np.float32),
        "axes": np.array([2, 3]),
    }
    y = net.add("Resize", "resize", [x, "", "twice"], axes=(2, 3), mode="linear")
    z = net.add("ConvTranspose", "up", [x, "kernel"], kernel_shape=(2, 2), strides=(2, 2), group=12)
    x = net.add("Max", "larger", [y, net.add("Gelu", "gelu", [z])])
    x = net.add("GroupNormalization", "groups", [x, "ones", "ones"], num_groups=3)
    x = net.add("Where", "some", ["mask", x, net.add("Exp", "exp", [x])])
    x = net.add("Mul", "gate", [x, net.add("ReduceL2", "norm", [x, "axes"])])
    return Weights(net.classifier(net.relu(net.dense(x, "dense", 7)), 5), {})


@pytest.fixture(scope="module")
def weights() -> Weights:
    found = network()
    rng, graph = np.random.default_rng(1), found.graph
    drawn = {
        name: rng.uniform(0.5, 1.5, array.shape).astype(np.float32)
        for name, array in graph.tensors.items()
        if "norm" in name or "alone" in name
    }
    return replace(found, graph=replace(graph, tensors={**graph.tensors, **drawn}))


@pytest.fixture(scope="module")
def pictures() -> Dataset:
    images = np.random.default_rng(2).integers(0, 256, (20, *SIZE), dtype=np.uint8)
    split = Split(images, np.arange(20) % 5)
    return Dataset("drawn", split, split, tuple("abcde"), {}, "drawn")


@pytest.fixture(scope="module")
def folder(weights: Weights, pictures: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("program")
    for suffix, content in write_c(weights, Options(pictures, stem="net")).items():
        (folder / f"net{suffix}").write_bytes(content)
    return folder


def test_its_logits_are_the_references(folder: Path, weights: Weights, pictures: Dataset) -> None:
    compiled = build(read_c(folder / "net.c"))
    expected = exact_logits(weights, pictures.test.images)
    found = compiled(pictures.test.images)
    assert np.abs(found.logits - expected).max() < 1e-5 * np.abs(expected).max()
    assert (found.label == expected.argmax(1)).all()


def test_labels_of_more_than_256_classes_are_no_bytes(pictures: Dataset, tmp_path: Path) -> None:
    net = Builder(SIZE)
    x = net.add("GlobalAveragePool", "average", [net.conv(net.pixels, "conv", 8, 3)])
    weights, names = Weights(net.classifier(x, 300), {}), tuple(f"class {n}" for n in range(300))
    bias = np.where(np.arange(300) == 299, 9, 0).astype(np.float32)
    graph = replace(weights.graph, tensors={**weights.graph.tensors, "linear.bias": bias})
    weights = Weights(graph, {"names": list(names)})
    for suffix, content in write_c(
        weights, Options(replace(pictures, names=names), stem="net")
    ).items():
        (tmp_path / f"net{suffix}").write_bytes(content)
    assert "int32_t golden_labels[16] = {\n    299, 299," in (tmp_path / "net.c").read_text()
    compiled = build(read_c(tmp_path / "net.c"))
    assert set(compiled(pictures.test.images).label) == {299}
    command = ["gcc", "-std=c99", *STRICT, "-c", "net.c", "-o", "/dev/null"]
    subprocess.run(command, cwd=tmp_path, check=True)


def test_what_is_read_back_is_what_was_written(folder: Path, weights: Weights) -> None:
    source, held = read_c(folder / "net.c"), as_held(weights)
    assert source.weights.sha256 == held.sha256
    assert source.metadata["cnnkit.weights_sha256"] == weights.sha256
    assert source.weights.graph.nodes == held.graph.nodes
    for name, array in held.graph.tensors.items():
        np.testing.assert_array_equal(source.weights.graph.tensors[name], array)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("static const float weight1[", "static const float weight9[", "damaged graph"),
        ('"operator":"Concat"', '"operator":"Concatenate"', "does not know this operator"),
        ('"group":2', '"group":3', "Conv grouped"),
        ("/* graph: {", "/* graph {", "says nothing of its network"),
        ("p-4f,", "p-5f,", "holds other weights"),
        ("sum[p][v] += pixel", "sum[p][v] -= pixel", "not what this version of cnnkit writes"),
    ],
)
def test_a_changed_source_is_refused(
    folder: Path, tmp_path: Path, old: str, new: str, reason: str
) -> None:
    text = (folder / "net.c").read_text()
    assert old in text
    (tmp_path / "net.c").write_text(text.replace(old, new, 1))
    (tmp_path / "net.h").write_bytes((folder / "net.h").read_bytes())
    with pytest.raises(InputError, match=reason):
        read_c(tmp_path / "net.c")


COMPILERS = (
    "gcc -std=c99 -O1 -Wshadow",
    "gcc -std=c99 -O3 -mavx2 -mfma",
    "clang -std=c99 -O1",
    "g++ -std=c++17 -O1 -x c++",
)


@pytest.mark.parametrize("compiler", COMPILERS)
def test_compilers_take_it_without_a_warning(folder: Path, compiler: str) -> None:
    command = [*compiler.split(), *STRICT, "-c", "net.c", "-o", "/dev/null"]
    subprocess.run(command, cwd=folder, check=True)


@pytest.fixture
def plain(folder: Path) -> Source:
    return read_c(folder / "net.c")


@pytest.fixture
def texts(
    plain: Source,
    weights: Weights,
    pictures: Dataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """Write the network as one with very many parameters is written."""
    monkeypatch.setattr(body, "MANY", 0)
    monkeypatch.setattr(body, "LONG", 9)
    for suffix, content in write_c(weights, Options(pictures, stem="net")).items():
        (tmp_path / f"net{suffix}").write_bytes(content)
    return tmp_path


def test_arrays_as_text_hold_the_same_floats(texts: Path, plain: Source, pictures: Dataset) -> None:
    assert (
        "static const float *const weight1 = text_weight1.values;" in (texts / "net.c").read_text()
    )
    found = read_c(texts / "net.c")
    assert found.weights.sha256 == plain.weights.sha256
    images = pictures.test.images
    np.testing.assert_array_equal(build(found)(images).logits, build(plain)(images).logits)
    for compiler in COMPILERS:
        command = [*compiler.split(), *STRICT, "-c", "net.c", "-o", "/dev/null"]
        subprocess.run(command, cwd=texts, check=True)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (r"\2", r"\3", "holds other weights"),
        (r"\2", "", "is damaged .*bytes of"),
        (r"\2", r"\9", "holds other weights|not what this version"),
        ('"\n};', '\\"\n};', "not what this version"),
    ],
)
def test_changed_text_is_refused(texts: Path, old: str, new: str, reason: str) -> None:
    source = texts / "net.c"
    start, found, rest = source.read_text().partition("static const union {")
    assert old in rest
    source.write_text(start + found + rest.replace(old, new, 1))
    with pytest.raises(InputError, match=reason):
        read_c(source)


def test_its_self_test_passes_without_a_library_and_under_sanitizers(
    folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "main.c").write_text(
        '#include "net.h"\nint main(void) { return cnnkit_net_self_test(); }\n'
    )
    options = ["-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    macros = ["-DCNNKIT_NET_SELF_TEST", "-DCNNKIT_NET_OWN_EXPF", f"-I{folder}"]
    command = ["gcc", "-std=c99", *options, *macros, "main.c", f"{folder}/net.c", "-o", "test"]
    subprocess.run(command, cwd=tmp_path, check=True)
    subprocess.run([tmp_path / "test"], check=True)


def test_threads_may_call_it_with_arrays_of_their_own(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "main.c").write_text(
        '#include "net.h"\n'
        "static float arena[CNNKIT_NET_ARENA_FLOATS];\n"
        "static const uint8_t pixels[CNNKIT_NET_PIXELS];\n"
        "int main(void) {\n"
        "    float probabilities[CNNKIT_NET_CLASSES];\n"
        "    return cnnkit_net_predict_in(arena, pixels, probabilities) < 0;\n"
        "}\n"
    )
    command = ["gcc", "-O1", "-DCNNKIT_NET_NO_STATIC_ARENA", f"-I{folder}", "main.c"]
    subprocess.run([*command, f"{folder}/net.c", "-lm", "-o", "two"], cwd=tmp_path, check=True)
    subprocess.run([tmp_path / "two"], check=True)
    symbols = subprocess.run(["nm", tmp_path / "two"], check=True, capture_output=True, text=True)
    assert "static_arena" not in symbols.stdout


def test_the_header_states_what_its_layers_take(folder: Path, weights: Weights) -> None:
    from cnnkit.graph.program import lower

    program = lower(as_held(weights).graph)
    text = (folder / "net.h").read_text()
    assert f"#define CNNKIT_NET_ARENA_FLOATS {program.arena} " in text
    rows = text.split("/* Layers")[1].split("*/")[0].splitlines()[3:-1]
    assert len(rows) == len(program.steps)
    assert sum(int(row.split()[-4].replace(",", "")) for row in rows) == program.macc


def test_a_budget_is_kept_or_the_export_is_refused(weights: Weights, pictures: Dataset) -> None:
    from cnnkit.graph.program import lower

    program = lower(as_held(weights).graph)
    needed = 4 * program.arena + 2048
    assert write_c(weights, Options(pictures, ram=needed, flash=1 << 20))
    with pytest.raises(VerdictError, match=f"would need {needed:,} bytes during") as refused:
        write_c(weights, Options(pictures, ram=needed - 1))
    peak = sum(int(line.split()[-2].replace(",", "")) for line in refused.value.details)
    assert peak <= 4 * program.arena
    assert peak == 4 * max(
        sum(program.sizes[buffer] for buffer in program.live(index))
        for index in range(len(program.steps))
    )
    with pytest.raises(VerdictError, match="bytes of constants"):
        write_c(weights, Options(pictures, flash=4000))


@pytest.mark.parametrize(
    ("text", "size"), [("64KB", 65536), ("1.5 MiB", 1572864), ("65536", 65536), ("8k", 8192)]
)
def test_sizes_are_read_as_people_write_them(text: str, size: int) -> None:
    assert read_size("--ram", text) == size


@pytest.mark.parametrize("text", ["", "lots", "-1", "0", "1TB", "1e3", "nan"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="is not a size"):
        read_size("--ram", text)


def test_all_nodes_in_the_way_are_named_at_once(pictures: Dataset) -> None:
    net = Builder(SIZE)
    x = net.add("Sigmoid", "sigmoid", [net.conv(net.pixels, "conv", 4, 3)])
    x = net.add("Pow", "by itself", [x, x])
    x = net.add("Celu", "repeated", [net.relu(x)], alpha=-1.0)
    with pytest.raises(InputError, match="by itself") as refused:
        write_c(Weights(net.classifier(x, 5), {}), Options(pictures, stem="net"))
    assert any("repeated" in line for line in refused.value.details)
