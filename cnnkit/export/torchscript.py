"""TorchScript: `write_torchscript(weights, options)[".pt"]` is what torch.jit.load reads.

Scripting happens in a fresh process (cnnkit.export.torchscript_module): names inside an archive
count the classes that its process scripted before. What PyTorch adds for its error messages, this
computer's paths and source lines, is left out.
"""

from __future__ import annotations

import io
import json
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from cnnkit.checkpoint import Weights, write_weights
from cnnkit.errors import InputError, MissingError
from cnnkit.export import contract
from cnnkit.export.options import Options
from cnnkit.files import read_bytes
from cnnkit.process import exchange_folder, last_words, run_module
from cnnkit.sniff import pickle_refused

# What zipfile raises on damaged archives: damage may look like an unknown compression, say.
DAMAGE = (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, OSError, EOFError)
ROOT = "archive"
METADATA = f"{ROOT}/extra/metadata.json"  # torch.jit.load(..., _extra_files={"metadata.json": ""})


def write_torchscript(weights: Weights, options: Options) -> dict[str, bytes]:
    """Return a TorchScript archive: uint8 [N, C, H, W] in; a named tuple of the contract's outputs.

    Raises:
        MissingError: PyTorch is not installed.
        StorageError: there is no room for temporary files.
    """
    require_torch("writing TorchScript")
    with exchange_folder() as folder:
        source, archive = folder / "weights.safetensors", folder / "archive"
        write_weights(source, weights)
        child = run_module("cnnkit.export.torchscript_module", source, archive)
        if child.returncode:
            raise RuntimeError(f"TorchScript was not written: {last_words(child)}")
        return {".pt": _strip(read_bytes(archive), contract.describe(weights, options))}


def require_torch(purpose: str) -> None:
    """Raise MissingError where PyTorch is not installed."""
    if find_spec("torch") is None:
        raise MissingError.package("torch", purpose)


@contextmanager
def deprecation_known() -> Iterator[None]:
    """Silence what PyTorch warns of since 2.10: that torch.jit is deprecated. It still works."""
    with warnings.catch_warnings():
        for category in (FutureWarning, DeprecationWarning):
            warnings.filterwarnings("ignore", r"`torch\.jit\.\w+` is deprecated", category)
            warnings.filterwarnings("ignore", r"`torch\.jit\.\w+` is not supported", category)
        yield


def read_metadata(path: Path) -> dict[str, str]:
    """Check a TorchScript archive of ours and return its metadata texts; nothing in it is run.

    PyTorch's reader does not check the archive's checksums, so this does.

    Raises:
        StorageError: the file cannot be read.
        InputError: it is damaged, a pickle, or not a TorchScript archive of ours.
    """
    content = io.BytesIO(read_bytes(path))
    try:
        with zipfile.ZipFile(content) as archive:
            names = archive.namelist()
            if any(name.endswith("/data.pkl") for name in names) and not any(
                name.endswith("/constants.pkl") for name in names
            ):
                raise pickle_refused(path)
            damaged = archive.testzip()
            if damaged is not None:
                raise InputError(path, f"is damaged in its part {damaged}", "export it again")
            if not any("/code/" in name for name in names):
                raise InputError(
                    path, "is a zip file, but not a TorchScript archive", "export it again"
                )
            texts = json.loads(archive.read(METADATA)) if METADATA in names else {}
    except InputError:
        raise
    except (*DAMAGE, ValueError) as error:
        raise InputError(path, f"is a damaged archive ({error})", "export it again") from error
    return texts if isinstance(texts, dict) else {}


def _strip(archive: bytes, metadata: dict[str, object]) -> bytes:
    """Rewrite an archive with the metadata and without debug records, times and compression."""
    # Compressed bytes depend on the zlib that is installed; the archive is small without.
    # serialization_id is a hash over the debug records as well.
    stripped = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as source, zipfile.ZipFile(stripped, "w") as target:
        for name in source.namelist():
            if not name.endswith((".debug_pkl", "serialization_id")):
                target.writestr(zipfile.ZipInfo(name), source.read(name))
        texts = json.dumps(contract.encode(metadata), indent=1)
        target.writestr(zipfile.ZipInfo(METADATA), texts)
    return stripped.getvalue()
