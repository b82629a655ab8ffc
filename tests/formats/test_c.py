"""The C format: clean C99 for any compiler, no state, and nothing compiled that is not ours."""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.corruptions import DAMAGES, Damage

from cnnkit.data.dataset import Dataset, Split
from cnnkit.errors import InputError, MissingError, VerdictError
from cnnkit.export.pipeline import export
from cnnkit.formats import description
from cnnkit.formats.c.family import family_body
from cnnkit.formats.c.source import read_c, write_c
from cnnkit.formats.c.texts import header_text
from cnnkit.formats.detect import read_contract
from cnnkit.formats.options import Options
from cnnkit.formats.registry import FORMATS
from cnnkit.graph.architecture import Architecture, Block
from cnnkit.graph.weights import Weights
from cnnkit.ops.fused import available_isas
from cnnkit.runtimes.c import build
from cnnkit.runtimes.loader import load
from cnnkit.verify.reference import reference_logits
from cnnkit.verify.run import verify

TOOLS = Path(__file__).parents[2] / "export" / "tools.sh"
STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Wmissing-prototypes"]
SELF_TEST = "-DCNNKIT_MNIST_SELF_TEST"
MAIN = '#include "{0}.h"\nint main(void) {{ return cnnkit_{0}_self_test(); }}\n'
MEMBERS = {
    "RGB": Architecture((3, 32, 32), (Block(16), Block(4)), 10),
    "large kernel, odd pools": Architecture((1, 29, 27), (Block(6, 5, 2, 3), Block(5, 4, 0, 2)), 7),
    "three blocks": Architecture((2, 17, 20), (Block(3, 3, 0, 2), Block(8), Block(7, 1, 0, 1)), 3),
    "four blocks": Architecture((1, 28, 28), (Block(4), Block(6, 3, 1, 1), Block(5), Block(3)), 10),
    "one block": Architecture((1, 9, 5), (Block(2, 2, 1, 2),), 4),
    "no block": Architecture((1, 6, 7), (), 2),
    "padding as wide as the kernel": Architecture(
        (1, 8, 8), (Block(3, 3, 3, 2), Block(2, 3, 2, 2)), 5
    ),
}


def tool(name: str, package: str) -> str:
    """The path of a program, which is installed if it is missing."""
    if shutil.which(name) is None:
        subprocess.run([TOOLS, package], check=True)
    return str(shutil.which(name))


