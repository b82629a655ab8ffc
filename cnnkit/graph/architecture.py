"""The network as data: `Architecture()` is the published one; every other module reads its shapes.

Legend of shape letters, used throughout: N images, C channels, H rows, W columns, K classes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, astuple, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.errors import InputError

LARGEST = 2**31 - 1  # size that a file may state
PIXEL_SCALE = 1.0 / 255.0  # raw uint8 pixels to [0, 1], the only preprocessing there is
# Values of an image and of a block before pooling: a small file must not take all memory.
LARGEST_INPUT, LARGEST_FEATURES = 2**24, 2**28


@dataclass(frozen=True)
class Block:
    """Conv2d (square kernel, stride 1) → ReLU → MaxPool2d (square window, stride = window)."""

    channels: int
    kernel: int = 3
    padding: int = 1
    pool: int = 2


@dataclass(frozen=True)
class Architecture:
    """A stack of blocks, then Linear over the flattened (C, H, W) features and log-softmax."""

    input: tuple[int, int, int] = (1, 28, 28)  # C, H, W
    blocks: tuple[Block, ...] = (Block(16), Block(4))
    classes: int = 10

    def feature_shapes(self) -> list[tuple[int, int, int]]:
        """Return (C, H, W) of the input and after every block."""
        if math.prod(self.input) > LARGEST_INPUT:
            raise InputError(
                f"input {self.input}",
                f"has more than {LARGEST_INPUT:,} values",
                "use smaller images",
            )
        shapes = [self.input]
        for block in self.blocks:
            _, height, width = shapes[-1]
            grow = 2 * block.padding - block.kernel + 1
            values = block.channels * (height + grow) * (width + grow)
            if min(height, width) + grow > 0 and values > LARGEST_FEATURES:
                raise InputError(
                    f"block {len(shapes)} {block}",
                    f"computes {values:,} values for each image, more than {LARGEST_FEATURES:,}",
                    "use smaller images, fewer channels or a smaller padding",
                )
            pooled = ((height + grow) // block.pool, (width + grow) // block.pool)
            if min(pooled) < 1:
                raise InputError(
                    f"block {len(shapes)} {block}",
                    f"leaves nothing of its {height}x{width} input",
                    "use fewer blocks, a smaller kernel or a smaller pool",
                )
            shapes.append((block.channels, *pooled))
        return shapes

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return each parameter's shape by its PyTorch state-dict name, in definition order."""
        shapes: dict[str, tuple[int, ...]] = {}
        features = self.feature_shapes()
        for i, block in enumerate(self.blocks):
            shapes[f"convs.{i}.weight"] = (
                block.channels,
                features[i][0],
                block.kernel,
                block.kernel,
            )
            shapes[f"convs.{i}.bias"] = (block.channels,)
        shapes["linear.weight"] = (self.classes, math.prod(features[-1]))
        shapes["linear.bias"] = (self.classes,)
        return shapes

    def initial_parameters(self, seed: int) -> dict[str, NDArray[np.float32]]:
        """Draw PyTorch's default initialisation from NumPy's PCG64.

        Conv2d and Linear draw weights and biases from U(-1/√fan_in, 1/√fan_in) (He et al. 2015 with
        a = √5, as torch.nn does). The draw is NumPy's, so that an engine without PyTorch starts
        from the same weights.
        """
        generator = np.random.default_rng([seed, 0])
        parameters: dict[str, NDArray[np.float32]] = {}
        bound = 0.0
        for name, shape in self.parameter_shapes().items():
            if name.endswith("weight"):  # a layer's bias follows its weight and shares its fan-in
                bound = 1.0 / math.sqrt(math.prod(shape[1:]))
            parameters[name] = generator.uniform(-bound, bound, shape).astype(np.float32)
        return parameters

    @property
    def sizes(self) -> tuple[tuple[int, int, int], tuple[tuple[int, ...], ...], int]:
        """All sizes as plain tuples, as the compiled engine takes them."""
        return self.input, tuple(astuple(block) for block in self.blocks), self.classes

    def join(self, parameters: Mapping[str, NDArray[np.float32]]) -> NDArray[np.float32]:
        """Return all parameters one after another, float32 [P], in the order of their shapes."""
        return np.concatenate([parameters[name].ravel() for name in self.parameter_shapes()])

    def split(self, values: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """Return copies of the parameters by name, given all of them float32 [P]."""
        parameters: dict[str, NDArray[np.float32]] = {}
        start = 0
        for name, shape in self.parameter_shapes().items():
            end = start + math.prod(shape)
            parameters[name] = values[start:end].reshape(shape).copy()
            start = end
        return parameters

    def to_json(self) -> dict[str, Any]:
        """Return the architecture as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Any, source: object) -> Architecture:
        """Read what `to_json` wrote, from the file that errors shall name.

        Raises:
            InputError: the value does not describe a network of this family.
        """
        try:
            channels, height, width = (int(side) for side in value["input"])
            blocks = tuple(
                Block(**{name: int(size) for name, size in block.items()})
                for block in value["blocks"]
            )
            architecture = cls((channels, height, width), blocks, int(value["classes"]))
        except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
            raise InputError(
                source,
                f"describes no Conv-ReLU-MaxPool stack ({error!r})",
                "use a file that this version of cnnkit wrote",
            ) from error
        sizes = [*architecture.input, architecture.classes]
        for block in blocks:
            sizes += [block.channels, block.kernel, block.pool, block.padding + 1]
        if min(sizes) < 1 or max(sizes) > LARGEST:
            raise InputError(
                source,
                f"describes an architecture with a size below 1 or above {LARGEST:,}",
                "use a file that this version of cnnkit wrote",
            )
        architecture.feature_shapes()
        return architecture
