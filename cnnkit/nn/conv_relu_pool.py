"""Conv2d → ReLU → MaxPool2d as one module: `ConvReLUPool2d(3, 64, 3, padding=1)`.

Legend of shape letters: N images, C channels, H rows, W columns.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cnnkit.errors import InputError
from cnnkit.nn.block import Block, Sizes, ceil_adds_window, is_observed
from cnnkit.ops.reference import Size
from cnnkit.ops.torch_autograd import needs_gradient
from cnnkit.ops.torch_op import three_operations

PRECISIONS = ("default", "fast")
# The attributes that a call depends on, besides its parameters.
CALL = {*Sizes._fields, "training", "precision", "ceil_mode"}
is_compiling = torch.compiler.is_compiling


class ConvReLUPool2d(nn.Module):
    """`nn.Sequential(nn.Conv2d(…), nn.ReLU(), nn.MaxPool2d(…))` as one fused module.

    Parameters have the names, shapes and initialisation of `nn.Conv2d`: a state dict of one loads
    into the other. In eval mode without gradients, the weights are packed once, and again when they
    change. (PyTorch does not record writes through `weight.data`: of more than 4,096 elements, 64
    pieces of 64 are compared in each call, and a write to others than these takes effect after the
    next `train()` or `eval()`.) Tensors that are not float32 on the CPU are computed by PyTorch's
    conv2d, relu and max_pool2d.

    Args:
        in_channels: C of the input.
        out_channels: C of the output.
        kernel_size: kernel of the convolution; like all sizes an int or a pair (rows, columns).
        stride: stride of the convolution.
        padding: zero padding of the convolution.
        pool_kernel: window of the max-pool.
        pool_stride: stride of the max-pool; None for `pool_kernel`.
        pool_padding: padding of the max-pool, at most half of `pool_kernel`.
        bias: whether the convolution has a bias.
        precision: "default" or "fast"; see `cnnkit.ops.conv_relu_pool`.
        ceil_mode: as in `nn.MaxPool2d`; if it adds a row or column, PyTorch computes the output.
        device: device of the parameters.
        dtype: dtype of the parameters.

    Raises:
        InputError: an argument is invalid.
    """

    __jit_unused_properties__ = ("_sizes",)

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
        pool_stride = pool_kernel if pool_stride is None else pool_stride
        self.pool_stride = pair(pool_stride, "pool_stride")
        self.pool_padding = pair(pool_padding, "pool_padding")
        self.precision, self.ceil_mode = precision, ceil_mode
        conv = nn.Conv2d(
            *(in_channels, out_channels, self.kernel_size, self.stride, self.padding),
            bias=bias,
            device=device,
            dtype=dtype,
        )
        self.weight, self.bias = conv.weight, conv.bias
        self._block = Block(precision, by_version=True)

    @classmethod
    def from_modules(
        cls, conv: nn.Conv2d, pool: nn.MaxPool2d, precision: str = "default"
    ) -> ConvReLUPool2d:
        """Return a module equal to `conv`, ReLU and `pool`, which shares the parameters of `conv`.

        Raises:
            InputError: an option is not supported: groups, dilation, a padding mode other than
                zeros, asymmetric padding, indices.
        """
        reason = unsupported_reason(conv, pool)
        if reason:
            remedy = "keep the separate modules"
            raise InputError("conv" if "conv" in reason else "pool", reason, remedy)
        padding = explicit_padding(conv)
        assert padding is not None  # unsupported_reason has checked it
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
        """Map [N, C_in, H, W] to [N, C_out, H', W'], or the same without N."""
        # PyTorch's types do not export this function.
        if torch.jit.is_scripting():  # type: ignore[attr-defined]
            return F.max_pool2d(
                F.relu(F.conv2d(x, self.weight, self.bias, self.stride, self.padding)),
                self.pool_kernel,
                self.pool_stride,
                self.pool_padding,
                1,
                self.ceil_mode,
            )
        return self._forward(x)

    @torch.jit.unused
    def _forward(self, x: Tensor) -> Tensor:
        if not (is_compiling() or self.ceil_mode or is_observed()):
            quick, own = self._block.quick, self._parameters
            if quick is not None and "weight" in own and "bias" in own:
                # Past PyTorch's search for attributes.
                y: Tensor | None = quick(x, own["weight"], own["bias"])
                if y is not None:
                    return y
        if torch.onnx.is_in_onnx_export():
            return self._unfused(x)
        if isinstance(x, torch.fx.Proxy):  # its shape is unknown while a graph is traced
            return self._unfused(x) if self.ceil_mode else self._dispatch(x)
        if x.ndim == 3:
            return self._forward(x[None])[0]
        if not self.training or needs_gradient(x, self.weight, self.bias):
            y = self._block(x, self.weight, self.bias, None, self._sizes, self.ceil_mode)
            if y is not None:
                return y
        if self.ceil_mode and ceil_adds_window(x.shape, self.weight.shape, self._sizes):
            return self._unfused(x)
        return self._dispatch(x)

    @property
    def _sizes(self) -> Sizes:
        pool = self.pool_kernel, self.pool_stride, self.pool_padding
        return Sizes(self.stride, self.padding, *pool)

    def _dispatch(self, x: Tensor) -> Tensor:
        y: Tensor = torch.ops.cnnkit.conv_relu_pool(
            x, self.weight, self.bias, *self._sizes, precision=self.precision
        )
        return y

    def _unfused(self, x: Tensor) -> Tensor:
        lists = (list(size) for size in self._sizes)
        return three_operations(x, self.weight, self.bias, *lists, ceil_mode=self.ceil_mode)

    def __setattr__(self, name: str, value: Any) -> None:
        """Change an attribute; what a call computes is looked up again in the next one."""
        if name in CALL and "_block" in self.__dict__:
            self._block.forget()
        super().__setattr__(name, value)

    def train(self, mode: bool = True) -> ConvReLUPool2d:
        """Switch between training and eval mode; the weights are packed again afterwards."""
        self._block.forget()
        super().train(mode)
        return self

    def extra_repr(self) -> str:
        """Return the sizes in the form of PyTorch's modules."""
        words = [f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}"]
        words += [f"stride={self.stride}, padding={self.padding}, pool_kernel={self.pool_kernel}"]
        words += [f"pool_stride={self.pool_stride}, pool_padding={self.pool_padding}"]
        words += ["bias=False"] if self.bias is None else []
        words += ["ceil_mode=True"] if self.ceil_mode else []
        words += [] if self.precision == "default" else [f"precision={self.precision!r}"]
        return ", ".join(words)


