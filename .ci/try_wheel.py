"""Use an installed cnnkit: `python try_wheel.py mnist.onnx`, outside the checkout.

An extension that cannot be imported, or whose kernels are wrong, ends with an error.
"""

from __future__ import annotations

import sys

import numpy as np

import cnnkit
from cnnkit import ops

images = np.random.default_rng(0).integers(0, 256, (4, 1, 28, 28), np.uint8)
ours = cnnkit.load(sys.argv[1])(images)
theirs = cnnkit.load(sys.argv[1], runtime="onnxruntime")(images)
assert np.allclose(ours.logits, theirs.logits, atol=1e-4), (ours.logits, theirs.logits)

x = np.random.default_rng(1).random((2, 8, 15, 14), np.float32)
weight = np.random.default_rng(2).random((16, 8, 3, 3), np.float32)
expected = ops.conv_relu_pool_ref(x, weight, padding=1)
for isa in ops.available_isas():
    found = ops.ConvReLUPool(weight, padding=1, isa=isa)(x)
    assert np.abs(found - expected).max() <= 1e-5 * np.abs(expected).max(), isa
print(f"cnnkit {cnnkit.__version__}, {cnnkit.__path__}: {', '.join(ops.available_isas())}; {ours}")
