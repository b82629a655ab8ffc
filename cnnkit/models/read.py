"""The network of any model that a person names: `read_model("net.onnx", Said(...)).weights`.

`READERS` has a row for each kind; every command that takes a MODEL reads it here.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cnnkit.errors import InputError
from cnnkit.formats.detect import detect
from cnnkit.formats.registry import TABLE
from cnnkit.graph.weights import Weights
from cnnkit.models.files import ROUNDED, read_onnx_file, read_pt2_file
from cnnkit.models.network import Network
from cnnkit.models.said import OURS, Said
from cnnkit.runs.find import find_weights

# "package.module:factory"; a path has no colon, but for the one behind a drive's letter.
SPEC = re.compile(r"(?![A-Za-z]:)[A-Za-z_]\w*(?:\.\w+)*:[A-Za-z_][\w.-]*")

MAKERS = ("torchvision:", "timm:")


def is_spec(model: object) -> bool:
    """Tell whether a text names a module, not a file."""
    return bool(SPEC.fullmatch(str(model))) and not Path(str(model)).exists()


def has_makers(model: object) -> bool:
    """Tell whether a text names a module whose makers say how large its images are."""
    return str(model).startswith(MAKERS)


def read_model(model: Any = None, said: Said | None = None) -> Network:
    """Read a model.

    Args:
        model: a weights file or a run folder, by default the newest run's; an ONNX file; a program
            of torch.export (.pt2); "package.module:factory", "torchvision:NAME" or "timm:NAME"; a
            torch.nn.Module; or a network that was read already.
        said: what is said of it.

    Raises:
        InputError: it is damaged, no classifier of images, or has nodes that cnnkit does not know,
            all of which are named; or what is said does not fit it.
        StorageError: it cannot be read.
        MissingError: a package that it needs is not installed.
        VerdictError: the network that was read is not the model.
    """
    said = said or Said()
    if isinstance(model, Network):
        return model
    if isinstance(model, Weights):
        said.refuse("the network", OURS)
        return Network(model, "the network")
    if is_module(model) or is_spec(model):
        from cnnkit.models.modules import read_module

        return read_module(model, said)
    if not isinstance(model, str | os.PathLike | None):
        kind = f"the class {model.__name__}" if isinstance(model, type) else type(model).__name__
        reason = f"is {kind}, not a torch.nn.Module and not a path"
        raise InputError("the model", reason, "make an object of the class, or name a file")
    path = find_weights(None if model is None else Path(model))
    form = detect(path)
    if form == "c-int8":
        raise InputError(path, *ROUNDED)
    if form not in READERS:
        raise InputError(
            path,
            f"is a file of the format {form}, which this command does not take",
            f"make an ONNX file of it by `cnnkit export {path} --format onnx`, or give the weights",
        )
    return READERS[form](path, said)


def is_module(model: object) -> bool:
    """Tell whether a model is a torch.nn.Module; PyTorch is not loaded for that."""
    torch = sys.modules.get("torch")  # whoever has a module has loaded it
    return torch is not None and isinstance(model, torch.nn.Module)


def _read_weights(path: Path, said: Said) -> Network:
    said.refuse(path, OURS)
    return Network(TABLE["weights"].read_weights(path), str(path), path=path)


READERS: dict[str, Callable[[Path, Said], Network]] = {
    "weights": _read_weights,
    "onnx": read_onnx_file,
    "pt2": read_pt2_file,
}
