"""The blocks in the source of a method, replaced: `Rewriter(...).statements(body)`.

A block is an expression, as `self.pool(F.relu(self.conv(x)))`, or a line for each operation.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable
from types import FunctionType, ModuleType
from typing import Any, NamedTuple

from torch import nn

from cnnkit.nn.fused.direct_blocks import Operation, computed, tried
from cnnkit.nn.fused.patterns import FUNCTIONS

ORDERS = {
    ("Conv2d", *norm, *last)
    for norm in ((), ("BatchNorm2d",))
    for last in (("ReLU", "MaxPool2d"), ("MaxPool2d", "ReLU"))
}
BLOCK, VALUE = "__cnnkit_block_{}__", "__cnnkit_value__"


class Found(NamedTuple):
    """Operations in an expression, the first one first, and what they begin with."""

    callees: tuple[ast.expr, ...]
    operations: tuple[Operation, ...]
    argument: ast.expr

    @property
    def is_block(self) -> bool:
        """Tell whether these are the operations of a block."""
        return tuple(operation.kind for operation in self.operations) in ORDERS


class Rewriter(ast.NodeTransformer):
    """Replaces the blocks in a method.

    Attributes:
        blocks: what the method calls instead, in order.
        convolutions: the names of theirs.
    """

    def __init__(
        self,
        function: FunctionType,
        names: dict[str, str],
        fused: type[nn.Module],
        tree: ast.FunctionDef,
    ) -> None:
        self.names, self.fused, self.scope = names, fused, function.__globals__
        self.local = {*function.__code__.co_varnames}
        self.blocks: list[Callable[..., Any]] = []
        self.convolutions: frozenset[str] = frozenset()
        nodes = list(ast.walk(tree))
        self.loads = [n.id for n in nodes if isinstance(n, ast.Name) and is_load(n)]
        self.itself = function.__code__.co_varnames[0]
        if any(isinstance(n, ast.Name) and n.id == self.itself and not is_load(n) for n in nodes):
            self.names = {}  # `self` becomes something else
        # An exception may show the values of variables.
        self.caught = any(isinstance(n, (ast.Try, ast.TryStar)) for n in nodes)
        self.deleted = {t.id for n in nodes if isinstance(n, ast.Delete) for t in named(n.targets)}

    def statements(self, body: list[ast.stmt]) -> list[ast.stmt]:
        """Replace the blocks in statements that follow each other."""
        found: list[ast.stmt] = []
        while body:
            count, merged = self._merge(body)
            found.append(self.visit(body[0]) if merged is None else merged)
            body = body[count:]
        return found

    def generic_visit(self, node: ast.AST) -> ast.AST:
        """Replace the blocks in a part of the source."""
        for name, value in ast.iter_fields(node):
            if isinstance(value, list) and value and isinstance(value[0], ast.stmt):
                setattr(node, name, self.statements(value))
            elif isinstance(value, list):
                value[:] = [self.visit(v) if isinstance(v, ast.AST) else v for v in value]
            elif isinstance(value, ast.AST):
                setattr(node, name, self.visit(value))
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """Replace a block whose operations are called in one expression."""
        found = self.chain(node)
        if not found.is_block:
            return self.generic_visit(node)
        name = self.add(computed(found.operations, self.fused), found)
        given = [*reversed(found.callees), self.visit(found.argument)]  # as they are evaluated
        return ast.copy_location(ast.Call(name, given, []), node)

    def add(self, block: Callable[..., Any], found: Found) -> ast.Name:
        """Return the name by which the method calls a block."""
        self.blocks.append(block)
        self.convolutions |= {c.attr for c in found.callees[:1] if isinstance(c, ast.Attribute)}
        return ast.Name(BLOCK.format(len(self.blocks) - 1), ast.Load())

    def chain(self, value: ast.expr | None) -> Found:
        """Return the operations of a block that an expression calls, one on the other's output."""
        callees: list[ast.expr] = []
        operations: list[Operation] = []
        while isinstance(value, ast.Call) and (operation := self.operation(value)):
            callees.insert(0, value.func)
            operations.insert(0, operation)
            value = value.args[0]
            if operation.kind == "Conv2d":
                break
        return Found(tuple(callees), tuple(operations), value or ast.Constant(None))

    def operation(self, call: ast.Call) -> Operation | None:
        """Return the operation that an expression calls; None if it is no block's."""
        if not call.args or isinstance(call.args[0], ast.Starred):
            return None
        callee = call.func
        if isinstance(callee, ast.Attribute) and is_name(callee.value, self.itself):
            alone = len(call.args) == 1 and not call.keywords
            kind = self.names.get(callee.attr, "") if alone else ""
            return Operation(kind, None, (), {}) if kind else None
        function = self.resolve(callee)
        kind = FUNCTIONS.get(function, "") if callable(function) else ""
        if kind not in ("ReLU", "MaxPool2d"):
            return None
        try:
            args = tuple(ast.literal_eval(value) for value in call.args[1:])
            named_args = {str(k.arg): ast.literal_eval(k.value) for k in call.keywords if k.arg}
        except ValueError:
            return None
        if len(named_args) < len(call.keywords):
            return None
        return Operation(kind, function, args, named_args)

    def resolve(self, callee: ast.expr) -> Any:
        """Return the global function that an expression names; None if it is none."""
        if isinstance(callee, ast.Attribute):
            if isinstance(callee.value, ast.Name) and callee.value.id not in self.local:
                module = self.scope.get(callee.value.id)
                return getattr(module, callee.attr, None) if type(module) is ModuleType else None
        elif isinstance(callee, ast.Name) and callee.id not in self.local:
            return self.scope.get(callee.id)
        return None

    def _merge(self, body: list[ast.stmt]) -> tuple[int, ast.stmt | None]:
        """Return one statement for those that a block begins with, and how many these are."""
        found, variable = self.chain(value_of(body[0])), target_of(body[0])
        if self.caught or not found.operations or not isinstance(found.argument, ast.Name):
            return 1, None
        for count, statement in enumerate(body[1:4], start=2):
            step, target = self.chain(value_of(statement)), target_of(statement)
            if variable is None or variable not in self.local or variable in self.deleted:
                return 1, None
            if not step.operations or not is_name(step.argument, variable):
                return 1, None
            ends = isinstance(statement, ast.Return)
            if not ends and target != variable and self.loads.count(variable) > 1:
                return 1, None
            operations = (*found.operations, *step.operations)
            found = Found((*found.callees, *step.callees), operations, found.argument)
            if found.is_block and (ends or target):
                return count, self._guarded(body[:count], found)
            variable = target
        return 1, None

    def _guarded(self, body: list[ast.stmt], found: Found) -> ast.stmt:
        """Return a statement that computes a block, or executes the given ones."""
        block = self.add(tried(found.operations, self.fused), found)
        given = copy.deepcopy([*reversed(found.callees), found.argument])
        value = ast.NamedExpr(ast.Name(VALUE, ast.Store()), ast.Call(block, given, []))
        test = ast.Compare(value, [ast.IsNot()], [ast.Constant(None)])
        last, use = copy.copy(body[-1]), ast.Name(VALUE, ast.Load())
        # Only returns and assignments end a block, and both have a value.
        last.value = use  # type: ignore[attr-defined]
        clear = ast.Assign([ast.Name(VALUE, ast.Store())], ast.Constant(None))
        then: list[ast.stmt] = [last] if isinstance(last, ast.Return) else [last, clear]
        return ast.copy_location(ast.If(test, then, body), body[0])


def is_load(name: ast.Name) -> bool:
    """Tell whether a variable is read."""
    return isinstance(name.ctx, ast.Load)


def is_name(value: ast.expr, name: str) -> bool:
    """Tell whether an expression is this variable."""
    return isinstance(value, ast.Name) and value.id == name


def named(targets: list[ast.expr]) -> list[ast.Name]:
    """Return those of some targets that are variables."""
    return [target for target in targets if isinstance(target, ast.Name)]


def value_of(statement: ast.stmt) -> ast.expr | None:
    """Return what a statement assigns or returns."""
    return (
        statement.value if isinstance(statement, (ast.Assign, ast.AnnAssign, ast.Return)) else None
    )


def target_of(statement: ast.stmt) -> str | None:
    """Return the one variable that a statement assigns to; None if it does another thing."""
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target = statement.targets[0]
    elif isinstance(statement, ast.AnnAssign):
        target = statement.target
    else:
        return None
    return target.id if isinstance(target, ast.Name) else None
