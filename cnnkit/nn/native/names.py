"""The names in a forward method: what they stand for, as far as that is known before a call."""

from __future__ import annotations

import ast
import builtins
import operator
from collections.abc import Callable
from types import FunctionType, ModuleType
from typing import Any, Protocol

from torch import nn

from cnnkit.nn.fused.rewriting import has_plain_attributes
from cnnkit.nn.native import known
from cnnkit.nn.native.facts import Facts

ITSELF = "self"  # the kind of the variable that is the method's module
UNKNOWN = object()
COMPARED = (ast.Is, ast.IsNot)


class Method(Protocol):
    """What the names of a method need of it: `proof.Method`."""

    function: FunctionType
    owner: nn.Module | None
    facts: Facts

    def prove_inner(self, function: FunctionType, owner: Any, kinds: list[str]) -> str:
        """Return what kind of value a function that the method calls returns."""


class Names:
    """The names of a method.

    Attributes:
        variables: the kinds of its variables, as far as it has been followed.
    """

    def __init__(self, method: Method, variables: dict[str, str]) -> None:
        self.method, self.variables = method, variables
        self.globals = method.function.__globals__
        self.locals = {*method.function.__code__.co_varnames}

    def value(self, node: ast.expr) -> Any:
        """Return the value of what modules hold, a constant or a condition of such; or UNKNOWN."""
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.Attribute):
            found = self.held(node)
            return found if found is None or isinstance(found, (bool, int, float, str)) else UNKNOWN
        if isinstance(node, ast.Call) and not node.args and not node.keywords:
            function = self.named(node.func)
            if function is not UNKNOWN and is_in(function, known.FALSE):
                return False
        if isinstance(node, ast.Compare) and len(node.ops) == 1:
            left, right = self.held_or_value(node.left), self.held_or_value(node.comparators[0])
            if left is UNKNOWN or right is UNKNOWN:
                return UNKNOWN
            if isinstance(node.ops[0], COMPARED) and right is None:
                return (left is None) is isinstance(node.ops[0], ast.Is)
            simple = isinstance(left, (bool, int, float, str))
            if simple and isinstance(right, (bool, int, float, str)):
                return _compare(node.ops[0], left, right)
        return UNKNOWN

    def held_or_value(self, node: ast.expr) -> Any:
        """Return what modules hold, or a constant."""
        return self.held(node) if isinstance(node, ast.Attribute) else self.value(node)

    def held(self, node: ast.expr) -> Any:
        """Return what `self.a.b` is: of modules' own attributes or their classes'; or UNKNOWN."""
        if isinstance(node, ast.Name):
            is_self = self.variables.get(node.id) == ITSELF
            return self.method.owner if is_self else UNKNOWN
        if not isinstance(node, ast.Attribute):
            return UNKNOWN
        owner = self.held(node.value)
        if not isinstance(owner, nn.Module) or not has_plain_attributes(type(owner)):
            return UNKNOWN
        for place in ("__dict__", "_parameters", "_buffers", "_modules"):
            values = getattr(owner, place)
            if node.attr in values:
                return values[node.attr]
        value = getattr(type(owner), node.attr, UNKNOWN)
        if hasattr(type(value), "__get__") and not isinstance(value, FunctionType):
            return UNKNOWN  # a property
        if value is not UNKNOWN:
            self.method.facts.add(type(owner), node.attr, value)
        return value

    def named(self, node: ast.expr) -> Any:
        """Return what a global name, or `torch.nn.functional.relu`, is; or UNKNOWN."""
        if isinstance(node, ast.Name):
            if node.id in self.locals:
                return UNKNOWN
            if node.id in self.globals:
                value = self.globals[node.id]
                self.method.facts.add(self.globals, node.id, value)
                return value
            return getattr(builtins, node.id, UNKNOWN)
        if isinstance(node, ast.Attribute):
            base = self.named(node.value)
            if isinstance(base, ModuleType):
                value = vars(base).get(node.attr, UNKNOWN)
                if value is not UNKNOWN:
                    self.method.facts.add(vars(base), node.attr, value)
                return value
        return UNKNOWN


def is_in(function: Any, functions: frozenset[Any]) -> bool:
    """Tell whether something is one of these functions."""
    try:
        return function in functions
    except TypeError:  # it has no hash
        return False


COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Gt: operator.gt,
    ast.Lt: operator.lt,
    ast.GtE: operator.ge,
    ast.LtE: operator.le,
}


def _compare(op: ast.cmpop, left: Any, right: Any) -> Any:
    rule = COMPARISONS.get(type(op))
    texts = [isinstance(value, str) for value in (left, right)]
    return UNKNOWN if rule is None or texts[0] != texts[1] else rule(left, right)
