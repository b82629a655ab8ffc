"""The peers: one row each, with the setting it runs in, so that anyone can judge its fairness.

A factory takes a workload and a number of threads and returns a `Ready` call. To add a peer, write
its factory in a module here and add a row to the table of each kind of workload that it can run.
"""

from __future__ import annotations

import importlib.metadata
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from cnnkit.bench.peers.ready import Ready
from cnnkit.bench.workloads.base import Workload
from cnnkit.errors import InputError, MissingError

Factory = Callable[[Workload, int], Ready]


@dataclass(frozen=True)
class Peer:
    """One way to compute a workload.

    Attributes:
        factory: prepares it; imports its runtime only when it is called.
        packages: what it needs from the package index, the runtime itself first.
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
                f"needs {' and '.join(lacking)}, not installed",
                f"get it with `python -m pip install {' '.join(lacking)}`",
            )
        return importlib.metadata.version(self.packages[0])


def _installed(package: str) -> bool:
    try:
        importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _from(place: str) -> Factory:
    """Return a factory that is imported, with its runtime, when it is first called."""

    def factory(work: Workload, threads: int) -> Ready:
        ready: Ready = pkgutil.resolve_name(f"cnnkit.bench.peers.{place}")(work, threads)
        return ready

    return factory


SUBJECT = "cnnkit"
PEERS: dict[str, Peer] = {
    SUBJECT: Peer(
        _from("own:cnnkit"),
        ("cnnkit",),
        "from Python with NumPy arrays, weights made ready once, the output array given",
    ),
    "torch": Peer(
        _from("torch_inference:eager"),
        ("torch",),
        "eager modules, inference mode, tensors in memory, contiguous NCHW",
    ),
    "torch-channels-last": Peer(
        _from("torch_inference:channels_last"),
        ("torch",),
        "as torch, with input and weights in channels-last order beforehand",
    ),
    "torch-compile": Peer(
        _from("torch_inference:compiled"),
        ("torch",),
        "torch.compile, static shapes, one graph, weights frozen (Inductor, C++)",
    ),
    "torchscript": Peer(
        _from("torch_inference:torchscript"),
        ("torch",),
        "traced and frozen",
    ),
    "torchscript-optimised": Peer(
        _from("torch_inference:torchscript_optimised"),
        ("torch",),
        "as torchscript, then torch.jit.optimize_for_inference",
    ),
    "onnxruntime": Peer(
        _from("onnx_runtimes:onnxruntime"),
        ("onnxruntime", "onnx"),
        "CPU provider, all graph optimisations, input and output bound once, spinning off",
    ),
    "openvino": Peer(
        _from("onnx_runtimes:openvino"),
        ("openvino", "onnx"),
        "precision hint f32, one stream, one request reused, tensors shared",
    ),
    "ncnn": Peer(
        _from("ncnn_peer:ncnn"),
        ("ncnn",),
        "fp16 and bf16 off, ReLU fused; no batch axis, so a Python loop over the images",
    ),
    "jax": Peer(
        _from("jax_peer:jax"),
        ("jax",),
        "jit with the weights as constants, input on the device, block_until_ready",
    ),
}


# Of raw pixels; ncnn has no tensors of bytes.
RAW_PEERS: dict[str, Peer] = {
    **{name: peer for name, peer in PEERS.items() if name != "ncnn"},
    SUBJECT: Peer(
        _from("own:engine"),
        ("cnnkit",),
        "the engine that cnnkit.load gives, from Python with NumPy arrays, the output arrays given",
    ),
    "onnxruntime": replace(
        PEERS["onnxruntime"],
        setting="the graph that cnnkit export writes; CPU provider, all graph optimisations, input "
        "and outputs bound once, spinning off",
    ),
    "onnxruntime-fused": Peer(
        _from("onnx_runtimes:onnxruntime_fused"),
        ("onnxruntime", "onnx"),
        "as onnxruntime, on what --format onnx-fused writes: cnnkit's kernel in its session",
    ),
}

TRAINERS: dict[str, Peer] = {
    SUBJECT: Peer(
        _from("own:training"),
        ("cnnkit",),
        "the native engine, raw pixels in memory, all steps in one call from Python",
    ),
    "torch": Peer(
        _from("torch_training:eager"),
        ("torch",),
        "eager modules, default Adam, batches as float tensors in memory, contiguous NCHW",
    ),
    "torch-channels-last": Peer(
        _from("torch_training:channels_last"),
        ("torch",),
        "as torch, in channels-last order and with the fused Adam",
    ),
    "torch-compile": Peer(
        _from("torch_training:compiled"),
        ("torch",),
        "as torch, network and loss compiled with their gradients (Inductor, C++), fused Adam",
    ),
    "torch-loop": Peer(
        _from("torch_training:report_loop"),
        ("torch", "torchvision", "pillow"),
        "the loop of a course report: DataLoader over pictures with ToTensor, loss.item() a step",
    ),
}


def check_names(names: Sequence[str] | None) -> None:
    """Raise InputError for a name that is in no table."""
    known = list({**PEERS, **RAW_PEERS, **TRAINERS})
    for name in names or ():
        if name not in known:
            raise InputError(
                "--peers", f"{name!r} is not a peer", f"choose among {', '.join(known)}"
            )


def choose(names: Sequence[str] | None, peers: Mapping[str, Peer]) -> dict[str, Peer]:
    """Return cnnkit and the named ones of `peers`, all of them for None, in the table's order."""
    return {
        name: peer
        for name, peer in peers.items()
        if names is None or name in names or name == SUBJECT
    }
