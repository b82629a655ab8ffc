"""What a writer needs beside the weights: `Options(dataset, input="float32")`."""

from __future__ import annotations

from dataclasses import dataclass

from cnnkit.data import Dataset
from cnnkit.errors import InputError

INPUTS = ("uint8", "float32")


@dataclass(frozen=True)
class Options:
    """The data that an artefact is proven on, and what a person may choose.

    Attributes:
        dataset: its test images give the golden vectors, its training images calibrate.
        input: "uint8" for raw pixels, which the artefact scales itself, or "float32" for pixels
            already scaled to [0, 1].
        opset: the ONNX operator set; None means the default of the format.
        stem: the name of the artefact's files without suffix, where one file names another.

    Raises:
        InputError: there is no such input.
    """

    dataset: Dataset
    input: str = "uint8"
    opset: int | None = None
    stem: str = "net"

    def __post_init__(self) -> None:
        if self.input not in INPUTS:
            raise InputError(f"--input {self.input}", "is unknown", f"use {' or '.join(INPUTS)}")

    @property
    def changed(self) -> set[str]:
        """The choices that differ from the default."""
        default = Options(self.dataset)
        return {name for name in CHOICES if getattr(self, name) != getattr(default, name)}


CHOICES = ("input", "opset")
