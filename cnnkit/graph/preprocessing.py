"""What is done to an image before the network sees it: `Preprocessing.of((1, 28, 28), "mnist")`."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from cnnkit.graph.architecture import PIXEL_SCALE

MNIST = "mnist"
# What a recipe makes of any picture, in words.
RECIPES = {MNIST: "white digit on black"}
COLOURS = {
    "gray": "gray, as in the data set",
    "rgb": "red, green and blue, as in the data set",
    "channels": "channels as in the data set",
}
# How a picture may be resized, and by which filters; cnnkit.data.fitting does it.
RESIZE_MODES = ("none", "stretch", "pad", "crop")
RESIZE_FILTERS = ("nearest", "box", "bilinear", "bicubic", "lanczos")


@dataclass(frozen=True)
class Resize:
    """How an image of another size is brought to the network's.

    Attributes:
        mode: "stretch", "pad", "crop", or "none": it must have the size already.
        filter: the resampling filter; None if there is no resampling.
        antialias: whether the filter is widened for a smaller image.
        fill: the pixel value around a padded image, 0 to 255.
    """

    mode: str = "none"
    filter: str | None = None
    antialias: bool = False
    fill: int = 0


@dataclass(frozen=True)
class Preprocessing:
    """The record of what the network's input is made of.

    Attributes:
        size: C, H, W.
        colour: "gray", "rgb", or "channels": another number of them, which the data defines.
        mean: of each channel, subtracted after scaling.
        std: of each channel, divided by after that.
        recipe: a key of RECIPES, which prepares a picture as a whole; None if nothing but the
            rest of this record is done.
        resize: how an image gets its size.
        scale: what raw pixels from 0 to 255 are multiplied by.
        layout: the order of the axes.
        orientation: "stored", as the rows are in the file, or "exif", turned as a camera noted.
    """

    size: tuple[int, int, int]
    colour: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    recipe: str | None = None
    resize: Resize = Resize()
    scale: float = PIXEL_SCALE
    layout: str = "NCHW"
    orientation: str = "stored"

    @classmethod
    def of(cls, size: tuple[int, int, int], recipe: str | None = None) -> Preprocessing:
        """Return the record of a network that takes raw pixels of this size, scaled to [0, 1]."""
        channels = size[0]
        colour = {1: "gray", 3: "rgb"}.get(channels, "channels")
        return cls(size, colour, (0.0,) * channels, (1.0,) * channels, recipe)

    @property
    def normalises(self) -> bool:
        """Whether scaled pixels get another mean or standard deviation."""
        return any(self.mean) or set(self.std) != {1.0}

    @property
    def colours(self) -> str:
        """What the pixels show, in words."""
        return RECIPES[self.recipe] if self.recipe else COLOURS[self.colour]

    def with_statistics(self, values: Any) -> Preprocessing:
        """Return the record with the mean and the standard deviation that JSON values state."""
        if "mean" not in values:
            return self
        try:
            mean, std = (tuple(map(float, values[key])) for key in ("mean", "std"))
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise ValueError(f"no preprocessing record ({error!r})") from error
        if len(mean) != len(self.mean) or len(std) != len(self.std):
            raise ValueError("no preprocessing record")
        return replace(self, mean=mean, std=std)

    def to_json(self, scaled_inside: bool) -> dict[str, Any]:
        """Return the record as JSON values.

        Where a recipe says it all, these are the keys that artefacts had before there was a record.

        Args:
            scaled_inside: whether the artefact scales raw pixels, or takes scaled ones.
        """
        values: dict[str, Any] = {
            "colours": self.colours,
            "layout": self.layout,
            "range": [0, 255] if scaled_inside else [0, 1],
            "scale": self.scale,
            "scaled_inside": scaled_inside,
        }
        if not self.recipe:
            names = ("size", "colour", "mean", "std", "resize", "orientation")
            values |= {name: value for name, value in asdict(self).items() if name in names}
        elif self.normalises:
            values |= {"mean": self.mean, "std": self.std}
        return values

    @classmethod
    def from_json(cls, values: Any) -> Preprocessing:
        """Return the record that `to_json` wrote of a network without a recipe.

        Raises:
            ValueError: it is none.
        """
        try:
            resize = Resize(**values["resize"])
            channels, height, width = map(int, values["size"])
            record = cls(
                (channels, height, width),
                str(values["colour"]),
                tuple(map(float, values["mean"])),
                tuple(map(float, values["std"])),
                resize=resize,
                scale=float(values["scale"]),
                layout=str(values["layout"]),
                orientation=str(values["orientation"]),
            )
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise ValueError(f"no preprocessing record ({error!r})") from error
        if min(record.size) < 1 or record.colour not in COLOURS:
            raise ValueError("no preprocessing record")
        return record
