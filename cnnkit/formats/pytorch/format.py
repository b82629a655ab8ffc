"""TorchScript and torch.export as rows of the table of formats."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnnkit.errors import InputError
from cnnkit.formats.base import Check, Format, Support

if TYPE_CHECKING:
    from cnnkit.data.dataset import Dataset
    from cnnkit.formats.options import Options
    from cnnkit.formats.start import Start
    from cnnkit.graph.weights import Weights

Edit = Callable[[str, bytes], bytes | None]


def _detect_pt2(start: Start) -> bool:
    return start.head.startswith(b"PK") and "archive_format" in start.parts


def _detect_torchscript(start: Start) -> bool:
    """Tell whether a zip archive may be TorchScript's: any other than a pickle, damaged or not."""
    if not start.head.startswith(b"PK"):
        return False
    return "data.pkl" not in start.parts or "constants.pkl" in start.parts


def _read_torchscript(path: Path) -> dict[str, Any]:
    from cnnkit.formats.contract import decode
    from cnnkit.formats.pytorch.torchscript import read_torchscript

    return decode(path, read_torchscript(path)[0], "a TorchScript archive")


def _read_pt2(path: Path) -> dict[str, Any]:
    from cnnkit.formats.contract import decode
    from cnnkit.formats.pytorch.pt2 import read_pt2

    return decode(path, read_pt2(path)[0], "a torch.export archive")


def _torchscript_weights(path: Path) -> Weights:
    _read_torchscript(path)  # refuses what is not TorchScript or not ours: PyTorch would not help
    raise _only_for_torch(path, "TorchScript")


def _pt2_weights(path: Path) -> Weights:
    _read_pt2(path)
    raise _only_for_torch(path, "a torch.export program")


def _only_for_torch(path: Path, kind: str) -> InputError:
    return InputError(path, f"is {kind}, which only PyTorch runs", 'load it with runtime="torch"')


def _check_program(
    path: Path, about: Mapping[str, Any], weights: Weights, dataset: Dataset
) -> list[Check]:
    from cnnkit.formats.contract import input_type
    from cnnkit.formats.pytorch.archive import beyond_family, read_parts
    from cnnkit.formats.pytorch.pt2 import CONFIGS, PROGRAM, edit
    from cnnkit.formats.pytorch.same_program import difference

    if beyond_family(weights):
        return [_check_written("pt2", path, about, weights, edit)]
    parts = read_parts(path, "a torch.export archive", "/archive_format")
    input = input_type(about["metadata"])
    differs = difference(parts[PROGRAM], parts[CONFIGS[1]], weights.architecture, input)
    return [Check("its program is the network's, call by call", not differs, differs or "yes")]


def _check_code(
    path: Path, about: Mapping[str, Any], weights: Weights, dataset: Dataset
) -> list[Check]:
    from cnnkit.formats.pytorch.archive import beyond_family
    from cnnkit.formats.pytorch.torchscript import edit

    # That of the family has been compared by now, or it would not have been run.
    if not beyond_family(weights):
        return []
    return [_check_written("torchscript", path, about, weights, edit)]


def _check_written(
    form: str, path: Path, about: Mapping[str, Any], weights: Weights, edit: Edit
) -> Check:
    """Check that an archive has, part by part, what PyTorch writes for this network."""
    from cnnkit.formats.contract import input_type
    from cnnkit.formats.pytorch.archive import METADATA, edited_parts, unpack
    from cnnkit.system.files import read_bytes

    parts = {name: part for name, part in unpack(read_bytes(path)).items() if name != METADATA}
    expected = edited_parts(form, weights, input_type(about["metadata"]), edit)
    others = sorted(n for n in {*parts, *expected} if parts.get(n) != expected.get(n))
    found = f"{others[0]} is another" if others else f"{len(parts)} parts, byte by byte"
    return Check("its program is what PyTorch writes for the network", not others, found)


def _write_torchscript(weights: Weights, options: Options) -> dict[str, bytes]:
    from cnnkit.formats.pytorch.torchscript import write_torchscript

    return write_torchscript(weights, options)


def _write_pt2(weights: Weights, options: Options) -> dict[str, bytes]:
    from cnnkit.formats.pytorch.pt2 import write_pt2

    return write_pt2(weights, options)


def _tensors(signature: dict[str, str]) -> dict[str, str]:
    """TorchScript declares tensors, without types and shapes."""
    return dict.fromkeys(signature, "Tensor")


def _libtorch(path: Path) -> list[Support]:
    reason = "PyTorch reads files of older releases; older libtorch releases were not tested"
    return [("libtorch of the release that wrote it, or newer", True, reason)]


def _pytorch(path: Path) -> list[Support]:
    reason = "PyTorch guarantees to read files of older releases, but not of newer ones"
    return [("PyTorch of the release that wrote it, or newer", True, reason)]


PT2 = Format(
    name="pt2",
    description="for torch.export.load",
    suffix=".pt2",
    detect=_detect_pt2,
    read_metadata=_read_pt2,
    read_weights=_pt2_weights,
    write=_write_pt2,
    check_content=_check_program,
    proof="graph",
    support=_pytorch,
)
TORCHSCRIPT = Format(
    name="torchscript",
    description="for libtorch (deprecated by PyTorch; it works)",
    suffix=".pt",
    detect=_detect_torchscript,
    read_metadata=_read_torchscript,
    read_weights=_torchscript_weights,
    write=_write_torchscript,
    check_content=_check_code,
    declared=_tensors,
    proof="code",
    support=_libtorch,
)
