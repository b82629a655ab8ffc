"""What a part of a model does, shown by its source: `prove(module)`.

A part may be handed to a native program if a call of it in evaluation mode does nothing but compute
its result, and the source of its forward methods shows that: they call modules of the part and
functions of PyTorch's, and no condition in them depends on a value or on the number of images.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from types import FunctionType
from typing import Any

import torch.nn.functional as F
from torch import nn

from cnnkit.nn.fused.direct import is_direct
from cnnkit.nn.fused.patterns import has_hooks, has_own_methods
from cnnkit.nn.fused.rewriting import has_plain_attributes, is_straight
from cnnkit.nn.fused.sources import source_of
from cnnkit.nn.native.expressions import Expressions
from cnnkit.nn.native.facts import Facts, NotShownError
from cnnkit.nn.native.kinds import OTHER, STATIC, joined
from cnnkit.nn.native.known import CONTAINERS, IDLE, LAYERS
from cnnkit.nn.native.names import ITSELF

OWN = "cnnkit_part"  # of the subclasses of nn.Conv2d that `cnnkit.fuse` makes


def prove(part: nn.Module) -> Facts:
    """Return what must stay as it is for the part to be handed over.

    Raises:
        NotShownError: something else may happen in a call, or may see what happens.
    """
    facts = Facts()
    for name, module in part.named_modules(remove_duplicate=False):
        try:
            _examine(module, facts)
        except NotShownError as error:
            where = f"{name}, " if name else ""
            raise NotShownError(f"{where}{type(module).__name__}: {error}") from error
    facts.take(part)
    return facts


def _examine(module: nn.Module, facts: Facts) -> None:
    kind = type(module)
    if has_hooks(module):
        raise NotShownError("it has hooks")
    if has_own_methods(module):
        raise NotShownError("it has a forward of its own")
    if module._compiled_call_impl is not None and not is_direct(module):
        raise NotShownError("it is compiled")
    if not has_plain_attributes(kind) or kind.__call__ is not nn.Module.__call__:
        raise NotShownError("its class has attributes or calls of its own kind")
    facts.add(kind, "forward", kind.forward)
    facts.add(kind, "__call__", kind.__call__)
    if kind in LAYERS or OWN in vars(kind) or (kind.__module__, kind.__name__) in IDLE:
        _note_functions(kind, facts)
        return
    container = next((c for c in CONTAINERS if isinstance(module, c)), None)
    if container is not None and any(
        getattr(kind, walk, None) is not getattr(container, walk, None)
        for walk in ("__iter__", "__len__", "items", "values", "named_children", "children")
    ):
        raise NotShownError("its class goes through its modules in a way of its own")
    if container is not None and kind.forward is container.forward:
        return
    if kind.__module__.startswith("torch.nn.modules"):
        raise NotShownError("no kernel computes it")
    Method(kind.forward, module, facts).prove([OTHER])


def _note_functions(kind: type[nn.Module], facts: Facts) -> None:
    """Take note of the functions of PyTorch's that a layer calls: somebody may replace them."""
    for method in ("forward", "_conv_forward"):
        code = getattr(getattr(kind, method, None), "__code__", None)
        for name in code.co_names if code else ():
            if callable(function := vars(F).get(name)):
                facts.add(vars(F), name, function)


class Method:
    """A method of a module, or a function that one calls (then `owner` is None)."""

    def __init__(
        self, function: Any, owner: nn.Module | None, facts: Facts, depth: int = 0
    ) -> None:
        if depth > 8 or not isinstance(function, FunctionType):
            raise NotShownError("its source is not known")
        self.function, self.owner, self.facts, self.depth = function, owner, facts, depth

    def prove_inner(self, function: FunctionType, owner: Any, kinds: list[str]) -> str:
        """Return what kind of value a function that the method calls returns."""
        return Method(function, owner, self.facts, self.depth + 1).prove(kinds)

    def prove(self, given: list[str]) -> str:
        """Return what kind of value the method returns, if all it does is to compute that.

        Args:
            given: the kinds of its arguments; the first of a method, itself, is left out.
        """
        tree = source_of(self.function) if is_straight(self.function.__code__) else None
        if tree is None:
            raise NotShownError(f"the source of {self.function.__name__} is not known")
        arguments = tree.args
        if arguments.vararg or arguments.kwarg or arguments.kwonlyargs:
            raise NotShownError(f"{self.function.__name__} takes any number of arguments")
        names = [argument.arg for argument in (*arguments.posonlyargs, *arguments.args)]
        kinds = ([ITSELF] if self.owner is not None else []) + given
        missing = len(names) - len(kinds)
        if missing < 0 or missing > len(self.function.__defaults__ or ()):
            raise NotShownError(f"{self.function.__name__} takes other arguments")
        kinds += [STATIC] * missing  # their defaults
        expressions = Expressions(self, dict(zip(names, kinds, strict=True)))
        body = Statements(expressions)
        body.follow(tree.body)
        return body.returned or STATIC


