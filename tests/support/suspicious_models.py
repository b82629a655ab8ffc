"""Small models that would go wrong, one suspicion each, if a block were fused carelessly.

`MODELS` maps a name to a function that returns a model and the arguments of a call. Each has a
block of convolution, ReLU and max-pool, and something that depends on more than its output.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

MODELS: dict[str, Callable[[], tuple[nn.Module, tuple[Any, ...]]]] = {}


class Base(nn.Module):
    """The modules that most models use; `x` is the input of most calls."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4)
        self.relu, self.pool = nn.ReLU(), nn.MaxPool2d(2)

    def block(self, x: Tensor) -> Tensor:
        y: Tensor = self.pool(self.relu(self.conv(x)))
        return y


def case(*shapes: tuple[int, ...]) -> Callable[[Any], Any]:
    """Register a class or function that makes a model, for inputs of these shapes."""

    def register(make: Any) -> Any:
        def build() -> tuple[nn.Module, tuple[Any, ...]]:
            torch.manual_seed(0)
            model = make()
            for module in model.modules():  # as after training
                if isinstance(module, nn.BatchNorm2d) and module.running_mean is not None:
                    module.running_mean.uniform_(-0.5, 0.5)
                    module.running_var.uniform_(0.5, 2)
            return model, tuple(torch.rand(shape) for shape in shapes or [(2, 1, 8, 8)])

        MODELS[make.__name__] = build
        return make

    return register


def plain(*more: nn.Module, **options: Any) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(1, 4, 3, **options), nn.ReLU(), nn.MaxPool2d(2), *more)


# Other parts of the model read the block's tensors and weights.


@case()
class TiedWeights(Base):
    def forward(self, x: Tensor) -> Tensor:
        code = F.max_pool2d(F.relu(self.norm(self.conv(x))), 2)
        return F.conv_transpose2d(code, self.conv.weight)


@case()
class WeightPenalty(Base):
    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.pool(self.relu(self.norm(self.conv(x)))).sum()
        return y + self.conv.weight.abs().sum() + self.norm.weight.sum()


@case()
class SameWeightInAFunction(Base):
    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.pool(self.relu(self.norm(self.conv(x))))
        return y.mean() + F.conv2d(x, self.conv.weight, self.conv.bias).mean()


@case()
class SharedParameter(Base):
    def __init__(self) -> None:
        super().__init__()
        self.other = nn.Conv2d(1, 4, 3)
        self.other.weight = self.conv.weight

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.pool(self.relu(self.norm(self.conv(x)))).mean() + self.other(x).mean()
        return y


@case()
class SkipFromTheConvolution(Base):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        y = self.conv(x)
        return self.pool(self.relu(y)), y


@case()
class SkipFromTheReLU(Base):
    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.norm(self.conv(x)))
        return torch.cat([self.pool(y).flatten(1), y.flatten(1)], 1)


@case()
class ReLUInPlaceWhoseInputGoesOn(Base):
    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x)
        return self.pool(F.relu_(y)).mean() + y.mean()


@case()
class PoolFirstInPlaceWithoutItsResult(Base):
    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.pool(self.conv(x))
        y.relu_()
        return y + 1


@case()
class ViewInBetween(Base):
    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x)
        z = y[:, :2]
        return self.pool(self.relu(y)).mean() + z.sum()


@case()
class ValuesReadInBetween(Base):
    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.conv(x))
        scale = float(y.detach().max())
        return self.pool(y) / scale


# Layers are called by somebody else than their container.


@case((2, 3, 8, 8))
class LayersByIndex(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.MaxPool2d(2))

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[1] == 1:
            x = x.repeat(1, 3, 1, 1)
        kept = []
        for layer in self.layers:
            x = layer(x)
            kept.append(x.mean((2, 3)))
        return torch.cat(kept, 1)


