"""Published data sets that `--data NAME` downloads: KMNIST, QMNIST, EMNIST, CIFAR-10, SVHN."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnnkit.lazy import attach

if TYPE_CHECKING:
    from cnnkit.data.named.load import load_named as load_named
    from cnnkit.data.named.table import NAMED as NAMED

__all__ = ["NAMED", "load_named"]

__getattr__, __dir__ = attach(__name__, {"NAMED": ".table", "load_named": ".load"})
