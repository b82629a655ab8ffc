"""The code in a TorchScript archive of ours: `code_parts(parts) == expected_code(architecture)`.

TorchScript may call any operator of PyTorch, and some write files. So the code of an archive is
compared with what the network's shapes say it must be, and nothing else is ever run.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from string import Template

from cnnkit.graph.architecture import Architecture

FOLDER = "archive/code/"
MODULES = "__torch__/torch/nn/modules"

MODULE = """\
  __parameters__ = [$parameters]
  __buffers__ = []
"""
CLASSIFIER = Template(f"""\
class Classifier(Module):
{MODULE.replace("$parameters", "")}\
  training : bool
  _is_full_backward_hook : NoneType
  pixel_scale : float
$type\
  convs : __torch__.torch.nn.modules.container.ModuleList
  pools : __torch__.torch.nn.modules.container.ModuleList
  linear : __torch__.torch.nn.modules.linear.Linear
  def forward(self: __torch__.Classifier,
    image: Tensor) -> __torch__.Prediction:
$check\
    _ = torch.to($pixels, 6)
    pixel_scale = self.pixel_scale
    x = torch.mul(_, pixel_scale)
$blocks\
    linear = self.linear
    logits = (linear).forward(torch.flatten(x, 1), )
    _ = __torch__.Prediction(logits, torch.softmax(logits, 1), torch.argmax(logits, 1))
    return _
class Prediction(NamedTuple):
  logits : Tensor
  probabilities : Tensor
  label : Tensor
""")
TYPE = "  pixel_type : int\n"
PIXELS = {False: "image", True: "torch.permute(image, [0, 3, 1, 2])"}  # if channels are last
CHECK = """\
    _ = "AssertionError: image must be uint8, or float32 in a file exported with --input float32"
    _ = ops.prim.dtype(image)
    pixel_type = self.pixel_type
    if torch.eq(_, pixel_type):
      pass
    else:
      ops.prim.RaiseException(_)
"""
LIST = Template(f"""\
class ModuleList(Module):
{MODULE.replace("$parameters", "")}\
  training : bool
  _is_full_backward_hook : NoneType
$items\
  def __len__(self: __torch__.torch.nn.modules.container.ModuleList) -> int:
    return $length
""")
CONV = Template(f"""\
class Conv2d(Module):
{MODULE.replace("$parameters", '"weight", "bias", ')}\
  weight : Tensor
  bias : Optional[Tensor]
  training : bool
  _is_full_backward_hook : NoneType
  transposed : bool
  _reversed_padding_repeated_twice : List[int]
  out_channels : Final[int] = $outputs
  padding : Final[Tuple[int, int]] = ($padding, $padding)
  stride : Final[Tuple[int, int]] = (1, 1)
  in_channels : Final[int] = $inputs
  padding_mode : Final[str] = "zeros"
  groups : Final[int] = 1
  dilation : Final[Tuple[int, int]] = (1, 1)
  output_padding : Final[Tuple[int, int]] = (0, 0)
  kernel_size : Final[Tuple[int, int]] = ($kernel, $kernel)
  def forward(self: __torch__.torch.nn.modules.conv.Conv2d,
    input: Tensor) -> Tensor:
    weight = self.weight
    bias = self.bias
    _ = (self)._conv_forward(input, weight, bias, )
    return _
  def _conv_forward(self: __torch__.torch.nn.modules.conv.Conv2d,
    input: Tensor,
    weight: Tensor,
    bias: Optional[Tensor]) -> Tensor:
    _ = torch.conv2d(input, weight, bias, [1, 1], [$padding, $padding], [1, 1])
    return _
""")
POOL = Template(f"""\
class MaxPool2d(Module):
{MODULE.replace("$parameters", "")}\
  training : bool
  _is_full_backward_hook : NoneType
  return_indices : Final[bool] = False
  padding : Final[int] = 0
  stride : Final[int] = $pool
  dilation : Final[int] = 1
  kernel_size : Final[int] = $pool
  ceil_mode : Final[bool] = False
  def forward(self: __torch__.torch.nn.modules.pooling.MaxPool2d,
    input: Tensor) -> Tensor:
    _ = __torch__.torch.nn.functional._max_pool2d
    _ = _(input, [$pool, $pool], [$pool, $pool], [0, 0], [1, 1], False, False, )
    return _
