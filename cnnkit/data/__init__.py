"""Images and labels: data sets, their download, IDX files, batch order, photos."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnnkit.lazy import attach

if TYPE_CHECKING:
    from cnnkit.data.dataset import Dataset as Dataset
    from cnnkit.data.dataset import Split as Split
    from cnnkit.data.load import load_dataset as load_dataset
    from cnnkit.data.own.objects import dataset_of as dataset_of
    from cnnkit.data.own.options import PictureOptions as PictureOptions
    from cnnkit.data.registry import DATASETS as DATASETS

__all__ = ["DATASETS", "Dataset", "PictureOptions", "Split", "dataset_of", "load_dataset"]

__getattr__, __dir__ = attach(
    __name__,
    {
        "DATASETS": ".registry",
        "Dataset": ".dataset",
        "PictureOptions": ".own.options",
        "Split": ".dataset",
        "dataset_of": ".own.objects",
        "load_dataset": ".load",
    },
)
