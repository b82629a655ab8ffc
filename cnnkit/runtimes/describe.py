"""A loaded model as a table for Jupyter: `describe_model(path, runtime, weights)`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cnnkit.graph.weights import Weights
from cnnkit.system.display import page

MOST_NAMES = 12


def describe_model(path: Path, runtime: str, weights: Weights) -> str:
    """Return what a person wants to know of a model first, as HTML."""
    names = weights.names
    cut = ", ..." if len(names) > MOST_NAMES else ""
    rows = [
        ("network", weights.shapes),
        ("classes", ", ".join(names[:MOST_NAMES]) + cut),
        ("runtime", runtime),
    ]
    if dataset := _stated(weights, "dataset"):
        rows.append(("trained on", str(dataset)))
    if isinstance(accuracy := _stated(weights, "test_accuracy"), float):
        rows.append(("test accuracy", f"{accuracy:.2%}"))
    return page(str(path), (), rows)


def _stated(weights: Weights, key: str) -> Any:
    return weights.metadata.get(key, weights.metadata.get(f"cnnkit.{key}"))
