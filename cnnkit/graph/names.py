"""The names of the well-known networks, which help texts show without loading NumPy."""

from __future__ import annotations

WELL_KNOWN = (
    "lenet5",
    "mnist-example",
    "resnet8",
    "ds-cnn",
    "mobilenet-v1-025",
    "vgg-mini",
)
