"""A person's own pictures: recognised by looking, split, decoded in parallel, and cached."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnnkit.lazy import attach

if TYPE_CHECKING:
    from cnnkit.data.own.load import load_own as load_own
    from cnnkit.data.own.objects import dataset_of as dataset_of
    from cnnkit.data.own.options import PictureOptions as PictureOptions

__all__ = ["PictureOptions", "dataset_of", "load_own"]

__getattr__, __dir__ = attach(
    __name__, {"PictureOptions": ".options", "dataset_of": ".objects", "load_own": ".load"}
)
