"""Diagnosis of this machine and this installation: `diagnosis = examine()`."""

from __future__ import annotations

import os
import platform
import shutil
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from cnnkit import ops
from cnnkit.data.dataset import cache_folder
from cnnkit.data.named.load import named_folder
from cnnkit.data.named.table import NAMED
from cnnkit.data.registry import DATASETS
from cnnkit.errors import InputError, MissingError
from cnnkit.runs.find import RUNS, find_weights
from cnnkit.system.cpu import core_quota, cpu_features, cpu_name, usable_cores
from cnnkit.system.packages import Extra, base_requirements, extras, find_version

COMPILERS = ("c++", "g++", "clang++")


@dataclass(frozen=True)
class Kernels:
    """The compiled extension.

    Attributes:
        isa: the instruction set in use; None if there is a problem.
        available: the instruction sets that this machine can run, best first.
        forced: the value of CNNKIT_ISA, if it is set.
        problem: why no instruction set is in use; empty if there is no problem.
    """

    isa: str | None
    available: list[str]
    forced: str | None
    problem: str = ""


@dataclass(frozen=True)
class Diagnosis:
    """The output of `cnnkit doctor`.

    Attributes:
        versions: of Python and of the packages of the base install; None for a missing package.
        system: operating system and machine.
        cpu: the CPU's name.
        features: instruction-set extensions that the operating system reports.
        kernels: the compiled extension.
        cores: "present", "usable" (affinity) and "quota" (control group; None without one).
        compiler: path of a C++ compiler, which torch.compile needs; None if there is none.
        extras: the optional dependencies.
        data: for each data set, the cache folder and the files in it.
        runs: the folder of the runs, and the newest weights in it; None if there are none.
    """

    versions: dict[str, str | None]
    system: str
    cpu: str
    features: list[str]
    kernels: Kernels
    cores: dict[str, Any]
    compiler: str | None
    extras: list[Extra]
    data: dict[str, dict[str, Any]]
    runs: dict[str, str | None]

    @property
    def problems(self) -> list[str]:
        """What is broken; missing optional dependencies are not."""
        missing = [name for name, found in self.versions.items() if found is None]
        broken = [f"{name} is not installed" for name in missing]
        return broken if self.kernels.available else [*broken, self.kernels.problem]

    def to_json(self) -> dict[str, Any]:
        """Return JSON values."""
        parts = [{**asdict(extra), "complete": extra.complete} for extra in self.extras]
        return {**asdict(self), "extras": parts, "problems": self.problems}

    def check(self) -> None:
        """Raise MissingError if the installation is broken, InputError if CNNKIT_ISA is wrong."""
        if self.problems:
            raise MissingError(
                "this installation",
                "; ".join(self.problems),
                "install cnnkit again with `python -m pip install --force-reinstall .`",
            )
        if self.kernels.isa is None:
            choice = ", ".join(self.kernels.available)
            raise InputError(
                f"CNNKIT_ISA={self.kernels.forced}",
                "is not an instruction set that this machine can run",
                f"unset it, or choose among {choice}",
            )


def examine() -> Diagnosis:
    """Diagnose machine and installation, without importing PyTorch or ONNX Runtime."""
    packages = {name: find_version(name) for name in base_requirements()}
    own = {"cnnkit": version("cnnkit"), "python": platform.python_version()}
    return Diagnosis(
        {**own, **packages},
        f"{platform.system()} {platform.release()} {platform.machine()}",
        cpu_name(),
        cpu_features(),
        _kernels(),
        {"present": os.cpu_count(), "usable": len(usable_cores()), "quota": core_quota()},
        next(filter(None, map(shutil.which, (os.environ.get("CXX", ""), *COMPILERS))), None),
        extras(),
        {
            **{name: _cache(cache_folder(name), "*-ubyte*") for name in DATASETS},
            **{name: _cache(named_folder(name)) for name in NAMED},
        },
        {"folder": str(RUNS.resolve()), "newest": _newest()},
    )


def _kernels() -> Kernels:
    forced = os.environ.get("CNNKIT_ISA") or None
    try:
        available = list(ops.available_isas())
    except Exception as error:  # any error is part of the diagnosis
        return Kernels(None, [], forced, f"the compiled extension cannot be loaded ({error})")
    try:
        return Kernels(ops.isa(), available, forced)
    except InputError as error:
        return Kernels(None, available, forced, str(error))


def _cache(folder: Path, pattern: str = "*") -> dict[str, Any]:
    files = sorted(file.name for file in folder.glob(pattern)) if folder.is_dir() else []
    return {"folder": str(folder), "files": files}


def _newest() -> str | None:
    try:
        return str(find_weights(None))
    except InputError:
        return None
