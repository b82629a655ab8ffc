"""What a person says of a model that does not say it itself: `Said(preprocess="imagenet")`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from cnnkit.errors import InputError
from cnnkit.formats.preprocess import read_names, read_record, record_of_values
from cnnkit.graph.preprocessing import Preprocessing

Size = tuple[int, int, int]
OURS = "is for models of others; {model} says it itself"
OPTIONS = {
    "parameters": "--weights",
    "preprocess": "--preprocess",
    "names": "--names",
    "size": "--size",
}


@dataclass(frozen=True)
class Said:
    """What is said of a model; None leaves it to the model, or to whoever published it.

    Attributes:
        parameters: a file with the parameters of a module.
        preprocess: what is done to raw pixels: as `cnnkit.formats.preprocess.read_record` has it,
            or the record itself, or the values of one.
        names: a text file with the class names, one per line, or these.
        size: C, H, W of an image.
    """

    parameters: Path | None = None
    preprocess: str | Path | Preprocessing | Mapping[str, Any] | None = None
    names: Path | Sequence[str] | None = None
    size: Size | None = None

    def record(self, size: Size) -> Preprocessing | None:
        """Return the preprocessing of images of this size that is said; None if none is.

        Raises:
            InputError: it is no record, or not for these images.
            StorageError: its file cannot be read.
        """
        if self.preprocess is None or isinstance(self.preprocess, Preprocessing):
            return self.preprocess
        if isinstance(self.preprocess, Mapping):
            return record_of_values("preprocessing", self.preprocess, Preprocessing.of(size))
        return read_record(str(self.preprocess), size)

    def class_names(self, classes: int) -> list[str] | None:
        """Return the names of so many classes that are said; None if none are.

        Raises:
            InputError: there are more or fewer of them.
            StorageError: their file cannot be read.
        """
        if self.names is None:
            return None
        if isinstance(self.names, Path):
            return read_names(self.names, classes)
        if len(self.names) != classes:
            reason = f"are {len(self.names)}, and the model has {classes} classes"
            raise InputError("names", reason, "give one per class, in the order of its outputs")
        return [str(name) for name in self.names]

    def refuse(self, model: object, reason: str, *allowed: str) -> None:
        """Raise InputError if anything else than `allowed` is said of a model.

        Args:
            model: what it is said of.
            reason: why there is nothing to say of it.
            allowed: names of attributes.
        """
        for field in fields(self):
            if field.name not in allowed and getattr(self, field.name) is not None:
                option = OPTIONS[field.name]
                raise InputError(option, f"{reason.format(model=model)}", "leave it out")


def parse_image_size(text: str) -> Size:
    """Return C, H, W of "3x32x32".

    Raises:
        InputError: it is no such size.
    """
    found = re.fullmatch(r"([1-9]\d{0,3})x([1-9]\d{0,4})x([1-9]\d{0,4})", text.strip().lower())
    if not found:
        reason, remedy = "is not CxHxW", "write channels, height and width, as in 3x224x224"
        raise InputError(f"--size {text}", reason, remedy)
    return int(found[1]), int(found[2]), int(found[3])
