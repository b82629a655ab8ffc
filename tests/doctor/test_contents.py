"""What `cnnkit doctor MODEL` says is in a model."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from torch import nn
from typer.main import get_command

from cnnkit.cli import app
from cnnkit.doctor.contents import examine_model
from cnnkit.doctor.plan_picture import draw_plan
from cnnkit.errors import InputError
from cnnkit.formats.checkpoint import write_weights
from cnnkit.formats.onnx.model import to_model
from cnnkit.graph.architecture import Architecture
from cnnkit.graph.networks import build_network
from cnnkit.graph.weights import Weights
from tests.support.graph_cases import Net
from tests.support.small_onnx import node, save


@pytest.fixture(scope="module")
def resnet8(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("contents") / "weights.safetensors"
    write_weights(path, Weights(build_network("resnet8", (3, 32, 32), 10), {}))
    return path


def test_the_multiply_adds_of_resnet8_are_those_of_the_literature(resnet8: Path) -> None:
    contents = examine_model(resnet8)
    assert sum(cost.macc for cost in contents.nodes) == 12_501_632
    assert sum(layer.macc for layer in contents.layers) == 12_501_632
    assert contents.operators()[0] == ("Conv", 9, 12_500_992, 76_816)


def test_memory_peaks_where_two_maps_of_16_channels_live(resnet8: Path) -> None:
    contents = examine_model(resnet8)
    most = max(layer.ram_bytes for layer in contents.layers)
    assert most == 2 * 16 * 32 * 32 * 4
    assert contents.ram_bytes - 2048 == most  # the plan has no gaps


def test_floats_and_integers_hold_resnet8_in_onnx_and_c(resnet8: Path) -> None:
    formats = examine_model(resnet8).formats
    assert formats["c"] == formats["onnx"] == (True, "")
    assert formats["c-int8"] == formats["onnx-int8"] == (True, "")


def test_the_published_network_needs_the_stack_that_its_header_states(tmp_path: Path) -> None:
    architecture = Architecture()
    weights = Weights.of(architecture, architecture.initial_parameters(0))
    write_weights(tmp_path / "weights.safetensors", weights)
    contents = examine_model(tmp_path / "weights.safetensors")
    assert contents.ram_bytes == 10328
    assert not contents.layers


def test_the_picture_has_a_rectangle_for_each_buffer(resnet8: Path, tmp_path: Path) -> None:
    program = examine_model(resnet8).program
    assert program
    draw_plan(program, tmp_path / "plan.svg")
    buffers = set().union(*(program.live(index) for index in range(len(program.steps))))
    drawn = (tmp_path / "plan.svg").read_text().count("stroke: #ffffff")
    assert drawn == len(buffers)
    with pytest.raises(InputError, match=r"neither \.png nor \.svg"):
        draw_plan(program, tmp_path / "plan.jpg")
    assert [file.name for file in tmp_path.iterdir()] == ["plan.svg"]


def test_the_document_has_nodes_layers_and_formats(resnet8: Path) -> None:
    done = CliRunner().invoke(get_command(app), ["doctor", str(resnet8), "--json"])
    found = json.loads(done.stdout)["contents"]
    assert found["macc"] == 12_501_632
    assert len(found["c"]["layers"]) == 12
    assert found["formats"]["c"]["holds"] is True


def test_doctor_takes_what_is_said_of_a_module(
    cli: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = ModuleType("person_nets")
    vars(module)["make"] = lambda num_classes=3: nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(4, num_classes),
    )  # fmt: skip
    monkeypatch.setitem(sys.modules, "person_nets", module)
    torch.save(module.make(7).state_dict(), tmp_path / "net.pt")
    (tmp_path / "names.txt").write_text("\n".join("abcdefg"))
    said = ("--weights", tmp_path / "net.pt", "--size", "3x8x6", "--preprocess", "imagenet")
    found = cli("doctor", "person_nets:make", *said, "--names", tmp_path / "names.txt", "--json")
    assert found.exit_code == 0
    prepared = 1 + 3 + 3  # scale, mean, std
    contents = json.loads(found.stdout)["contents"]
    assert contents["parameters"] == 4 * 27 + 4 + 4 * 7 + 7 + prepared
    wrong = cli("doctor", "person_nets:make", "--size", "3x8x6", "--names", tmp_path / "net.pt")
    assert wrong.exit_code == 2
    assert "is not text" in wrong.stderr


def test_doctor_refuses_what_a_file_says_itself(
    cli: Callable[..., Any], resnet8: Path, tmp_path: Path
) -> None:
    for option, value in (("--preprocess", "unit"), ("--weights", resnet8), ("--names", resnet8)):
        refused = cli("doctor", resnet8, option, value)
        assert refused.exit_code == 2
        assert f"{option}: is for models of others" in refused.stderr


def test_what_is_not_exported_is_held_by_no_format(tmp_path: Path) -> None:
    nodes = [node("Conv", ["x", "w"], ["c"]), node("Flatten", ["c"], ["f"])]
    weight = np.ones((2, 1, 8, 8), np.float32)
    path = save(tmp_path / "a.onnx", nodes, {"x": (1, ["N", 1, 8, 8])}, ["f", "c"], {"w": weight})
    contents = examine_model(path)
    assert contents.operators()
    holds, reason = contents.formats["c"]
    assert not holds
    assert "has 2 outputs" in reason


def test_another_tools_model_has_a_plan_and_formats_that_hold_it(tmp_path: Path) -> None:
    net = Net(3, 8, 6)
    y = net("GlobalAveragePool", net("Relu", net.conv("x", 3, 10, 3, strides=(2, 2))))
    path = tmp_path / "net.onnx"
    path.write_bytes(to_model(net.graph(net.head(y, 10)), 17).SerializeToString())
    contents = examine_model(path)
    assert [layer.kernel for layer in contents.layers] == ["pixels", "conv", "pool", "conv"]
    assert contents.formats["onnx"] == contents.formats["c"] == (True, "")