def compile_c(folder: Path, *options: str, compiler: str = "gcc") -> Path:
    """Compile in a folder with warnings as errors; return the result."""
    program = tool(compiler, compiler)
    done = subprocess.run(
        [program, "-std=c99", *STRICT, "-Werror", *options, "-o", "result", "-lm"],
        cwd=folder,
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder / "result"


def write(folder: Path, weights: Weights, stem: str, images: np.ndarray[Any, Any]) -> None:
    """Write the files of a network beside a main function that runs the self-test."""
    split = Split(images, np.zeros(len(images), np.int64))
    data = Dataset("noise", split, split, (), {}, "")
    for suffix, content in write_c(weights, Options(data, stem=stem)).items():
        (folder / f"{stem}{suffix}").write_bytes(content)
    (folder / "main.c").write_text(MAIN.format(stem))


@pytest.fixture
def folder(artefacts: dict[str, Path], tmp_path: Path) -> Path:
    """mnist.c, mnist.h and a main.c that runs the self-test."""
    for suffix in (".c", ".h"):
        shutil.copy(artefacts["c"].with_suffix(suffix), tmp_path)
    (tmp_path / "main.c").write_text(MAIN.format("mnist"))
    return tmp_path


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@pytest.mark.parametrize("options", ["-O0", "-O3", "-Os -DCNNKIT_MNIST_OWN_EXPF"])
def test_it_compiles_without_a_warning_and_passes_its_self_test(
    folder: Path, compiler: str, options: str
) -> None:
    sources = ["main.c", "mnist.c"]
    program = compile_c(folder, *sources, SELF_TEST, *options.split(), compiler=compiler)
    assert subprocess.run([program], check=False).returncode == 0


def test_cplusplus_takes_the_header(folder: Path) -> None:
    compile_c(folder, "-c", "mnist.c", SELF_TEST).rename(folder / "mnist.o")
    (folder / "main.cpp").write_text((folder / "main.c").read_text())
    strict = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror", SELF_TEST]
    command = ["g++", "-std=c++17", *strict, "main.cpp", "mnist.o", "-o", "main"]
    subprocess.run(command, cwd=folder, check=True)
    assert subprocess.run([folder / "main"], check=False).returncode == 0


@pytest.mark.parametrize("compiler", ["g++", "clang++"])
@pytest.mark.parametrize("options", ["", "-DCNNKIT_MNIST_OWN_EXPF"])
def test_cplusplus_compiles_the_source(folder: Path, compiler: str, options: str) -> None:
    strict = ["-std=c++17", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror", SELF_TEST]
    sources = ["-x", "c++", "main.c", "mnist.c", "-o", "main"]
    program = tool(compiler, {"g++": "g++", "clang++": "clang"}[compiler])
    subprocess.run([program, *strict, *options.split(), *sources], cwd=folder, check=True)
    assert subprocess.run([folder / "main"], check=False).returncode == 0


def test_source_and_header_of_two_exports_do_not_compile(folder: Path) -> None:
    other = (folder / "mnist.h").read_text().replace("_EXPORT 0x", "_EXPORT 0x1", 1)
    (folder / "mnist.h").write_text(other)
    command = ["gcc", "-std=c99", "-c", "mnist.c", "-o", "result"]
    done = subprocess.run(command, cwd=folder, text=True, capture_output=True, check=False)
    assert done.returncode != 0
    assert "mnist.h and mnist.c are of different exports" in done.stderr


def test_source_and_header_of_two_exports_are_refused(
    artefacts: dict[str, Path], folder: Path
) -> None:
    weights = load(artefacts["c"]).weights
    assert weights
    renamed = replace(weights, metadata={**weights.metadata, "names": list("abcdefghij")})
    images = np.zeros((16, 1, 28, 28), np.uint8)
    write(folder / "..", renamed, "mnist", images)
    shutil.move(folder / ".." / "mnist.h", folder / "mnist.h")
    with pytest.raises(InputError, match=r"is of another export than mnist\.h"):
        read_c(folder / "mnist.c")


def test_class_names_of_any_length_and_letters_compile(tmp_path: Path) -> None:
    names = ['it\'s "this"?', "é" * 3000, "a" * 4096, "b" * 4095]
    architecture = Architecture((1, 6, 7), (), len(names))
    weights = Weights.of(architecture, architecture.initial_parameters(5), {"names": names})
    images = np.random.default_rng(1).integers(0, 256, (16, 1, 6, 7), np.uint8)
    write(tmp_path, weights, "net", images)
    (tmp_path / "main.c").write_text(
        '#include <stdio.h>\n#include "net.h"\n'
        "int main(void) { for (int k = 0; k < 4; ++k) puts(cnnkit_net_names[k]); return 0; }\n"
    )
    for compiler in ("gcc", "clang"):
        program = compile_c(tmp_path, "main.c", "net.c", compiler=compiler)
        assert subprocess.check_output([program]).decode().splitlines() == names
    assert read_c(tmp_path / "net.c").metadata["names"] == names


def test_a_network_that_needs_more_stack_than_programs_have_is_refused(tmp_path: Path) -> None:
    architecture = Architecture((1, 128, 128), (Block(4), Block(512)), 10)
    weights = Weights.of(architecture, architecture.initial_parameters(5))
    split = Split(np.zeros((16, 1, 128, 128), np.uint8), np.zeros(16, np.int64))
    data = Dataset("noise", split, split, (), {}, "")
    with pytest.raises(InputError, match=r"big\.c: would need [\d,]+ bytes of stack"):
        write_c(weights, Options(data, stem="big"))


@pytest.mark.parametrize(
    ("options", "outside"),
    [("", {"expf", "memset", "memcpy"}), ("-DCNNKIT_MNIST_OWN_EXPF", {"memset", "memcpy"})],
)
def test_it_has_no_variables_and_calls_no_allocator(
    folder: Path, options: str, outside: set[str]
) -> None:
    compile_c(folder, "-c", "-O2", "-fno-pic", "mnist.c", SELF_TEST, *options.split())
    lines = subprocess.check_output(["nm", "result"], cwd=folder, text=True).splitlines()
    kinds = {line.split()[-2] for line in lines}
    assert kinds <= {"T", "t", "R", "r", "U"}  # code, constants and names from elsewhere
    assert {line.split()[-1] for line in lines if line.split()[-2] == "U"} <= outside


def test_the_header_states_flash_and_stack(folder: Path) -> None:
    header = (folder / "mnist.h").read_text()
    flash, stack = (
        int(re.search(rf"([\d,]+) bytes of {what}", header)[1].replace(",", ""))  # type: ignore[index]
        for what in ("constants", "arrays")
    )
    assert f"#define CNNKIT_MNIST_STACK_BYTES {stack} " in header
    compile_c(folder, "-c", "-O2", "-fno-pic", "-fstack-usage", "mnist.c")
    frames = [int(line.split("\t")[1]) for line in (folder / "result.su").read_text().splitlines()]
    assert stack - 512 <= max(frames) <= stack + 512  # 16 sums end in vectors of 8 floats or of 16
    sections = subprocess.check_output(["size", "-A", "result"], cwd=folder, text=True)
    constants = sum(int(size) for size in re.findall(r"^\.rodata\S*\s+(\d+)", sections, re.M))
    assert constants == pytest.approx(flash, rel=0.05)


@pytest.mark.parametrize("what", ["a flipped weight", "missing scaling", "another golden label"])
def test_the_self_test_fails_when_the_source_is_changed(folder: Path, what: str) -> None:
    source = folder / "mnist.c"
    source.write_bytes(DAMAGES["c"][what](source.read_bytes()))
    program = compile_c(folder, "main.c", "mnist.c", SELF_TEST)
    assert subprocess.run([program], check=False).returncode > 0


@pytest.mark.parametrize(
    ("isa", "options"),
    [
        ("scalar", "-O0"),
        ("scalar", "-O3 -fno-tree-vectorize -DCNNKIT_MNIST_OWN_EXPF"),
        ("avx2", "-O3 -mavx2 -mfma -ffp-contract=fast"),
        ("avx512", "-O3 -mavx512f -ffp-contract=fast"),
    ],
)
@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_every_way_to_compile_it_gives_pytorchs_labels(
    artefacts: dict[str, Path],
    trained: Weights,
    mnist: Dataset,
    monkeypatch: pytest.MonkeyPatch,
    compiler: str,
    isa: str,
    options: str,
) -> None:
    if isa not in available_isas():
        pytest.skip(f"this processor has no {isa}")
    monkeypatch.setenv("CC", tool(compiler, compiler))
    monkeypatch.setenv("CFLAGS", options)
    images = mnist.test.images[:2000]
    answer = load(artefacts["c"])(images)
    logits, _ = reference_logits(trained, images)
    assert (answer.label == logits.argmax(axis=1)).all()
    np.testing.assert_allclose(answer.logits, logits, rtol=0, atol=1e-5 * np.abs(logits).max())


@pytest.mark.parametrize("member", MEMBERS)
def test_every_member_of_the_family_stays_in_its_arrays_and_is_right(
    member: str, tmp_path: Path
) -> None:
    architecture = MEMBERS[member]
    weights = Weights.of(architecture, architecture.initial_parameters(5))
    images = np.random.default_rng(1).integers(0, 256, (16, *architecture.input), np.uint8)
    write(tmp_path, weights, "net", images)
    sanitizers = ["-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    sources = ["main.c", "net.c", "-DCNNKIT_NET_SELF_TEST", *sanitizers]
    for wide in ["", "-mavx512f"] if "avx512" in available_isas() else [""]:
        program = compile_c(tmp_path, *sources, *wide.split())
        done = subprocess.run([program], text=True, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr


def test_its_own_exponential_is_right_to_the_last_digits(folder: Path) -> None:
    (folder / "probe.c").write_text(
        '#include "mnist.c"\nvoid probe(float *x, int n);\n'
        "void probe(float *x, int n) { for (int i = 0; i < n; ++i) x[i] = power_of_e(x[i]); }\n"
    )
    library = compile_c(folder, "-shared", "-fPIC", "-DCNNKIT_MNIST_OWN_EXPF", "probe.c")
    x = np.concatenate([np.linspace(-86.99, 0, 200_001), [-1e-9, -88, -1e30, -np.inf]])
    found = x.astype(np.float32)
    exact = np.exp(found.astype(np.float64))
    ctypes.CDLL(str(library)).probe(ctypes.c_void_p(found.ctypes.data), len(found))
    assert (found[-3:] == 0).all()
    assert found[200_000] == 1
    assert np.abs(found[:-3] / exact[:-3] - 1).max() < 2.5e-7  # two units in the last place


def test_the_same_weights_give_the_same_bytes_anywhere(
    artefacts: dict[str, Path], weights_file: Path, tmp_path: Path
) -> None:
    program = (
        "import sys; from pathlib import Path; from cnnkit.formats.checkpoint import read_weights;"
        "from cnnkit.data.load import load_dataset; from cnnkit.formats.c.source import write_c;"
        "from cnnkit.formats.options import Options;"
        "options = Options(load_dataset('mnist'), stem='mnist');"
        "files = write_c(read_weights(Path(sys.argv[1])), options);"
        "sys.stdout.buffer.write(files['.c'] + files['.h'])"
    )
    elsewhere = subprocess.run(
        [sys.executable, "-c", program, weights_file], cwd=tmp_path, capture_output=True, check=True
    )
    here = artefacts["c"].read_bytes() + artefacts["c"].with_suffix(".h").read_bytes()
    assert here == elsewhere.stdout
    assert str(tmp_path.anchor + "tmp").encode() not in here
    assert b"\r" not in here


def test_class_names_come_out_as_they_went_in(
    trained: Weights, few: Dataset, tmp_path: Path
) -> None:
    names = ['"', "\\n", "é中", "??/", "*/", "/*", "a b", "%d", "'", "x" * 300]
    named = replace(trained, metadata={**trained.metadata, "names": names})
    write(tmp_path, named, "mnist", few.test.images)
    (tmp_path / "main.c").write_text(
        '#include <stdio.h>\n#include "mnist.h"\n'
        "int main(void) { for (int k = 0; k < 10; ++k) puts(cnnkit_mnist_names[k]); return 0; }\n"
    )
    program = compile_c(tmp_path, "main.c", "mnist.c")
    assert subprocess.check_output([program]).decode().splitlines() == names
    assert read_contract(tmp_path / "mnist.c")["names"] == names


def test_two_networks_fit_into_one_program(trained: Weights, few: Dataset, tmp_path: Path) -> None:
    for stem in ("digits", "my-net.2"):
        write(tmp_path, trained, stem, few.test.images)
    (tmp_path / "main.c").write_text(
        '#include "digits.h"\n#include "my-net.2.h"\n'
        "int main(void) { return cnnkit_digits_self_test() + cnnkit_my_net_2_self_test(); }\n"
    )
    macros = ["-DCNNKIT_DIGITS_SELF_TEST", "-DCNNKIT_MY_NET_2_SELF_TEST"]
    program = compile_c(tmp_path, "main.c", "digits.c", "my-net.2.c", *macros)
    assert subprocess.run([program], check=False).returncode == 0


def test_a_name_that_cannot_be_included_is_refused(trained: Weights, few: Dataset) -> None:
    with pytest.raises(InputError, match="not every compiler can include"):
        write_c(trained, Options(few, stem='my"net'))


def test_the_header_says_how_a_picture_is_resized(trained: Weights, few: Dataset) -> None:
    values, body = description.describe(trained, Options(few)), family_body(trained)

    def header(**resize: Any) -> str:
        stated = {**values["cnnkit.preprocessing"], "resize": resize}
        return header_text(trained, body, {**values, "cnnkit.preprocessing": stated}, "mnist")

    text = header(mode="pad", filter="bilinear", antialias=True, fill=114)
    for line in ("MODE CNNKIT_FIT_PAD ", "FILTER CNNKIT_FILTER_BILINEAR\n", "FILL 114\n"):
        assert f"#define CNNKIT_MNIST_RESIZE_{line}" in text
    plain = header_text(trained, body, values, "mnist").split("/* metadata")[0]
    assert "RESIZE" not in plain
    for wrong in ({"mode": "1\n#error"}, {"filter": "sinc"}, {"fill": "7"}, {"fill": 256}):
        changed = {"mode": "pad", "filter": "box", "antialias": True, "fill": 0} | wrong
        assert header(**changed).split("/* metadata")[0] == plain


def test_it_takes_raw_pixels_only(trained: Weights, few: Dataset, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--input: has no effect on the format c"):
        export(trained, "c", tmp_path / "mnist.c", Options(few, input="float32"))


@pytest.mark.parametrize("what", sorted({*DAMAGES["c"]} - {"another golden label"}))
def test_a_changed_source_is_refused_and_never_compiled(
    folder: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")  # asking for it would be another error
    source = folder / "mnist.c"
    source.write_bytes(DAMAGES["c"][what](source.read_bytes()))
    with pytest.raises(InputError, match=r"holds other weights|is not what this version"):
        load(source)


def test_a_wrong_golden_label_is_refused(folder: Path, trained: Weights, few: Dataset) -> None:
    source = folder / "mnist.c"
    source.write_bytes(DAMAGES["c"]["another golden label"](source.read_bytes()))
    with pytest.raises(InputError, match="is not what this version of cnnkit writes"):
        verify([source], trained, few)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("uint8_t pixels", "int8_t pixels", "is not what this version of cnnkit writes"),
        ('"cnnkit.contract"', '"contract"', "not one that cnnkit wrote"),
        ('"names": [', '"names": [[', "has damaged metadata"),
        ("metadata: {", "metadata: {{", "has damaged metadata"),
        ("metadata: {", "data: {", "not one that cnnkit wrote"),
    ],
)
def test_a_changed_header_is_refused(folder: Path, old: str, new: str, reason: str) -> None:
    header = folder / "mnist.h"
    text = header.read_text()
    assert old in text
    header.write_text(text.replace(old, new, 1))
    with pytest.raises(InputError, match=reason):
        read_c(folder / "mnist.c")


def test_a_source_without_its_header_is_refused(folder: Path) -> None:
    (folder / "mnist.h").unlink()
    with pytest.raises(InputError, match=r"has no mnist.h beside it"):
        load(folder / "mnist.c")


def test_a_renamed_pair_is_refused(folder: Path) -> None:
    for suffix in (".c", ".h"):
        (folder / f"mnist{suffix}").rename(folder / f"net{suffix}")
    with pytest.raises(InputError, match="is not what this version"):
        load(folder / "net.c")


@pytest.mark.parametrize("what", ["a flipped weight", "another constant"])
def test_a_damaged_export_keeps_neither_file(
    trained: Weights, few: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    damage: Damage = DAMAGES["c"][what]

    def write_damaged(weights: Weights, options: Options) -> dict[str, bytes]:
        files = write_c(weights, options)
        return {**files, ".c": damage(files[".c"])}

    monkeypatch.setitem(FORMATS, "c", replace(FORMATS["c"], write=write_damaged))
    with pytest.raises(VerdictError, match=r"was not kept: it (holds other|is not what)"):
        export(trained, "c", tmp_path / "out" / "mnist.c", Options(few))
    assert list((tmp_path / "out").iterdir()) == []


def test_without_a_compiler_the_verb_exits_with_3_and_keeps_nothing(
    cli: Callable[..., Any],
    weights_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    result = cli("export", "--format", "c", weights_file, "-o", tmp_path / "mnist.c")
    assert result.exit_code == 3
    assert "CC=no-such-compiler: cannot be run" in result.stderr
    assert "apt-get install gcc" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_machine_without_any_compiler_is_told_what_to_install(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("PATH", str(folder))
    with pytest.raises(MissingError, match="C compiler: is not installed"):
        load(folder / "mnist.c")


def test_what_a_compiler_refuses_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CFLAGS", "-Dfloat=nonsense")
    with pytest.raises(InputError, match=r"is refused by .* \(.*error"):
        build(read_c(folder / "mnist.c"))