""")
LINEAR = Template(f"""\
class Linear(Module):
{MODULE.replace("$parameters", '"weight", "bias", ')}\
  weight : Tensor
  bias : Tensor
  training : bool
  _is_full_backward_hook : NoneType
  out_features : Final[int] = $outputs
  in_features : Final[int] = $inputs
  def forward(self: __torch__.torch.nn.modules.linear.Linear,
    input: Tensor) -> Tensor:
    weight = self.weight
    bias = self.bias
    return torch.linear(input, weight, bias)
""")
FUNCTIONAL = """\
def _max_pool2d(input: Tensor,
    kernel_size: List[int],
    stride: Optional[List[int]]=None,
    padding: List[int]=[0, 0],
    dilation: List[int]=[1, 1],
    ceil_mode: bool=False,
    return_indices: bool=False) -> Tensor:
  if torch.__is__(stride, None):
    stride0 = annotate(List[int], [])
  else:
    stride0 = unchecked_cast(List[int], stride)
  _ = torch.max_pool2d(input, kernel_size, stride0, padding, dilation, ceil_mode)
  return _
"""

Code = frozenset[tuple[str, str]]  # the name and the text of each part, without chosen names


def code_parts(parts: Mapping[str, bytes]) -> Code:
    """Return the code in an archive, without the names that PyTorch counts up."""
    return frozenset(
        (_as_one_release(name), _as_one_release(content.decode("ascii", "replace")))
        for name, content in parts.items()
        if name.startswith(FOLDER)
    )


def expected_code(
    architecture: Architecture, checks_type: bool = True, channels_last: bool = False
) -> Code:
    """Return the code that PyTorch writes for a network of these shapes, as `code_parts` does.

    Args:
        architecture: the shapes.
        checks_type: pixels of another type are refused; in older exports they were not.
        channels_last: it takes images [N, H, W, C].
    """
    checks = {"type": TYPE, "check": CHECK} if checks_type else {"type": "", "check": ""}
    checks["pixels"] = PIXELS[channels_last]
    blocks = architecture.blocks
    classes, inputs = architecture.parameter_shapes()["linear.weight"]
    found = {
        ("__torch__.py", CLASSIFIER.substitute(checks, blocks=_forward(len(blocks)))),
        (f"{MODULES}/container.py", _list("conv.Conv2d", len(blocks))),
        (f"{MODULES}/container.py", _list("pooling.MaxPool2d", len(blocks))),
        (f"{MODULES}/linear.py", LINEAR.substitute(outputs=classes, inputs=inputs)),
    }
    for (channels, _, _), block in zip(architecture.feature_shapes(), blocks, strict=False):
        sizes = {"kernel": block.kernel, "padding": block.padding}
        conv = CONV.substitute(sizes, inputs=channels, outputs=block.channels)
        found |= {
            (f"{MODULES}/conv.py", conv),
            (f"{MODULES}/pooling.py", POOL.substitute(pool=block.pool)),
            ("__torch__/torch/nn/functional.py", FUNCTIONAL),
        }
    return frozenset((FOLDER + name, _as_one_release(text)) for name, text in found)


def _forward(blocks: int) -> str:
    if not blocks:
        return ""
    items = {name: _items(f"    _ = getattr({name}, $i)\n", blocks) for name in ("convs", "pools")}
    lists = "".join(f"    {name} = self.{name}\n{lines}" for name, lines in items.items())
    return lists + "    x = (_).forward(torch.relu((_).forward(x, )), )\n" * blocks


def _list(kind: str, length: int) -> str:
    line = f"  __annotations__[$i] = __torch__.torch.nn.modules.{kind}\n"
    return LIST.substitute(items=_items(line, length), length=length)


def _items(line: str, count: int) -> str:
    return "".join(line.replace("$i", f'"{i}"') for i in range(count))


def _as_one_release(text: str) -> str:
    """Drop what depends on the releases of PyTorch and Python: counted names, an order, a type."""
    text = re.sub(r"[./]___torch_mangle_\d+(?=[./])", "", text)
    text = re.sub(r"\bx\d+\b", "x", re.sub(r"\b_\d+\b", "_", text))
    text = text.replace("hook : Optional[bool]", "hook : NoneType")
    lines = text.split("\n")
    constants = iter(sorted(line for line in lines if " : Final[" in line))  # from a Python set
    return "\n".join(next(constants) if " : Final[" in line else line for line in lines)
