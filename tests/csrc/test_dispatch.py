"""Which instruction set runs, and that only its own files hold its instructions."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cnnkit import ops
from cnnkit.errors import InputError
from cnnkit.ops.cases import CASES, Case

ROOT = Path(__file__).parents[2]
ISAS = ops.available_isas()


def ask(isa: str | None, code: str) -> subprocess.CompletedProcess[str]:
    """Run code in a process whose CNNKIT_ISA is `isa`."""
    environment = {name: value for name, value in os.environ.items() if name != "CNNKIT_ISA"}
    if isa is not None:
        environment["CNNKIT_ISA"] = isa
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )


ISA_IN_USE = "import cnnkit.ops.fused as ops; print(ops.isa())"


@pytest.mark.parametrize("unset", [None, ""])
def test_the_best_available_instruction_set_is_used(unset: str | None) -> None:
    assert ask(unset, ISA_IN_USE).stdout.split() == ISAS[:1]


@pytest.mark.parametrize("isa", ISAS)
def test_cnnkit_isa_forces_an_instruction_set(isa: str) -> None:
    code = """
import numpy as np
from cnnkit import ops
from cnnkit.ops.cases import CASES
weight = CASES[0].arrays()[1]
print(ops.isa(), ops.ConvReLUPool(weight).isa)
"""
    assert ask(isa, code).stdout.split() == [isa, isa]


@pytest.mark.parametrize("isa", ["avx", "AVX2", "best", "neon avx2"])
def test_an_unknown_instruction_set_is_refused_by_name_when_first_used(isa: str) -> None:
    done = ask(isa, f"import cnnkit; import cnnkit.ops.fused; print('imported')\n{ISA_IN_USE}")
    assert done.stdout == "imported\n"
    message = done.stderr.splitlines()[-1]
    assert "InputError: CNNKIT_ISA" in message
    assert f"'{isa}'" in message
    assert ", ".join(ISAS) in message


def test_an_instruction_set_of_another_machine_is_refused() -> None:
    other = "avx2" if "neon" in ISAS else "neon"
    with pytest.raises(InputError, match=other):
        ops.ConvReLUPool(np.ones((1, 1, 1, 1), np.float32), isa=other)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_instruction_sets_agree(case: Case) -> None:
    x, weight, bias = case.arrays()
    answers = [ops.ConvReLUPool(weight, bias, **case.parameters, isa=isa)(x) for isa in ISAS]
    assert answers
    for answer in answers[1:]:
        if answer.size:
            atol = 2 * case.tolerance * max(1.0, float(np.abs(answers[0]).max()))
            np.testing.assert_allclose(answer, answers[0], rtol=0, atol=atol)


def isa_flags() -> dict[str, list[str]]:
    """Return the flags that CMakeLists.txt gives to each instruction set of this machine."""
    given = re.findall(r"set\(isa_flags_(\w+) ([^)]*)\)", (ROOT / "CMakeLists.txt").read_text())
    flags = {isa: words.split() for isa, words in given}
    assert flags.keys() == {"avx2", "avx512", "amx", "avxvnni", "avx512vnni", "neondot"}
    dot = flags.pop("neondot")
    return flags if "neon" not in ISAS else {"neon": [], "neondot": dot}


def isa_files() -> list[str]:
    """Return the files that get such flags, by their names below csrc/."""
    csrc = ROOT / "csrc"
    files = [str(file.relative_to(csrc)) for file in sorted(csrc.glob("**/targets/*.cpp"))]
    assert {"cpu/targets/avx2.cpp", "mnist/targets/avx2.cpp"} < set(files)
    return [file for file in files if Path(file).stem in isa_flags()]


@pytest.mark.parametrize("name", isa_files())
def test_the_linker_cannot_share_an_isa_files_code_with_the_baseline(
    name: str, tmp_path: Path
) -> None:
    """Such a file may define its table and nothing else: a function of a library's template would
    be merged with the baseline's, and run on machines that do not know its instructions."""
    compiler = next((found for found in map(shutil.which, ("c++", "g++", "clang++")) if found), "")
    if not compiler or not shutil.which("nm"):
        pytest.skip("needs a C++ compiler and nm")
    compiled = tmp_path / "isa.o"
    engine, isa = Path(name).parts[-3], Path(name).stem
    # Without optimisation nothing that would be shared is hidden by inlining.
    flags = ["-std=c++17", "-O0", "-w", f"-I{ROOT / 'csrc'}", *isa_flags()[isa]]
    flags.append(f"-I{ROOT / 'cnnkit/formats/c/kernels'}")
    flags.append("-DCNNKIT_AMX")  # as where the compiler has what amx.cpp needs
    subprocess.run([compiler, *flags, "-c", ROOT / "csrc" / name, "-o", compiled], check=True)
    listed = subprocess.run(
        ["nm", "-C", "--defined-only", "--extern-only", compiled],
        capture_output=True,
        text=True,
        check=True,
    )
    symbols = [line.split(maxsplit=2)[2] for line in listed.stdout.splitlines()]
    everything = subprocess.run(["nm", compiled], capture_output=True, text=True, check=True)
    assert "_GLOBAL__sub_I" not in everything.stdout  # would run before anyone asks what may run
    tables = {"cpu": isa, "mnist": f"mnist{isa}", "program": f"{isa}program", "int8": f"{isa}bytes"}
    table = {**tables, "training": f"{isa}training"}[engine]
    assert [symbol.lower() for symbol in symbols] == [f"cnnkit::k{table}"]
