"""What torchvision and timm say of their networks' images: `stated("torchvision:resnet18")`.

Their size, mean, standard deviation and filter, and the names of the classes. Nothing is
downloaded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import nn

from cnnkit.graph.preprocessing import RESIZE_FILTERS, Preprocessing, Resize

Size = tuple[int, int, int]


@dataclass(frozen=True)
class Stated:
    """What a network's makers say of it.

    Attributes:
        record: what is done to raw pixels; of a size, which another one may replace.
        names: of the classes of the published weights; none if they are not known.
    """

    record: Preprocessing
    names: tuple[str, ...] = ()

    def of_size(self, size: Size) -> Preprocessing:
        """Return the record for images of a size; without normalisation for other channels."""
        if size[0] != self.record.size[0]:
            return Preprocessing.of(size)
        return replace(self.record, size=size)


def stated(spec: str, module: nn.Module) -> Stated | None:
    """Return what is known of a module of `cnnkit.nn.factories`; None if nothing is."""
    source, _, name = spec.partition(":")
    return SOURCES[source](name, module) if source in SOURCES else None


def _torchvision(name: str, module: nn.Module) -> Stated | None:
    from torchvision import models

    best = models.get_model_weights(name).DEFAULT
    made = best.transforms()
    size = (3, *_sides(made.crop_size))
    record = _record(size, made.mean, made.std, made.interpolation.value)
    return Stated(record, tuple(best.meta.get("categories", ())))


def _timm(name: str, module: nn.Module) -> Stated | None:
    config: Any = getattr(module, "pretrained_cfg", None) or getattr(module, "default_cfg", None)
    if not isinstance(config, dict) or "input_size" not in config:
        return None
    channels, height, width = config["input_size"]
    mean, std = config.get("mean", (0.0,) * channels), config.get("std", (1.0,) * channels)
    return Stated(_record((channels, height, width), mean, std, config.get("interpolation", "")))


def _record(
    size: tuple[int, ...], mean: Sequence[float], std: Sequence[float], kind: str
) -> Preprocessing:
    channels, height, width = size
    unit = Preprocessing.of((channels, height, width))
    filter = kind if kind in RESIZE_FILTERS else "bilinear"
    return replace(
        unit,
        mean=tuple(map(float, mean)),
        std=tuple(map(float, std)),
        resize=Resize("crop", filter, True),
        orientation="exif",
    )


def _sides(sizes: Sequence[int]) -> tuple[int, int]:
    return int(sizes[0]), int(sizes[-1])


SOURCES: dict[str, Callable[[str, nn.Module], Stated | None]] = {
    "torchvision": _torchvision,
    "timm": _timm,
}
