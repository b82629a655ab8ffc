"""Every remedy that the Python API prints leads to success, not to the next refusal."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from support.in_process import in_process
from support.small_onnx import node, save

import cnnkit
from cnnkit.errors import CnnkitError

# What goes wrong; what its remedy says; what follows it. All run in a folder with `foreign.onnx`
# (float, 1x8x8, 3 classes), with the names of `scope`.
TABLE = """
load("foreign.onnx")(pixels)
    cnnkit.load(path, scale=1/255)
    load("foreign.onnx", scale=1/255)(pixels)
load("foreign.onnx", runtime="tvm")
    make it one of cnnkit, onnxruntime, torch
    load("foreign.onnx", runtime="cnnkit")
load("foreign.onnx", runtime="onnxruntime")
    load it without runtime=
    load("foreign.onnx")
load("foreign.onnx", runtime="torch")
    load it without runtime=
    load("foreign.onnx")
load("foreign.onnx", threads=0)
    give at least 1
    load("foreign.onnx", threads=1)
load("foreign.onnx")(pixels[0, 0, :4] / np.float32(255))
    [8, 8]
    load("foreign.onnx")(pixels[0, 0] / np.float32(255))
load("foreign.onnx", scale=1/255)(tensor.bfloat16())
    of half precision after .float()
    load("foreign.onnx", scale=1/255)(tensor.bfloat16().float().numpy())
load("foreign.onnx", scale=1/255)(tensor.requires_grad_())
    images.detach().cpu().numpy()
    load("foreign.onnx", scale=1/255)(tensor.detach().cpu().numpy())
load("pickle.pt")
    use a file from `cnnkit train` or `cnnkit export`
    load(exported("kept.onnx"))
export(net, "net.onnx")
    in Python: size=
    export(net, "net.onnx", size=(1, 8, 8), preprocessing="unit")
export(net, "net.onnx", size=(1, 8, 8))
    unit
    export(net, "net.onnx", size=(1, 8, 8), preprocessing="unit")
export(net.half(), "net.onnx", size=(1, 8, 8), preprocessing="unit")
    call module.float() first
    export(net.float(), "net.onnx", size=(1, 8, 8), preprocessing="unit")
export(net, "net", size=(1, 8, 8), preprocessing="unit")
    or name a format
    export(net, "net", format="onnx", size=(1, 8, 8), preprocessing="unit")
fuse(net, precision="exact")
    give 'default' or 'fast'
    fuse(net, precision="fast")
conv_relu_pool(image.double(), weight)
    give float32, with .float()
    conv_relu_pool(image.double().float(), weight)
conv_relu_pool(image[0], weight)
    give 4 dimensions, [N, C_in, H, W]
    conv_relu_pool(image, weight)
conv_relu_pool(image, weight, torch.zeros(5))
    give the 2 that weight expects
    conv_relu_pool(image, weight, torch.zeros(2))
conv_relu_pool(image, weight, pool_kernel=9)
    a smaller kernel or pool
    conv_relu_pool(image, weight, pool_kernel=2)
ConvReLUPool(weight)(image.clone().requires_grad_())
    conv_relu_pool
    conv_relu_pool(image.clone().requires_grad_(), weight)
ConvReLUPool(weight)(image, threads=2**40)
    give at most 2147483647
    ConvReLUPool(weight)(image, threads=2147483647)
torch.vmap(lambda x: Conv2d(weight)(x[None]))(image)
    call the operator outside
    Conv2d(weight)(image)
ConvReLUPool2d(1, 2, 3, precision="exact")
    give 'default' or 'fast'
    ConvReLUPool2d(1, 2, 3, precision="default")
dataset_of([])
    each item must be (picture, label)
    dataset_of([(pixels[0, 0] + i, i % 2) for i in range(12)])
dataset_of([(image[0], 0), (image[0], 1)] * 6)
    give raw pixels from 0 to 255 as uint8
    dataset_of([(pixels[0, 0] + i, i % 2) for i in range(12)])
dataset_of([(pixels[0, 0] + i, i % 2) for i in range(12)], names=["a"])
    name every class
    dataset_of([(pixels[0, 0] + i, i % 2) for i in range(12)], names=["a", "b"])
TrainConfig(epochs=0)
    make it
    TrainConfig(epochs=1)
"""
LINES = [line.strip() for line in TABLE.strip().splitlines()]
REMEDIES = list(zip(LINES[::3], LINES[1::3], LINES[2::3], strict=True))


@pytest.fixture
def scope(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The names that the table uses."""
    in_process(monkeypatch, "isolated", "original")
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    pixels = np.random.default_rng(0).integers(0, 256, (4, 1, 8, 8), np.uint8)
    nodes = [node("Flatten", ["x"], ["f"]), node("MatMul", ["f", "m"], ["y"])]
    matrix = np.random.default_rng(1).normal(size=(64, 3)).astype(np.float32)
    shape = {"x": (onnx.TensorProto.FLOAT, ["N", 1, 8, 8])}
    save(tmp_path / "foreign.onnx", nodes, shape, ["y"], {"m": matrix})
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 3)).eval()
    torch.save(net, "pickle.pt")

    def exported(name: str) -> str:
        cnnkit.export.export(net, name, size=(1, 8, 8), preprocessing="unit")
        return name

    from cnnkit.data import dataset_of
    from cnnkit.nn import ConvReLUPool2d
    from cnnkit.ops import Conv2d, ConvReLUPool, conv_relu_pool
    from cnnkit.train import TrainConfig

    return {
        "np": np, "torch": torch, "load": cnnkit.load, "export": cnnkit.export.export,
        "fuse": cnnkit.fuse, "exported": exported, "net": net, "pixels": pixels,
        "tensor": torch.rand(2, 1, 8, 8), "image": torch.rand(2, 1, 8, 8),
        "weight": torch.rand(2, 1, 3, 3), "conv_relu_pool": conv_relu_pool, "Conv2d": Conv2d,
        "ConvReLUPool": ConvReLUPool, "ConvReLUPool2d": ConvReLUPool2d, "dataset_of": dataset_of,
        "TrainConfig": lambda **given: TrainConfig(**given).check(),
    }  # fmt: skip


@pytest.mark.parametrize(("wrong", "remedy", "right"), REMEDIES, ids=[row[0] for row in REMEDIES])
def test_the_remedy_of_a_refused_call_works(
    wrong: str, remedy: str, right: str, scope: dict[str, Any]
) -> None:
    with pytest.raises(CnnkitError) as refused:
        eval(wrong, scope)
    printed = re.sub(r"\s+", " ", str(refused.value))
    assert remedy.lower() in printed.lower()
    eval(right, scope)
