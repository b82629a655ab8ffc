"""The backend of torch.compile: `torch.compile(model, backend="cnnkit")`.

Dynamo captures what a call of the model really computes, and guards it; blocks in that graph are
computed in one operation each, and the rest by PyTorch as in eager mode, with its autograd.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx

from cnnkit.nn.block import Block, Norm, Sizes
from cnnkit.nn.fusion_patterns import FUNCTIONS, LeftError, Pool, outpaced, pool_sizes, source
from cnnkit.nn.fusion_report import Candidate, Report

NAME = "cnnkit"
log = logging.getLogger(__name__)
reports: list[Report] = []

KINDS: dict[Any, str] = {
    **FUNCTIONS,
    **{torch.conv2d: "Conv2d", F.batch_norm: "BatchNorm2d"},
}
CONV = ("input", "weight", "bias", "stride", "padding", "dilation", "groups")
NORM = ("input", "running_mean", "running_var", "weight", "bias", "training", "momentum", "eps")
