"""What a writer needs beside the weights: `Options(dataset, input="float32")`."""

from __future__ import annotations

from dataclasses import dataclass

from cnnkit.data import Dataset


@dataclass(frozen=True)
class Options:
    """The data that an artefact is proven on, and what a person may choose.

    Attributes:
        dataset: its test images give the golden vectors, its training images calibrate.
        stem: the name of the artefact's files without suffix, where one file names another.
    """

    dataset: Dataset
    stem: str = "net"
