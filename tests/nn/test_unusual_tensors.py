"""Fused models get tensors of every kind: right, or refused as PyTorch or cnnkit refuses them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from support.suspicious_models import Base
from torch import Tensor, nn

import cnnkit
from cnnkit.errors import InputError

X = torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(0)) - 0.3


class Straight(Base):
    """A block that is one operation."""

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.pool(self.relu(self.norm(self.conv(x))))
        return y


class Waits(Base):
    """A block whose convolution's output waits."""

    def forward(self, x: Tensor) -> Tensor:
        y = [self.norm(self.conv(x))]
        z: Tensor = self.pool(self.relu(y[0]))
        return z


class Kind(Tensor):
    """A subclass that PyTorch passes on."""


def misaligned(x: Tensor) -> Tensor:
    memory = bytearray(4 * x.numel() + 1)
    there = torch.frombuffer(memory, dtype=torch.float32, offset=1).view(x.shape)
    return there.copy_(x)


KINDS: dict[str, Callable[[], Tensor]] = {
    "parameter": lambda: nn.Parameter(X.clone(), requires_grad=False),
    "subclass": lambda: X.clone().as_subclass(Kind),
    "zero": lambda: torch._efficientzerotensor(X.shape),
    "negative": lambda: torch.complex(X, X).conj().imag,
    "expanded": lambda: X[:1].expand(3, 1, 8, 8),
    "permuted": lambda: X.permute(0, 1, 3, 2),
    "channels_last": lambda: X.contiguous(memory_format=torch.channels_last),
    "offset": lambda: torch.cat([X.flatten(), X.flatten()])[5:133].view(X.shape),
    "misaligned": lambda: misaligned(X),
    "one_image": lambda: X[0],
    "no_image": lambda: X[:0],
    "mkldnn": lambda: X.to_mkldnn(),
}


def pair(kind: type[nn.Module]) -> tuple[nn.Module, nn.Module]:
    torch.manual_seed(0)
    model = kind().eval()
    fused = cnnkit.fuse(model).model
    with torch.no_grad():
        for _ in range(2):
            torch.testing.assert_close(fused(X), model(X), rtol=1e-5, atol=1e-6)
    return model, fused


def answer(model: nn.Module, x: Tensor) -> Any:
    """Return the output, or the error."""
    try:
        with torch.no_grad():
            return model(x)
    except (RuntimeError, ValueError) as error:
        return type(error), str(error)


both = pytest.mark.parametrize("kind", [Straight, Waits])


@both
@pytest.mark.parametrize("name", KINDS)
def test_tensors_of_every_kind_give_what_they_gave(kind: type[nn.Module], name: str) -> None:
    model, fused = pair(kind)
    expected, found = (answer(net, KINDS[name]()) for net in (model, fused))
    assert type(found) is type(expected)
    if not isinstance(expected, Tensor):
        assert found == expected
    elif expected.layout is torch.strided:
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)


@both
def test_meta_tensors_give_what_they_gave(kind: type[nn.Module]) -> None:
    model, fused = pair(kind)
    expected, found = (answer(net.to("meta"), X.to("meta")) for net in (model, fused))
    assert found.is_meta
    assert found.shape == expected.shape


@both
@pytest.mark.parametrize(
    "name", ["x", "conv.weight", "conv.bias", "norm.weight", "norm.bias", "norm.running_mean"]
)
@pytest.mark.parametrize("gradients", [False, True])
def test_freed_memory_is_refused(kind: type[nn.Module], name: str, gradients: bool) -> None:
    _, fused = pair(kind)
    x = X.clone()
    tensors = {"x": x, **fused.state_dict(keep_vars=True)}
    tensors[name].untyped_storage().resize_(0)
    with torch.set_grad_enabled(gradients), pytest.raises(InputError, match="has no memory"):
        fused(x)


@both
def test_zero_and_misaligned_gradients_are_passed_on(kind: type[nn.Module]) -> None:
    model, fused = pair(kind)
    shape = fused(X).shape
    torch.manual_seed(1)
    for grad in (torch._efficientzerotensor(shape), misaligned(torch.rand(shape))):
        found = [torch.autograd.grad(net(X), [*net.parameters()], grad) for net in (model, fused)]
        for a, b in zip(*found, strict=True):
            torch.testing.assert_close(b, a, rtol=1e-4, atol=1e-5)
