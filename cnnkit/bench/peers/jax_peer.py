"""JAX as a peer: one jitted function over `jax.lax`."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array, block_until_ready, device_put, jit, lax, nn

from cnnkit.bench.peers.prepared import PreparedCall
from cnnkit.bench.workloads.base import Workload
from cnnkit.bench.workloads.inference import InferenceWorkload
from cnnkit.graph.architecture import PIXEL_SCALE


def jax(work: Workload, threads: int) -> PreparedCall:
    """Compile the workload with XLA, whose thread pool follows this process's CPU affinity."""
    del threads

    raw = isinstance(work, InferenceWorkload)

    def forward(x: Array) -> Any:
        if raw:
            x = x.astype(jnp.float32) * PIXEL_SCALE
        for block in work.blocks:
            padding = [(side, side) for side in block.padding]
            x = lax.conv_general_dilated(x, block.weight, block.stride, padding)
            if block.bias is not None:
                x = x + block.bias[:, None, None]
            x = lax.reduce_window(
                nn.relu(x),
                -jnp.inf,
                lax.max,
                (1, 1, *block.pool_kernel),
                (1, 1, *block.pool_stride),
                [(0, 0), (0, 0), *((side, side) for side in block.pool_padding)],
            )
        if work.head:
            logits = x.reshape(work.batch, -1) @ work.head.weight.T + work.head.bias
            if raw:
                return logits, nn.softmax(logits, 1), logits.argmax(1)
            return nn.log_softmax(logits, 1)
        return x

    compiled: Any = jit(forward)
    x = device_put(work.x)
    return PreparedCall(
        lambda: block_until_ready(compiled(x)),
        lambda output: np.asarray(output[0] if raw else output),
    )
