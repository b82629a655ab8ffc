"""Which other runtimes can load an ONNX file, by its opset, IR version and operators."""

from __future__ import annotations

from cnnkit.formats.base import Support
from cnnkit.formats.onnx.protobuf import OnnxFile

# (first release, highest opset, highest IR version) of ONNX Runtime, oldest first; the packages for
# C, C++, C#, Java, Node and the web share these version numbers. The table ends with 1.20.
ONNXRUNTIME = (
    ("1.2", 11, 6),
    ("1.3", 12, 7),
    ("1.6", 13, 7),
    ("1.8", 14, 7),
    ("1.9", 15, 8),
    ("1.11", 16, 8),
    ("1.12", 17, 8),
    ("1.14", 18, 8),
    ("1.15", 19, 8),
    ("1.16", 19, 9),
    ("1.17", 20, 9),
    ("1.18", 21, 10),
)
ONNXRUNTIME_SOURCE = "its documentation, reference/compatibility"
# Files with these operators, opset 17 or 18, IR 8, were run in OpenCV 4.6 (C++), 4.14 and 5.0.
TESTED_IN_OPENCV = frozenset(
    ("ArgMax", "Cast", "Conv", "Flatten", "Gemm", "MaxPool", "Mul", "Relu", "Softmax")
)


def support(file: OnnxFile) -> list[Support]:
    """Return whether ONNX Runtime's packages and OpenCV load a file."""
    custom = sorted(operator for operator in set(file.operators) if "." in operator)
    if custom:
        reason = f"it uses custom operators: {', '.join(custom)}"
        return [("runtimes without its custom operators", None, reason)]
    return [_onnxruntime(file), _opencv(file)]


def _onnxruntime(file: OnnxFile) -> Support:
    opset, ir_version = file.opsets.get("", 0), file.ir_version
    versions = f"opset {opset}, IR {ir_version}"
    first = next((v for v, o, ir in ONNXRUNTIME if opset <= o and ir_version <= ir), None)
    packages = "(C, C++, C#, Java, Node, web)"
    if first is None:
        reason = f"{versions} is newer than its table"
        return f"ONNX Runtime newer than 1.20 {packages}", None, reason
    return f"ONNX Runtime {first} or newer {packages}", True, f"{versions}: {ONNXRUNTIME_SOURCE}"


def _opencv(file: OnnxFile) -> Support:
    name, opset = "OpenCV 4.6 or newer (C++)", file.opsets.get("", 0)
    versions = f"opset {opset}, IR {file.ir_version}"
    untested = sorted(set(file.operators) - TESTED_IN_OPENCV)
    if not untested and opset <= 18 and file.ir_version <= 8 and not file.external:
        return name, True, f"{versions} and these operators were tested"
    obstacle = ", ".join(untested) or ("external data" if file.external else versions)
    return name, None, f"not tested: {obstacle}"
