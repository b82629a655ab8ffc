"""Warm-up, which epoch is kept, the last epoch's weights, and training from other weights."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from cnnkit.data.idx import write_idx
from cnnkit.data.load import load_dataset
from cnnkit.data.registry import FILES
from cnnkit.errors import InputError
from cnnkit.evaluation.accuracy import evaluate
from cnnkit.formats.checkpoint import read_weights
from cnnkit.metrics import balanced_accuracy, class_scores, is_uneven
from cnnkit.runs.origin import find_run
from cnnkit.runs.state import read_state, write_state
from cnnkit.runtimes.loader import load
from cnnkit.train.config import LEGACY
from cnnkit.train.schedules import SCHEDULES, scheduled_rate
from cnnkit.train.trainer import TrainConfig, TrainResult, resume, train

pytestmark = pytest.mark.usefixtures("no_pictures")

Cli = Callable[..., Any]


def run(data: Path, output: Path, **choices: Any) -> TrainResult:
    given = {"data": data, "epochs": 1, "engine": "native", "output": output, **choices}
    return train(TrainConfig(**given), pictures=False)


@pytest.fixture(scope="module")
def uneven(tmp_path_factory: pytest.TempPathFactory, small_data: Path) -> Path:
    """Zeros and ones as they are, and four sevens: three classes named by number."""
    folder = tmp_path_factory.mktemp("uneven")
    data = load_dataset("mnist", small_data, quiet=True)
    for split, files in ((data.train, FILES[:2]), (data.test, FILES[2:])):
        sevens = np.flatnonzero(split.labels == 7)[:4]
        chosen = np.concatenate([np.flatnonzero(split.labels < 2), sevens])
        write_idx(folder / files[0], split.images[chosen, 0])
        write_idx(folder / files[1], np.minimum(split.labels[chosen], 2).astype(np.uint8))
    return folder


# Warm-up


@pytest.mark.parametrize("warmup", [1, 3])
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_warm_up_rates_are_those_of_pytorchs_schedulers(schedule: str, warmup: int) -> None:
    epochs = 9
    optimizer = torch.optim.AdamW([nn.Parameter(torch.zeros(1))], lr=1e-3)
    rates = torch.optim.lr_scheduler
    rest = epochs - warmup
    then: Any = {
        "constant": lambda: rates.ConstantLR(optimizer, factor=1.0),
        "cosine": lambda: rates.CosineAnnealingLR(optimizer, T_max=rest),
        "step": lambda: rates.StepLR(optimizer, step_size=-(-rest // 3), gamma=0.1),
    }[schedule]
    rising = rates.LinearLR(optimizer, start_factor=1 / (warmup + 1), total_iters=warmup)
    theirs = rates.SequentialLR(optimizer, [rising, then()], milestones=[warmup])
    expected = []
    for _ in range(epochs):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        theirs.step()
    ours = [scheduled_rate(schedule, 1e-3, e, epochs, warmup) for e in range(1, epochs + 1)]
    assert ours == pytest.approx(expected, rel=1e-12)


def test_metrics_record_the_rates_of_a_warm_up(small_data: Path, tmp_path: Path) -> None:
    result = run(small_data, tmp_path / "run", epochs=4, warmup=3, learning_rate=4e-4)
    rates = [record["learning_rate"] for record in result.history]
    assert rates == pytest.approx([1e-4, 2e-4, 3e-4, 4e-4])


def test_a_warm_up_leaves_an_epoch_for_the_schedule() -> None:
    with pytest.raises(InputError, match=r"--warmup: is 3\. Make it 0 or more, and fewer"):
        TrainConfig(epochs=3, warmup=3).check()


# Which epoch is kept


@pytest.mark.parametrize("monitor", ["loss", "accuracy", "balanced-accuracy"])
def test_the_kept_epoch_is_the_best_of_what_is_monitored(
    monitor: str, small_data: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    choices = {"epochs": 8, "val_split": 0.2, "learning_rate": 0.02, "monitor": monitor}
    result = run(small_data, folder, **choices)
    key = f"validation_{monitor.replace('-', '_')}"
    values = [record[key] for record in result.history]
    best = int(np.argmin(values) if monitor == "loss" else np.argmax(values))
    assert result.kept_epoch == best + 1
    [head, *rows] = csv.reader((folder / "metrics.csv").read_text().splitlines())
    assert len(rows) == 8
    assert ("validation_balanced_accuracy" in head) == (monitor == "balanced-accuracy")
    assert read_state(folder).history == result.history


def test_the_last_epochs_weights_stay_beside_better_ones(
    small_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = Path("runs/train/one")
    result = run(small_data, folder, epochs=60, val_split=0.2, learning_rate=0.05, patience=1)
    last = read_weights(folder / "last.safetensors")
    assert last.metadata["training"]["epochs"] == len(result.history) == result.kept_epoch + 1
    test = load_dataset("mnist", small_data, quiet=True).test
    found = evaluate(load(folder / "last.safetensors"), test).accuracy
    assert found == last.metadata["test_accuracy"] == result.history[-1]["test_accuracy"]
    assert find_run(folder / "last.safetensors", last.sha256).sha256 == last.sha256
    assert last.sha256 != read_weights(result.weights).sha256


def test_where_the_last_epoch_is_kept_there_are_no_other_weights(
    small_data: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    run(small_data, folder)
    (folder / "last.safetensors").write_bytes(b"of an epoch that was not the best")
    resume(folder, epochs=2, pictures=False)
    assert not (folder / "last.safetensors").exists()


@pytest.mark.parametrize("option", [{"monitor": "accuracy"}, {"patience": 2}])
def test_watching_needs_validation_images(option: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"has no validation images to watch\. Add"):
        TrainConfig(**option).check()


def test_a_run_older_than_these_options_resumes_to_the_same_bits(
    small_data: Path, tmp_path: Path
) -> None:
    run(small_data, tmp_path / "new", epochs=2)
    run(small_data, tmp_path / "old")
    state = read_state(tmp_path / "old")
    for key in LEGACY.keys() - {"engine"}:
        del state.config[key]
    state.mistakes = []
    write_state(tmp_path / "old", state)
    resume(tmp_path / "old", epochs=2, pictures=False)
    one, two = ((tmp_path / name / "weights.safetensors").read_bytes() for name in ("new", "old"))
    assert one == two


# Other weights


def test_training_starts_from_other_weights(small_data: Path, tmp_path: Path) -> None:
    first = run(small_data, tmp_path / "first", epochs=3, learning_rate=1e-3)
    on = run(small_data, tmp_path / "on", weights=first.folder, learning_rate=1e-9)
    one, other = (read_weights(result.weights).tensors for result in (first, on))
    for name, array in one.items():
        np.testing.assert_allclose(other[name], array, rtol=0, atol=1e-6)
    assert on.test_accuracy == first.test_accuracy
    assert TrainConfig.from_json(on.config.to_json()) == on.config


def test_other_classes_take_all_layers_but_the_last_and_say_so(
    small_data: Path, uneven: Path, tmp_path: Path, cli: Cli
) -> None:
    first = run(small_data, tmp_path / "first", learning_rate=1e-3)
    words = ("--data", uneven, "--epochs", 1, "--lr", 1e-9, "--output", tmp_path / "on")
    done = cli("train", *words, "--weights", first.weights)
    assert done.exit_code == 0
    assert "knows 10 classes, not 3: all layers but the last start from it" in done.stderr
    one = read_weights(first.weights).tensors
    other = read_weights(tmp_path / "on" / "weights.safetensors").tensors
    np.testing.assert_allclose(other["convs.1.weight"], one["convs.1.weight"], atol=1e-6)
    assert other["linear.weight"].shape == (3, 196)


def test_weights_of_another_network_are_refused(small_data: Path, tmp_path: Path) -> None:
    first = run(small_data, tmp_path / "first", channels=(4,), kernel=5)
    with pytest.raises(InputError, match="--channels 4 --kernel 5 --pool 2"):
        run(small_data, tmp_path / "on", weights=first.folder)
    assert not (tmp_path / "on").exists()


# Classes of different sizes


def test_balanced_accuracy_is_the_mean_recall_of_classes_with_images() -> None:
    confusion = np.array([[8, 2, 0, 0], [0, 5, 5, 0], [1, 0, 1, 0], [0, 0, 0, 0]])
    scores = class_scores(confusion, ["a", "b", "c", "d"])
    assert balanced_accuracy(scores) == pytest.approx((0.8 + 0.5 + 0.5) / 3)
    assert is_uneven(scores)
    assert not is_uneven(class_scores(np.diag([3, 2, 2]), ["a", "b", "c"]))


def test_uneven_classes_are_told_of_at_the_end_and_in_eval(
    uneven: Path, tmp_path: Path, cli: Cli
) -> None:
    folder = tmp_path / "run"
    words = ("--data", uneven, "--epochs", 1, "--output", folder, "--quiet")
    done = cli("train", *words, "--class-weights", "auto")
    manifest = json.loads((folder / "manifest.json").read_text())
    recalls = [row["recall"] for row in manifest["per_class"]]
    assert manifest["balanced_accuracy"] == pytest.approx(sum(recalls) / 3)
    line = f"balanced accuracy {manifest['balanced_accuracy']:.2%}"
    assert line in done.stdout
    assert read_weights(folder / "weights.safetensors").metadata["training"] == {
        **{"epochs": 1, "batch_size": 16, "learning_rate": 1e-4, "seed": 0},
        **{"schedule": "constant", "weight_decay": 0.0, "class_weights": "auto"},
    }
    assert line in cli("eval", folder).stdout
    told = json.loads(cli("eval", folder, "--json").stdout)
    assert told["balanced_accuracy"] == pytest.approx(manifest["balanced_accuracy"])
    assert [row["recall"] for row in told["per_class"]] == pytest.approx(recalls)
    even = json.loads(cli("train", *words[:4], "--output", tmp_path / "b", "--json").stdout)
    assert even["per_class"][2]["support"] == 4