class Statements:
    """The statements of a method, one after another."""

    def __init__(self, expressions: Expressions) -> None:
        self.expressions, self.returned = expressions, ""

    def follow(self, body: list[ast.stmt]) -> bool:
        """Go through statements; tell whether the last of them leaves the method."""
        for statement in body:
            rule = RULES.get(type(statement))
            if rule is None:
                raise NotShownError(f"line {statement.lineno} does more than compute")
            if rule(self, statement):
                return True
        return False

    def follow_expr(self, node: ast.Expr) -> None:
        """Follow a call whose result is not used, or a docstring."""
        self.expressions.kind(node.value)

    def follow_pass(self, node: ast.Pass) -> None:
        """Follow what does nothing."""

    def follow_assert(self, node: ast.Assert) -> None:
        """Follow a check of what does not depend on values."""
        self.expressions.test(node.test)

    def follow_return(self, node: ast.Return) -> bool:
        """Follow the end of the method."""
        kind = STATIC if node.value is None else self.expressions.kind(node.value)
        self.returned = joined(self.returned, kind)
        return True

    def follow_raise(self, node: ast.Raise) -> bool:
        """Follow an error, at which no call that was tried has ended."""
        return True

    def follow_assign(self, node: ast.Assign) -> None:
        """Follow an assignment to variables."""
        kind = self.expressions.kind(node.value)
        for target in node.targets:
            self.expressions.assign(target, kind)

    def follow_ann_assign(self, node: ast.AnnAssign) -> None:
        """Follow an assignment with a type."""
        if node.value is not None:
            self.expressions.assign(node.target, self.expressions.kind(node.value))

    def follow_aug_assign(self, node: ast.AugAssign) -> None:
        """Follow `x += y`, which may change x in place: the graph tells whose memory that is."""
        if not isinstance(node.target, ast.Name):
            raise NotShownError(f"line {node.lineno} changes something else than a variable")
        kind = joined(
            self.expressions.kind(node.value),
            self.expressions.names.variables.get(node.target.id, ""),
        )
        self.expressions.assign(node.target, kind)

    def follow_if(self, node: ast.If) -> bool:
        """Follow both ways of a condition, or the one that is taken, where that is known."""
        known = self.expressions.test(node.test)
        if known is not None:
            return self.follow(node.body if known else node.orelse)
        before = dict(self.expressions.names.variables)
        left = self.follow(node.body)
        one, self.expressions.names.variables = self.expressions.names.variables, before
        other_left = self.follow(node.orelse)
        if left:
            return other_left
        if other_left:
            self.expressions.names.variables = one
        else:
            self.expressions.join(one)
        return False

    def follow_for(self, node: ast.For) -> None:
        """Follow a loop over modules, or as many times as is known beforehand."""
        kinds = self.expressions.items(node.iter)
        for _ in range(2):  # a variable may have another kind from the second time on
            before = dict(self.expressions.names.variables)
            self.expressions.assign_all(node.target, kinds)
            self.follow(node.body)
            self.expressions.join(before)
        self.follow(node.orelse)

    def follow_continue(self, node: ast.Continue) -> bool:
        """Follow the end of a round of a loop."""
        return True


# What follows each kind of statement.
RULES: dict[type[ast.stmt], Callable[[Statements, Any], bool | None]] = {
    ast.Expr: Statements.follow_expr,
    ast.Pass: Statements.follow_pass,
    ast.Assert: Statements.follow_assert,
    ast.Return: Statements.follow_return,
    ast.Raise: Statements.follow_raise,
    ast.Assign: Statements.follow_assign,
    ast.AnnAssign: Statements.follow_ann_assign,
    ast.AugAssign: Statements.follow_aug_assign,
    ast.If: Statements.follow_if,
    ast.For: Statements.follow_for,
    ast.Continue: Statements.follow_continue,
    ast.Break: Statements.follow_continue,
}