def unsupported_reason(conv: nn.Conv2d, pool: nn.MaxPool2d) -> str | None:
    """Return why conv and pool cannot be fused; None if they can."""
    reasons = {
        f"the pool has dilation {pool.dilation}": set(_both(pool.dilation)) != {1},
        "the pool returns indices": pool.return_indices,
    }
    return unsupported_convolution(conv) or next(
        (reason for reason, holds in reasons.items() if holds), None
    )


def unsupported_convolution(conv: nn.Conv2d) -> str | None:
    """Return why a convolution cannot be fused with what follows it; None if it can."""
    reasons = {
        f"the convolution has {conv.groups} groups": conv.groups != 1,
        f"the convolution has dilation {conv.dilation}": set(_both(conv.dilation)) != {1},
        f"the convolution pads with {conv.padding_mode!r}": conv.padding_mode != "zeros",
        "the convolution's padding 'same' is asymmetric": explicit_padding(conv) is None,
    }
    return next((reason for reason, holds in reasons.items() if holds), None)


def explicit_padding(conv: nn.Conv2d) -> tuple[int, int] | None:
    """Return a convolution's padding as two numbers; None if it is asymmetric."""
    if conv.padding == "valid":
        return 0, 0
    if conv.padding != "same":
        # Both names are excluded above, which the type of `padding` cannot express.
        return pair(conv.padding, "padding")  # type: ignore[arg-type]
    if any(size % 2 == 0 for size in conv.kernel_size):
        return None
    rows, columns = conv.kernel_size
    return rows // 2, columns // 2


def pair(size: Size, name: str) -> tuple[int, int]:
    """Return (rows, columns) of an int or a pair.

    Raises:
        InputError: `size` is neither.
    """
    both = _both(size)
    if len(both) != 2 or any(not isinstance(n, int) or isinstance(n, bool) for n in both):
        raise InputError(name, f"is {size!r}", "give an int or a pair of ints")
    return both[0], both[1]


def _both(size: Any) -> tuple[Any, ...]:
    return tuple(size) if isinstance(size, (tuple, list)) else (size, size)
