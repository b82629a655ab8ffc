"""A run trained on as its 8-bit form computes: `train(fine_tuning(Path("runs/train/mnist-1")))`.

Batch normalisation is folded. The scales are those that the static quantiser chooses; they stay,
and exports take them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cnnkit.data.dataset import Dataset
from cnnkit.errors import InputError
from cnnkit.formats.options import Options
from cnnkit.formats.quantisation import TRAINED, Trained, quantised
from cnnkit.graph.graph import Graph
from cnnkit.runs.state import read_state
from cnnkit.train.config import TrainConfig, option_name

OPTION = "--qat"
# What is not the run's: a few epochs at a low rate that falls, from its kept parameters.
CHANGED: Mapping[str, Any] = {
    "epochs": 5,
    "learning_rate": 1e-4,
    "schedule": "cosine",
    "warmup": 0,
    "patience": None,
    "weights": None,
    "output": None,
    "engine": "torch",
}
# What describes the network and its images, and can be nothing but the run's.
SAME = (
    *("dataset", "manifest", "size", "fit", "color", "test_split", "bad", "normalize"),
    *("network", "channels", "kernel", "pool"),
)


@dataclass(frozen=True)
class Start:
    """Where a fine-tuning starts.

    Attributes:
        graph: the run's network with its kept parameters, batch normalisation folded.
        trained: the scales of its values.
    """

    graph: Graph
    trained: Trained


def fine_tuning(run: Path, **changes: Any) -> TrainConfig:
    """Return the config of a run's fine-tuning: that run's, but for a few settings.

    Args:
        run: a run folder with a complete epoch.
        changes: fields of TrainConfig with other values.

    Raises:
        InputError: the folder holds no run, or a field cannot change.
    """
    config = replace(_config(run), **{**CHANGED, "qat": run, **changes})
    check_same(config)
    return config


def check_same(config: TrainConfig) -> None:
    """Raise InputError if a fine-tuning would be of another network, or of other images.

    Raises:
        InputError: or the folder holds no run.
    """
    assert config.qat is not None
    known = _config(config.qat)
    if config.weights is not None:
        raise InputError("--weights", f"means nothing with {OPTION}", "leave it out")
    for field in SAME:
        value, own = getattr(config, field), getattr(known, field)
        if value != own:
            raise InputError(
                option_name(field),
                f"is {value}, and that of {config.qat} is {own}",
                f"leave it out with {OPTION}, or train a network of that kind first",
            )


def start(config: TrainConfig, data: Dataset) -> Start:
    """Return the network of a fine-tuning and the scales of its values.

    Raises:
        InputError: the run has no complete epoch, or nothing of its network can be quantised.
    """
    assert config.qat is not None
    state = read_state(config.qat)
    if not state.kept_epoch:
        raise InputError(config.qat, "has no complete epoch", f"finish it before {OPTION}")
    weights = state.weights()
    plain = replace(weights, metadata={k: v for k, v in weights.metadata.items() if k != TRAINED})
    found = quantised(plain, Options(data))
    # The published network and its variations stay what they are, without anything to fold.
    graph = plain.graph if plain.is_family else found.plan.graph
    return Start(graph, Trained(found.method, found.scales))


def _config(run: Path) -> TrainConfig:
    return TrainConfig.from_json(read_state(run).config)
