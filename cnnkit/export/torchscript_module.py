"""The module that becomes TorchScript, and its scripting, in a process of its own.

`python -m cnnkit.export.torchscript_module weights.safetensors archive`
"""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from cnnkit.architecture import PIXEL_SCALE
from cnnkit.checkpoint import Weights, read_weights
from cnnkit.export.torchscript import deprecation_known
from cnnkit.process import exits_with_5_when_full


class Prediction(NamedTuple):
    """The contract's outputs: logits, probabilities float32 [N, K], label int64 [N]."""

    logits: Tensor
    probabilities: Tensor
    label: Tensor


class Classifier(nn.Module):
    """Raw pixels in, the contract's outputs out."""

    def __init__(self, weights: Weights) -> None:
        super().__init__()
        features = weights.architecture.feature_shapes()
        parameters = weights.architecture.parameter_shapes()
        blocks = weights.architecture.blocks
        self.convs = nn.ModuleList(
            nn.Conv2d(shape[0], block.channels, block.kernel, padding=block.padding)
            for shape, block in zip(features, blocks, strict=False)
        )
        self.pools = nn.ModuleList(nn.MaxPool2d(block.pool) for block in blocks)
        classes, inputs = parameters["linear.weight"]
        self.linear = nn.Linear(inputs, classes)
        state = {name: torch.from_numpy(array.copy()) for name, array in weights.tensors.items()}
        self.load_state_dict(state)
        self.pixel_scale = PIXEL_SCALE

    def forward(self, image: Tensor) -> Prediction:
        """Classify raw pixels, uint8 [N, C, H, W]."""
        x = image.to(torch.float32) * self.pixel_scale
        for conv, pool in zip(self.convs, self.pools):  # noqa: B905 (TorchScript has no strict=)
            x = pool(torch.relu(conv(x)))
        logits = self.linear(x.flatten(1))
        return Prediction(logits, torch.softmax(logits, dim=1), logits.argmax(dim=1))


def main(source: Path, archive: Path) -> None:
    """Script the network in `source` and save it to `archive`."""
    with deprecation_known():
        module = Classifier(read_weights(source)).eval().requires_grad_(False)
        content = io.BytesIO()
        torch.jit.save(torch.jit.script(module), content)
    archive.write_bytes(content.getvalue())


if __name__ == "__main__":
    with exits_with_5_when_full():
        main(Path(sys.argv[1]), Path(sys.argv[2]))
