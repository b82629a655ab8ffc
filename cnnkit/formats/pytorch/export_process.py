"""The module that becomes TorchScript or a torch.export program, in a process of its own.

`python -m cnnkit.formats.pytorch.export_process torchscript weights.safetensors archive uint8`
"""

from __future__ import annotations

import io
import sys
import warnings
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from cnnkit.errors import InputError
from cnnkit.formats.checkpoint import read_weights
from cnnkit.formats.pytorch.archive import deprecation_known
from cnnkit.graph.architecture import PIXEL_SCALE
from cnnkit.graph.convnet import OUTPUTS, match, with_contract
from cnnkit.graph.graph import Graph
from cnnkit.graph.layout import LAST, NHWC
from cnnkit.nn.graphs.module import GraphModule
from cnnkit.system.subprocesses import exits_with_5_when_full


class Prediction(NamedTuple):
    """The contract's outputs: logits, probabilities float32 [N, K], label int64 [N]."""

    logits: Tensor
    probabilities: Tensor
    label: Tensor


class Classifier(nn.Module):
    """Raw pixels in, or for the input "float32" scaled ones; the contract's outputs out."""

    def __init__(self, graph: Graph, input: str = "uint8") -> None:
        super().__init__()
        architecture, tensors = match(graph)
        features = architecture.feature_shapes()
        parameters = architecture.parameter_shapes()
        blocks = architecture.blocks
        self.convs = nn.ModuleList(
            nn.Conv2d(shape[0], block.channels, block.kernel, padding=block.padding)
            for shape, block in zip(features, blocks, strict=False)
        )
        self.pools = nn.ModuleList(nn.MaxPool2d(block.pool) for block in blocks)
        classes, inputs = parameters["linear.weight"]
        self.linear = nn.Linear(inputs, classes)
        state = {name: torch.from_numpy(array.copy()) for name, array in tensors.items()}
        self.load_state_dict(state)
        self.pixel_scale = PIXEL_SCALE if input != "float32" else 1.0
        self.pixel_type = torch.uint8 if input != "float32" else torch.float32

    def forward(self, image: Tensor) -> Prediction:
        """Classify pixels [N, C, H, W]."""
        # Pixels that were scaled already would be scaled again, and give other classes.
        assert image.dtype == self.pixel_type, (
            "image must be uint8, or float32 in a file exported with --input float32"
        )
        x = image.to(torch.float32) * self.pixel_scale
        for conv, pool in zip(self.convs, self.pools):  # noqa: B905 (TorchScript has no strict=)
            x = pool(torch.relu(conv(x)))
        logits = self.linear(x.flatten(1))
        return Prediction(logits, torch.softmax(logits, dim=1), logits.argmax(dim=1))


def forward_channels_last(self: Classifier, image: Tensor) -> Prediction:
    """Classify pixels [N, H, W, C]; TorchScript compiles this in the place of `forward`."""
    assert image.dtype == self.pixel_type, (
        "image must be uint8, or float32 in a file exported with --input float32"
    )
    x = image.permute(0, 3, 1, 2).to(torch.float32) * self.pixel_scale
    for conv, pool in zip(self.convs, self.pools):  # noqa: B905 (TorchScript has no strict=)
        x = pool(torch.relu(conv(x)))
    logits = self.linear(x.flatten(1))
    return Prediction(logits, torch.softmax(logits, dim=1), logits.argmax(dim=1))


# By the same name, which stands in the archive.
ChannelsLast = type("Classifier", (Classifier,), {"forward": forward_channels_last})


class Named(nn.Module):
    """The same with a dict as its output: a named tuple would bind the reader to our class."""

    def __init__(self, classifier: Classifier) -> None:
        super().__init__()
        self.convs, self.pools, self.linear = classifier.convs, classifier.pools, classifier.linear
        self.pixel_scale = classifier.pixel_scale
        self.pixel_type = classifier.pixel_type
        self.classify = type(classifier).forward

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """Classify pixels [N, C, H, W]."""
        # Borrowed, not inherited, since a subclass could not return another type; so `self` is one.
        outputs: dict[str, Tensor] = self.classify(self, image)._asdict()  # type: ignore[arg-type]
        return outputs


class Traced(nn.Module):
    """Any other network, whose calls were traced: the same input and outputs."""

    def __init__(self, net: nn.Module, input: str) -> None:
        super().__init__()
        self.net = net
        self.pixel_type = torch.uint8 if input != "float32" else torch.float32

    def forward(self, image: Tensor) -> Prediction:
        """Classify pixels."""
        assert image.dtype == self.pixel_type, (
            "image must be uint8, or float32 in a file exported with --input float32"
        )
        logits, probabilities, label = self.net(image)
        return Prediction(logits, probabilities, label)


class NamedGraph(GraphModule):
    """Any other network for torch.export, with its outputs by name."""

    # Another type than its base returns: torch.export names outputs by a dictionary's keys.
    def forward(self, image: Tensor) -> dict[str, Tensor]:  # type: ignore[override]
        """Classify pixels."""
        return dict(zip(OUTPUTS, self.values(image), strict=True))


def script(classifier: nn.Module) -> bytes:
    """Return a TorchScript archive."""
    content = io.BytesIO()
    with deprecation_known():
        torch.jit.save(torch.jit.script(classifier), content)
    return content.getvalue()


def trace(graph: Graph, input: str, example: Tensor) -> Traced:
    """Return what TorchScript can hold of any network."""
    net = GraphModule(graph).eval().requires_grad_(False)
    with deprecation_known(), warnings.catch_warnings():
        # That sizes become constants, which those of images are; their number stays free.
        warnings.simplefilter("ignore")
        # PyTorch left the deprecated function untyped.
        traced = torch.jit.trace(net, (example,), check_trace=False)  # type: ignore[no-untyped-call]
    return Traced(traced, input).eval()


def capture(named: nn.Module, example: Tensor) -> bytes:
    """Return a torch.export archive for pictures like `example` [2, C, H, W], with N free."""
    batch = {0: torch.export.Dim("N")}
    program = torch.export.export(named, (example,), dynamic_shapes={"image": batch})
    content = io.BytesIO()
    torch.export.save(program, content)
    return content.getvalue()


def main(form: str, source: Path, archive: Path, input: str) -> None:
    """Write the network in `source` to `archive`."""
    weights = read_weights(source)
    dtype = torch.uint8 if input != "float32" else torch.float32
    example = torch.zeros((2, *weights.size), dtype=dtype)
    example = example.permute(LAST).contiguous() if input == NHWC else example
    try:
        match(weights.graph)
    except InputError:
        graph = with_contract(weights.graph, input)
        if form == "torchscript":
            archive.write_bytes(script(trace(graph, input, example)))
        else:
            net = NamedGraph(graph).eval().requires_grad_(False)
            archive.write_bytes(capture(net, example))
        return
    kind = ChannelsLast if input == NHWC else Classifier
    classifier = kind(weights.graph, input).eval().requires_grad_(False)
    if form == "torchscript":
        archive.write_bytes(script(classifier))
    else:
        archive.write_bytes(capture(Named(classifier), example))


if __name__ == "__main__":
    with exits_with_5_when_full():
        main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4])
