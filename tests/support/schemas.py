"""The schema of the documents that commands print with --json: `problems(document)`."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from support.checkout import ROOT

FILE = ROOT / "docs" / "schemas" / "cnnkit-1.json"


def schema() -> dict[str, Any]:
    """Return the published schema."""
    read: dict[str, Any] = json.loads(FILE.read_text("utf-8"))
    return read


@cache
def _validator() -> Any:
    from jsonschema import Draft202012Validator

    return Draft202012Validator(schema())


def problems(document: Any) -> list[str]:
    """Return what is wrong with a document, a line each."""
    return [
        f"{error.json_path}: {error.message[:300]}" for error in _validator().iter_errors(document)
    ]
