"""A whole network as the parts of a workload, and a workload as the network it was made from."""

from __future__ import annotations

from cnnkit.bench.workloads.base import ConvBlock, Float32, Head, Workload
from cnnkit.graph.architecture import Architecture, Block
from cnnkit.graph.weights import Weights


def blocks_of(weights: Weights) -> tuple[ConvBlock, ...]:
    """Return the network's blocks."""
    tensors = weights.tensors
    return tuple(
        ConvBlock(
            tensors[f"convs.{i}.weight"],
            tensors[f"convs.{i}.bias"],
            padding=(block.padding, block.padding),
            pool_kernel=(block.pool, block.pool),
            pool_stride=(block.pool, block.pool),
        )
        for i, block in enumerate(weights.architecture.blocks)
    )


def head_of(weights: Weights) -> Head:
    """Return the network's classifier."""
    return Head(weights.tensors["linear.weight"], weights.tensors["linear.bias"])


def weights_of(work: Workload) -> Weights:
    """Return the network of a workload made with `blocks_of` and `head_of`.

    Engines and writers of formats take a network in this form.
    """
    assert work.head is not None
    channels, height, width = work.x.shape[1:]
    architecture = Architecture(
        (channels, height, width),
        tuple(
            Block(len(b.weight), b.weight.shape[2], b.padding[0], b.pool_kernel[0])
            for b in work.blocks
        ),
        len(work.head.weight),
    )
    tensors: dict[str, Float32] = {}
    for i, block in enumerate(work.blocks):
        assert block.bias is not None
        tensors |= {f"convs.{i}.weight": block.weight, f"convs.{i}.bias": block.bias}
    tensors |= {"linear.weight": work.head.weight, "linear.bias": work.head.bias}
    return Weights.of(architecture, tensors)
