"""The modules, functions and methods of PyTorch's that a part of a model may call.

None of them has an effect beside its result in evaluation mode, and the native engine has kernels
for what they compute; what it cannot compute with the options at hand is found when it is lowered.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

# Modules of exactly these types: a subclass may override what forward calls.
LAYERS: frozenset[type[nn.Module]] = frozenset(
    {
        *(nn.Conv2d, nn.Linear, nn.BatchNorm2d, nn.BatchNorm1d, nn.Identity, nn.Flatten),
        *(nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.ELU, nn.Sigmoid, nn.Tanh, nn.SiLU),
        *(nn.Hardswish, nn.Hardsigmoid, nn.Hardtanh, nn.Softmax, nn.LogSoftmax),
        *(nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d),
        *(nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.AlphaDropout, nn.ZeroPad2d),
        *(nn.LocalResponseNorm, nn.ChannelShuffle, nn.Unflatten),
    }
)
# Others' modules that do nothing in evaluation mode.
IDLE = frozenset({("torchvision.ops.stochastic_depth", "StochasticDepth")})
CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)

_NAMES = (
    *("relu", "relu_", "relu6", "leaky_relu", "elu", "silu", "sigmoid", "tanh", "hardtanh"),
    *("hardswish", "hardsigmoid", "softmax", "log_softmax", "prelu", "clamp"),
    *("max_pool2d", "avg_pool2d", "adaptive_avg_pool2d", "adaptive_max_pool2d"),
    *("dropout", "dropout2d", "pad", "linear", "conv2d", "batch_norm", "local_response_norm"),
    *("cat", "concat", "flatten", "add", "mul", "sub", "div", "mean", "transpose", "permute"),
    *("reshape", "unsqueeze", "squeeze", "chunk", "split", "matmul"),
)
FUNCTIONS: frozenset[Callable[..., Any]] = frozenset(
    function
    for library in (torch, F)
    for name in _NAMES
    if callable(function := getattr(library, name, None))
)
METHODS = frozenset(
    {
        *_NAMES,
        *("view", "contiguous", "add_", "mul_", "sigmoid_", "clamp_", "float", "t"),
    }
)
SIZES = frozenset({"size"})  # methods that tell sizes, which may be that of the batch
RANKS = frozenset({"dim"})
# They are False wherever a part is handed over.
FALSE: frozenset[Callable[..., Any]] = frozenset(
    getattr(torch.jit, name) for name in ("is_scripting", "is_tracing")
)
BUILTINS: frozenset[Callable[..., Any]] = frozenset(
    {len, range, int, float, bool, isinstance, enumerate, zip, tuple, list, reversed}
)
WALKS = frozenset({"items", "values", "children", "named_children"})  # of modules that hold others
NAMED = frozenset({"items", "named_children"})
GROWS = frozenset({"append", "extend", "insert"})  # of a list that the method made
