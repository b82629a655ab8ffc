"""ONNX Runtime as cnnkit uses it: `open_session(content).run(["label"], {"image": images})`."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def open_session(
    model: bytes | Path,
    threads: int | None = 1,
    custom_ops: str | None = None,
    optimise: bool = True,
) -> Any:
    """Return an InferenceSession on the CPU whose threads wait without using the processor.

    It prints nothing: what ONNX Runtime would log as an error, it also raises.

    Args:
        model: a file's content, or the path of one whose data lies in other files.
        threads: how many a call may use; None leaves it to ONNX Runtime.
        custom_ops: the path of a library of operators, as `cnnkit.ort_custom_ops` has it.
        optimise: whether it may change the graph.

    Raises:
        Exception: ONNX Runtime refuses the model; its errors have no other base class.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    if threads is not None:
        options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    options.log_severity_level = 4
    if not optimise:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    if custom_ops is not None:
        options.register_custom_ops_library(custom_ops)
    return onnxruntime.InferenceSession(
        model, options, providers=["CPUExecutionProvider"], enable_fallback=0
    )  # falling back to another provider, it would print on stdout
