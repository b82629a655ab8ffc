"""The expressions of a forward method: which are known before a call, and what they call."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from cnnkit.nn.native import known
from cnnkit.nn.native.calls import kind_of_call
from cnnkit.nn.native.facts import NotShownError, is_atom
from cnnkit.nn.native.kinds import LIST, MODULE, OTHER, SIZES, STATIC, joined
from cnnkit.nn.native.names import COMPARED, ITSELF, UNKNOWN, Method, Names


class Expressions:
    """The expressions of a method."""

    def __init__(self, method: Method, variables: dict[str, str]) -> None:
        self.names = Names(method, variables)

    def assign(self, target: ast.expr, kind: str) -> None:
        """Give variables the kind of what is assigned to them."""
        if isinstance(target, (ast.Tuple, ast.List)):
            each = kind if kind in (SIZES, STATIC) else OTHER
            for item in target.elts:
                self.assign(item, each)
        elif isinstance(target, ast.Name):
            self.names.variables[target.id] = kind
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
            self.names.variables[name] = joined(self.names.variables.get(name, ""), kind)

    def test(self, node: ast.expr) -> bool | None:
        """Return what a condition always is; None if it depends on what is not looked at here.

        Raises:
            NotShownError: it may depend on values, or on the number of images.
        """
        value = self.names.value(node)
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
        if node.id in self.names.variables:
            return self.names.variables[node.id]
        value = self.names.named(node)
        if value is UNKNOWN or not (is_atom(value) or isinstance(value, type)):
            raise NotShownError(f"line {node.lineno} reads {node.id}, which may change")
        return STATIC

    def of_attribute(self, node: ast.Attribute) -> str:
        """Follow what a module holds, or what a tensor tells."""
        value = self.names.held(node)
        if value is not UNKNOWN:
            if isinstance(value, nn.Module):
                return MODULE
            if isinstance(value, Tensor):
                return OTHER
            if is_atom(value):
                return STATIC
            raise NotShownError(f"line {node.lineno} reads {node.attr}, which may change")
        if self.names.named(node.value) is not UNKNOWN:
            if is_atom(self.names.named(node)) or isinstance(self.names.named(node), type):
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

    def items(self, node: ast.expr) -> tuple[str, ...]:
        """Return the kinds of what a loop goes through.

        Raises:
            NotShownError: how often it loops may depend on values.
        """
        if isinstance(node, ast.Call):
            function = node.func
            walks = isinstance(function, ast.Attribute) and function.attr in known.WALKS
            if isinstance(function, ast.Attribute) and walks and not node.args:
                if not isinstance(self.names.held(function.value), known.CONTAINERS):
                    raise NotShownError(f"line {node.lineno} loops over what is not a container")
                return (STATIC, MODULE) if function.attr in known.NAMED else (MODULE,)
            if self.names.named(function) is enumerate and len(node.args) == 1:
                return (STATIC, *self.items(node.args[0]))
            if self.names.named(function) is reversed and len(node.args) == 1:
                return self.items(node.args[0])
            if self.names.named(function) is zip and not node.keywords:
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
    ast.Call: lambda expressions, node: kind_of_call(expressions, node),
}
