"""Blocks in straight-line forward methods are one operation each; other methods stay."""

from __future__ import annotations

import linecache
import sys
from types import FunctionType
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from support.suspicious_models import Base
from torch import Tensor, nn
from torch.nn.functional import max_pool2d, relu

import cnnkit
from cnnkit.nn.block import observe_calls
from cnnkit.nn.fused.conv import FusedConv2d
from cnnkit.nn.fused.rewriting import rewritten
from cnnkit.nn.fused.waiting import Waiting

X = torch.rand(2, 1, 16, 16, generator=torch.Generator().manual_seed(0))
FORMS: dict[str, type[nn.Module]] = {}
OTHERS: dict[str, type[nn.Module]] = {}


def form(kind: type[nn.Module]) -> type[nn.Module]:
    """Register a model whose blocks are rewritten."""
    FORMS[kind.__name__] = kind
    return kind


def other(kind: type[nn.Module]) -> type[nn.Module]:
    """Register a model in which something else than the block may see the values in between."""
    OTHERS[kind.__name__] = kind
    return kind


@form
class OneExpression(Base):
    def forward(self, x: Tensor) -> Tensor:
        return self.pool(self.relu(self.norm(self.conv(x)))).flatten(1)


@form
class Functions(Base):
    def forward(self, x):  # type: ignore[no-untyped-def]
        return F.max_pool2d(F.relu(self.conv(x), inplace=True), kernel_size=(3, 2), stride=2)


@form
class ImportedFunctions(Base):
    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = relu(max_pool2d(self.norm(self.conv(x)), 2))
        return y + 1


@form
class OneLineForEach(Base):
    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        x = self.norm(x)
        x = F.relu(x)
        x = self.pool(x)
        return x * 2


@form
class OtherNames(Base):
    def forward(self, x: Tensor, scale: float = 2, *, more: float = 1) -> Any:
        between = self.relu(self.conv(x))
        y = self.pool(between)
        return y * scale + more + x.mean()


@form
class ReturnsTheLast(Base):
    def forward(self, x: Tensor) -> Any:
        x = torch.relu(self.conv(x))
        return torch.max_pool2d(x, 2)


@form
class InALoopUnderNoGrad(Base):
    def forward(self, x: Tensor) -> Tensor:
        found = x.new_zeros(())
        for _ in range(2):
            with torch.no_grad():
                found = found + self.pool(self.relu(self.conv(x))).mean()
        return found


@other
class ReadAgain(Base):
    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.conv(x))
        z = self.pool(y)
        return z.mean() + y.mean()


@other
class LocalVariables(Base):
    def forward(self, x: Tensor) -> Any:
        x = self.relu(self.conv(x))
        shape = locals()["x"].shape
        x = self.pool(x)
        return x, torch.tensor(shape)


@other
class InnerFunction(Base):
    def forward(self, x: Tensor) -> Any:
        y = self.conv(x)
        look = lambda: y.mean()  # noqa: E731
        return self.pool(self.relu(y)) + look()


@other
class Caught(Base):
    def forward(self, x: Tensor) -> Any:
        try:
            x = self.relu(self.conv(x))
            x = self.pool(x)
        except ValueError:
            return x
        return x


@other
class Itself(Base):
    def forward(self, x: Tensor) -> Any:
        self = Base() if x.ndim < 0 else self
        return self.pool(self.relu(self.conv(x)))


@other
class Decorated(Base):
    @torch.no_grad()
    def forward(self, x: Tensor) -> Any:
        return self.pool(self.relu(self.conv(x)))


@other
class FunctionOfAnArgument(Base):
    def forward(self, x: Tensor, relu: Any = F.relu) -> Any:
        return F.max_pool2d(relu(self.conv(x)), 2)


@other
class OwnAttributes(Base):
    def __getattr__(self, name: str) -> Any:
        return super().__getattr__(name)

    def forward(self, x: Tensor) -> Any:
        return self.pool(self.relu(self.conv(x)))


def pair(kind: type[nn.Module]) -> tuple[Any, Any]:
    torch.manual_seed(0)
    model = kind().eval()
    model.norm.running_mean.uniform_()  # type: ignore[union-attr, operator]
    fused = cnnkit.fuse(model).model
    assert_same(model, fused)
    return model, fused


