"""Blocks of a fused model are PyTorch's wherever somebody has replaced what they do or call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import cnnkit


class Called(nn.Module):
    """A block that calls PyTorch's functions."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4)

    def forward(self, x: Tensor) -> Tensor:
        return F.max_pool2d(F.relu(self.norm(self.conv(x))), 2)


def listed() -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2))


PLACES = [
    *[(F, name) for name in ("conv2d", "batch_norm", "relu", "max_pool2d")],
    *[(kind, "forward") for kind in (nn.Conv2d, nn.BatchNorm2d, nn.ReLU, nn.MaxPool2d)],
    (nn.Conv2d, "_conv_forward"),
]


@pytest.mark.parametrize("make", [listed, Called])
@pytest.mark.parametrize(("place", "name"), PLACES, ids=[f"{p.__name__}.{n}" for p, n in PLACES])
def test_what_is_replaced_in_pytorch_is_called(
    make: Callable[[], nn.Module], place: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    model, x = make().eval(), torch.rand(2, 1, 20, 20)
    with torch.no_grad():
        plain = model(x)
        fused = cnnkit.fuse(model).model
        for _ in range(3):
            torch.testing.assert_close(fused(x), plain)
        real = getattr(place, name)
        with monkeypatch.context() as patch:
            patch.setattr(place, name, lambda *args, **kwargs: real(*args, **kwargs) + 0.5)
            assert make is Called or not torch.allclose(model(x), plain)
            torch.testing.assert_close(fused(x), model(x))
        torch.testing.assert_close(fused(x), plain)


@pytest.mark.parametrize("make", [listed, Called])
@pytest.mark.parametrize("name", ["forward", "_conv_forward"])
@pytest.mark.parametrize("first", [True, False])
def test_a_method_of_one_convolution_alone_is_called(
    make: Callable[[], nn.Module], name: str, first: bool
) -> None:
    torch.manual_seed(0)
    model, x = make().eval(), torch.rand(2, 1, 20, 20)

    def replace(model: nn.Module) -> None:
        conv = next(part for part in model.modules() if isinstance(part, nn.Conv2d))
        real = type(conv)._conv_forward
        kernel, bias = conv.weight * 2, conv.bias
        replaced = {
            "forward": lambda x: real(conv, x, kernel, bias),
            "_conv_forward": lambda x, *_: real(conv, x, kernel, bias),
        }
        setattr(conv, name, replaced[name])

    with torch.no_grad():
        fused = cnnkit.fuse(model).model if not first else None
        replace(model)
        if fused is None:
            fused = cnnkit.fuse(model).model
        else:
            for _ in range(3):
                fused(x)
            replace(fused)
        torch.testing.assert_close(fused(x), model(x))


def test_what_was_replaced_before_the_first_fuse_is_no_original() -> None:
    from cnnkit.nn.fused.direct import original

    assert original(F.relu) is F.relu
    assert original(F.conv2d) is F.conv2d
    assert original(lambda x: x) is None
