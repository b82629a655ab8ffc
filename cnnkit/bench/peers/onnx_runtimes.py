"""Peers that read an ONNX model: ONNX Runtime, OpenVINO, tract."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from cnnkit.bench.peers.onnx_graph import ANSWERS, onnx_model
from cnnkit.bench.peers.prepared import PreparedCall
from cnnkit.bench.workloads.base import Workload
from cnnkit.formats.onnx.session import open_session
from cnnkit.ops.ort_op import ort_custom_ops


def onnxruntime(work: Workload, threads: int) -> PreparedCall:
    """Create an ONNX Runtime session with input and outputs bound once."""
    return _session(onnx_model(work), work, threads)


def onnxruntime_fused(work: Workload, threads: int) -> PreparedCall:
    """Create the same session with cnnkit's operator in it.

    Raises:
        MissingError: the operator's library was not built.
    """
    return _session(onnx_model(work, fused=True), work, threads, ort_custom_ops())


def _session(
    model: bytes, work: Workload, threads: int, library: str | None = None
) -> PreparedCall:
    import onnxruntime as ort

    session = open_session(model, threads, library)
    binding = session.io_binding()
    (images,) = session.get_inputs()
    binding.bind_ortvalue_input(images.name, ort.OrtValue.ortvalue_from_numpy(work.x))
    types = {"tensor(float)": np.float32, "tensor(int64)": np.int64}
    outputs = {out.name: np.empty(out.shape, types[out.type]) for out in session.get_outputs()}
    for name, y in outputs.items():
        binding.bind_output(name, "cpu", 0, y.dtype.type, y.shape, y.ctypes.data)

    answer = next(name for name in ANSWERS if name in outputs)

    def run() -> Any:
        session.run_with_iobinding(binding)
        return outputs[answer]  # all of them live as long as this function does

    return PreparedCall(run)


def openvino(work: Workload, threads: int) -> PreparedCall:
    """Compile the same ONNX model with OpenVINO, in float32."""
    import openvino as ov

    core = ov.Core()
    compiled = core.compile_model(
        core.read_model(onnx_model(work)),
        "CPU",
        {
            "INFERENCE_PRECISION_HINT": "f32",
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": 1,
            "ENABLE_CPU_PINNING": False,  # the benchmark pins all peers alike
        },
    )
    request = compiled.create_infer_request()
    request.set_input_tensor(ov.Tensor(work.x, shared_memory=True))
    names = {name for output in compiled.outputs for name in output.names}
    output = request.get_tensor(next(name for name in ANSWERS if name in names))

    def run() -> Any:
        request.infer()
        return output

    return PreparedCall(run, lambda tensor: np.array(tensor.data))


def tract(work: Workload, threads: int) -> PreparedCall:
    """Load the same ONNX model into tract, which uses one thread."""
    import tract as runtime

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "net.onnx")
        path.write_bytes(onnx_model(work))
        model = runtime.onnx().load(str(path)).into_model()
    names = [model.output_name(index) for index in range(model.output_count())]
    at = next((names.index(name) for name in ANSWERS if name in names), 0)
    runnable, images = model.into_runnable(), [work.x]

    def run() -> Any:
        return runnable.run(images)[at]

    return PreparedCall(run, lambda tensor: np.array(tensor.to_numpy()))
