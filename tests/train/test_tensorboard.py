"""Each epoch's record goes to TensorBoard if it is asked for and installed."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from cnnkit.train import tensorboard

pytestmark = pytest.mark.usefixtures("no_pictures")


def test_without_the_package_the_command_that_installs_it_is_told(
    small_data: Path, tmp_path: Path, cli: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tensorboard, "PACKAGE", "a_package_that_is_not_installed")
    words = ("--data", small_data, "--epochs", 1, "--output", tmp_path / "run")
    done = cli("train", *words, "--tensorboard")
    assert done.exit_code == 3
    assert (
        "a_package_that_is_not_installed: is not installed, and --tensorboard needs" in done.stderr
    )
    assert "pip install 'cnnkit[" in done.stderr
    assert not (tmp_path / "run").exists()


@pytest.mark.skipif(find_spec("tensorboard") is None, reason="TensorBoard is not installed")
def test_tensorboard_reads_what_metrics_hold(
    small_data: Path, tmp_path: Path, cli: Callable[..., Any]
) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = tmp_path / "run"
    words = ("--data", small_data, "--epochs", 2, "--output", run, "--quiet", "--tensorboard")
    assert cli("train", *words).exit_code == 0
    assert cli("train", "--resume", run, "--epochs", 3, "--quiet").exit_code == 0
    events = EventAccumulator(str(run / "tensorboard")).Reload()
    assert [event.step for event in events.Scalars("test_accuracy")] == [1, 2, 3]
    assert [event.value for event in events.Scalars("learning_rate")] == pytest.approx([1e-4] * 3)
