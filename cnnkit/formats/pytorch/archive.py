"""PyTorch's zip archives without PyTorch: `read_parts(path)["archive/extra/metadata.json"]`.

TorchScript and torch.export both write one. What PyTorch adds for its error messages, this
computer's paths and source lines, is left out here, and what a reader would run is looked for.
"""

from __future__ import annotations

import io
import json
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from cnnkit.errors import InputError, MissingError
from cnnkit.formats import contract
from cnnkit.formats.checkpoint import write_weights
from cnnkit.formats.description import describe
from cnnkit.formats.options import Options
from cnnkit.graph import identity
from cnnkit.graph.architecture import Architecture
from cnnkit.graph.convnet import with_contract
from cnnkit.graph.weights import Weights
from cnnkit.system.files import read_bytes
from cnnkit.system.subprocesses import exchange_folder, last_words, run_module

# What zipfile raises on damaged archives: damage may look like an unknown compression, say.
DAMAGE = (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, OSError, EOFError)
NAMES = {"torchscript": "TorchScript", "pt2": "torch.export programs"}
ROOT = "archive"
GRAPH = contract.GRAPH
METADATA = f"{ROOT}/extra/metadata.json"  # PyTorch calls it the extra file "metadata.json"


def write_archive(
    form: str, weights: Weights, options: Options, edit: Callable[[str, bytes], bytes | None]
) -> bytes:
    """Return what PyTorch writes for these weights, with the contract's metadata in it.

    It is written in a fresh process (cnnkit.formats.pytorch.export_process): names inside an
    archive count what its process wrote before.

    Args:
        form: a key of `NAMES`.
        weights: the network.
        options: as a format's writer has them.
        edit: returns what a part shall contain, given its name and content; None leaves it out.

    Raises:
        InputError: the network has not the contract's input and outputs.
        MissingError: PyTorch is not installed.
        StorageError: there is no room for temporary files.
    """
    metadata = describe(weights, options)
    if beyond_family(weights):
        metadata[GRAPH] = identity.to_json(with_contract(weights.graph, options.input))
    parts = edited_parts(form, weights, options.input, edit)
    return pack({**parts, METADATA: json.dumps(contract.encode(metadata), indent=1).encode()})


def beyond_family(weights: Weights) -> bool:
    """Tell whether a network is not of the family, so that its archives hold its graph."""
    try:
        weights.convnet  # noqa: B018 (it is read for what it raises)
    except InputError:
        return True
    return False


def edited_parts(
    form: str, weights: Weights, input: str, edit: Callable[[str, bytes], bytes | None]
) -> dict[str, bytes]:
    """Return the parts of what PyTorch writes for these weights, without metadata.

    Args:
        form: a key of `NAMES`.
        weights: the network.
        input: as `Options` has it.
        edit: as `write_archive` has it.

    Raises:
        MissingError: PyTorch is not installed.
        StorageError: there is no room for temporary files.
    """
    require_torch(f"writing {NAMES[form]}")
    with exchange_folder() as folder:
        source, archive = folder / "weights.safetensors", folder / "archive"
        write_weights(source, weights)
        child = run_module("cnnkit.formats.pytorch.export_process", form, source, archive, input)
        if child.returncode:
            raise RuntimeError(f"{NAMES[form]} was not written: {last_words(child)}")
        edited = {
            name: edit(name, content) for name, content in unpack(read_bytes(archive)).items()
        }
    # serialization_id is a hash over the parts that are left out as well.
    return {
        name: content
        for name, content in edited.items()
        if content is not None and not name.endswith("serialization_id")
    }


def read_checked(
    path: Path,
    kind: str,
    expected: str,
    danger_in: Callable[[Mapping[str, bytes], Architecture | None], str],
) -> tuple[dict[str, str], bytes]:
    """Check an archive of ours; nothing in it is run.

    Returns its metadata texts, and an archive made anew of the parts that were checked: PyTorch may
    read a crafted zip file otherwise than Python does.

    Args:
        path: the archive.
        kind: what it should be, with its article.
        expected: as `read_parts` has it.
        danger_in: returns what in the parts is not the network's, or for a network beyond the
            family what is more than mathematics; "" if nothing.

    Raises:
        StorageError: the file cannot be read.
        InputError: it is damaged, not ours, or could run code when it is loaded.
    """
    parts = read_parts(path, kind, expected)
    texts = metadata_texts(path, parts)
    if contract.MARK not in texts:
        return texts, b""  # the contract's reader says that it is not ours
    metadata = contract.decode(path, texts, kind)
    architecture = None if GRAPH in metadata else contract.architecture(path, metadata)
    danger = danger_in(parts, architecture)
    if danger:
        raise could_run_code(path, danger)
    return texts, pack(parts)


def read_parts(path: Path, kind: str, expected: str) -> dict[str, bytes]:
    """Return the content of every part of an archive of ours by name; nothing in it is run.

    It must be packed as `pack` does, byte for byte: so every reader finds the same parts in it, and
    it unpacks to nothing larger than the file. An archive of others has no parts here.

    Args:
        path: the archive.
        kind: what it shall be, with its article ("a TorchScript archive").
        expected: a text that the name of one of its parts has.

    Raises:
        StorageError: the file cannot be read.
        InputError: it is damaged, a pickle, of another kind, or packed by another program.
    """
    content = read_bytes(path)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            infos = archive.infolist()
            if not any(expected in info.filename for info in infos):
                raise InputError(path, f"is a zip file, but not {kind}", "export it again")
            if METADATA not in archive.namelist():
                return {}
            stored = all(info.compress_type == zipfile.ZIP_STORED for info in infos)
            if not stored or sum(info.file_size for info in infos) > len(content):
                raise _packed_otherwise(path)
            parts = {info.filename: archive.read(info) for info in infos}
    except InputError:
        raise
    except (*DAMAGE, ValueError) as error:
        raise InputError(path, f"is a damaged archive ({error})", "export it again") from error
    if pack(parts, infos[0].create_system) != content:
        raise _packed_otherwise(path)
    return parts


def _packed_otherwise(path: Path) -> InputError:
    return InputError(
        path,
        "was packed by another program than cnnkit, or has parts that not every reader sees",
        "export it again",
    )


def could_run_code(path: Path, danger: str, remedy: str = "export it again") -> InputError:
    """Return the error for an archive with something in it that no file of ours has."""
    reason = f"could run code when it is loaded ({danger}), so cnnkit never loads it"
    return InputError(path, reason, remedy)


def metadata_texts(path: Path, parts: Mapping[str, bytes]) -> dict[str, str]:
    """Return the metadata texts of an archive's parts; none if it is not ours.

    Raises:
        InputError: they are damaged.
    """
    try:
        texts = json.loads(parts.get(METADATA, b"{}"))
    except (ValueError, RecursionError) as error:
        raise InputError(path, f"has damaged metadata ({error})", "export it again") from error
    return texts if isinstance(texts, dict) else {}


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


def unpack(archive: bytes) -> dict[str, bytes]:
    """Return the content of every part of an archive that was written here."""
    with zipfile.ZipFile(io.BytesIO(archive)) as source:
        return {name: source.read(name) for name in source.namelist()}


def pack(parts: Mapping[str, bytes], system: int | None = None) -> bytes:
    """Return an archive of these parts, the same bytes each time.

    Args:
        parts: content by name.
        system: zip's number of the operating system; this one by default.
    """
    # Compressed bytes depend on the zlib that is installed; the archive is small without.
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, part in parts.items():
            info = zipfile.ZipInfo(name)
            info.create_system = info.create_system if system is None else system
            archive.writestr(info, part)
    return content.getvalue()
