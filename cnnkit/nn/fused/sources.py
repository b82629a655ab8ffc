"""The source of functions, which may be changed and compiled: `compiled(f, source_of(f), {})`."""

from __future__ import annotations

import ast
import inspect
import textwrap
import warnings
from types import CodeType, FunctionType, ModuleType
from typing import Any

FUTURE = 0x1FF0000  # of a code's flags, those of `from __future__ import ...`
FIELDS = (
    *("co_code", "co_names", "co_varnames", "co_freevars", "co_cellvars", "co_flags"),
    *("co_argcount", "co_kwonlyargcount", "co_posonlyargcount", "co_exceptiontable"),
)


def source_of(function: FunctionType) -> ast.FunctionDef | None:
    """Return the source of a function; None if it is not what was compiled."""
    code = function.__code__
    try:
        lines, first = inspect.getsourcelines(code)
        (tree,) = ast.parse(textwrap.dedent("".join(lines)), code.co_filename).body
        if not isinstance(tree, ast.FunctionDef) or tree.decorator_list:
            return None
        ast.increment_lineno(tree, first - 1)
        # An attribute of what the file imports is compiled to other code than others.
        names = [n for n in code.co_names if isinstance(function.__globals__.get(n), ModuleType)]
        imports: list[ast.stmt] = [ast.Import([ast.alias(name) for name in names])] if names else []
        module = ast.fix_missing_locations(ast.Module([*imports, tree], []))
        again = code_in(compiled_module(module, code), tree.name)
    except (OSError, TypeError, SyntaxError, ValueError):
        return None
    return tree if again is not None and same(again, code) else None


def compiled_module(module: ast.Module, code: CodeType) -> CodeType:
    """Compile a module with the `from __future__ import ...` of a code."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # those of the source were shown before
        flags = code.co_flags & FUTURE
        made: CodeType = compile(module, code.co_filename, "exec", flags, dont_inherit=True)
        return made


def code_in(code: CodeType, name: str) -> CodeType | None:
    """Return the code of a function in a code."""
    inner = (c for c in code.co_consts if isinstance(c, CodeType) and c.co_name == name)
    return next(inner, None)


def same(a: CodeType, b: CodeType) -> bool:
    """Tell whether two codes do the same."""
    # As the constants' texts tell -0.0 from 0.0; a method with inner functions is never asked for.
    return all(getattr(a, name) == getattr(b, name) for name in FIELDS) and (
        repr(a.co_consts) == repr(b.co_consts)
    )


def compiled(function: FunctionType, tree: ast.FunctionDef, values: dict[str, Any]) -> FunctionType:
    """Return a function like another one, of another source, which also reads these values."""
    tree.args.defaults, tree.args.kw_defaults = [], [None] * len(tree.args.kwonlyargs)
    tree.returns = None
    for argument in (n for n in ast.walk(tree.args) if isinstance(n, ast.arg)):
        argument.annotation = None  # which would be evaluated
    arguments = ast.arguments([], [ast.arg(name) for name in values], None, [], [], None, [])
    back = ast.Return(ast.Name(tree.name, ast.Load()))
    maker = ast.FunctionDef("__cnnkit_make__", arguments, [tree, back], [])
    ast.copy_location(maker, tree)
    module = ast.fix_missing_locations(ast.Module([maker], []))
    space: dict[str, Any] = {}
    exec(compiled_module(module, function.__code__), function.__globals__, space)
    made: FunctionType = space["__cnnkit_make__"](*values.values())
    made.__code__ = made.__code__.replace(co_qualname=function.__code__.co_qualname)
    made.__defaults__, made.__kwdefaults__ = function.__defaults__, function.__kwdefaults__
    return made
