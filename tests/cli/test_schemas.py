"""The published schema of what commands print with --json; tests/conftest.py holds all to it."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from support.checkout import ROOT
from support.schemas import problems, schema

from cnnkit.cli.output import SCHEMA_VERSION

Cli = Callable[..., Any]


def printed() -> set[str]:
    """Return what the sources give to `emit_json`."""
    sources = "".join(file.read_text() for file in (ROOT / "cnnkit" / "cli").glob("*.py"))
    return set(re.findall(r'emit_json\(\s*"([^"]+)"', sources))


def test_every_command_with_json_has_its_part_of_the_schema() -> None:
    commands = schema()["properties"]["command"]["enum"]
    assert set(commands) == printed()
    chosen = [part["if"]["properties"]["command"]["const"] for part in schema()["allOf"]]
    assert chosen == commands


def test_the_schema_is_one_and_has_the_version_of_the_documents() -> None:
    Draft202012Validator.check_schema(schema())
    assert schema()["properties"]["schema_version"] == {"const": SCHEMA_VERSION}
    assert schema()["$id"].endswith(f":{SCHEMA_VERSION}")


@pytest.fixture
def document(cli: Cli, tmp_path: Path) -> dict[str, Any]:
    """A real document, with all of an artefact's report."""
    file = ROOT / "export" / "reference" / "mnist.onnx"
    found: dict[str, Any] = json.loads(cli("doctor", file, "--json").stdout)
    return found


def test_what_lacks_a_key_or_has_another_type_does_not_fit(document: dict[str, Any]) -> None:
    assert problems(document) == []
    for path, value in (("command", "doctors"), ("schema_version", 2), ("hosts", {}), ("hosts", 0)):
        assert problems({**document, path: value}), path
    spoilt = copy.deepcopy(document)
    del spoilt["hosts"][0]["basis"]
    assert problems(spoilt)
    assert problems({"schema_version": 1}) == ["$: 'command' is a required property"]


def test_keys_that_a_later_version_adds_are_no_fault(document: dict[str, Any]) -> None:
    assert problems({**document, "since_tomorrow": 1}) == []
