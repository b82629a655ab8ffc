"""Others' torch.export archives, for reading only: `load_program(Path("net.pt2"))`.

torch.export.load may unpickle weights and example inputs, and evaluates the expressions of sizes.
So whatever could run is taken out or refused first, and the program itself is never run: it becomes
a graph.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnnkit.errors import InputError
from cnnkit.formats.pytorch.archive import DAMAGE, could_run_code, pack, require_torch
from cnnkit.formats.pytorch.pt2 import items
from cnnkit.nn.exported.draft import OTHER_LAYERS, unknown
from cnnkit.system.files import read_bytes

if TYPE_CHECKING:
    from torch.export import ExportedProgram

REMEDY = "write it with torch.export.save, of PyTorch 2.9 or newer"
IN_FLOAT32 = (
    "give the module itself, which is exported in float32, or leave torch.autocast out of it"
)
# An operator of PyTorch's, or arithmetic of sizes.
OPERATOR = re.compile(r"torch\.ops\.aten\.\w+\.\w+|_operator\.\w+|math\.\w+|torch\.sym_\w+")
# Arithmetic of the number of images, to sympy.
SIZES = re.compile(
    r"(Symbol\('\w+'(, \w+=True)*\)|(Add|Mul|Integer|FloorDiv|Mod|Max|Min)(?=\()|-?\d+|[(), ])+"
)
PART = re.compile(r"(weight|tensor)_\d+")


def is_foreign(path: Path) -> bool:
    """Tell whether an archive has none of our metadata.

    Raises:
        StorageError: it cannot be read.
        InputError: it is damaged.
    """
    return not any(name.endswith("/extra/metadata.json") for name in _parts(path))


def load_program(path: Path) -> ExportedProgram:
    """Return the program in an archive; nothing in it is run.

    Raises:
        StorageError: it cannot be read.
        InputError: it is damaged, could run code, or has calls of others than PyTorch's operators,
            all of which are named.
        MissingError: PyTorch is not installed.
    """
    parts = _parts(path)
    root = next(iter(parts)).partition("/")[0]
    program, examples = f"{root}/models/model.json", f"{root}/data/sample_inputs/model.pt"
    if program not in parts:
        raise InputError(path, "is not a torch.export archive with one model in it", REMEDY)
    values = {name: _json(path, parts[name]) for name in parts if name.endswith(".json")}
    _check(path, values)
    whole = values[program]
    whole["guards_code"] = []  # Python that checks inputs
    kept = {name: content for name, content in parts.items() if "/extra/" not in name}
    kept |= {program: json.dumps(whole).encode(), examples: b""}
    require_torch("reading torch.export programs")
    import torch

    try:
        return torch.export.load(io.BytesIO(pack(kept)))
    except Exception as error:  # its errors have no common base class but this
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise InputError(path, f"is refused by torch.export ({reason:.200})", REMEDY) from error


def _parts(path: Path) -> dict[str, bytes]:
    content = read_bytes(path)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            infos = archive.infolist()
            if any(info.compress_type != zipfile.ZIP_STORED for info in infos):
                raise InputError(path, "is compressed, as torch.export.save does not", REMEDY)
            if sum(info.file_size for info in infos) > len(content):
                raise InputError(path, "has parts that lie in one another", REMEDY)
            return {info.filename: archive.read(info) for info in infos}
    except InputError:
        raise
    except (*DAMAGE, ValueError) as error:
        raise InputError(path, f"is a damaged archive ({error})", REMEDY) from error


def _json(path: Path, content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InputError(path, f"is a damaged archive ({error})", REMEDY) from error


def _check(path: Path, values: Mapping[str, Any]) -> None:
    """Raise InputError for what PyTorch would run when it loads these JSON values."""
    strange = []
    for key, value in items(list(values.values())):
        if key == "use_pickle" and value is not False:
            raise could_run_code(path, "pickled weights", REMEDY)
        if key == "expr_str" and not SIZES.fullmatch(str(value)):
            raise could_run_code(path, f"the expression {value!s:.60}", REMEDY)
        if key == "custom_obj_values" and value:
            raise could_run_code(path, "objects of its own", REMEDY)
        if key == "path_name" and not PART.fullmatch(str(value)):
            raise could_run_code(path, f"the file {value!s:.60}", REMEDY)
        if key == "target" and not OPERATOR.fullmatch(str(value)):
            strange.append(str(value))
    if strange:
        raise InputError(
            path,
            unknown(len(strange)),
            IN_FLOAT32 if any("autocast" in name for name in strange) else OTHER_LAYERS,
            [f"{name}: cnnkit does not know this operator" for name in strange],
        )