def assert_same(model: Any, fused: Any, *args: Any, **options: Any) -> int:
    """Compare the outputs; return how many blocks were one operation."""
    with torch.no_grad(), observe_calls() as calls:
        expected, found = (net(X, *args, **options) for net in (model, fused))
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
    return len(calls)


@pytest.mark.parametrize("name", FORMS)
def test_a_straight_block_is_one_operation(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model, fused = pair(FORMS[name])
    monkeypatch.setattr(Waiting, "after", None)  # nothing waits
    assert assert_same(model, fused) == (2 if name == "InALoopUnderNoGrad" else 1)


@pytest.mark.parametrize("name", OTHERS)
def test_other_methods_are_left_as_they_are(name: str) -> None:
    model, fused = pair(OTHERS[name])
    assert rewritten(fused, FusedConv2d) is None
    assert_same(model, fused)


def test_arguments_reach_the_method() -> None:
    model, fused = pair(OtherNames)
    assert assert_same(model, fused, 3, more=5) == 1
    with torch.no_grad():
        assert fused(X, 0, more=7).min() == 7 + X.mean()


def test_a_replaced_function_takes_effect(monkeypatch: pytest.MonkeyPatch) -> None:
    model, fused = pair(Functions)
    monkeypatch.setattr(F, "relu", lambda x, inplace: x * 3)
    assert_same(model, fused)


def test_a_replaced_method_takes_effect(monkeypatch: pytest.MonkeyPatch) -> None:
    model, fused = pair(OneExpression)
    monkeypatch.setattr(OneExpression, "forward", lambda self, x: self.conv(x) - 1)
    assert assert_same(model, fused) == 0


def test_a_debugger_sees_every_value() -> None:
    model, fused = pair(OneLineForEach)
    seen: list[list[Any]] = []

    def look(frame: Any, event: str, arg: Any) -> Any:
        if frame.f_code.co_qualname == "OneLineForEach.forward" and event == "line":
            seen[-1].append(frame.f_locals["x"].mean())
        return look

    before = sys.gettrace()
    for net in (model, fused):
        seen.append([])
        with torch.no_grad():
            sys.settrace(look)
            try:
                net(X)
            finally:
                sys.settrace(before)
    assert len(seen[0]) == 5
    torch.testing.assert_close(*seen)


def test_a_source_that_changed_since_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    line = "def forward(self, x): return self.pool(self.relu(self.conv({})))\n"
    space: dict[str, Any] = {}
    exec(compile(line.format("x"), "changed.py", "exec"), space)
    kind: Any = type("Changed", (Base,), {"forward": space["forward"]})
    for source, used in (("x + 1", False), ("x", True)):
        text = line.format(source)
        monkeypatch.setitem(linecache.cache, "changed.py", (len(text), None, [text], "changed.py"))
        copied = FunctionType(space["forward"].__code__, space)
        monkeypatch.setattr(kind, "forward", copied)
        _, fused = pair(kind)
        assert (rewritten(fused, FusedConv2d) is not None) == used


@pytest.mark.parametrize("kind", [OneExpression, ReadAgain])
def test_a_replica_with_the_same_attributes_runs_itself(kind: type[nn.Module]) -> None:
    model, fused = pair(kind)

    def replica(module: nn.Module) -> nn.Module:
        made = module._replicate_for_data_parallel()  # type: ignore[operator]
        for name, child in module.named_children():
            made._modules[name] = replica(child)
        made._parameters = {
            name: None if p is None else nn.Parameter(p * 2)
            for name, p in module._parameters.items()
        }
        return made  # type: ignore[no-any-return]

    assert_same(replica(model), replica(fused))


def test_errors_point_at_the_line_of_the_method() -> None:
    model, fused = pair(OtherNames)
    lines = []
    for net in (model, fused):
        with pytest.raises(TypeError) as caught:
            net(X, "scale")
        lines.append([(entry.path, entry.lineno) for entry in caught.traceback][-1])
    assert lines[0] == lines[1]
