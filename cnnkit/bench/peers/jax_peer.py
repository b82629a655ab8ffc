"""JAX as a peer: one jitted function over `jax.lax`."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array, block_until_ready, device_put, jit, lax, nn

from cnnkit.bench.peers.ready import Ready
from cnnkit.bench.workloads.base import Workload
from cnnkit.bench.workloads.inference import RawWorkload
from cnnkit.graph.architecture import PIXEL_SCALE


def jax(work: Workload, threads: int) -> Ready:
    """Compile the workload with XLA; its thread pool follows the cores of this process."""
    del threads

    raw = isinstance(work, RawWorkload)

    def forward(x: Array) -> Any:
        if raw:
            x = x.astype(jnp.float32) * PIXEL_SCALE
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
            if raw:
                return logits, nn.softmax(logits, 1), logits.argmax(1)
            return nn.log_softmax(logits, 1)
        return x

    compiled: Any = jit(forward)
    x = device_put(work.x)
    return Ready(
        lambda: block_until_ready(compiled(x)),
        lambda answer: np.asarray(answer[0] if raw else answer),
    )
