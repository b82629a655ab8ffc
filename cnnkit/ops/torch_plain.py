"""Tells the extension what it needs to take tensors past all layers: import this module.

`_core.plain_call` and `_core.TensorCall` then answer calls that are plain, and None to others.
"""

from __future__ import annotations

import torch
from torch.autograd import forward_ad

from cnnkit import _core

TensorCall, MemorySample = _core.TensorCall, _core.MemorySample
# PyTorch's table of C functions for DLPack, which it has from 2.10 on.
API = getattr(torch.Tensor, "__dlpack_c_exchange_api__", None)
if API is not None:
    special = [
        torch._C._are_functorch_transforms_active,
        torch._C._len_torch_dispatch_stack,
        torch._C._is_tracing,
        torch._C._is_any_autocast_enabled,
    ]
    _core.use_tensors(
        torch.Tensor,
        torch.nn.Parameter,
        API,
        special,
        forward_ad,
        torch.is_grad_enabled,
        torch.get_num_threads,
    )