@case()
class SliceOfASequential(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = plain()

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim != 4:
            raise ValueError("x")
        return self.layers[:2](x).mean() + self.layers(x).mean()


@case()
class PartsOfAnEncoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = plain()

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[-1] % 2:
            raise ValueError("size")
        return self.encoder(x).mean() + self.encoder[0](x).mean()


@case((2, 1, 8, 8), (2, 1, 8, 8))
class OneBlockUnderTwoNames(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.left = plain()
        self.right = self.left

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        if a.shape != b.shape:
            raise ValueError("shapes")
        y: Tensor = self.left(a) - 2 * self.right(b)
        return y


@case()
class PlainListAndDictionary(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = plain(padding=1), nn.Conv2d(4, 4, 1)
        self.order = [self.a, self.b]
        self.named = {"first": self.a[0]}

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim != 4:
            raise ValueError("x")
        y = x
        for layer in self.order:
            y = layer(y)
        return y.mean() + self.named["first"](x).mean()


@case()
class BoundMethod(Base):
    def __init__(self) -> None:
        super().__init__()
        self.call = self.conv.forward

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.pool(self.relu(self.conv(x))).mean() + self.call(x).mean()
        return y


@case()
class ConvolutionCalledTwice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 1, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        y = F.max_pool2d(F.relu(self.conv(x)), 2)
        return F.max_pool2d(F.relu(self.conv(y)), 2) + self.conv(y).mean()


@case()
class OneConvolutionOfTwoBlocks(Base):
    def forward(self, x: Tensor) -> Tensor:
        a = self.pool(self.relu(self.conv(x)))
        b = F.max_pool2d(self.relu(self.norm(self.conv(x))), 4)
        return a.mean() + b.mean()


@case()
class SubclassOfSequential(nn.Sequential):
    def __init__(self) -> None:
        super().__init__(*plain())

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self[1](self[0](x))
        return y * 2 + self[2](y).mean()


@case()
class Nested(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4)), nn.ReLU())
        self.pool = nn.MaxPool2d(2)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.pool(self.stem(x))
        return y + self.stem(x).mean()


# What forward does is not what it did while it was traced.


@case()
class OptionalArgument(Base):
    def forward(self, x: Tensor, mask: Tensor | None = None) -> Any:
        if mask is not None:
            x = x * mask
        y = self.block(x)
        return (y, mask) if mask is not None else y


@case((2, 1, 8, 8), (2, 1, 8, 8))
class OptionalArgumentThatIsGiven(Base):
    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        y = self.conv(x)
        if mask is not None:
            y = y * mask
        y = self.pool(self.relu(y))
        return y


@case()
class KeywordOnly(Base):
    def forward(self, x: Tensor, *, skip: bool = False) -> Any:
        y = self.conv(x)
        return y if skip else self.pool(self.relu(y))


@case()
class AttributeDecides(Base):
    early = False

    def forward(self, x: Tensor) -> Any:
        y = self.conv(x)
        if self.training and not self.early:
            return self.pool(torch.tanh(y))
        return self.pool(self.relu(y))


@case()
class Noise(Base):
    def forward(self, x: Tensor) -> Tensor:
        return self.block(x + torch.rand(1)) * torch.rand(1)


@case()
class StochasticDepth(Base):
    def forward(self, x: Tensor) -> Tensor:
        y = self.block(x)
        return y * 2 if self.training and random.random() < 0.5 else y


@case()
class Dropout(Base):
    def forward(self, x: Tensor) -> Tensor:
        return F.dropout(self.block(x), 0.5, self.training)


@case()
class Counter(Base):
    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return self.block(x) * self.calls


@case()
class CountingBuffer(Base):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return self.block(x) * self.calls


@case()
class DataDecides(Base):
    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x)
        if y.sum() > 1e6:
            return y
        z: Tensor = self.pool(self.relu(y))
        return z


# Modes inside forward.


@case()
class WithoutGradients(Base):
    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            y = self.block(x)
        return y * self.norm.weight.mean()


@case()
class GradientsSwitchedInBetween(Base):
    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            y = self.conv(x)
        return self.pool(self.relu(self.norm(y)))


@case()
class Autocast(Base):
    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            y = self.block(x)
        return y


@case()
class AutocastOnlyThePool(Base):
    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.conv(x))
        with torch.autocast("cpu", dtype=torch.bfloat16):
            y = self.pool(y)
        return y


@case()
class Checkpointed(Base):
    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = checkpoint(self.block, x, use_reentrant=False)
        return y


@case()
class CheckpointAroundTheConvolution(Base):
    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = checkpoint(self.conv, x.clone().requires_grad_(), use_reentrant=True)
        return self.pool(self.relu(y))


@case()
class DetachedInBetween(Base):
    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.pool(self.relu(self.conv(x).detach())) * self.norm.weight.mean()
        return y


# What forward leaves behind.


@case()
class KeepsItsActivations(Base):
    def __init__(self) -> None:
        super().__init__()
        self.seen: Any = None

    def forward(self, x: Tensor) -> Tensor:
        self.seen = self.relu(self.norm(self.conv(x)))
        y: Tensor = self.pool(self.seen)
        return y


@case()
class AppendsToAList(Base):
    def __init__(self) -> None:
        super().__init__()
        self.history: list[Tensor] = []

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x)
        self.history.append(y)
        return self.pool(self.relu(y))


# Unusual modules.


@case()
def norm_without_bias() -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4, bias=False), *plain()[1:])


@case()
def norm_without_parameters() -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4, affine=False), *plain()[1:])


@case()
def norm_of_batch_statistics() -> nn.Module:
    norm = nn.BatchNorm2d(4, track_running_stats=False)
    return nn.Sequential(nn.Conv2d(1, 4, 3), norm, *plain()[1:])


@case()
def norm_of_cumulative_average() -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4, momentum=None), *plain()[1:])


@case()
def frozen_norm() -> nn.Module:
    class Frozen(nn.Sequential):
        def train(self, mode: bool = True) -> Frozen:
            super().train(mode)
            self[1].eval()
            return self

    return Frozen(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), *plain()[1:])


@case()
def lazy_convolution() -> nn.Module:
    model = nn.Sequential(nn.LazyConv2d(4, 3), *plain()[1:])
    model(torch.rand(1, 1, 8, 8))
    return model


@case()
def weight_norm() -> nn.Module:
    model = plain()
    nn.utils.parametrizations.weight_norm(model[0])
    return model


@case()
def spectral_norm() -> nn.Module:
    model = plain()
    nn.utils.parametrizations.spectral_norm(model[0], n_power_iterations=1)
    return model


@case()
def frozen_parameters() -> nn.Module:
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), *plain()[1:], nn.Conv2d(4, 2, 1))
    model[:2].requires_grad_(False)
    return model


@case()
def only_the_bias_learns() -> nn.Module:
    model = plain()
    model[0].weight.requires_grad_(False)
    return model


@case()
def channels_last() -> nn.Module:
    return nn.Sequential(*plain(), nn.Conv2d(4, 4, 2)).to(memory_format=torch.channels_last)


@case((2, 1, 9, 9))
def ceil_mode() -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2, ceil_mode=True))


@case((1, 8, 8))
def image_without_a_batch() -> nn.Module:
    return plain()


@case((0, 1, 8, 8))
def empty_batch() -> nn.Module:
    return plain()


@case()
def double_precision() -> nn.Module:
    class Double(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = plain().double()

        def forward(self, x: Tensor) -> Tensor:
            y: Tensor = self.layers(x.double())
            return y

    return Double()
