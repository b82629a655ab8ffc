"""Whole parts of fused models run as native programs, and nobody could see a difference."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

import cnnkit
from cnnkit.nn.fusion.compiler import compile_graph
from cnnkit.nn.native import programs
from cnnkit.nn.native.programs import Programs, Ready
from cnnkit.nn.native.proof import prove
from cnnkit.nn.native.reading import Reading, read

X = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))


class Block(nn.Module):
    """A residual block."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.one = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm, self.relu = nn.BatchNorm2d(channels), nn.ReLU(inplace=True)
        self.two = nn.Conv2d(channels, channels, 3, padding=1)
        self.short: nn.Module | None = None

    def forward(self, x: Tensor) -> Tensor:
        kept = x
        y = self.relu(self.norm(self.one(x)))
        y = self.two(y)
        if self.short is not None:
            kept = self.short(x)
        y += kept
        return self.relu(y)


class Net(nn.Module):
    """A small classifier, most of which is in `features`."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), Block(8))
        self.drop, self.head = nn.Dropout(0.5), nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        y = self.features(x)
        y = F.max_pool2d(y, 2)
        y = F.adaptive_avg_pool2d(y, (1, 1))
        return self.head(self.drop(torch.flatten(y, 1)))


def made(net: Callable[[], nn.Module] = Net) -> tuple[Any, Any]:
    torch.manual_seed(0)
    model = net().eval()
    return model, cnnkit.fuse(model).model


@contextmanager
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """Collect the shapes that programs compute."""
    runs: list[Any] = []
    run = Ready.run

    def count(self: Ready, x: Tensor) -> Tensor:
        runs.append(tuple(self.shape))
        return run(self, x)

    with monkeypatch.context() as patch:
        patch.setattr(Ready, "run", count)
        yield runs


def warm(fused: nn.Module, x: Tensor = X) -> None:
    with torch.no_grad():
        for _ in range(4):
            fused(x)


READ: dict[Any, Reading] = {}


@pytest.fixture
def pair(monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Any]:
    """Return a model and the fused one with its program; `Net` is exported once for all of them."""

    def read_once(part: nn.Module, size: tuple[int, ...]) -> Reading:
        key = type(part), size
        if key not in READ:
            READ[key] = read(part, size)
        return READ[key]

    model, fused = made()
    with monkeypatch.context() as patch:
        patch.setattr(programs, "read", read_once)
        warm(fused)
    return model, fused


def check(
    monkeypatch: pytest.MonkeyPatch, model: Any, fused: Any, runs: int | None, x: Tensor = X
) -> None:
    """The outputs are equal, and programs computed so many of a call's parts."""
    with counted(monkeypatch) as seen, torch.no_grad():
        y = fused(x)
    with torch.no_grad():
        expected = model(x)
    torch.testing.assert_close(y, expected, rtol=1e-5, atol=1e-6)
    assert (y.stride(), type(y), y.requires_grad) == (expected.stride(), Tensor, False)
    assert runs is None or len(seen) == runs, seen


def test_the_whole_model_runs_as_one_program(monkeypatch: pytest.MonkeyPatch) -> None:
    model, fused = made()
    for runs in (0, 0, 1, 1):
        check(monkeypatch, model, fused, runs)
    check(monkeypatch, model, fused, 1, X[:1])  # compared with PyTorch's once more
    with counted(monkeypatch) as seen, torch.inference_mode():
        assert fused(X.clone()).is_inference()
    assert seen == [(5,)]
    assert "native as a whole" in str(cnnkit.fuse(model).report)


def test_example_inputs_tell_what_becomes_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    model = Net().eval()
    fused, report = cnnkit.fuse(model, example_inputs=(X,))
    assert [(part.place, part.reason) for part in report.parts] == [("model", "")]
    check(monkeypatch, model, fused, 1)
    slow = nn.Sequential(*[f() for _ in range(3) for f in (lambda: nn.Conv2d(3, 3, 1), nn.Tanh)])
    (part,) = cnnkit.fuse(slow.eval(), example_inputs=(X,)).report.parts
    assert part.verdict == "not whole: PyTorch computes Tanh faster"


def test_images_of_other_sizes_get_programs_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    model, fused = made(lambda: Net().features)
    for size in (6, 8):
        x = torch.rand(1, 3, size, 9)
        warm(fused, x)
        check(monkeypatch, model, fused, 1, x)
    last = torch.rand(1, 9, 8, 3).permute(0, 3, 2, 1)
    check(monkeypatch, model, fused, 0, last)  # its result lies otherwise in memory


