"""The peers of each type of workload, with their settings, so that anyone can judge their fairness.

A factory takes a workload and a number of threads and returns a `PreparedCall`. To add a peer,
write its factory in a module here and add a row to the table of each type of workload it can run.
"""

from __future__ import annotations

import importlib.metadata
import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from cnnkit.bench.peers.prepared import PreparedCall
from cnnkit.bench.workloads.base import Workload
from cnnkit.bench.workloads.graph import GraphWorkload
from cnnkit.bench.workloads.inference import InferenceWorkload
from cnnkit.bench.workloads.integers import IntegerWorkload
from cnnkit.bench.workloads.layers import LayersWorkload
from cnnkit.bench.workloads.models import BlockWorkload, ModelWorkload
from cnnkit.bench.workloads.training import TrainingWorkload
from cnnkit.errors import InputError, MissingError

Factory = Callable[[Workload, int], PreparedCall]


@dataclass(frozen=True)
class Peer:
    """One way to compute a workload.

    Attributes:
        factory: prepares a workload; imports the peer's runtime only when it is called.
        packages: the packages it needs, by their names on PyPI, the runtime itself first.
        setting: how it is run, in words.
    """

    factory: Factory
    packages: tuple[str, ...]
    setting: str

    @property
    def version(self) -> str:
        """The runtime's installed version.

        Raises:
            MissingError: a package is not installed.
        """
        lacking = [name for name in self.packages if not _installed(name)]
        if lacking:
            raise MissingError(
                self.packages[0],
                "is not installed"
                if lacking == [self.packages[0]]
                else f"needs {' and '.join(lacking)}",
                f"get it with `python -m pip install {' '.join(lacking)}`",
            )
        return importlib.metadata.version(self.packages[0])


def _installed(package: str) -> bool:
    try:
        importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _lazy(name: str) -> Factory:
    """Return the factory "module:function", imported with its runtime when it is first called."""

    def factory(work: Workload, threads: int) -> PreparedCall:
        prepare: Factory = pkgutil.resolve_name(f"cnnkit.bench.peers.{name}")
        return prepare(work, threads)

    return factory


SUBJECT = "cnnkit"
PEERS: dict[str, Peer] = {
    SUBJECT: Peer(
        _lazy("own:operations"),
        ("cnnkit",),
        "from Python with NumPy arrays, weights packed once, the output array given",
    ),
    "torch": Peer(
        _lazy("torch_inference:eager"),
        ("torch",),
        "eager modules, inference mode, tensors in memory, contiguous NCHW",
    ),
    "torch-channels-last": Peer(
        _lazy("torch_inference:channels_last"),
        ("torch",),
        "as torch, with input and weights converted to channels-last beforehand",
    ),
    "torch-compile": Peer(
        _lazy("torch_inference:compiled"),
        ("torch",),
        "torch.compile, static shapes, one graph, weights frozen (Inductor, C++)",
    ),
    "torchscript": Peer(
        _lazy("torch_inference:torchscript"),
        ("torch",),
        "traced and frozen",
    ),
    "torchscript-optimised": Peer(
        _lazy("torch_inference:torchscript_optimised"),
        ("torch",),
        "as torchscript, then torch.jit.optimize_for_inference",
    ),
    "onnxruntime": Peer(
        _lazy("onnx_runtimes:onnxruntime"),
        ("onnxruntime", "onnx"),
        "CPU provider, all graph optimisations, input and output bound once, spinning off",
    ),
    "openvino": Peer(
        _lazy("onnx_runtimes:openvino"),
        ("openvino", "onnx"),
        "precision hint f32, one stream, one request reused, tensors shared",
    ),
    "ncnn": Peer(
        _lazy("ncnn_peer:ncnn"),
        ("ncnn",),
        "fp16 and bf16 off, ReLU fused; no batch axis, so a Python loop over the images",
    ),
    "jax": Peer(
        _lazy("jax_peer:jax"),
        ("jax",),
        "jit with the weights as constants, input on the device, block_until_ready",
    ),
}

# Whole models run in PyTorch alone; in cnnkit's place stands the model after `cnnkit.fuse`.
MODEL_PEERS: dict[str, Peer] = {
    SUBJECT: replace(PEERS[SUBJECT], factory=_lazy("torch_inference:fused_model")),
    **{name: peer for name, peer in PEERS.items() if name.startswith("torch")},
}

