"""Where PyTorch is quicker than one operation, a fused model runs PyTorch's layers."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from support.suspicious_models import Base
from torch import Tensor, nn

import cnnkit
from cnnkit.nn.block import observe_calls
from cnnkit.nn.fused.conv import SMALL, SMALL_NORMED, SMALL_WAITING


@pytest.fixture(autouse=True)
def fuse_small_blocks() -> None:
    """Keep the thresholds, which the other tests of this folder set to 0."""


class Normed(Base):
    """A block with batch-norm, of 4 channels."""

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.pool(self.relu(self.norm(self.conv(x))))
        return y


class Waits(Base):
    """A block whose convolution's output has to wait."""

    def forward(self, x: Tensor) -> Tensor:
        y = [self.conv(x)]
        z: Tensor = self.pool(self.relu(y[0]))
        return z


def sequential(norm: bool) -> nn.Sequential:
    part = Base()
    norms = [part.norm] if norm else []
    return nn.Sequential(part.conv, *norms, part.relu, part.pool)


def image(values: int) -> Tensor:
    """Return images for which the convolution's output has so many values, or a few more."""
    return torch.rand(-(-values // 256), 1, 8, 8)


def computed(model: Any, x: Tensor, gradients: bool = False) -> int:
    """Return how many blocks of the second of two calls are one operation."""
    for _ in range(2):
        with torch.set_grad_enabled(gradients), observe_calls() as calls:
            model(x)
    return len(calls)


def untouched(model: nn.Module) -> bool:
    """Tell whether PyTorch calls all modules itself."""
    return all(module._compiled_call_impl is None for module in model.modules())


@pytest.mark.parametrize("make", [Normed, lambda: sequential(True)])
@pytest.mark.parametrize("gradients", [False, True])
def test_batch_norm_in_train_mode_is_left_and_the_report_says_so(
    make: Any, gradients: bool
) -> None:
    model = make().train()
    fused, report = cnnkit.fuse(model)
    assert "fused; in train mode PyTorch runs its layers" in str(report)
    for _ in range(2):
        assert computed(fused, image(SMALL_NORMED), gradients) == 0
        assert untouched(fused)
        assert computed(fused.eval(), image(SMALL_NORMED), gradients) == 1
        assert not untouched(fused)
        fused.train()


def test_a_block_without_batch_norm_has_no_note() -> None:
    _, report = cnnkit.fuse(sequential(False))
    assert str(report).endswith("  fused")
    assert report.candidates[0].note == ""


@pytest.mark.parametrize(("norm", "small"), [(False, SMALL), (True, SMALL_NORMED)])
def test_few_values_are_left_where_gradients_are_recorded(norm: bool, small: int) -> None:
    fused = cnnkit.fuse(sequential(norm).eval()).model
    assert computed(fused, image(small // 2), gradients=True) == 0
    assert untouched(fused)
    assert computed(fused, image(small // 2)) == 1
    assert computed(fused, image(small), gradients=True) == 1
    assert computed(fused, image(small // 2), gradients=True) == 0


def test_few_values_do_not_wait() -> None:
    fused = cnnkit.fuse(Waits().eval()).model
    assert computed(fused, image(SMALL_WAITING // 2)) == 0
    assert untouched(fused)
    assert computed(fused, image(SMALL_WAITING)) == 1
    assert computed(fused, image(SMALL_WAITING // 2)) == 0


def test_a_window_that_ceil_mode_adds_is_left() -> None:
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2, ceil_mode=True))
    fused = cnnkit.fuse(model.eval()).model
    for side, blocks in ((9, 0), (10, 1), (9, 0)):
        x = torch.rand(40, 1, side, side)
        assert computed(fused, x) == blocks
        with torch.no_grad():
            torch.testing.assert_close(fused(x), model(x))
