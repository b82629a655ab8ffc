"""Conv2d → ReLU → MaxPool2d as one module: `ConvReLUPool2d(3, 64, 3, padding=1)`.

Legend of shape letters: N images, C channels, H rows, W columns.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from cnnkit.errors import InputError
from cnnkit.ops.fused import ConvReLUPool
from cnnkit.ops.reference import Size
from cnnkit.ops.torch_autograd import differentiable, has_gradient, is_plain, needs_gradient
from cnnkit.ops.torch_op import three_operations

PRECISIONS = ("default", "fast")


class ConvReLUPool2d(nn.Module):
    """`MaxPool2d(pool_kernel, …)` of `ReLU()` of `Conv2d(in_channels, out_channels, …)`.

    Parameters are named, shaped and initialised as those of `nn.Conv2d`: a state dict of one loads
    into the other. In eval mode, where no gradient is wanted, the weights are made ready once and
    again when they change. (A write through `weight.data` is seen after the next `train()` or
    `eval()`, for PyTorch does not record it.) Tensors that are not float32 on the CPU are left to
    PyTorch's three operations.

    Args:
        in_channels: C of the input.
        out_channels: C of the output.
        kernel_size: of the convolution, as all sizes an int or a pair (rows, columns).
        stride: of the convolution.
        padding: of the convolution, with zeros.
        pool_kernel: window of the max-pool.
        pool_stride: of the max-pool; its kernel where None.
        pool_padding: of the max-pool, at most half its kernel.
        bias: whether the convolution has one.
        precision: "default", or "fast": see `cnnkit.ops.conv_relu_pool`.
        ceil_mode: as MaxPool2d's; where it adds a row or column, PyTorch's three operations work.
        device: of the parameters.
        dtype: of the parameters.

    Raises:
        InputError: an argument is not what it must be.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Size = 0,
        pool_kernel: Size = 2,
        pool_stride: Size | None = None,
        pool_padding: Size = 0,
        bias: bool = True,
        precision: str = "default",
        ceil_mode: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if precision not in PRECISIONS:
            raise InputError("precision", f"is {precision!r}", "give 'default' or 'fast'")
        self.in_channels, self.out_channels = in_channels, out_channels
        self.kernel_size = pair(kernel_size, "kernel_size")
        self.stride, self.padding = pair(stride, "stride"), pair(padding, "padding")
        self.pool_kernel = pair(pool_kernel, "pool_kernel")
        step = pool_kernel if pool_stride is None else pool_stride
        self.pool_stride = pair(step, "pool_stride")
        self.pool_padding = pair(pool_padding, "pool_padding")
        self.precision, self.ceil_mode = precision, ceil_mode
        conv = nn.Conv2d(
            *(in_channels, out_channels, self.kernel_size, self.stride, self.padding),
            bias=bias,
            device=device,
            dtype=dtype,
        )
        self.weight, self.bias = conv.weight, conv.bias
        self._ready: tuple[object, ConvReLUPool, object] | None = None

    @classmethod
    def from_modules(
        cls, conv: nn.Conv2d, pool: nn.MaxPool2d, precision: str = "default"
    ) -> ConvReLUPool2d:
        """Return the module that does what `conv`, ReLU and `pool` do, with conv's own parameters.

        Raises:
            InputError: an option of theirs is not supported: groups, dilation, a padding mode other
                than zeros, padding that differs from side to side, indices.
        """
        reason = why_not(conv, pool)
        if reason:
            raise InputError("conv" if "conv" in reason else "pool", reason, "leave it as it is")
        padding = same_padding(conv)
        assert padding is not None  # why_not looked
        module = cls(
            *(conv.in_channels, conv.out_channels, conv.kernel_size, conv.stride, padding),
            *(pool.kernel_size, pool.stride, pool.padding),
            bias=conv.bias is not None,
            precision=precision,
            ceil_mode=pool.ceil_mode,
            device="meta",
        )
        module.weight, module.bias = conv.weight, conv.bias
        return module.train(conv.training)

    def forward(self, x: Tensor) -> Tensor:
        """Compute [N, C, H, W] → [N, C', H', W'], or the same without N."""
        if isinstance(x, torch.fx.Proxy):  # it can be recorded, but not asked for its shape
            return self._three(x) if self.ceil_mode else self._dispatched(x)
        if x.ndim == 3:
            return self.forward(x[None])[0]
        if self.ceil_mode and self._is_cut(x):
            return self._three(x)
        weight, bias = self.weight, self.bias  # a module's attributes take time to look up
        if is_plain(x, weight, bias):
            if needs_gradient(x, weight, bias):
                if has_gradient(sizes := self._sizes):
                    return differentiable(x, weight, bias, sizes, self.precision)
            # PyTorch does not count the changes of what was made in inference mode.
            elif x.ndim == 4 and not self.training and not weight.is_inference():
                return self._prepared(weight, bias).run_tensor(x, torch.get_num_threads())
        return self._dispatched(x)

    @property
    def _sizes(self) -> tuple[tuple[int, int], ...]:
        return self.stride, self.padding, self.pool_kernel, self.pool_stride, self.pool_padding

    def _dispatched(self, x: Tensor) -> Tensor:
        y: Tensor = torch.ops.cnnkit.conv_relu_pool(
            x, self.weight, self.bias, *self._sizes, precision=self.precision
        )
        return y

    def _three(self, x: Tensor) -> Tensor:
        lists = (list(size) for size in self._sizes)
        return three_operations(x, self.weight, self.bias, *lists, ceil_mode=self.ceil_mode)

    def _is_cut(self, x: Tensor) -> bool:
        """Tell whether `ceil_mode` gives one more row or column for this input."""
        for axis in (0, 1):
            conv = (
                x.shape[2 + axis] + 2 * self.padding[axis] - self.kernel_size[axis]
            ) // self.stride[axis] + 1
            room = conv + 2 * self.pool_padding[axis] - self.pool_kernel[axis]
            windows = room // self.pool_stride[axis] + 1
            # PyTorch adds a window that begins inside the image or the padding before it.
            begins = windows * self.pool_stride[axis] < conv + self.pool_padding[axis]
            if room % self.pool_stride[axis] and begins:
                return True
        return False

    def _prepared(self, weight: Tensor, bias: Tensor | None) -> ConvReLUPool:
        """Return the operation with today's weights made ready."""
        key = (
            *(weight.data_ptr(), weight._version),
            *((None, None) if bias is None else (bias.data_ptr(), bias._version)),
            *(self.stride, self.padding, self.pool_kernel, self.pool_stride, self.pool_padding),
            self.precision,
        )
        ready = self._ready
        if ready is None or ready[0] != key:
            weight, bias = weight.detach(), None if bias is None else bias.detach()
            operation = ConvReLUPool(weight, bias, *self._sizes, precision=self.precision)
            # While the tensors are held, no others can come to lie at their addresses.
            ready = self._ready = key, operation, (weight, bias)
        return ready[1]

    def train(self, mode: bool = True) -> ConvReLUPool2d:
        """Switch between training and eval; weights are made ready anew after it."""
        self._ready = None
        super().train(mode)
        return self

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_ready": None}  # the prepared weights are not to be copied

    def extra_repr(self) -> str:
        """Return the sizes, as PyTorch's modules print theirs."""
        words = [f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}"]
        words += [f"stride={self.stride}, padding={self.padding}, pool_kernel={self.pool_kernel}"]
        words += [f"pool_stride={self.pool_stride}, pool_padding={self.pool_padding}"]
        words += ["bias=False"] if self.bias is None else []
        words += ["ceil_mode=True"] if self.ceil_mode else []
        words += [] if self.precision == "default" else [f"precision={self.precision!r}"]
        return ", ".join(words)


