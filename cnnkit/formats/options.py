"""What a writer needs beside the weights: `Options(dataset, input="float32")`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cnnkit.errors import InputError

if TYPE_CHECKING:
    from cnnkit.data.dataset import Dataset
    from cnnkit.formats.golden import Golden

INPUTS = ("uint8", "float32", "uint8-nhwc")
MAX_ACCURACY_DROP = 0.005  # of a quantised artefact, unless a person allows another


@dataclass(frozen=True)
class Options:
    """The data that an artefact is verified on, and what the user may choose.

    Attributes:
        dataset: its test images give the golden vectors, its training images calibrate.
        input: "uint8" for raw pixels, which the artefact scales itself, or "float32" for pixels
            already scaled to [0, 1], or "uint8-nhwc" for raw pixels [N, H, W, C].
        opset: the ONNX operator set; None means the default of the format.
        max_accuracy_drop: the share of the test images, 0 to 1, by which the accuracy of a
            quantised artefact may be below the network's.
        ram: the bytes of memory that a C file may need during a call; None is any.
        flash: the bytes of constants that it may hold; None is any.
        ranges: how the ranges of a quantised artefact's values are found: a key of
            `cnnkit.graph.quantised.ranges.METHODS`, or "best".
        keep_float: names of layers that a quantised artefact leaves in float.
        golden: the vectors of a network that cnnkit cannot compute itself.
        stem: the name of the artefact's files without suffix, where one file names another.

    Raises:
        InputError: there is no such input.
    """

    dataset: Dataset
    input: str = "uint8"
    opset: int | None = None
    max_accuracy_drop: float = MAX_ACCURACY_DROP
    ram: int | None = None
    flash: int | None = None
    ranges: str = "best"
    keep_float: tuple[str, ...] = ()
    golden: Golden | None = None
    stem: str = "net"

    def __post_init__(self) -> None:
        if self.input not in INPUTS:
            raise InputError(
                f"--input {self.input}", "is unknown", f"use one of {', '.join(INPUTS)}"
            )

    @property
    def changed(self) -> set[str]:
        """The options, by their names on the command line, that are not left at the default."""
        default = Options(self.dataset)
        return {
            option
            for option, name in CHOICES.items()
            if getattr(self, name) != getattr(default, name)
        }


def read_size(option: str, text: str | None) -> int | None:
    """Return the bytes of a size such as "64KB", "1.5MB" or "65536"; K is 1,024.

    Raises:
        InputError: it is no size.
    """
    if text is None:
        return None
    found = SIZE.fullmatch(text.strip())
    if not found or not (size := int(float(found[1]) * UNITS[found[2].lower()])):
        raise InputError(f"{option} {text}", "is not a size", "give one such as 64KB or 1.5MB")
    return size


SIZE = re.compile(r"(\d{1,9}(?:\.\d{1,6})?) ?([kKmM]?)(?:i?[bB])?")
UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20}


def check_drop(share: float) -> None:
    """Raise InputError unless this is a share by which accuracy may fall."""
    if not 0 <= share <= 1:
        raise InputError(f"--max-drop {share}", "is not a share", "use a number from 0 to 1")


CHOICES = {
    "--input": "input",
    "--opset": "opset",
    "--max-drop": "max_accuracy_drop",
    "--ram": "ram",
    "--flash": "flash",
    "--ranges": "ranges",
    "--keep-float": "keep_float",
}
