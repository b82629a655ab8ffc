"""A TorchScript export has the contract, the same bytes always, and nothing local in it."""

from __future__ import annotations

import getpass
import io
import json
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from cnnkit.data.dataset import Dataset, Split
from cnnkit.formats.options import Options
from cnnkit.formats.pytorch.archive import deprecation_known
from cnnkit.formats.pytorch.torchscript import write_torchscript
from cnnkit.graph.architecture import Architecture, Block
from cnnkit.graph.weights import Weights

ROOT = Path(__file__).parents[2]
LOCAL = [str(ROOT), str(Path.home()), f"/{getpass.getuser()}/", sys.prefix, "/tmp", "cnnkit/export"]


def load(path: Path, **options: object) -> torch.jit.ScriptModule:
    with deprecation_known():
        return torch.jit.load(str(path), **options)


def test_any_libtorch_program_finds_metadata_and_names(
    artefacts: dict[str, Path], trained: Weights, mnist: Dataset
) -> None:
    files = {"metadata.json": ""}
    module = load(artefacts["torchscript"], _extra_files=files)
    values = {key: json.loads(text) for key, text in json.loads(files["metadata.json"]).items()}
    assert values["names"] == list("0123456789")
    assert values["cnnkit.weights_sha256"] == trained.sha256
    answer = module(torch.from_numpy(mnist.test.images[:3]))
    assert answer._fields == ("logits", "probabilities", "label")
    assert [part.dtype for part in answer] == [torch.float32, torch.float32, torch.int64]
    assert [tuple(part.shape) for part in answer] == [(3, 10), (3, 10), (3,)]
    assert {name: tuple(p.shape) for name, p in module.named_parameters()} == (
        trained.architecture.parameter_shapes()
    )
    assert not any(parameter.requires_grad for parameter in module.parameters())


@pytest.mark.parametrize("count", [0, 1, 2, 7, 64])
def test_the_batch_axis_is_free(artefacts: dict[str, Path], mnist: Dataset, count: int) -> None:
    answer = load(artefacts["torchscript"])(torch.from_numpy(mnist.test.images[:count]))
    assert [tuple(part.shape) for part in answer] == [(count, 10), (count, 10), (count,)]


def test_pixels_of_another_type_are_refused_instead_of_scaled_twice(
    artefacts: dict[str, Path], mnist: Dataset
) -> None:
    images = torch.from_numpy(mnist.test.images[:2])
    for other in (images / 255, images.to(torch.float64), images.to(torch.int64)):
        with pytest.raises(Exception, match="image must be uint8"):
            load(artefacts["torchscript"])(other)


def test_the_same_weights_give_the_same_bytes_anywhere(
    artefacts: dict[str, Path],
    weights_file: Path,
    trained: Weights,
    few: Dataset,
    tmp_path: Path,
) -> None:
    with deprecation_known():
        torch.jit.script(nn.Sequential(nn.Conv2d(1, 2, 3)))  # takes names in this process
    program = (
        "import sys; from pathlib import Path; from cnnkit.formats.checkpoint import read_weights;"
        "from cnnkit.formats.pytorch.torchscript import write_torchscript;"
        "from cnnkit.data.load import load_dataset; from cnnkit.formats.options import Options;"
        "options = Options(load_dataset('mnist'));"
        "files = write_torchscript(read_weights(Path(sys.argv[1])), options);"
        "sys.stdout.buffer.write(files['.pt'])"
    )
    elsewhere = subprocess.run(
        [sys.executable, "-c", program, weights_file], cwd=tmp_path, capture_output=True, check=True
    )
    here = write_torchscript(trained, Options(few))[".pt"]
    assert artefacts["torchscript"].read_bytes() == here == elsewhere.stdout


def test_nothing_local_is_in_any_part(artefacts: dict[str, Path]) -> None:
    with zipfile.ZipFile(artefacts["torchscript"]) as archive:
        parts = {info.filename: archive.read(info) for info in archive.infolist()}
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert not [name for name in parts if "debug" in name]
    for name, content in parts.items():
        for text in LOCAL:
            assert text.encode() not in content, (name, text)
        assert b".py" not in content, name


def test_every_member_of_the_family_scripts(few: Dataset) -> None:
    architecture = Architecture((3, 32, 32), (Block(8, 5, 2, 3), Block(6), Block(5, 1, 0, 1)), 7)
    weights = Weights.of(architecture, architecture.initial_parameters(3))
    images = np.zeros((2, 3, 32, 32), dtype=np.uint8)
    options = Options(replace(few, test=Split(images, np.array([0, 1]))))
    with deprecation_known():
        module = torch.jit.load(io.BytesIO(write_torchscript(weights, options)[".pt"]))
    assert module(torch.from_numpy(images)).logits.shape == (2, 7)
