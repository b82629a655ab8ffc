"""Optional dependencies: `extras()` says which are installed and how to install the others."""

from __future__ import annotations

import importlib.metadata
import re
from dataclasses import dataclass

# What each extra of pyproject.toml is for.
UNLOCKS = {
    "native": "training in the native engine, export to C and ONNX, plots; no PyTorch",
    "train": "training, export, verification against PyTorch, TorchScript, plots",
    "ray": "cnnkit sweep on several machines",
    "tensorboard": "cnnkit train --tensorboard",
    "timm": "cnnkit train --network timm:NAME",
    "peers": "OpenVINO, ncnn and JAX in cnnkit bench",
    "test": "the test suite",
    "docs": "the documentation site",
    "dev": "linting, type-checking and formatting cnnkit's own code",
}
REQUIREMENT = re.compile(r"(?P<name>[A-Za-z0-9._-]+)(\[(?P<extras>[^]]*)])?(?P<bound>[^;]*)")
CONDITION = re.compile(r"""extra\s*==\s*['"](?P<extra>[^'"]+)['"]""")


@dataclass(frozen=True)
class Extra:
    """One extra.

    Attributes:
        name: as in `pip install '.[name]'`.
        unlocks: what it is for.
        installed: version by package; None for a missing package.
        command: the command that installs the missing packages; empty if none is missing.
    """

    name: str
    unlocks: str
    installed: dict[str, str | None]
    command: str

    @property
    def missing(self) -> list[str]:
        """Its packages that are not installed."""
        return [package for package, version in self.installed.items() if version is None]

    @property
    def complete(self) -> bool:
        """All its packages are installed."""
        return not self.missing


def find_version(package: str) -> str | None:
    """Return a package's installed version without importing it; None if it is not installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def base_requirements() -> dict[str, str]:
    """Return cnnkit's own requirements: version bounds by package."""
    return _requirements("")


def extras() -> list[Extra]:
    """Return every extra that the installed cnnkit declares."""
    declared = importlib.metadata.metadata("cnnkit").get_all("Provides-Extra") or []
    found = []
    for name in declared:
        needed = _requirements(name)
        installed = {package: find_version(package) for package in needed}
        missing = [f"'{package}{needed[package]}'" for package, v in installed.items() if v is None]
        command = f"python -m pip install {' '.join(missing)}" if missing else ""
        found.append(Extra(name, UNLOCKS.get(name, ""), installed, command))
    return found


def _requirements(extra: str) -> dict[str, str]:
    """Return version bounds by package of one extra, including the extras that it names."""
    bounds: dict[str, str] = {}
    for line in importlib.metadata.requires("cnnkit") or []:
        condition = CONDITION.search(line)
        if (condition["extra"] if condition else "") != extra:
            continue
        found = REQUIREMENT.match(line)
        assert found, line  # the installer has checked the syntax
        if found["name"].lower() == "cnnkit":
            for included in (found["extras"] or "").split(","):
                bounds |= _requirements(included.strip())
        else:
            bounds[found["name"]] = found["bound"].strip(" ()")
    return bounds