class Watch(TorchDispatchMode):
    """A mode that sees every operation."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return func(*args, **(kwargs or {}))


@contextmanager
def hooked(part: nn.Module) -> Iterator[None]:
    seen: list[Any] = []
    handle = part.register_forward_hook(lambda *given: seen.append(given))
    yield
    handle.remove()
    assert seen


@contextmanager
def hooked_everywhere() -> Iterator[None]:
    seen: list[Any] = []
    hook = nn.modules.module.register_module_forward_hook(lambda *given: seen.append(given))
    yield
    hook.remove()
    assert seen


SEEN: dict[str, Callable[[Any], Any]] = {
    "a hook on a layer": lambda fused: hooked(fused.features[2].relu),
    "a hook on all modules": lambda fused: hooked_everywhere(),
    "autocast": lambda fused: torch.autocast("cpu", torch.bfloat16),
    "a mode": lambda fused: Watch(),
    "gradients": lambda fused: torch.enable_grad(),
    "a profiler": lambda fused: torch.profiler.profile(),
}


@pytest.mark.parametrize("name", SEEN)
def test_pytorch_computes_what_somebody_sees(
    name: str, pair: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, fused = pair
    with counted(monkeypatch) as seen, torch.no_grad(), SEEN[name](fused):
        y = fused(X)
    with torch.no_grad(), SEEN[name](model) if name != "a mode" else Watch():
        expected = model(X)
    assert (y.dtype, y.requires_grad) == (expected.dtype, expected.requires_grad)
    torch.testing.assert_close(y, expected, rtol=1e-5, atol=1e-6)
    assert (5,) not in seen
    check(monkeypatch, model, fused, 1)


def test_training_goes_on_as_before(pair: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    model, fused = pair
    for net in pair:
        net.train()
        torch.manual_seed(1)
        net(X).sum().backward()
        with torch.no_grad():
            for parameter in net.parameters():
                parameter -= 0.1 * parameter.grad
    torch.testing.assert_close(fused.features[0].weight, model.features[0].weight)
    model.eval(), fused.eval()
    check(monkeypatch, model, fused, 0)


def add_by_data(net: Any) -> None:
    net.features[0].weight.data.add_(0.5)
    net.eval()


@torch.enable_grad()
def step_fused(net: Any) -> None:
    net(X).sum().backward()
    torch.optim.Adam(net.parameters(), lr=0.1, fused=True).step()


def replace_a_layer(net: Any) -> None:
    torch.manual_seed(3)
    net.features[1] = nn.LeakyReLU(0.3)


CHANGES: dict[str, Callable[[Any], Any]] = {
    "a weight in place": lambda net: net.head.weight.mul_(2),
    "a weight by its data, then eval()": add_by_data,
    "a weight by its data alone": lambda net: net.features[0].weight.data.mul_(2),
    "a bias by NumPy": lambda net: np.add(b := net.head.bias.detach().numpy(), 1, out=b),
    "a step of a fused optimiser": step_fused,
    "a weight's storage": lambda net: setattr(net.head.weight, "data", torch.ones(5, 8)),
    "a buffer": lambda net: net.features[2].norm.running_mean.add_(1),
    "a parameter": lambda net: setattr(net.head, "bias", nn.Parameter(torch.ones(5))),
    "a layer": replace_a_layer,
    "an option": lambda net: setattr(net.features[2].norm, "eps", 1.0),
    "a branch": lambda net: setattr(net.features[2], "short", nn.ReLU()),
    "a forward": lambda net: setattr(
        net.features, "forward", lambda x: x.repeat(1, 3, 1, 1)[:, :8]
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_changes_takes_effect_at_once(
    name: str, pair: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, fused = pair
    with torch.no_grad():
        for net in pair:
            CHANGES[name](net)
    for _ in range(3):
        check(monkeypatch, model, fused, None)  # a part that is as it was may be native


def test_images_that_do_not_lie_in_order_are_read_from_a_copy_that_lives(
    pair: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, fused = pair
    many = X.repeat(60, 1, 1, 1)
    for x in (X, many, many[::2]):
        check(monkeypatch, model, fused, None, x)
        check(monkeypatch, model, fused, 1, x.contiguous(memory_format=torch.channels_last))


def test_the_same_weights_keep_their_program(
    pair: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, fused = pair
    fused.load_state_dict(model.state_dict())
    fused.eval()
    check(monkeypatch, model, fused, 1)


def test_changed_weights_get_a_program_when_they_stay(
    pair: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, fused = pair
    with torch.no_grad():
        for net in pair:
            net.head.bias.add_(1)
            net.features[2].one.weight.mul_(2)
    many = X.repeat(60, 1, 1, 1)
    for runs in (0, 0, 0, 1, 1):
        check(monkeypatch, model, fused, runs, many)


def test_a_patched_function_or_class_is_called(
    pair: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, fused = pair
    with monkeypatch.context() as patch:
        patch.setattr(F, "max_pool2d", lambda x, size: F.avg_pool2d(x, size))
        check(monkeypatch, model, fused, 0)
    with monkeypatch.context() as patch:
        patch.setattr(nn.ReLU, "forward", lambda self, x: -x)
        check(monkeypatch, model, fused, 0)
    with monkeypatch.context() as patch:
        patch.setattr(F, "conv2d", lambda x, w, *options: torch.conv2d(x, w * 2, *options))
        check(monkeypatch, model, fused, 0)


@pytest.mark.parametrize("make", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
def test_copies_find_their_own_program(
    make: Callable[[Any], Any], pair: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, fused = make(pair)
    with torch.no_grad():
        for net in (model, fused):
            net.head.bias.add_(1)
    for runs in (0, 0, 1, 1):
        check(monkeypatch, model, fused, runs)
    assert list(fused.state_dict()) == list(model.state_dict())


def test_a_deleted_model_is_freed_at_once() -> None:
    _, fused = made()
    warm(fused)
    gc.collect()
    gc.disable()
    try:
        alive = [weakref.ref(fused), weakref.ref(fused.features[2].one.weight)]
        del fused
        assert [each() for each in alive] == [None, None]
    finally:
        gc.enable()


def test_a_part_runs_where_the_whole_cannot(monkeypatch: pytest.MonkeyPatch) -> None:
    model, fused = made()
    for net in (model, fused):
        net.head.register_forward_hook(lambda m, given, y: y * 2)
    for runs in (0, 0, 0, 1, 1):
        check(monkeypatch, model, fused, runs)


def test_threads_get_one_program_and_right_outputs(monkeypatch: pytest.MonkeyPatch) -> None:
    # Its block is called directly from the second call on, while a program is made.
    def net() -> nn.Module:
        layers = [nn.Conv2d(3, 4, 3), nn.ReLU(), nn.MaxPool2d(2)]
        return nn.Sequential(*layers, nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 1))

    model, fused = made(net)
    with torch.no_grad():
        expected = model(X)

    def call() -> list[Tensor]:
        with torch.no_grad():
            return [fused(X) for _ in range(6)]

    with ThreadPoolExecutor(4) as pool:
        futures = [pool.submit(call) for _ in range(4)]
    for y in (y for future in futures for y in future.result()):
        torch.testing.assert_close(y, expected, rtol=1e-5, atol=1e-6)
    assert fused(X).requires_grad
    check(monkeypatch, model, fused, 1)


def test_a_failing_call_raises_what_pytorch_raises(pair: tuple[Any, Any]) -> None:
    for bad in (torch.rand(2, 4, 8, 8), torch.rand(2, 3, 8, 8).double()):
        errors = []
        for net in pair:
            with pytest.raises(RuntimeError) as caught, torch.no_grad():
                net(bad)
            errors.append(str(caught.value))
        assert errors[0] == errors[1]


def test_what_its_input_loses_is_pytorchs_to_change(monkeypatch: pytest.MonkeyPatch) -> None:
    def net() -> nn.Module:
        layers = [nn.Conv2d(3, 3, 3, padding=1) for _ in range(3)]
        return nn.Sequential(nn.ReLU(inplace=True), *layers)

    model, fused = made(net)
    with torch.no_grad():
        for _ in range(5):
            given = X - 0.5, X - 0.5
            torch.testing.assert_close(fused(given[0]), model(given[1]))
            assert torch.equal(*given)


def test_models_export_as_they_did(pair: tuple[Any, Any]) -> None:
    model, fused = pair
    program = torch.export.export(fused, (X,))
    kinds = [str(node.target) for node in program.graph.nodes]
    assert kinds == [str(node.target) for node in torch.export.export(model, (X,)).graph.nodes]


def test_torch_compile_hands_over_the_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    model = Net().eval()
    compiled = torch.compile(model, backend=compile_graph)
    for runs in (0, 1, 1):
        check(monkeypatch, model, compiled, runs)
    with torch.no_grad():
        model.head.weight.mul_(2)
    check(monkeypatch, model, compiled, 0)
    assert compiled(X).requires_grad
    many = X.repeat(200, 1, 1, 1)
    for _ in range(3):  # Dynamo compiles a graph for them
        check(monkeypatch, model, compiled, None, many)
    check(monkeypatch, model, compiled, 1, many)
    model.features[0].weight.data.mul_(2)
    check(monkeypatch, model, compiled, 0, many)


def test_outputs_that_differ_are_never_used(monkeypatch: pytest.MonkeyPatch) -> None:
    model, fused = made()
    wrong = lambda self, x: torch.zeros(x.shape[0], *self.shape)  # noqa: E731
    with monkeypatch.context() as patch:
        patch.setattr(Ready, "run", wrong)
        warm(fused)
    check(monkeypatch, model, fused, None)
    part = fused._compiled_call_impl.outer.__self__
    assert isinstance(part.programs, Programs)
    assert part.programs.refused == {(3, 8, 8): "the program's outputs differ"}


def test_what_pytorch_computes_faster_is_left_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def net() -> nn.Module:
        return nn.Sequential(
            *[f() for _ in range(3) for f in (lambda: nn.Conv2d(3, 3, 1), nn.Tanh)]
        )

    model, fused = made(net)
    for _ in range(4):
        check(monkeypatch, model, fused, 0)
    part = fused._compiled_call_impl.outer.__self__
    assert part.programs.refused == {(3, 8, 8): "PyTorch computes Tanh faster"}


def test_a_plain_forward_is_shown_to_only_compute() -> None:
    assert prove(Net()).hold()
