"""A convolution with what graphs fuse to it: `Conv2d(weight, bias, padding=1)(x, residual)`.

Legend of shape letters: N images, C channels, H rows, W columns.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from cnnkit import _core
from cnnkit.ops.fused import as_array, is_tensor
from cnnkit.ops.reference import Activation, Size

if TYPE_CHECKING:
    from cnnkit.ops.fused import Array

Kind = TypeVar("Kind", bound="Array")  # the result is of the kind of x


class Conv2d(_core.Conv2d):
    """Convolution, residual, activation and max-pool in one pass, with packed weights.

    A call computes `max_pool2d(activation(conv2d(x, weight, bias, stride, padding, dilation,
    groups) + residual), pool_kernel, pool_stride, pool_padding)`, NaN and infinities as in PyTorch.
    Sizes are ints or pairs (rows, columns). Instances may be called from several threads.

    Args:
        weight: float32 [C_out, C_in / groups, kernel rows, kernel columns].
        bias: float32 [C_out].
        stride: of the convolution.
        padding: with zeros: an int, a pair, or four ints top, left, bottom, right (ONNX's order).
        dilation: distance of the kernel's taps.
        groups: into which input and output channels are split; C_in for a depthwise convolution.
        activation: "none", "relu", or a pair (min, max) as `torch.clamp` takes it.
        pool_kernel: window of the max-pool; None for no pool.
        pool_stride: of the max-pool; its kernel where None.
        pool_padding: of the max-pool, at most half its kernel; padding never wins.
        isa: the instruction set to run on; the one in use where None.
        precision: as `conv_relu_pool` takes it. Only groups of one, undilated and padded alike on
            both sides, with ReLU and without residual, may be less exact for it.

    Attributes:
        algorithm: the algorithm that runs calls without a residual.
        isa: the instruction set that it runs on.

    Raises:
        InputError: an argument is not what it must be.
    """

    def __init__(
        self,
        weight: Array,
        bias: Array | None = None,
        *,
        stride: Size = 1,
        padding: Size = 0,
        dilation: Size = 1,
        groups: int = 1,
        activation: Activation = "none",
        pool_kernel: Size | None = None,
        pool_stride: Size | None = None,
        pool_padding: Size = 0,
        isa: str | None = None,
        precision: str = "default",
    ) -> None:
        super().__init__(
            as_array(weight, "weight"),
            None if bias is None else as_array(bias, "bias"),
            stride,
            padding,
            dilation,
            groups,
            activation,
            pool_kernel,
            pool_stride,
            pool_padding,
            precision,
            isa,
        )

    def __call__(
        self,
        x: Kind,
        residual: Array | None = None,
        threads: int = 1,
        out: NDArray[np.float32] | None = None,
    ) -> Kind:
        """Run the operation; see the class.

        Args:
            x: float32 [N, C_in, H, W], a NumPy array or a PyTorch CPU tensor.
            residual: float32 of the shape of the convolution's output, before the pool.
            threads: how many threads may work; the result is the same for any number.
            out: a contiguous float32 array of the result's shape to write to and return, which must
                not overlap x or residual.

        Returns:
            float32 [N, C_out, rows, columns], of the kind of x where out is None.

        Raises:
            InputError: an argument is not what it must be.
        """
        added = None if residual is None else as_array(residual, "residual")
        y = self.run(as_array(x, "x"), added, threads, out)
        if out is None and is_tensor(x):
            return cast("Kind", sys.modules["torch"].from_numpy(y))
        return cast("Kind", y)
