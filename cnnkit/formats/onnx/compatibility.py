"""Which other runtimes read an ONNX file, by its opset, IR version and operators."""

from __future__ import annotations

from cnnkit.formats.base import Support
from cnnkit.formats.onnx.protobuf import OnnxFile

# (first release, highest opset, highest IR version) of ONNX Runtime, oldest first; the packages for
# C, C++, C#, Java, Node and the web have the same numbers. The table ends with 1.20.
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
# Files of these operators, opset 17 or 18, IR 8, were tried in OpenCV 4.6 (C++), and 4.14 and 5.0.
TRIED = frozenset(
    ("ArgMax", "Cast", "Conv", "Flatten", "Gemm", "MaxPool", "Mul", "Relu", "Softmax")
)


def support(file: OnnxFile) -> list[Support]:
    """Return ONNX Runtime's packages and OpenCV with what can be said of them."""
    foreign = sorted(operator for operator in set(file.operators) if "." in operator)
    if foreign:
        reason = f"operators that are not standard: {', '.join(foreign)}"
        return [("runtimes other than its exporter's", None, reason)]
    return [_onnxruntime(file), _opencv(file)]


def _onnxruntime(file: OnnxFile) -> Support:
    opset, ir_version = file.opsets.get("", 0), file.ir_version
    need = f"opset {opset}, IR {ir_version}"
    first = next((v for v, o, ir in ONNXRUNTIME if opset <= o and ir_version <= ir), None)
    packages = "(C, C++, C#, Java, Node, web)"
    if first is None:
        reason = f"{need}: newer than its table tells"
        return f"ONNX Runtime newer than 1.20 {packages}", None, reason
    return f"ONNX Runtime {first} or newer {packages}", True, f"{need}: {ONNXRUNTIME_SOURCE}"


def _opencv(file: OnnxFile) -> Support:
    name, opset = "OpenCV 4.6 or newer (C++)", file.opsets.get("", 0)
    need = f"opset {opset}, IR {file.ir_version}"
    untried = sorted(set(file.operators) - TRIED)
    if not untried and opset <= 18 and file.ir_version <= 8 and not file.external:
        return name, True, f"{need} and these operators were tried"
    lacking = ", ".join(untried) or ("data in another file" if file.external else need)
    return name, None, f"not tried: {lacking}"
