"""A torch.export archive has the contract, the same bytes always, and nothing in it that runs."""

from __future__ import annotations

import getpass
import io
import json
import os
import pickle
import subprocess
import sys
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from support.corruptions import edit_archive

from cnnkit.data.dataset import Dataset, Split
from cnnkit.errors import InputError
from cnnkit.formats.detect import read_contract
from cnnkit.formats.options import Options
from cnnkit.formats.pytorch.pt2 import write_pt2
from cnnkit.graph.architecture import Architecture, Block
from cnnkit.graph.weights import Weights
from cnnkit.runtimes.loader import open_model

ROOT = Path(__file__).parents[2]
LOCAL = [str(ROOT), str(Path.home()), f"/{getpass.getuser()}/", sys.prefix, "/tmp", ".py"]
MODEL, WEIGHTS = "archive/models/model.json", "archive/data/weights/model_weights_config.json"


def test_any_pytorch_program_finds_metadata_and_named_answers(
    artefacts: dict[str, Path], trained: Weights, mnist: Dataset
) -> None:
    files = {"metadata.json": ""}
    program = torch.export.load(artefacts["pt2"], extra_files=files)
    values = {key: json.loads(text) for key, text in json.loads(files["metadata.json"]).items()}
    assert values["names"] == list("0123456789")
    assert values["cnnkit.weights_sha256"] == trained.sha256
    module = program.module()
    for count in (0, 1, 2, 7, 64):
        answer = module(torch.from_numpy(mnist.test.images[:count]))
        assert {name: tuple(part.shape) for name, part in answer.items()} == {
            "logits": (count, 10),
            "probabilities": (count, 10),
            "label": (count,),
        }


def test_loading_our_own_file_runs_no_pickle(
    artefacts: dict[str, Path], mnist: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise AssertionError("a pickle is loaded")

    for module, name in ((torch, "load"), (pickle, "loads"), (pickle, "load")):
        monkeypatch.setattr(module, name, refuse)
    assert open_model(artefacts["pt2"])(mnist.test.images[:2]).label.shape == (2,)


def test_the_same_weights_give_the_same_bytes_anywhere(
    artefacts: dict[str, Path], weights_file: Path, tmp_path: Path
) -> None:
    program = (
        "import sys; from pathlib import Path; from cnnkit.formats.checkpoint import read_weights;"
        "from cnnkit.formats.pytorch.pt2 import write_pt2; from cnnkit.data import load_dataset;"
        "from cnnkit.formats.options import Options; options = Options(load_dataset('mnist'));"
        "files = write_pt2(read_weights(Path(sys.argv[1])), options);"
        "sys.stdout.buffer.write(files['.pt2'])"
    )
    elsewhere = subprocess.run(
        [sys.executable, "-c", program, weights_file],
        cwd=tmp_path,
        env={**os.environ, "PYTHONHASHSEED": "7"},
        capture_output=True,
        check=True,
    )
    assert artefacts["pt2"].read_bytes() == elsewhere.stdout


def test_nothing_local_is_in_any_part(artefacts: dict[str, Path]) -> None:
    with zipfile.ZipFile(artefacts["pt2"]) as archive:
        parts = {info.filename: archive.read(info) for info in archive.infolist()}
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    for name, content in parts.items():
        for text in LOCAL:
            assert text.encode() not in content, (name, text)


def test_every_member_of_the_family_is_captured(few: Dataset, tmp_path: Path) -> None:
    architecture = Architecture((3, 32, 32), (Block(8, 5, 2, 3), Block(6), Block(5, 1, 0, 1)), 7)
    weights = Weights.of(architecture, architecture.initial_parameters(3))
    images = np.zeros((2, 3, 32, 32), dtype=np.uint8)
    options = Options(replace(few, test=Split(images, np.array([0, 1]))))
    (tmp_path / "net.pt2").write_bytes(write_pt2(weights, options)[".pt2"])
    assert open_model(tmp_path / "net.pt2")(images).logits.shape == (2, 7)


class Trap:
    """Makes a file where it is unpickled."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
        return open, (str(self.place), "w")  # type: ignore[return-value]


def pickled(place: Path) -> bytes:
    content = io.BytesIO()
    torch.save((Trap(place),), content)
    return content.getvalue()


def test_an_archive_that_could_run_code_is_refused_and_never_loaded(
    artefacts: dict[str, Path], tmp_path: Path
) -> None:
    ran = tmp_path / "ran"
    traps = {
        "pickled example inputs": edit_archive(
            "archive/data/sample_inputs/model.pt", lambda _: pickled(ran)
        ),
        "pickled weights": edit_archive(
            WEIGHTS, lambda text: text.replace(b'"use_pickle": false', b'"use_pickle": true', 1)
        ),
        "the expression": edit_archive(
            MODEL,
            lambda text: text.replace(b"Symbol('", f"open('{ran}', 'w') or Symbol('".encode()),
        ),
        "the function torch.load": edit_archive(
            MODEL, lambda text: text.replace(b"torch.ops.aten.relu.default", b"torch.load", 1)
        ),
        "the function torch.ops.aten.from_file": edit_archive(
            MODEL, lambda text: text.replace(b"aten.relu.default", b"aten.from_file.default", 1)
        ),
        "guards_code": edit_archive(
            MODEL, lambda text: text.replace(b'"guards_code":[]', b'"guards_code":["exit()"]')
        ),
        "the file": edit_archive(WEIGHTS, lambda text: text.replace(b"weight_0", b"custom_obj_0")),
    }
    for what, damage in traps.items():
        path = tmp_path / "trap.pt2"
        path.write_bytes(damage(artefacts["pt2"].read_bytes()))
        for read in (read_contract, open_model):
            with pytest.raises(InputError, match=rf"could run code when it is loaded \({what}"):
                read(path)
    assert not ran.exists()


def test_an_archive_with_two_parts_of_one_name_is_refused(
    artefacts: dict[str, Path], tmp_path: Path
) -> None:
    # The trap first: which of them a reader takes is the reader's choice.
    ran, path = tmp_path / "ran", tmp_path / "twice.pt2"
    with zipfile.ZipFile(artefacts["pt2"]) as archive:
        parts = [(name, archive.read(name)) for name in archive.namelist()]
    trap = (MODEL, dict(parts)[MODEL].replace(b"Symbol('", f"open('{ran}', 'w') or S('".encode()))
    with zipfile.ZipFile(path, "w") as archive, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Duplicate name", UserWarning)
        for name, content in (trap, *parts):
            archive.writestr(zipfile.ZipInfo(name), content)
    with pytest.raises(InputError, match="packed by another program"):
        open_model(path)
    assert not ran.exists()


def test_a_torch_export_archive_of_others_is_refused_by_name(tmp_path: Path) -> None:
    program = torch.export.export(torch.nn.ReLU(), (torch.zeros(2),))
    torch.export.save(program, tmp_path / "other.pt2")
    with pytest.raises(InputError, match=r"is a torch\.export archive, but not one that cnnkit"):
        open_model(tmp_path / "other.pt2")
