"""A convolution fused with residual, activation and pool: `Conv2d(weight, padding=1)(x, residual)`.

Legend of shape letters: N images, C channels, H rows, W columns.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Self, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from cnnkit import _core
from cnnkit.errors import InputError
from cnnkit.ops.fused import as_array, owned
from cnnkit.ops.packed import Packed
from cnnkit.ops.reference import Activation, Size
from cnnkit.ops.tensors import is_tensor

if TYPE_CHECKING:
    from cnnkit.ops.fused import Array

ArrayT = TypeVar("ArrayT", bound="Array")  # the output has the type of x


OPTIONS = (
    *("stride", "padding", "dilation", "groups", "activation"),
    *("pool_kernel", "pool_stride", "pool_padding", "isa", "precision"),
)


class Conv2d(Packed, _core.Conv2d):
    """Convolution, residual, activation and max-pool in one pass, with prepacked weights.

    A call computes `max_pool2d(activation(conv2d(x, weight, bias, stride, padding, dilation,
    groups) + residual), pool_kernel, pool_stride, pool_padding)`, with NaN and infinities as in
    PyTorch. Sizes are ints or pairs (rows, columns). Instances are thread-safe.

    Args:
        weight: float32 [C_out, C_in / groups, kernel rows, kernel columns].
        bias: float32 [C_out].
        stride: stride of the convolution.
        padding: zero padding: an int, a pair, or four ints top, left, bottom, right (ONNX's order).
        dilation: dilation of the convolution.
        groups: number of groups; C_in for a depthwise convolution.
        activation: "none", "relu", or a pair (min, max) as for `torch.clamp`.
        pool_kernel: window of the max-pool; None for no pool.
        pool_stride: stride of the max-pool; None for `pool_kernel`.
        pool_padding: padding of the max-pool with -inf, at most half of `pool_kernel`.
        isa: the instruction set; None for the one in use.
        precision: as for `conv_relu_pool`. "fast" has an effect only with one group, no dilation,
            symmetric padding, ReLU and no residual.

    Attributes:
        algorithm: the algorithm of calls without a residual.
        isa: the instruction set it uses.

    Raises:
        InputError: an argument is invalid.
    """

    def __new__(
        cls,
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
    ) -> Self:
        """Pack the weights."""
        made = super().__new__(cls)
        arrays = owned(weight, "weight"), None if bias is None else owned(bias, "bias")
        sizes = stride, padding, dilation, groups
        pool = pool_kernel, pool_stride, pool_padding
        _core.Conv2d.__init__(made, *arrays, *sizes, activation, *pool, precision, isa)
        named = zip(OPTIONS, (*sizes, activation, *pool, isa, precision), strict=True)
        made._given = arrays, dict(named)
        return made

    def __call__(
        self,
        x: ArrayT,
        residual: Array | None = None,
        threads: int = 1,
        out: NDArray[np.float32] | None = None,
    ) -> ArrayT:
        """Run the operator; see the class.

        Args:
            x: float32 [N, C_in, H, W], a NumPy array or a PyTorch CPU tensor.
            residual: float32 with the shape of the convolution's output before the pool.
            threads: the number of threads; the output does not depend on it.
            out: a contiguous float32 array of the output's shape, which is written and returned; it
                must not overlap x or residual.

        Returns:
            float32 [N, C_out, rows, columns], of the same type as x unless `out` is given.

        Raises:
            InputError: an argument is invalid.
        """
        if is_tensor(x):
            _refuse_transforms()
        added = None if residual is None else as_array(residual, "residual")
        y = self.run(as_array(x, "x"), added, threads, out)
        if out is None and is_tensor(x):
            return cast("ArrayT", sys.modules["torch"].from_numpy(y))
        return cast("ArrayT", y)


def _refuse_transforms() -> None:
    """Raise InputError where PyTorch would record a tensor as a constant, or has no values."""
    from cnnkit.ops.torch_autograd import is_recorded

    if is_recorded():
        raise InputError(
            "x",
            "is traced or transformed, and PyTorch does not see what Conv2d computes",
            "call the operator outside of torch.jit.trace, torch.export and torch.func, or use "
            "torch.nn.functional.conv2d there",
        )
