"""`cnnkit train --config FILE`: options from a TOML file, and the file that repeats a run."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cnnkit.errors import InputError
from cnnkit.train.config import TrainConfig
from cnnkit.train.config_file import config_text, read_config
from cnnkit.train.trainer import train

pytestmark = pytest.mark.usefixtures("no_pictures")

Cli = Callable[..., Any]

EVERYTHING = TrainConfig(
    dataset="fashion-mnist", data=Path("/a \"b\"/\\c/é\x7f"), channels=(8, 4, 2), kernel=5, pool=3,
    epochs=7, batch_size=9, learning_rate=1e-5, schedule="step", weight_decay=0.5, seed=3,
    device="cpu", engine="torch", val_split=0.25, patience=2, augment={"rotate": [-3.0, 4.0],
    "flip": 0.5, "border": "reflect"}, class_weights='x "y"=2', label_smoothing=0.125, warmup=2,
    monitor="accuracy", weights=Path("/w"), tensorboard=True, qat=Path("/r"),
)  # fmt: skip


def written(folder: Path, text: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_every_option_goes_through_the_file_unchanged(tmp_path: Path) -> None:
    text = config_text(replace(EVERYTHING, output=Path("x")))
    assert TrainConfig(**read_config(written(tmp_path, text))) == EVERYTHING
    assert tomllib.loads(text)["lr"] == 1e-5
    assert (
        TrainConfig(**read_config(written(tmp_path, config_text(TrainConfig())))) == TrainConfig()
    )


def test_options_are_named_as_on_the_command_line(tmp_path: Path) -> None:
    text = (
        'lr = 1\nbatch-size = 8\nval_split = 0.5\nchannels = [3]\naugment = "digits"\ndata = "d"\n'
    )
    assert read_config(written(tmp_path, text)) == {
        **{"learning_rate": 1.0, "batch_size": 8, "val_split": 0.5, "channels": (3,)},
        **{"augment": "digits", "data": Path("d")},
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("epoch = 3", "has no option 'epoch'. Did you mean epochs?"),
        ("bach_size = 3", "has no option 'bach-size'. Did you mean batch-size?"),
        ("zzz = 3", "has no option 'zzz'. Use one of dataset, data, "),
        ("lr = 1\nlearning-rate = 2", "gives learning-rate twice"),
        ("epochs = 1.5", "epochs is 1.5. Make it a whole number."),
        ("epochs = true", "epochs is True. Make it a whole number."),
        ('lr = "small"', "lr is 'small'. Make it a number."),
        (f"lr = {10**400}", "lr is 1000000"),
        ("tensorboard = 1", "tensorboard is 1. Make it true or false."),
        ('channels = "16"', "channels is '16'. Make it whole numbers in brackets, such as [16, 4]"),
        ("augment = 3", "augment is 3. Make it a text in quotes or a table."),
        ("data = 3", "data is 3. Make it a path in quotes."),
        ("epochs = 1\nepochs = 2", "is not TOML"),
        ("epochs 1", "is not TOML"),
    ],
)
def test_a_file_that_is_wrong_is_refused_by_name(text: str, message: str, tmp_path: Path) -> None:
    path = written(tmp_path, text)
    with pytest.raises(InputError) as refused:
        read_config(path)
    assert str(refused.value).startswith(f"{path}: {message}")


def test_options_on_the_command_line_win(small_data: Path, tmp_path: Path, cli: Cli) -> None:
    text = f'data = "{small_data}"\nepochs = 3\nseed = 5\n[augment]\nrotate = 5\n'
    words = ("--config", written(tmp_path, text), "--epochs", 1, "--output", tmp_path / "run")
    assert cli("train", *words, "--quiet").exit_code == 0
    told = tomllib.loads((tmp_path / "run" / "config.toml").read_text())
    assert (told["epochs"], told["seed"], told["augment"]) == (1, 5, {"rotate": [-5.0, 5.0]})


@pytest.mark.parametrize("engine", ["native", "torch"])
def test_a_runs_own_file_repeats_it(
    engine: str, small_data: Path, tmp_path: Path, cli: Cli
) -> None:
    operations = {"rotate": 10, "translate": 0.1}
    choices: dict[str, Any] = {"augment": operations, "label_smoothing": 0.1, "warmup": 1}
    config = TrainConfig(
        data=small_data, epochs=2, engine=engine, output=tmp_path / "one", **choices
    )
    train(config, pictures=False)
    words = ("--config", tmp_path / "one" / "config.toml", "--output", tmp_path / "two", "--quiet")
    assert cli("train", *words).exit_code == 0
    for name in ("weights.safetensors", "config.toml"):
        one, two = ((tmp_path / run / name).read_bytes() for run in ("one", "two"))
        assert one == two


def test_a_file_and_a_run_to_resume_exclude_each_other(tmp_path: Path, cli: Cli) -> None:
    done = cli("train", "--resume", tmp_path, "--config", written(tmp_path, "seed = 1"))
    assert done.exit_code == 2
    assert "--config: cannot change when a run is resumed" in done.stderr


def test_a_file_that_is_not_there_is_told_by_name(tmp_path: Path, cli: Cli) -> None:
    done = cli("train", "--config", tmp_path / "none.toml")
    assert done.exit_code in (2, 5)
    assert "none.toml" in done.stderr
