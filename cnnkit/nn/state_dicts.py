"""Parameters from a file into a module: `load_state(module, Path("net.pt"))`, by name.

A pickle is read by PyTorch's own reader of tensors alone (`weights_only`), so that nothing in it is
run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from cnnkit.errors import InputError
from cnnkit.system.files import read_bytes

PARTS = ("state_dict", "model_state_dict", "model", "net", "module")  # of checkpoints
PREFIXES = ("module.", "_orig_mod.", "model.", "net.")  # of DataParallel, torch.compile, Lightning
LAZY = "a lazy shape"
COUNTER = "num_batches_tracked"  # of batch normalisation; inference does not need it
REMEDY = "give a .safetensors file, or what torch.save(module.state_dict(), path) wrote"


def read_state(path: Path) -> dict[str, Tensor]:
    """Return the tensors in a .safetensors file or a checkpoint of PyTorch by name.

    Raises:
        StorageError: it cannot be read.
        InputError: it is damaged, or holds no tensors by name.
    """
    head = read_bytes(path, 16)
    if head[4:9] == b"\0\0\0\0{":
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            return dict(load_file(path))
        except SafetensorError as error:
            raise InputError(
                path, f"is not a complete safetensors file ({error})", REMEDY
            ) from error
    try:
        found: Any = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # its errors have no common base class but this
        reason = "is not a checkpoint of tensors alone, so cnnkit does not load it"
        raise InputError(path, f"{reason} ({_first_line(error)})", REMEDY) from error
    for part in PARTS:
        if isinstance(found, Mapping) and isinstance(found.get(part), Mapping):
            found = found[part]
            break
    named = isinstance(found, Mapping) and all(isinstance(name, str) for name in found)
    if not named or not any(isinstance(value, Tensor) for value in found.values()):
        raise InputError(path, f"holds no tensors by name, but {type(found).__name__}", REMEDY)
    return {name: value for name, value in found.items() if isinstance(value, Tensor)}


def load_state(
    module: nn.Module, path: Path, state: Mapping[str, Tensor], ignored: Sequence[str] = ()
) -> None:
    """Copy tensors into a module's parameters and buffers of the same names.

    Args:
        module: what they are for.
        path: where they are from, for messages.
        state: as `read_state` returns them; a prefix that all names have is left out where the
            module has none like it.
        ignored: beginnings of names that the module does without.

    Raises:
        InputError: some do not fit; each is named.
    """
    wanted = dict(module.state_dict())
    state = _without_prefix(state, wanted)
    state = {name: tensor for name, tensor in state.items() if not name.startswith(tuple(ignored))}
    lines = misfits(wanted, state)
    if lines:
        raise InputError(
            path,
            f"does not fit {type(module).__name__}: {len(lines)} of its tensors differ",
            "give the file that this very module was saved to",
            lines,
        )
    empty = any(tensor.is_meta for tensor in wanted.values())  # nothing can be copied into that
    module.load_state_dict(state, strict=False, assign=empty)
    broken = [name for name in state if not torch.isfinite(state[name]).all()]
    if broken:
        reason = f"holds NaN or infinity ({', '.join(broken[:3])})"
        raise InputError(path, reason, "train it again with a lower learning rate")


def misfits(wanted: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> list[str]:
    """Return a line for each tensor that is missing, unknown or of another shape."""
    lines = [
        f"{name}: is missing in the file; the module has {_shape(tensor)}"
        for name, tensor in wanted.items()
        if name not in state and not name.endswith(COUNTER)
    ]
    for name, tensor in state.items():
        if name not in wanted:
            lines.append(f"{name}: is {_shape(tensor)} in the file; the module has no such tensor")
        elif _shape(wanted[name]) not in (LAZY, _shape(tensor)):
            found, own = _shape(tensor), _shape(wanted[name])
            lines.append(f"{name}: is {found} in the file, and {own} in the module")
    return lines


def classes_in(module: nn.Module, state: Mapping[str, Tensor]) -> int | None:
    """Return the number of classes of a file whose last layer alone has another one than a module.

    None if that is not how they differ.
    """
    wanted = dict(module.state_dict())
    state = _without_prefix(state, wanted)
    pairs = [
        (wanted[name].shape, tensor.shape)
        for name, tensor in state.items()
        if name in wanted and _shape(wanted[name]) not in (LAZY, _shape(tensor))
    ]
    counts = {(own[:1], found[:1]) for own, found in pairs if own[1:] == found[1:]}
    alike = len(counts) == 1 and all(own[1:] == found[1:] and found for own, found in pairs)
    return int(pairs[0][1][0]) if alike else None


def _shape(tensor: Tensor) -> str:
    if is_lazy(tensor):
        return LAZY
    return f"{list(tensor.shape)}"


def _without_prefix(
    state: Mapping[str, Tensor], wanted: Mapping[str, Tensor]
) -> Mapping[str, Tensor]:
    for prefix in PREFIXES:
        common = all(name.startswith(prefix) for name in state)
        if common and not any(name.startswith(prefix) for name in wanted):
            return {name.removeprefix(prefix): tensor for name, tensor in state.items()}
    return state


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)[:160]
