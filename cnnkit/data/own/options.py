"""How pictures become a data set: `PictureOptions(size=(32, 32), color="gray")`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from cnnkit.errors import InputError

FITS = ("pad", "stretch", "crop")
COLORS = ("auto", "gray", "rgb")
BAD = ("fail", "skip")
LARGEST_SIDE = 1024  # pixels; the engines are made for small images


@dataclass(frozen=True)
class PictureOptions:
    """What is done with a folder of pictures; every value is recorded in the run.

    Attributes:
        manifest: a CSV or JSON Lines file with the labels; None looks for one in the folder.
        size: height and width of the network's input; None takes the pictures' own if all have the
            same and it is small, else 32x32.
        fit: what happens to other proportions: `pad` adds black bars, `stretch` distorts, `crop`
            cuts off what is too long.
        color: `gray`, `rgb`, or `auto`: gray if all pictures are.
        val_split: share of the training pictures held out for validation, 0 to below 1, unless the
            data has validation pictures of its own.
        test_split: share of all pictures held out for the test, above 0 and below 1, unless the
            data has test pictures of its own.
        seed: determines both splits.
        bad: `fail` or `skip`: what happens to pictures that cannot be used.
        classes: the names of a model's classes, to test it on other data: all pictures are then
            for the test, unless the data says which are.
    """

    manifest: Path | None = None
    size: tuple[int, int] | None = None
    fit: str = "pad"
    color: str = "auto"
    val_split: float = 0.0
    test_split: float = 0.2
    seed: int = 0
    bad: str = "fail"
    classes: tuple[str, ...] | None = None

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> PictureOptions:
        """Return the options among the settings of a run, where sizes and paths are text.

        Raises:
            InputError: the size is no size.
        """
        known = {field.name for field in fields(cls)}
        values = {name: value for name, value in settings.items() if name in known}
        if values.get("size") is not None:
            values["size"] = parse_size(values["size"])
        if values.get("manifest") is not None:
            values["manifest"] = Path(values["manifest"])
        return cls(**values)

    def check(self) -> None:
        """Raise InputError for an invalid value; it names the option of the command line."""
        sides = self.size or (1, 1)
        rules = (
            ("--size", 1 <= min(sides) <= max(sides) <= LARGEST_SIDE, f"1 to {LARGEST_SIDE}"),
            ("--fit", self.fit in FITS, f"one of {', '.join(FITS)}"),
            ("--color", self.color in COLORS, f"one of {', '.join(COLORS)}"),
            ("--val-split", 0 <= self.val_split < 1, "at least 0 and below 1"),
            ("--test-split", 0 < self.test_split < 1, "above 0 and below 1"),
            ("--bad", self.bad in BAD, f"one of {', '.join(BAD)}"),
        )
        for option, valid, allowed in rules:
            if not valid:
                value = getattr(self, option.removeprefix("--").replace("-", "_"))
                shown = "x".join(map(str, value)) if isinstance(value, tuple) else value
                raise InputError(option, f"is {shown}", f"make it {allowed}")


def parse_size(text: str) -> tuple[int, int]:
    """Return (height, width) of "32" or "24x32".

    Raises:
        InputError: it is neither.
    """
    parts = text.lower().split("x")
    if len(parts) > 2 or not all(part.isascii() and part.isdecimal() for part in parts):
        raise InputError("--size", f"is {text}", "give height and width, such as 32 or 24x32")
    return int(parts[0]), int(parts[-1])
