"""TorchScript: `write_torchscript(weights, options)[".pt"]` is what torch.jit.load reads.

torch.jit.load runs what a file tells it to, and code in a file may write other files. Our files
have nothing but the network's own code, and `read_torchscript` refuses any other before PyTorch
sees it.
"""

from __future__ import annotations

import io
import pickletools
import re
from collections.abc import Mapping
from pathlib import Path

from cnnkit.errors import MissingError
from cnnkit.formats.options import Options
from cnnkit.formats.pytorch.archive import (
    ROOT,
    beyond_family,
    read_checked,
    unpack,
    write_archive,
)
from cnnkit.formats.pytorch.pure import impure_code
from cnnkit.formats.pytorch.scripted_code import FOLDER, code_parts, expected_code
from cnnkit.graph.architecture import Architecture
from cnnkit.graph.layout import NHWC
from cnnkit.graph.weights import Weights

KIND = "a TorchScript archive"
OBJECTS, CONSTANTS = f"{ROOT}/data.pkl", f"{ROOT}/constants.pkl"
EMPTY_TUPLE = b"\x80\x02)."  # our code has no constants
# Every part of an archive of ours: those of fixed content, and the others; a weight is its bare
# numbers.
FIXED = {
    f"{ROOT}/version": rb"\d{1,4}\n",
    f"{ROOT}/.data/version": rb"\d{1,4}\n",
    f"{ROOT}/byteorder": rb"little|big",
    CONSTANTS: re.escape(EMPTY_TUPLE),
}
OTHER = re.compile(rf"{ROOT}/(data/\d+|code/[\w/]+\.py|data\.pkl|extra/metadata\.json)", re.ASCII)
# What the pickle of a network's parameters consists of: PyTorch has a reader of its own for it.
OPCODE = re.compile(
    r"PROTO|STOP|MARK|GLOBAL|NEWOBJ|REDUCE|BUILD|BINPERSID|(LONG_)?BIN(PUT|GET)|BINUNICODE"
    r"|NONE|NEWTRUE|NEWFALSE|BININT[12]?|LONG1|BINFLOAT|EMPTY_(TUPLE|LIST|DICT)|TUPLE[123]?"
    r"|APPENDS?|SETITEMS?"
)
CLASS = re.compile(
    r"__torch__ Classifier|torch FloatStorage|torch\._utils _rebuild_tensor_v2"
    r"|torch\.jit\._pickle build_intlist|collections OrderedDict"
    r"|__torch__\.torch\.nn\.modules\.(container|conv|pooling|linear)(\.___torch_mangle_\d+)? \w+"
)
TEXT = re.compile(
    r"\d+|storage|cpu|training|_is_full_backward_hook|pixel_(?:scale|type)|convs|pools|linear"
    r"|weight|bias|transposed|_reversed_padding_repeated_twice"
)

# Of a network beyond the family: classes whose code is in the archive; a text is never run.
OWN_CLASS = re.compile(
    r"__torch__(\.\w+)* \w+|torch (Float|Double|Int|Long|Byte|Bool)Storage"
    r"|torch\._utils _rebuild_tensor_v2|torch\.jit\._pickle build_\w+list|collections OrderedDict"
)
ANY = re.compile(r"(?s).*")


def write_torchscript(weights: Weights, options: Options) -> dict[str, bytes]:
    """Return a TorchScript archive: pixels [N, C, H, W] in; the contract's outputs, named, out.

    Raises:
        MissingError: PyTorch is not installed, or of a release whose code is not known.
        StorageError: there is no room for temporary files.
    """
    archive = write_archive("torchscript", weights, options, edit)
    code = unpack(archive)
    if beyond_family(weights):
        known = not _more_than_mathematics(code)
    else:
        expected = expected_code(weights.architecture, channels_last=options.input == NHWC)
        known = code_parts(code) == expected
    if not known:
        raise MissingError(
            "torch", "writes other code than this cnnkit knows", "use the format onnx or c"
        )
    return {".pt": archive}


def edit(name: str, content: bytes) -> bytes | None:
    """Leave out what PyTorch adds for its messages, and the images that were traced."""
    left_out = name.endswith(".debug_pkl") or "/traced_inputs" in name
    return None if left_out else content


def read_torchscript(path: Path) -> tuple[dict[str, str], bytes]:
    """Check a TorchScript archive of ours, as `read_checked` does; other code is refused."""
    return read_checked(path, KIND, "/code/", _danger)


def _more_than_mathematics(parts: Mapping[str, bytes]) -> str:
    """Return what in the code of an archive is no mathematics; "" if nothing."""
    codes = [content for name, content in parts.items() if name.startswith(FOLDER)]
    found = [impure_code(content.decode("utf-8", "replace")) for content in codes]
    return next(filter(None, found), "")


def _danger(parts: Mapping[str, bytes], architecture: Architecture | None) -> str:
    """Return what in an archive is not the network's; "" if nothing."""
    for name, content in parts.items():
        known = re.fullmatch(FIXED[name], content) if name in FIXED else OTHER.fullmatch(name)
        if not known:
            return f"its part {name}"
    if not {OBJECTS, CONSTANTS} <= set(parts):
        return "a part is missing"
    if architecture is None:
        return _more_than_mathematics(parts) or _danger_in_pickle(parts[OBJECTS], OWN_CLASS, ANY)
    code = code_parts(parts)
    strange = sorted(code ^ expected_code(architecture))
    others = {"checks_type": False}, {"channels_last": True}
    if strange and code not in [expected_code(architecture, **other) for other in others]:
        return f"its code {strange[0][0]} is not that of its network"
    return _danger_in_pickle(parts[OBJECTS], CLASS, TEXT)


def _danger_in_pickle(content: bytes, classes: re.Pattern[str], texts: re.Pattern[str]) -> str:
    """Return what in the pickle of the parameters is more than parameters; "" if nothing."""
    stream = io.BytesIO(content)
    try:
        for opcode, argument, _ in pickletools.genops(stream):
            if not OPCODE.fullmatch(opcode.name):
                return f"the pickle's {opcode.name}"
            if opcode.name == "GLOBAL" and not classes.fullmatch(str(argument)):
                return f"the class {argument}"
            if opcode.name == "BINUNICODE" and not texts.fullmatch(str(argument)):
                return f"the value {argument}"
    except ValueError:
        return "a damaged pickle"
    return "bytes behind its pickle" if stream.read(1) else ""
