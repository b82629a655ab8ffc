"""The table of formats: `FORMATS["onnx"].write(weights, options)`.

A format is added by its own module, which fills in a `Format`, and by one row here.
"""

from __future__ import annotations

from cnnkit.errors import InputError
from cnnkit.formats.base import Format
from cnnkit.formats.c.format import C_INT8, C
from cnnkit.formats.onnx.format import ONNX, ONNX_FUSED, ONNX_INT8
from cnnkit.formats.pytorch.format import PT2, TORCHSCRIPT
from cnnkit.formats.weights import WEIGHTS

# In this order a file is compared with them. Weights come first, because the length that begins
# them may look like the beginning of any other file; ONNX, which nothing marks, comes last.
TABLE: dict[str, Format] = {
    row.name: row for row in (WEIGHTS, PT2, TORCHSCRIPT, C_INT8, C, ONNX, ONNX_FUSED, ONNX_INT8)
}
# Those that `cnnkit export` writes.
FORMATS: dict[str, Format] = {name: TABLE[name] for name in sorted(TABLE) if name != WEIGHTS.name}


def find_format(name: str) -> Format:
    """Return a row of the table that `cnnkit export` can write.

    Raises:
        InputError: there is no format of this name.
    """
    if name not in FORMATS:
        raise InputError(
            f"--format {name}", "is unknown", f"choose one of {', '.join(sorted(FORMATS))}"
        )
    return FORMATS[name]
