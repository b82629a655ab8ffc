"""ONNX files and torch.export programs of others are read as networks; nothing in them is run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import helper
from onnxruntime import InferenceSession
from support.corruptions import edit_archive
from support.graph_cases import Net
from support.small_onnx import node, save
from torch import Tensor, nn

import cnnkit
from cnnkit.doctor.contents import examine_model
from cnnkit.errors import InputError
from cnnkit.evaluation.proof import drawn
from cnnkit.formats.checkpoint import write_weights
from cnnkit.formats.onnx.model import to_model
from cnnkit.formats.options import Options
from cnnkit.formats.registry import FORMATS
from cnnkit.graph.architecture import Architecture, Block
from cnnkit.graph.convnet import INPUT, LOGITS
from cnnkit.graph.reference import evaluate
from cnnkit.graph.weights import Weights
from cnnkit.models.read import is_spec, read_model
from cnnkit.models.said import Said, parse_image_size
from cnnkit.runtimes.loader import load

SIZE = (3, 8, 6)
PROGRAM = "net/models/model.json"


class Small(nn.Module):
    def __init__(self, operator: Callable[[Tensor], Tensor] = torch.relu) -> None:
        super().__init__()
        self.conv, self.head, self.operator = nn.Conv2d(3, 4, 3), nn.Linear(4, 5), operator

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.head(self.operator(self.conv(x)).mean((2, 3)))
        return scores


def save_program(module: nn.Module, path: Path, images: int = 2) -> Path:
    free = {0: torch.export.Dim("N")} if images > 1 else None
    program = torch.export.export(
        module.eval(), (torch.zeros(images, *SIZE),), dynamic_shapes=(free,)
    )
    torch.export.save(program, path)
    return path


@pytest.mark.parametrize("images", [1, 2])
def test_a_program_is_a_model(images: int, tmp_path: Path) -> None:
    module = Small()
    path = save_program(module, tmp_path / "net.pt2", images)
    network = read_model(path, Said(preprocess="unit", names=list("abcde")))
    assert network.weights.names == list("abcde")
    assert [("frozen at 1" in note) for note in network.notes] == [True] * (images == 1)
    pixels = np.random.default_rng(0).integers(0, 256, (3, *SIZE)).astype(np.uint8)
    found = evaluate(network.weights.graph, {INPUT: pixels}, [LOGITS])[LOGITS]
    expected = module.double()(torch.from_numpy(pixels / 255)).detach().numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def pickled(weights: Any) -> None:
    next(iter(weights["config"].values()))["use_pickle"] = True


def edited(path: Path, part: str, change: Callable[[Any], object]) -> None:
    def edit(content: bytes) -> bytes:
        value = json.loads(content)
        change(value)
        return json.dumps(value).encode()

    path.write_bytes(edit_archive(part, edit)(path.read_bytes()))


HOSTILE: dict[str, tuple[str, Callable[[Any], object], str]] = {
    "pickled weights": (
        "net/data/weights/model_weights_config.json",
        pickled,
        r"could run code when it is loaded \(pickled weights\)",
    ),
    "an expression": (
        PROGRAM,
        lambda program: program["range_constraints"].update(x={"expr_str": "__import__('os')"}),
        r"the expression __import__\('os'\)",
    ),
    "a function": (
        PROGRAM,
        lambda program: program["graph_module"]["graph"]["nodes"][0].update(target="os.system"),
        "has a node that cnnkit's graph has no operator for",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_program_that_could_run_code_is_refused(name: str, tmp_path: Path) -> None:
    part, change, reason = HOSTILE[name]
    path = save_program(Small(), tmp_path / "net.pt2")
    edited(path, part, change)
    with pytest.raises(InputError, match=reason):
        read_model(path, Said(preprocess="unit"))


def test_every_operator_in_the_way_is_named_at_once(tmp_path: Path) -> None:
    path = save_program(Small(lambda x: torch.sin(torch.cumsum(x, 1))), tmp_path / "net.pt2")
    with pytest.raises(InputError, match="has 2 nodes") as caught:
        read_model(path, Said(preprocess="unit"))
    assert [line.split()[0] for line in caught.value.details] == ["cumsum", "sin"]


@pytest.mark.filterwarnings("ignore")
def test_a_program_with_autocast_is_refused_with_a_remedy_that_works(tmp_path: Path) -> None:
    def in_half(x: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return torch.relu(x @ torch.ones(4, 4)).float()

    path = save_program(Small(in_half), tmp_path / "net.pt2")
    with pytest.raises(InputError, match="autocast") as refused:
        read_model(path, Said(preprocess="unit"))
    assert refused.value.remedy.startswith("give the module itself")
    assert read_model(Small(in_half), Said(preprocess="unit", size=SIZE)).weights.size == SIZE


def test_a_buffer_without_values_is_told_from_parameters() -> None:
    module = Small()
    module.register_buffer("shift", torch.zeros(3, device="meta"), persistent=False)
    with pytest.raises(InputError, match=r"a buffer .*shift is on meta") as refused:
        read_model(module, Said(preprocess="unit", size=SIZE))
    assert refused.value.remedy == "build it on the CPU"


def test_a_program_with_free_sides_has_no_size(tmp_path: Path) -> None:
    dims = ({0: torch.export.Dim("N"), 2: torch.export.Dim("H", min=4)},)
    program = torch.export.export(Small().eval(), (torch.zeros(2, *SIZE),), dynamic_shapes=dims)
    torch.export.save(program, tmp_path / "net.pt2")
    with pytest.raises(InputError, match="does not say how large its images are"):
        read_model(tmp_path / "net.pt2", Said(preprocess="unit"))


def onnx_file(path: Path, *operators: str) -> Path:
    net = Net(*SIZE)
    y = net("Relu", net.conv("x", 3, 4, 3))
    model = to_model(net.graph(net.head(net("GlobalAveragePool", y), 4)), 17)
    nodes = model.graph.node
    last = nodes[0].input[0]
    for number, operator in enumerate(operators):
        node = helper.make_node(operator, [last], [f"odd{number}"], name=f"odd{number}")
        nodes.insert(number, node)
        last = f"odd{number}"
    nodes[len(operators)].input[0] = last
    path.write_bytes(model.SerializeToString())
    return path


def test_an_onnx_file_is_a_model_with_what_is_said_of_it(tmp_path: Path) -> None:
    path = onnx_file(tmp_path / "net.onnx")
    (tmp_path / "names.txt").write_text("a\nb\nc\nd\ne\n")
    network = read_model(path, Said(preprocess="imagenet", names=tmp_path / "names.txt"))
    assert network.weights.names == list("abcde")
    assert network.weights.metadata["preprocessing"]["std"] == (0.229, 0.224, 0.225)
    with pytest.raises(InputError, match="--weights: is for a module"):
        read_model(path, Said(parameters=path))


def stack(path: Path, pixels: list[Any], tensors: dict[str, Any], last: list[Any]) -> Path:
    """Write convolution, ReLU, pool and a linear layer, of the names that others give them."""
    random = np.random.default_rng(0)
    layers = [
        node("Conv", ["p", "w", "b"], ["c"], pads=[1, 1, 1, 1]),
        node("Relu", ["c"], ["r"]),
        node("MaxPool", ["r"], ["m"], kernel_shape=[2, 2], strides=[2, 2]),
        node("Flatten", ["m"], ["f"]),
        node("Gemm", ["f", "v", "d"], ["y"], transB=1),
    ]
    shapes = {"w": (4, 3, 3, 3), "b": (4,), "v": (3, 64), "d": (3,)}
    own = {name: random.normal(size=size).astype(np.float32) / 4 for name, size in shapes.items()}
    input = {"x": (2, ["N", 3, 8, 8])}
    output = [last[-1].output[0]] if last else ["y"]
    return save(path, [*pixels, *layers, *last], input, output, {**own, **tensors})


CAST = node("Cast", ["x"], ["q"], to=1)
K = np.float32(255)
EACH = np.array([0.4, 0.5, 0.6], np.float32).reshape(1, 3, 1, 1)
# What files of others do to raw pixels, and what of that the record says.
SCALES: dict[str, tuple[list[Any], dict[str, Any], float, float]] = {
    "nothing": ([node("Cast", ["x"], ["p"], to=1)], {}, 0, 1 / 255),
    "x / 255": ([CAST, node("Div", ["q", "k"], ["p"])], {"k": K}, 0, 1),
    "x / 127.5 - 1": (
        [CAST, node("Mul", ["q", "k"], ["s"]), node("Sub", ["s", "o"], ["p"])],
        {"k": np.float32(1 / 127.5), "o": np.float32(1)},
        0.5,
        0.5,
    ),
    "(x - 102) / 51": (
        [CAST, node("Sub", ["q", "k"], ["s"]), node("Div", ["s", "o"], ["p"])],
        {"k": EACH * 0 + 102, "o": EACH * 0 + 51},
        0.4,
        0.2,
    ),
    "1 - x / 255": (
        [CAST, node("Div", ["q", "k"], ["s"]), node("Sub", ["o", "s"], ["p"])],
        {"k": K, "o": np.float32(1)},
        1,
        -1,
    ),
    "whole numbers": (
        [
            node("Cast", ["x"], ["q"], to=6),
            node("Div", ["q", "k"], ["s"]),
            node("Cast", ["s"], ["p"], to=1),
        ],
        {"k": np.int32(2)},
        0,
        1 / 255,
    ),
}


@pytest.mark.parametrize("scale", SCALES)
def test_a_file_that_scales_pixels_in_any_way_comes_back_the_same(
    scale: str, tmp_path: Path
) -> None:
    steps, tensors, mean, std = SCALES[scale]
    path = stack(tmp_path / "net.onnx", steps, tensors, [])
    weights = read_model(path).weights
    record = weights.metadata["preprocessing"]
    unit = record["scale"] * 255  # the same in parts of 255
    found = [*np.array(record["mean"]) / unit, *np.array(record["std"]) / unit]
    np.testing.assert_allclose(found, 3 * [mean] + 3 * [std], 1e-6)
    made = FORMATS["onnx"].write(weights, Options(drawn(weights)))[".onnx"]
    (tmp_path / "made.onnx").write_bytes(made)
    images = drawn(weights).test.images[:4]
    theirs = InferenceSession(path).run(None, {"x": images})[0]
    ours = load(tmp_path / "made.onnx")
    np.testing.assert_allclose(ours(images).logits, theirs, rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(
        cnnkit.load(tmp_path / "made.onnx")(images).logits, theirs, 1e-4, 1e-4
    )
    assert ours.weights.sha256 == weights.sha256


def test_pixels_are_scaled_by_the_file_and_by_what_is_said_of_it(tmp_path: Path) -> None:
    # The file does not scale raw pixels, but normalises what it is given.
    tensors = {"o": EACH, "k": EACH / 2}
    steps = [node("Sub", ["x", "o"], ["s"]), node("Div", ["s", "k"], ["p"])]
    model = onnx.load(stack(tmp_path / "net.onnx", [CAST, *steps], tensors, []))
    model.graph.node.pop(0)
    model.graph.input[0].type.tensor_type.elem_type = 1
    onnx.save(model, tmp_path / "net.onnx")
    weights = read_model(tmp_path / "net.onnx", Said(preprocess="unit")).weights
    made = FORMATS["onnx"].write(weights, Options(drawn(weights)))[".onnx"]
    (tmp_path / "made.onnx").write_bytes(made)
    found = load(tmp_path / "made.onnx").metadata["cnnkit.preprocessing"]
    np.testing.assert_allclose(
        [found["mean"], found["std"]], [EACH.ravel(), EACH.ravel() / 2], 1e-6
    )


def test_images_that_depend_on_each_other_are_refused(tmp_path: Path) -> None:
    steps, tensors = SCALES["x / 255"][:2]
    last = [node("Softmax", ["y"], ["s"], axis=0)]
    path = stack(tmp_path / "net.onnx", steps, tensors, last)
    with pytest.raises(InputError, match=r"Softmax s, along whose axis 0 images depend"):
        read_model(path)


def test_a_file_that_computes_in_float64_becomes_no_onnx_file(tmp_path: Path) -> None:
    steps = [
        node("Cast", ["x"], ["q"], to=11),
        node("Div", ["q", "k"], ["s"]),
        node("Cast", ["s"], ["p"], to=1),
    ]
    path = stack(tmp_path / "net.onnx", steps, {"k": np.float64(255)}, [])
    weights = read_model(path).weights
    with pytest.raises(InputError, match=r"node Cast q: it computes in float64.*to float32"):
        FORMATS["onnx"].write(weights, Options(drawn(weights)))
    assert examine_model(path).formats["onnx"][0] is False


def test_every_unknown_operator_of_an_onnx_file_is_named_at_once(tmp_path: Path) -> None:
    path = onnx_file(tmp_path / "net.onnx", "Sin", "Identity", "Cos")
    with pytest.raises(InputError, match="has 2 nodes that cnnkit does not know") as caught:
        read_model(path, Said(preprocess="unit"))
    assert [line.split(":")[0] for line in caught.value.details] == [
        "node Sin odd0",
        "node Cos odd2",
    ]


def test_a_network_of_ours_says_everything_itself(tmp_path: Path) -> None:
    architecture = Architecture((1, 8, 8), (Block(4),), 3)
    weights = Weights.of(
        architecture, architecture.initial_parameters(5), {"names": list("abc"), "dataset": "mnist"}
    )
    write_weights(tmp_path / "weights.safetensors", weights)
    network = read_model(tmp_path / "weights.safetensors")
    assert (network.weights.sha256, network.path) == (
        weights.sha256,
        tmp_path / "weights.safetensors",
    )
    with pytest.raises(InputError, match="--preprocess: is for models of others"):
        read_model(tmp_path / "weights.safetensors", Said(preprocess="unit"))
    made = FORMATS["onnx"].write(weights, Options(drawn(weights)))[".onnx"]
    (tmp_path / "net.onnx").write_bytes(made)
    again = read_model(tmp_path / "net.onnx").weights
    assert FORMATS["onnx"].write(again, Options(drawn(weights)))[".onnx"] == made


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("torchvision:resnet18", True),
        ("a.b:make", True),
        ("runs/x", False),
        ("C:\\net.onnx", False),
    ],
)
def test_a_module_is_named_with_a_colon(text: str, expected: bool) -> None:
    assert is_spec(text) is expected


def test_a_size_has_three_numbers() -> None:
    assert parse_image_size("3x32x24") == (3, 32, 24)
    with pytest.raises(InputError, match="is not CxHxW"):
        parse_image_size("32x24")
