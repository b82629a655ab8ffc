"""After its first call, a fused model calls its blocks directly, and notices what changes then."""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch
from support.suspicious_models import Base
from torch import Tensor, nn

import cnnkit
from cnnkit.nn.block import observe_calls
from cnnkit.nn.fused.waiting import Waiting

X = torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(0))


class Net(Base):
    """A block called by the model's own forward, whose module names the tests share."""

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.pool(self.relu(self.norm(self.conv(x))))
        return y


def sequential() -> nn.Sequential:
    net = Net()
    model = nn.Sequential()
    for name in ("conv", "norm", "relu", "pool"):
        model.add_module(name, net.get_submodule(name))
    return model


def called(make: Callable[[], nn.Module]) -> tuple[Any, Any]:
    """Return a model, and the fused one after its first calls."""
    torch.manual_seed(0)
    model = make().eval()
    model.norm.running_mean.uniform_()
    fused = cnnkit.fuse(model).model
    for _ in range(2):
        assert_same(model, fused, blocks=1)
    return model, fused


def assert_same(model: Any, fused: Any, x: Tensor = X, blocks: int | None = None) -> None:
    with torch.no_grad(), observe_calls() as calls:
        torch.testing.assert_close(fused(x), model(x), rtol=1e-5, atol=1e-6)
    assert blocks is None or len(calls) == blocks


both = pytest.mark.parametrize("make", [sequential, Net])


@both
def test_modules_keep_their_types_and_text(make: Callable[[], nn.Module]) -> None:
    model, fused = called(make)
    assert type(fused) is type(model)
    for name in ("norm", "relu", "pool"):
        assert type(fused.get_submodule(name)) is type(model.get_submodule(name))
    assert repr(fused).replace("FusedConv2d", "Conv2d") == repr(model)


@both
@pytest.mark.parametrize("part", ["", "conv", "norm", "relu", "pool"])
def test_a_later_hook_sees_what_it_would(make: Callable[[], nn.Module], part: str) -> None:
    model, fused = called(make)
    seen: list[Tensor] = []
    for net in (model, fused):
        net.get_submodule(part).register_forward_hook(lambda m, given, y: seen.append(y))
    assert_same(model, fused)
    assert all(type(y) is Tensor for y in seen)
    torch.testing.assert_close(*seen)


@both
def test_a_later_global_hook_sees_every_module(make: Callable[[], nn.Module]) -> None:
    model, fused = called(make)
    seen: list[str] = []
    handle = nn.modules.module.register_module_forward_hook(
        lambda module, given, y: seen.append(module._get_name())
    )
    try:
        assert_same(model, fused, blocks=0)
    finally:
        handle.remove()
    assert [name.removeprefix("Fused") for name in seen[:5]] == seen[5:]


def other_relu(model: Any) -> None:
    model.relu = nn.GELU()


def other_convolution(model: Any) -> None:
    torch.manual_seed(1)
    model.conv = nn.Conv2d(1, 4, 5)


def own_forward(model: Any) -> None:
    model.relu.forward = torch.tanh


def own_pool(model: Any) -> None:
    model.pool.kernel_size = model.pool.stride = [3, 3]


def pool_changed_in_place(model: Any) -> None:
    own_pool(model)
    model(X)
    model.pool.kernel_size[0] = 2


def other_mode(model: Any) -> None:
    model.norm.train()


def half_a_model(model: Any) -> None:
    model.double()
    model.float()
    model.conv.weight.data = model.conv.weight.data.flip(2)


def weight_seen_otherwise(model: Any) -> None:
    model.conv.weight = nn.Parameter(model.conv.weight.data.transpose(2, 3))


def weight_written_through_data(model: Any) -> None:
    model.conv.weight.data.mul_(-1)


def statistics_written_through_numpy(model: Any) -> None:
    model.norm.running_mean.numpy()[1] += 1


def attribute(part: str, name: str) -> Callable[[Any], None]:
    """Return a change that puts a tensor where PyTorch keeps neither parameters nor buffers."""

    def change(model: Any) -> None:
        module = model.get_submodule(part)
        value = getattr(module, name).detach() * 1.5 + 0.1
        delattr(module, name)
        module.__dict__[name] = value

    change.__name__ = f"attribute_{part}_{name}"
    return change


class Doubled(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * 2


def parametrised_bias(model: Any) -> None:
    nn.utils.parametrize.register_parametrization(model.conv, "bias", Doubled())


CHANGES = [
    *[attribute("conv", name) for name in ("weight", "bias")],
    *[attribute("norm", name) for name in ("weight", "bias", "running_mean", "running_var")],
    parametrised_bias,
    *(weight_written_through_data, statistics_written_through_numpy),
    *(other_relu, other_convolution, own_forward, own_pool, pool_changed_in_place, other_mode),
    *(half_a_model, weight_seen_otherwise),
]


@both
@pytest.mark.parametrize("change", CHANGES)
def test_a_later_change_takes_effect(
    make: Callable[[], nn.Module], change: Callable[[Any], None]
) -> None:
    model, fused = called(make)
    with torch.no_grad():
        change(model)
        change(fused)
    for _ in range(2):
        assert_same(model, fused)


@both
def test_errors_are_those_of_pytorch(make: Callable[[], nn.Module]) -> None:
    model, fused = called(make)
    for x in (torch.rand(2, 3, 8, 8), torch.rand(2, 1, 1, 1), torch.rand(8), X.double()):
        messages = []
        for net in (model, fused):
            with pytest.raises((RuntimeError, ValueError)) as caught:
                net(x)
            messages.append((type(caught.value), str(caught.value)))
        assert messages[0] == messages[1]


def saved(model: nn.Module) -> Any:
    file = io.BytesIO()
    torch.save(model, file)
    return torch.load(io.BytesIO(file.getvalue()), weights_only=False)


WAYS: dict[str, Callable[[Any], Any]] = {
    "deepcopy": copy.deepcopy,
    "copy": copy.copy,
    "pickle": lambda net: pickle.loads(pickle.dumps(net)),
    "save": saved,
    "fuse": lambda net: cnnkit.fuse(net).model,
    "script": torch.jit.script,
    "trace": lambda net: torch.jit.trace(net, X),
    "export": lambda net: torch.export.export(net, (X,)).module(),
    "fx": torch.fx.symbolic_trace,
    "compile": lambda net: torch.compile(net, fullgraph=True, backend="aot_eager"),
}


@both
@pytest.mark.filterwarnings("ignore:.torch.jit.*deprecated:FutureWarning")
@pytest.mark.filterwarnings("ignore:.torch.jit.*deprecated:DeprecationWarning")
@pytest.mark.parametrize("way", WAYS)
def test_a_model_that_was_called_is_copied_and_exported(
    make: Callable[[], nn.Module], way: str
) -> None:
    torch._dynamo.reset()
    model, fused = called(make)
    with torch.no_grad():
        other = WAYS[way](fused)
    for _ in range(2):
        assert_same(model, other)
    assert_same(model, fused, blocks=1)


@both
def test_gradients_are_the_same_after_calls(make: Callable[[], nn.Module]) -> None:
    model, fused = called(make)
    for training in (False, True):
        for net in (model, fused):
            net.zero_grad()
            net.train(training)(X).square().sum().backward()
        for mine, expected in zip(fused.parameters(), model.parameters(), strict=True):
            torch.testing.assert_close(mine.grad, expected.grad, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(fused.norm.running_mean, model.norm.running_mean)


def test_what_waits_hides_nothing_of_a_tensor() -> None:
    assert not set(Waiting.__annotations__) & set(dir(Tensor))
