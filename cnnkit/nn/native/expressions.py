"""The expressions of a forward method: which are known before a call, and what they call."""

from __future__ import annotations

import ast
import builtins
import operator
from collections.abc import Callable
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from cnnkit.nn.fused.rewriting import has_plain_attributes
from cnnkit.nn.native import known
from cnnkit.nn.native.facts import NotShownError, is_atom

if TYPE_CHECKING:
    from cnnkit.nn.native.proof import Method

# Kinds of values: known before any call; the method's module; modules of the part; sizes of
# tensors, of which one is the number of images; lists that the method makes; all others.
STATIC, ITSELF, MODULE, SIZES, LIST, OTHER = "static", "self", "module", "sizes", "list", "other"
UNKNOWN = object()
COMPARED = (ast.Is, ast.IsNot)


def joined(one: str, other: str) -> str:
    """Return the kind of what may be of either kind; empty is none."""
    if not one or not other or one == other:
        return one or other
    return SIZES if {one, other} == {STATIC, SIZES} else OTHER


class Expressions:
    """The expressions of a method.

    Attributes:
        variables: their kinds, as far as the method has been followed.
    """

    def __init__(self, method: Method, variables: dict[str, str]) -> None:
        self.method, self.variables = method, variables
        self.globals = method.function.__globals__
        self.locals = {*method.function.__code__.co_varnames}

    def assign(self, target: ast.expr, kind: str) -> None:
        """Give variables the kind of what is assigned to them."""
        if isinstance(target, (ast.Tuple, ast.List)):
            each = kind if kind in (SIZES, STATIC) else OTHER
            for item in target.elts:
                self.assign(item, each)
        elif isinstance(target, ast.Name):
            self.variables[target.id] = kind
        else:
            raise NotShownError(f"line {target.lineno} changes something else than a variable")

    def assign_all(self, target: ast.expr, kinds: tuple[str, ...]) -> None:
        """Give the variables of a loop their kinds."""
        if len(kinds) == 1:
            return self.assign(target, kinds[0])
        if not isinstance(target, ast.Tuple) or len(target.elts) != len(kinds):
            raise NotShownError(f"line {target.lineno} loops in a way that is not followed")
        for item, kind in zip(target.elts, kinds, strict=True):
            self.assign(item, kind)

    def join(self, others: dict[str, str]) -> None:
        """Take it that variables may have come from another way as well."""
        for name, kind in others.items():
            self.variables[name] = joined(self.variables.get(name, ""), kind)

    def test(self, node: ast.expr) -> bool | None:
        """Return what a condition always is; None if it depends on what is not looked at here.

        Raises:
            NotShownError: it may depend on values, or on the number of images.
        """
        value = self.value(node)
        if value is not UNKNOWN:
            return bool(value)
        if isinstance(node, ast.BoolOp):
            # The operands after one that decides are never computed.
            decides = isinstance(node.op, ast.Or)
            found = None
            for operand in node.values:
                found = self.test(operand)
                if found is decides:
                    return decides
            return None
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            inner = self.test(node.operand)
            return None if inner is None else not inner
        if self._kind_of_condition(node) not in (STATIC, MODULE):
            raise NotShownError(f"line {node.lineno} decides by a value or by a size")
        return None

    def _kind_of_condition(self, node: ast.expr) -> str:
        if isinstance(node, ast.Compare):
            if all(isinstance(op, COMPARED) for op in node.ops):
                for operand in (node.left, *node.comparators):
                    self.kind(operand)
                return STATIC
            kinds = {self.kind(operand) for operand in (node.left, *node.comparators)}
            return STATIC if kinds == {STATIC} else OTHER
        return self.kind(node)

    def value(self, node: ast.expr) -> Any:
        """Return the value of what modules hold, a constant or a condition of such; or UNKNOWN."""
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.Attribute):
            found = self.held(node)
            return found if found is None or isinstance(found, (bool, int, float, str)) else UNKNOWN
        if isinstance(node, ast.Call) and not node.args and not node.keywords:
            function = self.named(node.func)
            if function is not UNKNOWN and _is_in(function, known.FALSE):
                self.kind(node)
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

    def kind(self, node: ast.expr) -> str:
        """Return the kind of an expression that has no effect.

        Raises:
            NotShownError: it is none of those that are followed.
        """
        rule = KINDS.get(type(node))
        if rule is None:
            raise NotShownError(f"line {node.lineno} has an expression that is not followed")
        return rule(self, node)

    def of_constant(self, node: ast.Constant) -> str:
        """Follow a number or a text."""
        return STATIC

    def of_name(self, node: ast.Name) -> str:
        """Follow a variable, or a global constant."""
        if node.id in self.variables:
            return self.variables[node.id]
        value = self.named(node)
        if value is UNKNOWN or not (is_atom(value) or isinstance(value, type)):
            raise NotShownError(f"line {node.lineno} reads {node.id}, which may change")
        return STATIC

    def of_attribute(self, node: ast.Attribute) -> str:
        """Follow what a module holds, or what a tensor tells."""
        value = self.held(node)
        if value is not UNKNOWN:
            if isinstance(value, nn.Module):
                return MODULE
            if isinstance(value, Tensor):
                return OTHER
            if is_atom(value):
                return STATIC
            raise NotShownError(f"line {node.lineno} reads {node.attr}, which may change")
        if self.named(node.value) is not UNKNOWN:
            if is_atom(self.named(node)) or isinstance(self.named(node), type):
                return STATIC
        elif self.kind(node.value) in (OTHER, SIZES):
            if node.attr == "shape":
                return SIZES
            if node.attr in ("ndim", "dtype", "device"):
                return STATIC
        raise NotShownError(f"line {node.lineno} reads {node.attr}, which is not followed")

    def of_subscript(self, node: ast.Subscript) -> str:
        """Follow a part of a tensor, a size, or a module of a container."""
        self.kind(node.slice)
        kind = self.kind(node.value)
        return OTHER if kind == LIST else kind

    def of_slice(self, node: ast.Slice) -> str:
        """Follow the limits of a slice."""
        return self._all([part for part in (node.lower, node.upper, node.step) if part])

    def of_tuple(self, node: ast.Tuple) -> str:
        """Follow several values."""
        return self._all(node.elts)

    def of_list(self, node: ast.List) -> str:
        """Follow a list."""
        self._all(node.elts)
        return LIST

    def of_unary_op(self, node: ast.UnaryOp) -> str:
        """Follow -x."""
        if isinstance(node.op, ast.Not):
            self.test(node.operand)
            return STATIC
        return self.kind(node.operand)

    def of_bin_op(self, node: ast.BinOp) -> str:
        """Follow x + y."""
        return self._all([node.left, node.right])

    def of_bool_op(self, node: ast.BoolOp) -> str:
        """Follow conditions."""
        self.test(node)
        return STATIC

    def of_compare(self, node: ast.Compare) -> str:
        """Follow a comparison, whose result decides nothing unless it is of what is known."""
        return self._kind_of_condition(node)

    def of_if_exp(self, node: ast.IfExp) -> str:
        """Follow `a if condition else b`."""
        found = self.test(node.test)
        if found is not None:
            return self.kind(node.body if found else node.orelse)
        return joined(self.kind(node.body), self.kind(node.orelse))

    def of_joined_str(self, node: ast.JoinedStr) -> str:
        """Follow a text with values of what is known."""
        for part in node.values:
            if isinstance(part, ast.FormattedValue) and self.kind(part.value) != STATIC:
                raise NotShownError(f"line {node.lineno} makes a text of a value")
        return STATIC

    def _all(self, nodes: list[ast.expr]) -> str:
        kind = STATIC
        for found in [self.kind(node) for node in nodes]:
            kind = joined(kind, found)
        return kind

    def of_call(self, node: ast.Call) -> str:
        """Follow a call of a module, a method or a function."""
        arguments = [*node.args, *(k.value for k in node.keywords if k.arg)]
        if len(arguments) < len(node.args) + len(node.keywords):
            raise NotShownError(f"line {node.lineno} gives any number of arguments")
        kinds = [self.kind(argument) for argument in arguments]
        found = self._kind_of_result(node, kinds)
        if not found:
            raise NotShownError(f"line {node.lineno} calls {ast.unparse(node.func)}")
        return found

    def _kind_of_result(self, node: ast.Call, kinds: list[str]) -> str:
        called = self.held(node.func)
        if isinstance(called, nn.Module):
            return OTHER if kinds[:1] in ([OTHER], [LIST]) else ""
        if isinstance(called, FunctionType) and isinstance(node.func, ast.Attribute):
            owner = self.held(node.func.value)
            if node.func.attr in vars(owner):  # a function that the module holds
                return OTHER if _is_in(called, known.FUNCTIONS) else ""
            return "" if node.keywords else self._inside(called, owner, kinds)
        if called is not UNKNOWN:
            return OTHER if _is_in(called, known.FUNCTIONS) else ""
        function = self.named(node.func)
        if function is not UNKNOWN:
            return self._kind_of_function(node, function, kinds)
        if isinstance(node.func, ast.Attribute):
            return self._kind_of_method(node.func, kinds)
        return OTHER if self.kind(node.func) == MODULE and kinds[:1] in ([OTHER], [LIST]) else ""

    def _kind_of_function(self, node: ast.Call, function: Any, kinds: list[str]) -> str:
        if _is_in(function, known.FUNCTIONS):
            return OTHER
        if _is_in(function, known.FALSE):
            return STATIC
        if _is_in(function, known.BUILTINS):
            if function is isinstance or not {OTHER, LIST} & {*kinds}:
                return SIZES if SIZES in kinds and function is not isinstance else STATIC
            return STATIC if function is len and kinds == [LIST] else ""
        is_own = isinstance(function, FunctionType) and not node.keywords
        return self._inside(function, None, kinds) if is_own else ""

    def _kind_of_method(self, node: ast.Attribute, kinds: list[str]) -> str:
        base = self.kind(node.value)
        if base == LIST and node.attr in known.GROWS:
            return STATIC
        if base != OTHER:
            return ""
        if node.attr in known.SIZES:
            return SIZES
        if node.attr in known.RANKS:
            return STATIC
        return OTHER if node.attr in known.METHODS else ""

    def _inside(self, function: FunctionType, owner: Any, kinds: list[str]) -> str:
        method = self.method
        inner = type(method)(function, owner, method.facts, method.depth + 1)
        return inner.prove(kinds)

    def items(self, node: ast.expr) -> tuple[str, ...]:
        """Return the kinds of what a loop goes through.

        Raises:
            NotShownError: how often it loops may depend on values.
        """
        if isinstance(node, ast.Call):
            function = node.func
            walks = isinstance(function, ast.Attribute) and function.attr in known.WALKS
            if isinstance(function, ast.Attribute) and walks and not node.args:
                if not isinstance(self.held(function.value), known.CONTAINERS):
                    raise NotShownError(f"line {node.lineno} loops over what is no container")
                return (STATIC, MODULE) if function.attr in known.NAMED else (MODULE,)
            if self.named(function) is enumerate and len(node.args) == 1:
                return (STATIC, *self.items(node.args[0]))
            if self.named(function) is reversed and len(node.args) == 1:
                return self.items(node.args[0])
            if self.named(function) is zip and not node.keywords:
                kinds = [self.items(argument) for argument in node.args]
                return tuple(kind for each in kinds for kind in each)
        kind = self.kind(node)
        if kind in (ITSELF, MODULE):
            return (MODULE,)
        if kind in (LIST, STATIC):
            return (OTHER if kind == LIST else STATIC,)
        raise NotShownError(f"line {node.lineno} loops over what may depend on values")


# What follows each kind of expression.
KINDS: dict[type[ast.expr], Callable[[Expressions, Any], str]] = {
    ast.Constant: Expressions.of_constant,
    ast.Name: Expressions.of_name,
    ast.Attribute: Expressions.of_attribute,
    ast.Subscript: Expressions.of_subscript,
    ast.Slice: Expressions.of_slice,
    ast.Tuple: Expressions.of_tuple,
    ast.List: Expressions.of_list,
    ast.UnaryOp: Expressions.of_unary_op,
    ast.BinOp: Expressions.of_bin_op,
    ast.BoolOp: Expressions.of_bool_op,
    ast.Compare: Expressions.of_compare,
    ast.IfExp: Expressions.of_if_exp,
    ast.JoinedStr: Expressions.of_joined_str,
    ast.Call: Expressions.of_call,
}


def _is_in(function: Any, functions: frozenset[Any]) -> bool:
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
