"""JAX as a peer: one jitted function over `jax.lax`."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array, device_put, jit, lax, nn

from cnnkit.bench.peers.ready import Ready
from cnnkit.bench.workload import Workload


def jax(work: Workload, threads: int) -> Ready:
    """Compile the workload with XLA; its thread pool follows the cores of this process."""
    del threads

    def forward(x: Array) -> Array:
        for layer in work.layers:
            padding = [(side, side) for side in layer.padding]
            x = lax.conv_general_dilated(x, layer.weight, layer.stride, padding)
            if layer.bias is not None:
                x = x + layer.bias[:, None, None]
            x = lax.reduce_window(
                nn.relu(x),
                -jnp.inf,
                lax.max,
                (1, 1, *layer.pool_kernel),
                (1, 1, *layer.pool_stride),
                [(0, 0), (0, 0), *((side, side) for side in layer.pool_padding)],
            )
        if work.head:
            logits = x.reshape(work.batch, -1) @ work.head.weight.T + work.head.bias
            return nn.log_softmax(logits, 1)
        return x

    compiled: Any = jit(forward)
    x = device_put(work.x)
    return Ready(lambda: compiled(x).block_until_ready(), np.asarray)
