"""Any classifier's graph, ready to run: `open_graph(graph)` chooses by what is there.

cnnkit's own engines if one takes it, else PyTorch if it is installed, else the reference.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cnnkit.errors import InputError
from cnnkit.graph.convnet import OUTPUTS
from cnnkit.graph.graph import Graph
from cnnkit.ops.fused import isa
from cnnkit.runtimes.interpreted import interpret
from cnnkit.runtimes.native import Engine, open_engine


def open_graph(graph: Graph, source: object = "the network") -> tuple[str, Engine]:
    """Return the name of what runs a graph with the contract's input and outputs, and that.

    Args:
        graph: the network.
        source: the file that errors shall name.
    """
    try:
        return f"cnnkit ({isa()})", open_engine(graph, source)
    except InputError:
        pass
    try:
        import torch
    except ImportError:
        return "NumPy, slowly (PyTorch is not installed)", interpret(graph)
    from cnnkit.nn.graphs.module import GraphModule

    module = GraphModule(graph).eval()

    def run(images: Any, threads: int = 1, out: Any = None) -> tuple[Any, Any, Any]:
        with torch.inference_mode():
            pixels = torch.from_numpy(np.ascontiguousarray(images))
            logits, probabilities, label = module.values(pixels, wanted=OUTPUTS)
        return logits.numpy(), probabilities.numpy(), label.numpy()

    return f"PyTorch {torch.__version__}", run
