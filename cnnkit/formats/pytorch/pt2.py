"""torch.export: `write_pt2(weights, options)[".pt2"]` is what torch.export.load reads.

torch.export.load runs what a file tells it to: pickled weights and example inputs, Python
expressions in its shapes, any function by its name. Our files have none of these, and `read_pt2`
refuses a file that has, before PyTorch sees it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cnnkit.errors import MissingError
from cnnkit.formats.options import Options
from cnnkit.formats.pytorch.archive import (
    ROOT,
    read_checked,
    unpack,
    write_archive,
)
from cnnkit.formats.pytorch.pure import OPERATORS
from cnnkit.graph.architecture import Architecture
from cnnkit.graph.layout import FIRST
from cnnkit.graph.weights import Weights

KIND = "a torch.export archive"
PROGRAM = f"{ROOT}/models/model.json"
EXAMPLES = f"{ROOT}/data/sample_inputs/model.pt"
CONFIGS = tuple(f"{ROOT}/data/{kind}/model_{kind}_config.json" for kind in ("weights", "constants"))
# Every part of an archive of ours; a weight is its bare numbers.
PARTS = re.compile(
    rf"{ROOT}/(models/model\.json|data/(weights|constants)/model_(weights|constants)_config\.json"
    r"|data/weights/weight_\d+|data/sample_inputs/model\.pt|extra/metadata\.json"
    r"|archive_format|archive_version|byteorder|\.data/version)"
)
SYMBOL = re.compile(r"Symbol\('\w+'(, (positive|integer)=True)*\)")  # the batch size, to sympy
# PyTorch's own mathematics, as far as this family needs it: other operators read and write files.
OPERATOR = re.compile(
    r"torch\.ops\.aten\.(_assert_tensor_metadata|permute|to|mul|conv2d|relu|max_pool2d|flatten|linear"
    r"|softmax|argmax)\.\w+"
)


def write_pt2(weights: Weights, options: Options) -> dict[str, bytes]:
    """Return a torch.export archive: pixels [N, C, H, W] in; a dict of the contract's outputs out.

    It has no example inputs: they would be a pickle, and with it a view's whole storage.

    Raises:
        MissingError: PyTorch is not installed, or is too old.
        StorageError: there is no room for temporary files.
    """
    archive = write_archive("pt2", weights, options, edit)
    if not {PROGRAM, EXAMPLES, *CONFIGS} <= unpack(archive).keys():
        raise MissingError(
            "torch", "writes another kind of pt2 file than this cnnkit knows", "install torch 2.8"
        )
    return {".pt2": archive}


def edit(name: str, content: bytes) -> bytes | None:
    """Empty the example inputs, and leave out source lines and the paths of this computer."""
    if name == EXAMPLES:
        return b""
    if name == PROGRAM:
        program = _without(json.loads(content), "stack_trace")
        return json.dumps(program, separators=(",", ":")).encode()
    return content


def read_pt2(path: Path) -> tuple[dict[str, str], bytes]:
    """Check a torch.export archive of ours, as `read_checked` does; other calls are refused."""
    return read_checked(path, KIND, "/archive_format", _danger)


def _danger(parts: Mapping[str, bytes], architecture: Architecture | None) -> str:
    """Return what in an archive PyTorch would run, or what no file of ours has; "" if nothing."""
    strange = [name for name in parts if not PARTS.fullmatch(name)]
    if strange:
        return f"its part {strange[0]}"
    if not {PROGRAM, EXAMPLES, *CONFIGS} <= set(parts):
        return "a part is missing"
    if parts[EXAMPLES]:
        return "pickled example inputs"
    try:
        values = [json.loads(parts[name]) for name in (PROGRAM, *CONFIGS)]
    except (ValueError, RecursionError):
        return "a part that is not JSON"
    is_known = _is_mathematics if architecture is None else OPERATOR.fullmatch
    for key, value in items(values):
        if key == "use_pickle" and value is not False:
            return "pickled weights"
        if key == "expr_str" and not SYMBOL.fullmatch(str(value)):
            return f"the expression {value}"
        if key == "target" and not is_known(str(value)):
            return f"the function {value}"
        if key in ("guards_code", "custom_obj_values") and value:
            return key
        if key == "path_name" and not re.fullmatch(r"weight_\d+", str(value)):
            return f"the file {value}"
    return "" if architecture is None else _other_program(values, architecture)


def _is_mathematics(target: str) -> bool:
    """Tell whether a function is one that networks beyond the family may call."""
    found = re.fullmatch(r"torch\.ops\.aten\.(\w+)\.\w+|_operator\.(add|sub|mul|getitem)", target)
    return bool(found) and (found is None or found[1] is None or found[1] in OPERATORS)


def _other_program(values: Any, architecture: Architecture) -> str:
    """Return what makes the operators in a program others than its network's; "" if nothing."""
    blocks = architecture.blocks
    found = [OPERATOR.fullmatch(str(value)) for key, value in items(values) if key == "target"]
    names = [match[1] for match in found if match and match[1] != "_assert_tensor_metadata"]
    expected = [*("to", "mul"), *("conv2d", "relu", "max_pool2d") * len(blocks)]
    expected += ["flatten", "linear", "softmax", "argmax"]
    if names not in (expected, ["permute", *expected]):
        return "its operators are not those of its network"
    sizes = (max(block.kernel, block.pool, block.padding) for block in blocks)
    largest = max(sizes, default=1)
    for key, value in items(values):
        if (
            key == "as_ints"
            and value != list(FIRST)
            and not all(isinstance(x, int) and 0 <= x <= largest for x in value)
        ):
            return f"the sizes {value}"
    return ""


def items(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield every key with its value, at any depth of JSON values."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key, inner
            yield from items(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from items(inner)


def _without(value: Any, unwanted: str) -> Any:
    if isinstance(value, dict):
        return {k: _without(inner, unwanted) for k, inner in value.items() if k != unwanted}
    return [_without(inner, unwanted) for inner in value] if isinstance(value, list) else value
