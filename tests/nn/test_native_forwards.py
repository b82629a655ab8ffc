"""Which `forward` methods are shown to do nothing but compute, by their source."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from cnnkit.nn.native.facts import NotShownError
from cnnkit.nn.native.proof import prove

FLAG = [True]


class Suspicious(nn.Module):
    """A module whose forward is replaced by one with something suspicious in it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.seen = nn.Conv2d(3, 3, 3), [1]
        self.blocks = [self.conv]

    @property
    def layer(self) -> nn.Module:
        return self.conv


def prints(self: Any, x: Tensor) -> Any:
    print(x.shape)
    return self.conv(x)


def keeps(self: Any, x: Tensor) -> Any:
    self.last = self.conv(x)
    return self.last


def reads_a_flag(self: Any, x: Tensor) -> Any:
    return self.conv(x) if FLAG[0] else x


def decides_by_a_value(self: Any, x: Tensor) -> Any:
    if x.mean() > 0:
        x = self.conv(x)
    return x


def decides_by_the_batch(self: Any, x: Tensor) -> Any:
    n = x.shape[0]
    if n == 1:
        return x
    return self.conv(x)


def draws(self: Any, x: Tensor) -> Any:
    return self.conv(x) + torch.rand(1)


def draws_with_numpy(self: Any, x: Tensor) -> Any:
    return self.conv(x) * np.random.random()


def without_gradients(self: Any, x: Tensor) -> Any:
    with torch.enable_grad():
        return self.conv(x)


def goes_through_a_list(self: Any, x: Tensor) -> Any:
    for layer in self.blocks:
        x = layer(x)
    return x


def reads_a_property(self: Any, x: Tensor) -> Any:
    return self.layer(x)


def counts(self: Any, x: Tensor) -> Any:
    self.seen.append(1)
    return self.conv(x)


def tries(self: Any, x: Tensor) -> Any:
    try:
        return self.conv(x)
    except RuntimeError:
        return x


def returns_itself(self: Any, x: Tensor) -> Any:
    return self.conv(x).detach_()


def has_an_inner_function(self: Any, x: Tensor) -> Any:
    return (lambda y: self.conv(y))(x)


def two_inputs(self: Any, x: Tensor, y: Any) -> Any:
    return self.conv(x) + y


BAD = (
    *(prints, keeps, reads_a_flag, decides_by_a_value, decides_by_the_batch, draws),
    *(draws_with_numpy, without_gradients, goes_through_a_list, reads_a_property, counts),
    *(tries, returns_itself, has_an_inner_function, two_inputs),
)


@pytest.mark.parametrize("forward", BAD, ids=lambda each: each.__name__)
def test_a_forward_that_may_do_more_is_left(forward: Any) -> None:
    kind = type("Bad", (Suspicious,), {"forward": forward})
    with pytest.raises(NotShownError, match=r"Bad: "):
        prove(kind())
