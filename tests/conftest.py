"""Fixtures that every test may use: real MNIST, one real training, the command line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from cnnkit.checkpoint import Weights, find_weights, read_weights
from cnnkit.cli import main
from cnnkit.data import Dataset, load_dataset


@dataclass(frozen=True)
class Result:
    exit_code: int
    stdout: str
    stderr: str


@pytest.fixture
def cli(capfd: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    """Run a command line in this process: `cli("train", "--epochs", "0").exit_code`."""

    def run(*arguments: object) -> Result:
        capfd.readouterr()
        with pytest.raises(SystemExit) as stop:
            main([str(word) for word in arguments])
        code = stop.value.code
        assert code is None or isinstance(code, int)
        return Result(code or 0, *capfd.readouterr())

    return run


@pytest.fixture(scope="session")
def mnist() -> Dataset:
    """All 70,000 real images, through cnnkit's own loader."""
    return load_dataset("mnist")


@pytest.fixture(scope="session")
def trained_run(tmp_path_factory: pytest.TempPathFactory, mnist: Dataset) -> Path:
    """The run folder of one epoch over all 60,000 images with the published hyperparameters."""
    from cnnkit.train import TrainConfig, train

    folder = tmp_path_factory.mktemp("runs") / "train" / "mnist-1"
    train(TrainConfig(epochs=1, output=folder))
    return folder


@pytest.fixture(scope="session")
def weights_file(trained_run: Path) -> Path:
    return find_weights(trained_run)


@pytest.fixture(scope="session")
def trained(weights_file: Path) -> Weights:
    return read_weights(weights_file)
