"""What a tensor must be for the kernels, which read its memory: `readable(dense(x, "x"), "x")`.

PyTorch is not imported: whoever has a tensor has imported it.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, TypeGuard

from cnnkit.errors import InputError

if TYPE_CHECKING:
    import torch


def is_tensor(value: object) -> TypeGuard[torch.Tensor]:
    """Tell whether a value is a tensor, without importing PyTorch."""
    loaded = sys.modules.get("torch")
    return loaded is not None and isinstance(value, loaded.Tensor)


def dense(tensor: torch.Tensor, name: str) -> torch.Tensor:
    """Return a tensor that is dense float32 on the CPU.

    Raises:
        InputError: it is another one.
    """
    loaded = sys.modules["torch"]
    reason, remedy = "", ""
    if tensor.is_nested:
        reason, remedy = "is a nested tensor", "give its tensors one by one"
    elif tensor.is_meta:
        reason, remedy = "is on the meta device, without values", "give a tensor with values"
    elif tensor.is_quantized:
        reason, remedy = f"has dtype {tensor.dtype}", "give float32, with .dequantize()"
    elif not tensor.is_cpu:
        reason, remedy = f"is on {tensor.device}", "move it with .cpu()"
    elif tensor.layout is not loaded.strided:
        reason, remedy = f"has layout {tensor.layout}", "give .to_dense()"
    elif tensor.dtype is not loaded.float32:
        reason, remedy = f"has dtype {tensor.dtype}", "give float32, with .float()"
    if reason:
        raise InputError(name, reason, remedy)
    return tensor


def readable(tensor: torch.Tensor, name: str) -> torch.Tensor:
    """Return the values of a dense float32 tensor in contiguous memory.

    Raises:
        InputError: its storage was freed.
    """
    address = tensor.data_ptr()
    if address % 4:  # memory of others may begin anywhere
        return tensor.clone(memory_format=sys.modules["torch"].contiguous_format)
    # PyTorch adds the offset even to the address of no memory.
    if address == 4 * tensor.storage_offset() and tensor.numel():
        if not tensor._is_zerotensor():
            remedy = "give a tensor with values (FSDP frees them outside forward and backward)"
            raise InputError(name, "has no memory: its storage was freed", remedy)
        tensor = tensor.clone()
    if tensor.is_contiguous() and not tensor.is_neg():
        return tensor
    return tensor.resolve_neg().contiguous()
