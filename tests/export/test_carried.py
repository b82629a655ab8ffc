"""A network with operators that cnnkit lacks goes out as ONNX, proven in ONNX Runtime."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import helper, numpy_helper
from support.corruptions import flip_bit
from support.in_process import in_process
from torch import Tensor, nn

import cnnkit
from cnnkit.data.drawn import drawn_images
from cnnkit.errors import CnnkitError, InputError, OperatorsError, VerdictError
from cnnkit.export import export
from cnnkit.formats.onnx.carrying import bare
from cnnkit.models.said import Said
from cnnkit.runtimes.loader import load
from cnnkit.verify.pair import against

SIZE = (3, 8, 6)
IMAGES = drawn_images(SIZE, 20, seed=3)


class Unknown(nn.Module):
    """Two operators that no graph of cnnkit's has."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 4, 3), nn.Linear(4, 5)

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.head(torch.sin(torch.cumsum(self.conv(x), 1)).mean((2, 3)))
        return scores


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    in_process(monkeypatch, "isolated", "original")


def odd_file(path: Path, *, domain: str = "", images: int | str = 1, heads: int = 1) -> Path:
    """Write Conv, an If, Cos, Gemm and softmax under the contract's own names."""
    drawn = np.random.default_rng(0)
    weights = {
        "w": drawn.normal(size=(4, 3, 3, 3)),
        "logits": drawn.normal(size=(4, 5)),
        "yes": np.array(True),
    }
    kind = onnx.TensorProto.FLOAT
    branches = {
        f"{name}_branch": helper.make_graph(
            [helper.make_node(operator, ["conv"], [name])],
            name,
            [],
            [helper.make_tensor_value_info(name, kind, None)],
        )
        for name, operator in (("then", "Abs"), ("else", "Neg"))
    }
    node = helper.make_node
    nodes = [
        node("Conv", ["image", "w"], ["conv"]),
        node("If", ["yes"], ["chosen"], name="branch", **branches),
        node("Cos", ["chosen"], ["round"], name="odd", domain=domain),
        node("GlobalAveragePool", ["round"], ["mean"]),
        node("Flatten", ["mean"], ["flat"]),
        node("Gemm", ["flat", "logits"], ["scores"]),
        node("Softmax", ["scores"], ["label"], axis=1),
    ]
    value = helper.make_tensor_value_info
    names = ["label", "flat", "mean"][:heads]
    graph = helper.make_graph(
        nodes,
        "odd",
        [value("image", kind, [images, *SIZE])],
        [value(name, kind, None) for name in names],
        [
            numpy_helper.from_array(a.astype(np.float32) if a.ndim else a, n)
            for n, a in weights.items()
        ],
    )
    opsets = [helper.make_opsetid("", 17)] + [helper.make_opsetid(domain, 1)] * bool(domain)
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8, producer_name="them")
    path.write_bytes(model.SerializeToString())
    return path


def test_a_module_goes_out_as_onnx_and_c_names_all_nodes_in_its_way(
    tmp_path: Path,
) -> None:
    module, path = Unknown(), tmp_path / "net.onnx"
    report = export(module, path, data=IMAGES, preprocessing="imagenet", names=list("abcde"))
    assert report.passed
    assert report.reference.endswith("in float64")
    assert report.unchecked[0].startswith("images that are not in the test set: outputs were")
    mean, std = (
        torch.tensor(row)[:, None, None] for row in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    )
    expected = module((torch.from_numpy(IMAGES) / 255 - mean) / std).detach().numpy()
    model = load(path)
    np.testing.assert_allclose(model(IMAGES).logits, expected, atol=1e-5)
    assert model.names == list("abcde")
    assert "cumsum" in (tmp_path / "net.onnx.md").read_text()
    with pytest.raises(OperatorsError, match=r"has 2 nodes .*--format onnx") as caught:
        export(module, tmp_path / "net.c", data=IMAGES, preprocessing="imagenet")
    assert [line.split()[0] for line in caught.value.details] == ["cumsum", "sin"]


def test_a_file_is_carried_with_its_subgraphs_and_any_number_of_images(tmp_path: Path) -> None:
    source, path = odd_file(tmp_path / "odd.onnx"), tmp_path / "net.onnx"
    report = export(source, path, data=IMAGES, preprocessing={"scale": 0.02})
    assert report.passed
    assert report.reference.startswith("the model itself in onnxruntime")
    session = onnxruntime.InferenceSession(source)  # it takes one image
    expected = [session.run(None, {"image": x[None] * np.float32(0.02)})[0][0] for x in IMAGES]
    np.testing.assert_allclose(load(path)(IMAGES).probabilities, expected, atol=1e-5)
    again = tmp_path / "again.onnx"
    export(source, again, data=IMAGES, preprocessing={"scale": 0.02})
    assert again.read_bytes() == path.read_bytes()
    with pytest.raises(OperatorsError, match="has 2 nodes") as caught:
        export(source, tmp_path / "net.pt2", preprocessing="unit")
    assert [line.split(":")[0] for line in caught.value.details] == [
        "node If branch",
        "node Cos odd",
    ]


