"""A PyTorch module, and what torchvision makes, is read as a network with proof."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from cnnkit.data.drawn import drawn_images
from cnnkit.errors import InputError, VerdictError
from cnnkit.graph.convnet import INPUT, LOGITS
from cnnkit.graph.reference import evaluate
from cnnkit.models.modules import SAME
from cnnkit.models.read import read_model
from cnnkit.models.said import Said

SIZE = (3, 8, 6)


class Net(nn.Module):
    def __init__(self, num_classes: int = 5, in_chans: int = 3) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_chans, 6, 3, bias=False)
        self.norm = nn.BatchNorm2d(6)
        self.head = nn.Linear(6, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        y = nn.functional.dropout(self.norm(self.conv(x)), 0.5, self.training)
        scores: Tensor = self.head(torch.relu_(y).mean((2, 3)))
        return scores


class Of(nn.Module):
    def __init__(self, forward: Callable[..., Any], **layers: nn.Module) -> None:
        super().__init__()
        self.net = Net()
        for name, layer in layers.items():
            self.add_module(name, layer)
        self.function = forward

    def forward(self, x: Tensor, *more: Tensor) -> Any:
        return self.function(self, x, *more)


@pytest.fixture(autouse=True)
def nets(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("person_nets")
    vars(module).update(Net=Net, fixed=lambda: Net(4), empty=lambda: Net().to("meta"))
    monkeypatch.setitem(sys.modules, "person_nets", module)


def logits(module: nn.Module, record: Callable[[Tensor], Tensor]) -> Any:
    images = torch.from_numpy(drawn_images(SIZE, 5)).double()
    with torch.no_grad():
        return module.eval().double()(record(images)).numpy()


def found(network: Any) -> Any:
    graph, images = network.weights.graph, drawn_images(SIZE, 5)
    return evaluate(graph, {INPUT: images}, [LOGITS])[LOGITS]


def test_a_module_takes_raw_pixels_prepared_as_is_said() -> None:
    module = Net().train()
    network = read_model(module, Said(preprocess="imagenet", names=list("abcde"), size=SIZE))
    assert module.training
    assert network.weights.names == list("abcde")
    assert [check.passed for check in network.checks] == [True]
    mean, std = (
        torch.tensor(v).double()[:, None, None]
        for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    )
    expected = logits(module, lambda x: (x / 255 - mean) / std)
    np.testing.assert_allclose(found(network), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_parameters_of_a_file_are_loaded_by_name(suffix: str, prefix: str, tmp_path: Path) -> None:
    module, path = Net(7), tmp_path / f"net{suffix}"
    state = {prefix + name: tensor for name, tensor in module.state_dict().items()}
    save_file(state, path) if suffix == ".safetensors" else torch.save({"state_dict": state}, path)
    said = Said(path, {"scale": 1.0}, size=SIZE)
    network = read_model("person_nets:Net", said)  # as many classes as the file has
    assert network.weights.classes == 7
    assert network.notes == ()
    np.testing.assert_allclose(found(network), logits(module, lambda x: x), rtol=1e-5, atol=1e-4)


def test_a_module_on_no_device_takes_the_parameters_of_a_file(tmp_path: Path) -> None:
    module = Net()
    torch.save(module.state_dict(), tmp_path / "net.pt")
    network = read_model("person_nets:empty", Said(tmp_path / "net.pt", {"scale": 0.01}, size=SIZE))
    expected = logits(module, lambda x: x * 0.01)
    np.testing.assert_allclose(found(network), expected, rtol=1e-5, atol=1e-6)


def test_all_tensors_that_do_not_fit_are_named_at_once(tmp_path: Path) -> None:
    state = Net().state_dict()
    state["odd"] = torch.zeros(2)
    state["conv.weight"] = torch.zeros(6, 3, 5, 5)
    del state["norm.bias"], state["norm.num_batches_tracked"]
    torch.save(state, tmp_path / "net.pt")
    with pytest.raises(InputError, match="does not fit Net: 3 of its tensors differ") as caught:
        read_model("person_nets:Net", Said(tmp_path / "net.pt", "unit", size=SIZE))
    assert caught.value.details == (
        "norm.bias: is missing in the file; the module has [6]",
        "conv.weight: is [6, 3, 5, 5] in the file, and [6, 3, 3, 3] in the module",
        "odd: is [2] in the file; the module has no such tensor",
    )


def write_module(path: Path) -> None:
    torch.save(Net(), path)


def write_nan(path: Path) -> None:
    state = Net().state_dict()
    state["head.bias"][1] = torch.nan
    torch.save(state, path)


@pytest.mark.parametrize(
    ("write", "reason"),
    [
        (write_module, "is not a checkpoint of tensors alone"),
        (write_nan, r"holds NaN or infinity \(head.bias\)"),
        (lambda path: torch.save({"epoch": 3}, path), "holds no tensors by name, but dict"),
        (lambda path: path.write_bytes(b"no checkpoint"), "is not a checkpoint of tensors alone"),
        (
            lambda path: path.write_bytes(b"\xff\0\0\0\0\0\0\0{" * 3),
            "is not a complete safetensors",
        ),
    ],
)
def test_a_file_that_holds_no_parameters_is_refused(
    write: Callable[[Path], None], reason: str, tmp_path: Path
) -> None:
    write(tmp_path / "net.pt")
    with pytest.raises(InputError, match=reason):
        read_model("person_nets:Net", Said(tmp_path / "net.pt", "unit", size=SIZE))


def lazy() -> nn.Module:
    return nn.Sequential(nn.LazyConv2d(4, 3), nn.Flatten(), nn.LazyLinear(3))


def hooked() -> nn.Module:
    module, calls = Net(), []

    def hook(layer: nn.Module, given: Any, result: Tensor) -> Tensor:
        calls.append(1)
        return result + len(calls)  # whatever the weights, more of it is positive

    module.conv.register_forward_hook(hook)
    return module


def broken() -> nn.Module:
    module = Net()
    module.head.bias.data[0] = torch.inf
    return module


def of_negative_variance() -> nn.Module:
    module = Net()
    cast("Tensor", module.norm.running_var).fill_(-1.0)
    return module


def scripted() -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        traced: nn.Module = torch.jit.trace(Net().eval(), torch.zeros(2, *SIZE))
    return traced


def quantised() -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made: nn.Module = torch.ao.quantization.quantize_dynamic(Net(), {nn.Linear}, torch.qint8)
    return made


def ends_the_process(self: Any, x: Tensor) -> Tensor:
    raise SystemExit(3)


MODULES: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "two inputs": (
        lambda: Of(lambda self, x, other: self.net(x + other)),
        "make its forward take one tensor",
    ),
    "two outputs": (
        lambda: Of(lambda self, x: (self.net(x), self.net(x) * 2)),
        "has 2 outputs .* not those of one classifier",
    ),
    "flow that depends on values": (
        lambda: Of(lambda self, x: self.net(x) if x.mean() > 0 else -self.net(x)),
        "cannot be exported for images of 3x8x6 .*Choose between values by torch.where",
    ),
    "float16": (lambda: Net().half(), r"computes in float16 \(conv.weight\).*module.float\(\)"),
    "float64": (lambda: Net().double(), r"computes in float64 \(conv.weight\).*module.float\(\)"),
    "a cast to bfloat16": (
        lambda: Of(lambda self, x: (self.net(x).bfloat16() * 2).float()),
        r"computes in fewer bits than float32. Leave the cast out .*\n  forward: casts to bfloat16",
    ),
    "a cast to float16": (
        lambda: Of(lambda self, x: self.net(x.half().float())),
        r"Leave the cast out of its forward.*\n  forward: casts to float16",
    ),
    "a cast before a layer": (
        lambda: nn.Sequential(Of(lambda self, x: x.bfloat16()), nn.Conv2d(3, 2, 3)),
        "cannot be exported .*Leave the cast out of its forward",
    ),
    "NumPy": (
        lambda: Of(lambda self, x: torch.from_numpy(np.tanh(self.net(x).numpy()))),
        "cannot be exported .*Compute in its forward with PyTorch alone",
    ),
    "TorchScript": (scripted, "is TorchScript. Give the module that torch.jit made it from"),
    "quantised": (quantised, r"is quantised \(Linear\). Give the module before it was"),
    "NaN": (of_negative_variance, "gives NaN or infinity for random images"),
    "no result": (lambda: Of(lambda self, x: None), "gives None, not a tensor"),
    "the end of the process": (lambda: Of(ends_the_process), "cannot be exported for images of"),
    "no device": (lambda: Net().to("meta"), r"on no device, without values \(conv.weight"),
    "lazy layers": (lazy, r"has a lazy layer, whose shape is not known yet \(0.weight\)"),
    "infinity": (broken, r"holds NaN or infinity \(head.bias\)"),
    "no scores": (lambda: Of(lambda self, x: self.net.conv(x)), "not one score per class"),
    "several labels": (
        lambda: Of(lambda self, x: self.net(x).sigmoid()),
        "several classes at once",
    ),
    "operators": (
        lambda: Of(lambda self, x: self.net(torch.sin(x)).sin()),
        "has 2 nodes that cnnkit's graph has no operator for",
    ),
}


@pytest.mark.parametrize("name", MODULES)
def test_a_module_that_no_graph_holds_has_one_clear_error(name: str) -> None:
    make, reason = MODULES[name]
    with pytest.raises(InputError, match=reason):
        read_model(make(), Said(preprocess="unit", size=SIZE))


class OfAnyInputs(Net):
    def forward(self, *images: Tensor) -> Tensor:
        return super().forward(*images)


@pytest.mark.parametrize("wrap", [nn.DataParallel, torch.compile, lambda net: OfAnyInputs()])
def test_what_is_wrapped_around_a_module_is_looked_through(wrap: Any) -> None:
    torch.manual_seed(0)
    found = read_model(wrap(Net()), Said(preprocess="unit", size=SIZE)).weights
    torch.manual_seed(0)
    own = read_model(Net(), Said(preprocess="unit", size=SIZE)).weights
    assert found.graph.tensors.keys() == own.graph.tensors.keys()
    for name, array in own.graph.tensors.items():
        assert found.graph.tensors[name].shape == array.shape


@pytest.mark.parametrize("model", [Net, lambda x: x, 3], ids=["class", "function", "number"])
def test_what_is_no_model_is_called_by_its_kind(model: Any) -> None:
    with pytest.raises(InputError, match=r"the model: is .*, not a torch.nn.Module and not a path"):
        read_model(model)


def test_what_the_tracer_would_print_is_in_the_error_alone(
    capfd: pytest.CaptureFixture[str],
) -> None:
    class Odd(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return 2 * x if x.mean() > 0.5 else x

    for module in (nn.Linear(7, 2), Odd()):
        with pytest.raises(InputError, match="cannot be exported for images of"):
            read_model(module, Said(preprocess="unit", size=SIZE))
    assert capfd.readouterr() == ("", "")


def test_a_script_that_ends_the_process_is_no_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ends_itself.py").write_text("raise SystemExit(3)")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"cannot be imported \(SystemExit: 3\)"):
        read_model("ends_itself:Net", Said(size=SIZE))


def test_a_module_that_computes_otherwise_each_time_is_seen() -> None:
    with pytest.raises(VerdictError, match="was not read right: 4 random images in float64"):
        read_model(hooked(), Said(preprocess="unit", size=SIZE))


class InAutocast(Net):
    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            features = self.conv(x)
        with torch.autocast("cuda", torch.float16):
            return cast("Tensor", self.head(self.norm(features.float()).relu().mean((2, 3))))


@pytest.mark.filterwarnings("ignore:CUDA is not available")
def test_modules_in_autocast_are_exported_in_float32() -> None:
    module = InAutocast()
    plain = Net()
    plain.load_state_dict(module.state_dict())
    with torch.autocast("cpu", torch.bfloat16):
        network = read_model(module, Said(preprocess={"scale": 0.01}, size=SIZE))
        assert torch.is_autocast_enabled("cpu")
        half = module(torch.zeros(1, *SIZE))
    assert half.dtype == torch.bfloat16  # as before: only what cnnkit does is in float32
    expected = logits(plain, lambda x: x * 0.01)
    np.testing.assert_allclose(found(network), expected, rtol=1e-5, atol=1e-6)


def test_hooks_and_tied_weights_are_part_of_what_is_computed() -> None:
    module = Of(lambda self, x: self.net(x) + self.again(x), again=Net())
    again: Any = module.again
    again.conv.weight, again.head.weight = module.net.conv.weight, module.net.head.weight
    module.net.conv.register_forward_hook(lambda layer, given, result: result.tanh())
    network = read_model(module, Said(preprocess={"scale": 0.01}, size=SIZE))
    expected = logits(module, lambda x: x * 0.01)
    np.testing.assert_allclose(found(network), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (Said(preprocess="unit"), "does not say how large its images are.*--size CxHxW"),
        (Said(size=SIZE), "does not say how pixels are scaled.*--preprocess"),
        (Said(), "--size CxHxW.*; and unless it scales pixels itself, say .*--preprocess unit"),
        (Said(preprocess="unit", size=SIZE, names=["a"]), "are 1, and the model has 5 classes"),
        (Said(preprocess={"mean": [1, 2]}, size=SIZE), "has 2 numbers in mean, not 3"),
    ],
)
def test_what_a_module_leaves_open_has_to_be_said(said: Said, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        read_model(Net(), said)


def test_torchvision_says_size_preprocessing_and_names(tmp_path: Path) -> None:
    network = read_model("torchvision:squeezenet1_1", Said(size=(3, 32, 32)))
    record = network.weights.metadata["preprocessing"]
    assert (record["mean"], record["size"]) == ((0.485, 0.456, 0.406), (3, 32, 32))
    assert record["resize"]["filter"] == "bilinear"
    assert network.weights.names[:2] == ["tench", "goldfish"]
    assert network.checks[0].claim == SAME
    assert "its weights are random" in network.notes[0]


def test_nodes_of_one_layer_have_names_of_their_own() -> None:
    layer = Of(lambda self, x: self.net(torch.cat(x.relu().chunk(3, 1), 1).tanh()))
    graph = read_model(nn.Sequential(layer), Said(preprocess="unit", size=SIZE)).weights.graph
    names = [node.name for node in graph.nodes]
    assert len(set(names)) == len(names)
