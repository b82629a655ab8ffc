"""Fixtures that every test may use: real MNIST, one real training, the command line."""

from __future__ import annotations

import gc
import json
import os
import shutil
import sys
from collections.abc import Callable, Generator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from support.forked import forked_processes
from support.schemas import problems
from support.shared import made_once
from support.slow import SLOW_FILES, SLOW_FIXTURES, SLOW_TESTS

from cnnkit.cli import main
from cnnkit.data.dataset import Dataset, Split
from cnnkit.data.idx import write_idx
from cnnkit.data.load import load_dataset
from cnnkit.data.registry import FILES
from cnnkit.export.pipeline import export
from cnnkit.formats.checkpoint import read_weights
from cnnkit.formats.options import Options
from cnnkit.formats.registry import FORMATS
from cnnkit.graph.weights import Weights
from cnnkit.runs.find import find_weights

# OpenMP's threads, PyTorch's among them, spin while they wait, four times a test's work where other
# processes have work too. Set before PyTorch is loaded, and for the processes that tests start.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
# The checks of the host apps may install the tools that they need (export/tools.sh).
os.environ.setdefault("CNNKIT_INSTALL", "1")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Look for no garbage in what is imported and collected: it stays until the end.

    That would take a third of the time of collecting, and a part of every test's.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_xdist_auto_num_workers() -> int:
    """Return a process more than there are cores: some tests wait for other programs."""
    return len(os.sched_getaffinity(0)) + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what takes long, and begin with its files: at the end no process waits for another."""
    for item in items:
        needed = set(getattr(item, "fixturenames", ()))
        if item.nodeid.startswith(SLOW_FILES + SLOW_TESTS) or needed & SLOW_FIXTURES:
            item.add_marker(pytest.mark.slow)
    slow = {item.path for item in items if item.get_closest_marker("slow")}

    def place(item: pytest.Item) -> int:
        file = item.nodeid.partition("::")[0]
        if file in SLOW_FILES:
            return SLOW_FILES.index(file)
        return len(SLOW_FILES) + (item.path not in slow)

    items.sort(key=place)


@dataclass(frozen=True)
class Result:
    exit_code: int
    stdout: str
    stderr: str


@pytest.fixture(scope="session", autouse=True)
def _forked() -> Generator[None, None, None]:
    """Processes of cnnkit's own find PyTorch imported, which takes half of their time."""
    with forked_processes() if sys.platform == "linux" else nullcontext():
        yield


@pytest.fixture
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trainings draw nothing, for tests that look at other things: it takes longer than they do."""
    from cnnkit.train import trainer

    run_epochs = trainer.run_epochs
    monkeypatch.setattr(trainer, "run_epochs", lambda *a: run_epochs(*a[:-1], pictures=False))


@pytest.fixture
def cli(capfd: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    """Run a command line in this process: `cli("train", "--epochs", "0").exit_code`.

    Whatever it prints with --json has to fit the published schema.
    """

    def run(*arguments: object) -> Result:
        capfd.readouterr()
        with pytest.raises(SystemExit) as stop:
            main([str(word) for word in arguments])
        code = stop.value.code
        assert code is None or isinstance(code, int)
        result = Result(code or 0, *capfd.readouterr())
        if "--json" in arguments and result.stdout.startswith("{"):
            assert problems(json.loads(result.stdout)) == []
        return result

    return run


@pytest.fixture(scope="session")
def mnist() -> Dataset:
    """All 70,000 real images, through cnnkit's own loader."""
    return load_dataset("mnist")


@pytest.fixture(scope="session")
def trained_run(tmp_path_factory: pytest.TempPathFactory, mnist: Dataset) -> Path:
    """The run folder of one epoch over all 60,000 images with the published hyperparameters."""
    from cnnkit.train.trainer import TrainConfig, train

    return made_once(
        tmp_path_factory,
        "trained_run",
        lambda folder: train(TrainConfig(epochs=1, output=folder)),
        tmp_path_factory.mktemp("runs") / "train" / "mnist-1",
    )


@pytest.fixture(scope="session")
def weights_file(trained_run: Path) -> Path:
    return find_weights(trained_run)


@pytest.fixture(scope="session")
def trained(weights_file: Path) -> Weights:
    return read_weights(weights_file)


@pytest.fixture(scope="session")
def few(mnist: Dataset) -> Dataset:
    """The data with 500 test images, for tests that verify often."""
    return replace(mnist, test=Split(mnist.test.images[:500], mnist.test.labels[:500]))


@pytest.fixture(scope="session")
def small_data(tmp_path_factory: pytest.TempPathFactory, mnist: Dataset) -> Path:
    """An IDX folder with the first 1,000 training and 500 test images, for quick trainings."""
    folder = tmp_path_factory.mktemp("small-mnist")
    arrays = (
        *(mnist.train.images[:1000, 0], mnist.train.labels[:1000].astype(np.uint8)),
        *(mnist.test.images[:500, 0], mnist.test.labels[:500].astype(np.uint8)),
    )
    for name, array in zip(FILES, arrays, strict=True):
        write_idx(folder / name, array)
    return folder


@pytest.fixture(scope="session")
def artefacts(
    tmp_path_factory: pytest.TempPathFactory, trained: Weights, few: Dataset
) -> dict[str, Path]:
    """The trained network in every format, by the format's name, verified on 500 test images.

    Its bytes are those of an export with all: the golden images are among the first. onnx-fused is
    not among them: tests/formats/test_onnx_fused.py builds its operators for tests of its own.
    """
    files = {
        name: f"mnist{FORMATS[name].suffix}" for name in sorted(FORMATS.keys() - {"onnx-fused"})
    }

    def make(folder: Path) -> None:
        for name, file in files.items():
            assert export(trained, name, folder / file, Options(few)).passed

    copy = tmp_path_factory.mktemp("artefacts") / "mnist"
    folder = made_once(tmp_path_factory, "artefacts", make, copy)
    return {name: folder / file for name, file in files.items()}


@pytest.fixture(scope="session")
def host_inputs(
    tmp_path_factory: pytest.TempPathFactory,
    artefacts: dict[str, Path],
    trained: Weights,
    mnist: Dataset,
) -> Path:
    """What export/README.md promises a check."""
    from cnnkit.verify.reference import reference_logits

    folder = tmp_path_factory.mktemp("hosts")
    for path in artefacts["c"].parent.iterdir():
        shutil.copy(path, folder)
    images = mnist.test.images[:1000]
    np.save(folder / "images.npy", images)
    np.save(folder / "labels.npy", reference_logits(trained, images)[0].argmax(axis=1))
    (folder / "names.txt").write_text("".join(f"{name}\n" for name in trained.names))
    return folder