def test_commands_say_what_they_can_of_such_a_file(cli: Callable[..., Any], tmp_path: Path) -> None:
    source, path = odd_file(tmp_path / "odd.onnx"), tmp_path / "net.onnx"
    export(source, path, data=IMAGES, preprocessing="unit")
    verified = cli("verify", path)
    assert verified.exit_code == 2
    assert "only ONNX Runtime computes" in verified.stderr
    assert "--against MODEL" in verified.stderr
    timed = cli("bench", path)
    assert (timed.exit_code, "node If branch" in timed.stderr) == (2, True)
    with pytest.raises(InputError, match=r"node Cos odd.*runtime='onnxruntime'"):
        cnnkit.load(path)
    assert cnnkit.load(path, runtime="onnxruntime")(IMAGES).label.shape == (20,)
    found = against(path, source, said=Said(preprocess="unit"))
    assert found.passed
    assert found.agreement.logit_error < 1e-6


def test_a_carried_file_that_was_changed_is_seen(tmp_path: Path) -> None:
    source, path = odd_file(tmp_path / "odd.onnx"), tmp_path / "net.onnx"
    export(source, path, data=IMAGES, preprocessing="unit")
    whole = path.read_bytes()
    model = onnx.load(path)
    weights = next(t for t in model.graph.initializer if t.name.endswith("w"))
    weights.raw_data = bytes(4) + weights.raw_data[4:]
    path.write_bytes(model.SerializeToString())
    with pytest.raises(InputError, match="holds other weights than its metadata says"):
        load(path)
    position = whole.index(b"Softmax")
    path.write_bytes(whole[:position] + b"Hardmax" + whole[position + 7 :])
    with pytest.raises(InputError, match="holds other weights than its metadata says"):
        load(path)


def test_random_damage_of_a_carried_file_is_refused(tmp_path: Path) -> None:
    source, path = odd_file(tmp_path / "odd.onnx"), tmp_path / "net.onnx"
    export(source, path, data=IMAGES, preprocessing="unit")
    content, die = path.read_bytes(), random.Random(1)
    opened = 0
    for trial in range(60):
        damaged = flip_bit(content, die.randrange(8 * len(content)))
        path.write_bytes(damaged if trial % 5 else content[: die.randrange(len(content))])
        try:
            load(path)
        except CnnkitError:
            continue
        opened += 1
        assert bare(path.read_bytes()) == bare(content)
    assert opened < 30  # in the metadata that nobody reads


@pytest.mark.parametrize(
    ("build", "more", "reason"),
    [
        ({"domain": "their.own"}, {}, r"and ONNX Runtime does not run it \(.*their.own"),
        ({"heads": 2}, {}, r"has 2 outputs \(label, flat\)"),
        ({}, {"preprocessing": None}, "does not say how pixels are scaled.*--preprocess"),
        ({}, {"opset": 17}, "--opset 17: cannot be chosen"),
        ({}, {"names": ["a"]}, "are 1, and the model has 5 classes"),
    ],
)
def test_what_cannot_be_carried_has_one_clear_error(
    build: dict[str, Any], more: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    source = odd_file(tmp_path / "odd.onnx", **build)
    with pytest.raises(InputError, match=reason):
        export(source, tmp_path / "net.onnx", data=IMAGES, **{"preprocessing": "unit", **more})
    assert not (tmp_path / "net.onnx").exists()


def test_a_module_that_computes_from_a_batch_is_not_kept(tmp_path: Path) -> None:
    module = Unknown()
    module.conv.register_forward_hook(lambda layer, given, y: torch.sin(y) - y.mean(0))
    with pytest.raises(VerdictError, match="compute by chance"):
        export(module, tmp_path / "net.onnx", data=IMAGES, preprocessing="unit")
    assert not (tmp_path / "net.onnx").exists()


def test_a_little_chance_in_a_model_is_not_taken_for_rounding(tmp_path: Path) -> None:
    source = odd_file(tmp_path / "odd.onnx")
    model, node = onnx.load(source), helper.make_node
    model.graph.node[5].output[0] = "sure"
    for at, made in enumerate(
        (
            node("RandomUniformLike", ["sure"], ["noise"], high=1e-4),
            node("Add", ["sure", "noise"], ["scores"]),
        )
    ):
        model.graph.node.insert(6 + at, made)
    onnx.save(model, source)
    with pytest.raises(OperatorsError, match="by chance"):
        export(source, tmp_path / "net.onnx", data=IMAGES, preprocessing="unit")
    assert not (tmp_path / "net.onnx").exists()


def test_a_carried_model_that_computes_otherwise_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = odd_file(tmp_path / "odd.onnx")
    from cnnkit.formats.onnx import carrying

    def swapped(*arguments: Any) -> list[Any]:
        nodes = prepared(*arguments)
        return [*nodes[:-1], helper.make_node("Sin", nodes[-1].input, nodes[-1].output)]

    prepared = carrying._prepared
    monkeypatch.setattr(carrying, "_prepared", swapped)
    with pytest.raises(VerdictError, match="logits differ by rounding only"):
        export(source, tmp_path / "net.onnx", data=IMAGES, preprocessing="unit")


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_a_module_that_ends_in_probabilities_is_told_so(name: str, tmp_path: Path) -> None:
    class Ends(Unknown):
        def forward(self, x: Tensor) -> Tensor:
            y: Tensor = getattr(torch, name)(super().forward(x), 1)
            return y

    with pytest.raises(InputError, match=f"ends in {name}.*Leave {name} out of its forward"):
        export(Ends(), tmp_path / "net.onnx", preprocessing="unit", size=SIZE)
