"""Names of these data sets, and their files: where they are, and with which MD5 sums.

Addresses and sums are those of torchvision.datasets (tests compare them), for CIFAR-10 those of the
binary version on its authors' page, since torchvision reads the one that consists of pickles.
"""

from __future__ import annotations

import string
from dataclasses import dataclass

DIGITS = tuple(string.digits)
LETTERS = tuple(string.ascii_lowercase)
UPPER = string.ascii_uppercase
MERGED = "abdefghnqrt"  # small letters that EMNIST keeps apart from capitals


@dataclass(frozen=True)
class File:
    """A file as it is published.

    Attributes:
        url: where.
        md5: of its content.
    """

    url: str
    md5: str

    @property
    def name(self) -> str:
        """Its name in the cache."""
        return self.url.rsplit("/", 1)[-1]


@dataclass(frozen=True)
class Named:
    """A data set.

    Attributes:
        form: how its files are read: a key of READERS in `reading.py`.
        files: all of them, training images first.
        names: the K class names.
        part: of an archive with several data sets.
    """

    form: str
    files: tuple[File, ...]
    names: tuple[str, ...]
    part: str = ""


KMNIST = "http://codh.rois.ac.jp/kmnist/dataset/kmnist/"
QMNIST = "https://raw.githubusercontent.com/facebookresearch/qmnist/master/"
SVHN = "http://ufldl.stanford.edu/housenumbers/"
EMNIST = File(
    "https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip", "58c8d27c78d21e728a6bc7b3cc06412e"
)
BY_CLASS = (*DIGITS, *UPPER, *LETTERS)
BALANCED = (*DIGITS, *UPPER, *MERGED)

NAMED = {
    "kmnist": Named(
        "idx",
        (
            File(f"{KMNIST}train-images-idx3-ubyte.gz", "bdb82020997e1d708af4cf47b453dcf7"),
            File(f"{KMNIST}train-labels-idx1-ubyte.gz", "e144d726b3acfaa3e44228e80efcd344"),
            File(f"{KMNIST}t10k-images-idx3-ubyte.gz", "5c965bf0a639b31b8f53240b1b52f4d7"),
            File(f"{KMNIST}t10k-labels-idx1-ubyte.gz", "7320c461ea6c1c855c0b718fb2a4b134"),
        ),
        ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
    ),
    "qmnist": Named(
        "qmnist",
        (
            File(f"{QMNIST}qmnist-train-images-idx3-ubyte.gz", "ed72d4157d28c017586c42bc6afe6370"),
            File(f"{QMNIST}qmnist-train-labels-idx2-int.gz", "0058f8dd561b90ffdd0f734c6a30e5e4"),
            File(f"{QMNIST}qmnist-test-images-idx3-ubyte.gz", "1394631089c404de565df7b7aeaf9412"),
            File(f"{QMNIST}qmnist-test-labels-idx2-int.gz", "5b5b05890a5e13444e108efe57b788aa"),
        ),
        DIGITS,
    ),
    "emnist": Named("emnist", (EMNIST,), BALANCED, "balanced"),
    "emnist-balanced": Named("emnist", (EMNIST,), BALANCED, "balanced"),
    "emnist-bymerge": Named("emnist", (EMNIST,), BALANCED, "bymerge"),
    "emnist-byclass": Named("emnist", (EMNIST,), BY_CLASS, "byclass"),
    "emnist-letters": Named("emnist", (EMNIST,), LETTERS, "letters"),
    "emnist-digits": Named("emnist", (EMNIST,), DIGITS, "digits"),
    "cifar10": Named(
        "cifar10",
        (
            File(
                "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
                "c32a1d4ab5d03f1284b67883e8d87530",
            ),
        ),
        (
            *("airplane", "automobile", "bird", "cat", "deer"),
            *("dog", "frog", "horse", "ship", "truck"),
        ),
    ),
    "svhn": Named(
        "svhn",
        (
            File(f"{SVHN}train_32x32.mat", "e26dedcc434d2e4c54c9b2d4a06d8373"),
            File(f"{SVHN}test_32x32.mat", "eb5a983be6a315427106f1b164d9cef3"),
        ),
        DIGITS,
    ),
}
