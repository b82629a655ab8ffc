"""TorchScript: `write_torchscript(weights, options)[".pt"]` is what torch.jit.load reads."""

from __future__ import annotations

from pathlib import Path

from cnnkit.formats.options import Options
from cnnkit.formats.pytorch.archive import metadata_texts, read_parts, write_archive
from cnnkit.graph.weights import Weights


def write_torchscript(weights: Weights, options: Options) -> dict[str, bytes]:
    """Return a TorchScript archive: pixels [N, C, H, W] in; the contract's outputs, named, out.

    Raises:
        MissingError: PyTorch is not installed.
        StorageError: there is no room for temporary files.
    """

    def edit(name: str, content: bytes) -> bytes | None:
        return None if name.endswith(".debug_pkl") else content

    return {".pt": write_archive("torchscript", weights, options, edit)}


def read_torchscript(path: Path) -> dict[str, str]:
    """Check a TorchScript archive of ours and return its metadata texts; nothing in it is run.

    Raises:
        StorageError: the file cannot be read.
        InputError: it is damaged, or not a TorchScript archive of ours.
    """
    return metadata_texts(path, read_parts(path, "a TorchScript archive", "/code/"))
