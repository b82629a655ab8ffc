"""The fused operator with prepacked weights: `y = ConvReLUPool(weight, bias, padding=1)(x)`.

Legend of shape letters: N images, C channels, H rows, W columns.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from cnnkit.errors import InputError, MissingError
from cnnkit.ops.packed import Packed
from cnnkit.ops.reference import Size
from cnnkit.ops.tensors import dense, is_tensor, readable

try:
    from cnnkit import _core
except ImportError as error:
    raise MissingError(
        "cnnkit._core",
        f"cannot be loaded ({error})",
        "install cnnkit with `pip install .`",
    ) from error

if TYPE_CHECKING:
    import torch

    Array = NDArray[np.float32] | torch.Tensor


MOST_THREADS = 2**31 - 1


def isa() -> str:
    """Return the instruction set in use: the best of this machine, or the value of CNNKIT_ISA.

    Raises:
        InputError: this machine cannot run the one in CNNKIT_ISA.
    """
    return _core.isa()


def available_isas() -> list[str]:
    """Return the instruction sets that this machine can run, best first."""
    return _core.available_isas()


class ConvReLUPool(Packed, _core.ConvReluPool):
    """The fused operator with prepacked weights, for repeated calls: `operator(x, threads=1)`.

    The constructor's arguments are those of `conv_relu_pool`, and so are a call's `x`, `threads`
    and output. If x is a NumPy array, a call also accepts `out=`: a contiguous float32 array of
    the output's shape, which is written and returned and must not overlap x. (For small inputs,
    allocating an array takes as long as the computation.) Instances are thread-safe; a call that
    takes more than a few microseconds releases the GIL.

    Attributes:
        algorithm: the algorithm chosen for these weights.
        isa: the instruction set it uses.
    """

    def __new__(
        cls,
        weight: Array,
        bias: Array | None = None,
        stride: Size = 1,
        padding: Size = 0,
        pool_kernel: Size = 2,
        pool_stride: Size | None = None,
        pool_padding: Size = 0,
        *,
        precision: str = "default",
        isa: str | None = None,
    ) -> Self:
        """Pack the weights."""
        made = super().__new__(cls)
        arrays = owned(weight, "weight"), None if bias is None else owned(bias, "bias")
        sizes = stride, padding, pool_kernel, pool_stride, pool_padding
        _core.ConvReluPool.__init__(made, *arrays, *sizes, precision, isa)
        made._given = (*arrays, *sizes), {"precision": precision, "isa": isa}
        return made

    def _call(
        self, x: Any, *, threads: int | None = None, out: NDArray[np.float32] | None = None
    ) -> Any:
        """Handle the calls that the C++ fast path (brief calls with NumPy arrays) hands back."""
        count = default_threads() if threads is None else threads
        if isinstance(count, int) and count > MOST_THREADS:
            raise InputError("threads", f"is {count}", f"give at most {MOST_THREADS}")
        if is_tensor(x) and x.ndim == 4 and out is None:
            import cnnkit.ops.torch_plain  # noqa: F401, with which the next call comes not here
            from cnnkit.ops.torch_autograd import is_recorded

            if is_recorded():
                return self._recorded(x)
            return self.run_tensor(x, count)
        return self.run(as_array(x, "x"), count, out)

    def _recorded(self, x: torch.Tensor) -> torch.Tensor:
        """Run where PyTorch transforms or traces what is computed: through its dispatcher."""
        import torch

        from cnnkit.ops.torch_op import differentiable

        (weight, bias, *sizes), options = self._given
        # Otherwise than from_numpy, from_dlpack does not warn that these become constants.
        weight, bias = (v if v is None else torch.from_dlpack(v) for v in (weight, bias))
        return differentiable(x, weight, bias, sizes, options["precision"])

    def run_tensor(self, x: torch.Tensor, threads: int) -> torch.Tensor:
        """Run on a tensor [N, C_in, H, W]; see `conv_relu_pool`."""
        x = _plain(x, "x")
        images, channels, height, width = x.shape
        y = x.new_empty((images, self._given[0][0].shape[0], *self.output_size(height, width)))
        self.run_at(x.data_ptr(), images, channels, height, width, y.data_ptr(), threads)
        return y


def default_threads() -> int:
    """Return PyTorch's number of threads if PyTorch is loaded, else the number of usable cores."""
    torch = sys.modules.get("torch")
    if torch is not None:
        return int(torch.get_num_threads())
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def owned(value: Any, name: str) -> Any:
    """Return an array's values in memory that nobody else writes; anything else unchanged."""
    array = as_array(value, name)
    return array.copy() if isinstance(array, np.ndarray) else array


def as_array(value: Any, name: str) -> NDArray[Any]:
    """Return a tensor's memory as an array; anything else unchanged, for C++ to validate."""
    return _plain(value, name).detach().numpy() if is_tensor(value) else value


def _plain(tensor: torch.Tensor, name: str) -> torch.Tensor:
    """Return the values, if the tensor is dense float32 on the CPU and needs no gradient."""
    tensor = dense(tensor, name)
    if tensor.requires_grad and sys.modules["torch"].is_grad_enabled():
        raise InputError(
            name,
            "requires a gradient, which an operator with prepacked weights cannot compute",
            "use cnnkit.nn.ConvReLUPool2d or conv_relu_pool, or call it under torch.no_grad()",
        )
    return readable(tensor, name)
