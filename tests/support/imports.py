"""The imports of a source tree, read without running it: `graph = read(Path("cnnkit"))`.

A package and its modules go by their dotted names. `from cnnkit import plots` imports the module
`cnnkit.plots`; `from cnnkit.plots import draw` imports it too.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

Sources = Mapping[str, ast.Module]  # syntax tree by module name


@dataclass(frozen=True)
class LazyImport:
    """An import inside a function."""

    module: str
    function: str
    target: str


def read(package: Path) -> dict[str, ast.Module]:
    """Parse every module of a package, and the stubs of its compiled ones."""
    found = {}
    for file in sorted([*package.rglob("*.py"), *package.rglob("*.pyi")]):
        name = ".".join(file.relative_to(package.parent).with_suffix("").parts)
        found[name.removesuffix(".__init__")] = ast.parse(file.read_text(), str(file))
    return found


def targets(statement: ast.Import | ast.ImportFrom, known: Sources) -> list[str]:
    """Return the modules that one import statement names."""
    if isinstance(statement, ast.Import):
        return [alias.name for alias in statement.names]
    origin = statement.module
    assert origin, "imports are absolute"
    whole = [f"{origin}.{alias.name}" for alias in statement.names]
    return sorted({name if name in known else origin for name in whole})


def when_loaded(tree: ast.Module, known: Sources) -> set[str]:
    """Return the modules that loading this one imports: outside functions and type checking."""
    found: set[str] = set()
    waiting: list[ast.AST] = list(tree.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import | ast.ImportFrom):
            found |= set(targets(node, known))
        elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            waiting += node.orelse
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            waiting += ast.iter_child_nodes(node)
    return found


def anywhere(tree: ast.Module, known: Sources) -> set[str]:
    """Return the modules that this one imports at any time, type checking included."""
    statements = (n for n in ast.walk(tree) if isinstance(n, ast.Import | ast.ImportFrom))
    return {name for statement in statements for name in targets(statement, known)}


def lazy_imports(name: str, known: Sources) -> Iterator[LazyImport]:
    """Yield the imports of a module that stand inside a function."""
    for node in ast.walk(known[name]):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for inner in ast.walk(node):
                if isinstance(inner, ast.Import | ast.ImportFrom):
                    yield from (LazyImport(name, node.name, x) for x in targets(inner, known))


def closure(start: str, known: Sources) -> set[str]:
    """Return everything that is loaded with a module, itself included, packages of others too."""
    found, waiting = set(), [start]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += when_loaded(known[name], known) if name in known else ()
    return found
