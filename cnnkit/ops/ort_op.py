"""The fused operator in ONNX Runtime: `options.register_custom_ops_library(ort_custom_ops())`.

The library (csrc/onnxruntime/custom_op.cpp) is built only if the build is given the folder of ONNX
Runtime's C++ headers.
"""

from __future__ import annotations

import os
from pathlib import Path

from cnnkit import _core
from cnnkit.errors import MissingError

DOMAIN, OPERATOR = "cnnkit", "ConvReluPool"
LIBRARY = "CNNKIT_ORT_OPS"  # environment variable: the path of a library built elsewhere


def ort_custom_ops() -> str:
    """Return the path of the library of custom operators, domain `cnnkit`.

    Raises:
        MissingError: cnnkit was built without it.
    """
    built = Path(_core.__file__).with_name("cnnkit_ort_ops.so")
    path = Path(os.environ.get(LIBRARY) or built)
    if not path.is_file():
        raise MissingError(
            str(path),
            "does not exist: this cnnkit was built without ONNX Runtime's headers",
            "install it with `pip install . -Ccmake.define.CNNKIT_ORT_INCLUDE=DIR`, where DIR is "
            "the folder of onnxruntime_cxx_api.h",
        )
    return str(path)
