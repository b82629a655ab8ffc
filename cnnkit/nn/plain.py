"""The module that PyTorch's wrappers hold: `plain(torch.compile(module), "Net")`."""

from __future__ import annotations

import torch
from torch import nn

from cnnkit.errors import InputError

WRAPPERS = {  # by class, which attribute is the module that they run
    "OptimizedModule": "_orig_mod",
    "DataParallel": "module",
    "DistributedDataParallel": "module",
}
QUANTISED = "torch.ao.nn.quantized"


def plain(module: nn.Module, source: object) -> nn.Module:
    """Return a module without torch.compile, DataParallel or DistributedDataParallel around it.

    Args:
        module: any one.
        source: what errors call it.

    Raises:
        InputError: it is TorchScript or quantised, which torch.export does not take.
    """
    while type(module).__module__.startswith("torch.") and type(module).__name__ in WRAPPERS:
        module = getattr(module, WRAPPERS[type(module).__name__])
    for part in module.modules():
        if isinstance(part, torch.jit.ScriptModule):
            raise InputError(
                source, "is TorchScript", "give the module that torch.jit made it from"
            )
        if type(part).__module__.startswith(QUANTISED):
            raise InputError(
                source,
                f"is quantised ({type(part).__name__})",
                "give the module before it was: the formats onnx-int8 and c-int8 quantise it",
            )
    return module