# These take raw pixels; ncnn has no uint8 tensors.
INFERENCE_PEERS: dict[str, Peer] = {
    **{name: peer for name, peer in PEERS.items() if name != "ncnn"},
    SUBJECT: Peer(
        _lazy("own:inference"),
        ("cnnkit",),
        "the engine of cnnkit.load, from Python with NumPy arrays, the output arrays given",
    ),
    "onnxruntime": replace(
        PEERS["onnxruntime"],
        setting="the graph that cnnkit export writes; CPU provider, all graph optimisations, input "
        "and outputs bound once, spinning off",
    ),
    "onnxruntime-fused": Peer(
        _lazy("onnx_runtimes:onnxruntime_fused"),
        ("onnxruntime", "onnx"),
        "as onnxruntime, with the graph of --format onnx-fused: cnnkit's kernel in its session",
    ),
}

# Any graph: these take ONNX's operators, or PyTorch's, of which cnnkit makes a module.
GRAPH_PEERS: dict[str, Peer] = {
    SUBJECT: replace(INFERENCE_PEERS[SUBJECT], factory=_lazy("own:network")),
    **{
        name: INFERENCE_PEERS[name]
        for name in ("onnxruntime", "openvino", "torch", "torch-channels-last", "torch-compile")
    },
    "ncnn": Peer(
        _lazy("ncnn_peer:network"),
        ("ncnn", "pnnx", "onnx"),
        "converted by pnnx from pixels in float32 on; fp16 and bf16 off; a loop over the images",
    ),
    "tract": Peer(
        _lazy("onnx_runtimes:tract"),
        ("tract", "onnx"),
        "the graph that cnnkit export writes, optimised; one thread",
    ),
    "litert": Peer(
        _lazy("litert_peer:litert"),
        ("ai-edge-litert", "onnx"),
        "that graph, converted by onnx2tf; XNNPACK, input set beforehand, as [N, H, W, C]",
    ),
    "cnnkit-c": Peer(
        _lazy("c_sources:cnnkit_c"),
        ("cnnkit",),
        "what cnnkit export --format c writes; -O3 -mavx2 -mfma, an image at a time; one thread",
    ),
    "emx": Peer(
        _lazy("c_sources:emx"),
        ("emx-onnx-cgen", "onnx"),
        "the C of emx-onnx-cgen for the same graph; the flags of cnnkit-c; one thread",
    ),
}

# Quantised networks: these take QuantizeLinear and DequantizeLinear, and compute with integers.
INTEGER_PEERS: dict[str, Peer] = {
    SUBJECT: GRAPH_PEERS[SUBJECT],
    "cnnkit-float32": replace(
        GRAPH_PEERS[SUBJECT],
        factory=_lazy("own:in_float32_network"),
        setting="the same network with its numbers in float32, in the same way",
    ),
    "onnxruntime": INFERENCE_PEERS["onnxruntime"],
    "openvino": replace(
        PEERS["openvino"],
        setting="precision hint f32 for what is not int8, one stream, one request reused, tensors "
        "shared",
    ),
}

TRAINING_PEERS: dict[str, Peer] = {
    SUBJECT: Peer(
        _lazy("own:training"),
        ("cnnkit",),
        "the native engine, raw pixels in memory, all steps in one call from Python",
    ),
    "torch": Peer(
        _lazy("torch_training:eager"),
        ("torch",),
        "eager modules, default Adam, batches as float tensors in memory, contiguous NCHW",
    ),
    "torch-channels-last": Peer(
        _lazy("torch_training:channels_last"),
        ("torch",),
        "as torch, in channels-last memory format and with the fused Adam",
    ),
    "torch-compile": Peer(
        _lazy("torch_training:compiled"),
        ("torch",),
        "as torch, network and loss compiled with their gradients (Inductor, C++), fused Adam",
    ),
    "torch-loop": Peer(
        _lazy("torch_training:script_loop"),
        ("torch", "torchvision", "pillow"),
        "the loop of a simple script: DataLoader over PIL images with ToTensor, loss.item() a step",
    ),
}


PEERS_OF: dict[type[Workload], dict[str, Peer]] = {
    Workload: PEERS,
    BlockWorkload: PEERS,
    ModelWorkload: MODEL_PEERS,
    InferenceWorkload: INFERENCE_PEERS,
    GraphWorkload: GRAPH_PEERS,
    IntegerWorkload: INTEGER_PEERS,
    TrainingWorkload: TRAINING_PEERS,
    LayersWorkload: TRAINING_PEERS,
}


def check_names(names: Sequence[str] | None) -> None:
    """Raise InputError for a name that is in no table."""
    known = list(dict.fromkeys(name for peers in PEERS_OF.values() for name in peers))
    for name in names or ():
        if name not in known:
            raise InputError(
                "--peers", f"{name!r} is not a peer", f"choose among {', '.join(known)}"
            )


def select_peers(work: Workload, names: Sequence[str] | None = None) -> dict[str, Peer]:
    """Return cnnkit and the named peers of a workload, or all for None, in the table's order."""
    return {
        name: peer
        for name, peer in PEERS_OF[type(work)].items()
        if names is None or name in names or name == SUBJECT
    }
