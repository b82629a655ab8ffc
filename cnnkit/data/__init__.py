"""Images and labels: data sets, their download, IDX files, batch order, photos."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnnkit.lazy import attach

if TYPE_CHECKING:
    from cnnkit.data.dataset import Dataset as Dataset
    from cnnkit.data.dataset import Split as Split
    from cnnkit.data.load import load_dataset as load_dataset
    from cnnkit.data.registry import DATASETS as DATASETS

__all__ = ["DATASETS", "Dataset", "Split", "load_dataset"]

__getattr__, __dir__ = attach(
    __name__,
    {
        "DATASETS": ".registry",
        "Dataset": ".dataset",
        "Split": ".dataset",
        "load_dataset": ".load",
    },
)
