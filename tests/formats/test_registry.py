"""A format is one row: each writes what it recognises, reads and opens, and is damaged in tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.corruptions import DAMAGES
from support.graph_cases import late_relu

from cnnkit.data.dataset import Dataset
from cnnkit.errors import InputError
from cnnkit.formats.detect import detect, read_contract
from cnnkit.formats.options import Options
from cnnkit.formats.registry import FORMATS, TABLE, find_format
from cnnkit.graph.weights import Weights
from cnnkit.runtimes.loader import RUNTIMES

NODE, REASON = "has the node Relu late", "it follows the logits: .*(--format onnx|ONNX Runtime)"
DECLINES = {
    **dict.fromkeys(
        ("c", "c-int8", "onnx", "onnx-fused", "onnx-int8", "torchscript", "pt2"),
        "cannot be given uint8 pixels and the contract's",
    ),
    "weights": "a weights file cannot hold",
}
# Needs cnnkit's library for ONNX Runtime: tests/formats/test_onnx_fused.py.
WRITTEN_HERE = sorted(TABLE.keys() - {"onnx-fused"})


def test_a_row_stands_under_its_own_name() -> None:
    assert all(row.name == name for name, row in TABLE.items())
    assert {name: TABLE[name] for name in TABLE if name != "weights"} == FORMATS


@pytest.mark.parametrize("name", WRITTEN_HERE)
def test_a_row_recognises_and_reads_what_it_writes(
    name: str, trained: Weights, few: Dataset, tmp_path: Path
) -> None:
    row = TABLE[name]
    path = tmp_path / f"net{row.suffix}"
    files = row.write(trained, Options(few, stem=path.stem))
    assert next(iter(files)) == row.suffix
    for suffix, content in files.items():
        file = path.name if suffix == row.suffix else f"{path.stem}{suffix}"
        (tmp_path / file).write_bytes(content)
    assert detect(path) == ("onnx" if name.startswith("onnx") else name)
    assert row.read_metadata(path) == read_contract(path)
    assert read_contract(path)["cnnkit.weights_sha256"] == trained.sha256


@pytest.mark.parametrize("name", TABLE)
def test_a_network_that_a_format_cannot_hold_is_refused_by_its_node(
    name: str, few: Dataset
) -> None:
    with pytest.raises(InputError, match=rf"^the network: {NODE}.*{DECLINES[name]}.*: {REASON}"):
        TABLE[name].write(Weights(late_relu()), Options(few))


@pytest.mark.parametrize("name", ["c", "onnx", "weights"])
def test_the_own_engine_gets_the_very_weights_of_a_file(
    name: str, artefacts: dict[str, Path], weights_file: Path, trained: Weights
) -> None:
    path = {**artefacts, "weights": weights_file}[name]
    assert TABLE[name].read_weights(path).sha256 == trained.sha256


def test_each_kind_of_file_has_one_runtime_that_opens_it() -> None:
    opened = sorted(form for formats in RUNTIMES.values() for form in formats)
    assert opened == sorted(TABLE.keys() - {"onnx-fused", "onnx-int8"})


def test_every_format_that_is_exported_is_damaged_in_tests() -> None:
    assert set(DAMAGES) == FORMATS.keys() - {"onnx-fused"}


def test_an_unknown_format_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InputError, match=f"Choose one of {', '.join(sorted(FORMATS))}"):
        find_format("weights")