def why_not(conv: nn.Conv2d, pool: nn.MaxPool2d) -> str | None:
    """Return the option of conv or pool that stands in the way of fusing them, in words."""
    reasons = {
        f"the convolution has {conv.groups} groups": conv.groups != 1,
        f"the convolution has dilation {conv.dilation}": set(_both(conv.dilation)) != {1},
        f"the convolution pads with {conv.padding_mode!r}": conv.padding_mode != "zeros",
        "the convolution's padding 'same' differs from side to side": same_padding(conv) is None,
        f"the pool has dilation {pool.dilation}": set(_both(pool.dilation)) != {1},
        "the pool returns indices": pool.return_indices,
    }
    return next((reason for reason, holds in reasons.items() if holds), None)


def same_padding(conv: nn.Conv2d) -> tuple[int, int] | None:
    """Return a convolution's padding in numbers; None where the two sides of an axis differ."""
    if conv.padding == "valid":
        return 0, 0
    if conv.padding != "same":
        # Both names are excluded above, which the type of `padding` cannot say.
        return pair(conv.padding, "padding")  # type: ignore[arg-type]
    if any(size % 2 == 0 for size in conv.kernel_size):
        return None
    rows, columns = conv.kernel_size
    return rows // 2, columns // 2


def pair(size: Size, name: str) -> tuple[int, int]:
    """Return (rows, columns) of an int or a pair.

    Raises:
        InputError: it is neither.
    """
    both = _both(size)
    if len(both) != 2 or any(not isinstance(n, int) or isinstance(n, bool) for n in both):
        raise InputError(name, f"is {size!r}", "give an int or a pair of ints")
    return both[0], both[1]


def _both(size: Any) -> tuple[Any, ...]:
    return tuple(size) if isinstance(size, (tuple, list)) else (size, size)
