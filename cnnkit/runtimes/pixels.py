"""Arrays as a network's input takes them, or refused: `feeder(PixelInput("float32"))(images)`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.errors import InputError
from cnnkit.graph.pixels import RAW, PixelInput
from cnnkit.graph.preprocessing import Preprocessing

SLACK = 1e-5  # beyond 0 and 1, of pixels that were resized after scaling
SCALED = "pass raw pixels as uint8, or float32 pixels divided by 255"

Images = NDArray[Any]


def as_images(images: Any) -> Images:
    """Return images as a contiguous array.

    Raises:
        InputError: they have no values of NumPy's types, or PyTorch does not hand them out.
    """
    try:
        return np.ascontiguousarray(images)
    except (TypeError, ValueError, RuntimeError) as error:  # of NumPy, and of PyTorch's tensors
        reason = str(error).strip().splitlines()[0].rstrip(".")
        raise InputError(
            "images",
            f"are not an array ({reason})",
            "pass NumPy arrays of uint8; of a tensor images.detach().cpu().numpy(), of half "
            "precision after .float()",
        ) from error


def feeder(
    pixels: PixelInput, raw: Preprocessing | None = None, inside: str = "float32"
) -> Callable[[Images], Images]:
    """Return what makes of images what the engines take: raw pixels, or the first layer's input.

    It raises InputError for a type or a range that the input does not take. Shapes are left to the
    engines.

    Args:
        pixels: the input of the file.
        raw: what to do to raw pixels where the file does not say it.
        inside: the type of what the engine takes behind that, if it takes no raw pixels.
    """
    if pixels == RAW:
        return check_scaled
    of_bytes = pixels.of_raw(raw) if raw else pixels

    def feed(images: Images) -> Images:
        if images.dtype == np.uint8 and (raw or pixels.scales_bytes):
            return images if of_bytes.scales_bytes else of_bytes.first(images)
        if pixels.dtype == "uint8" and pixels.scales_bytes:
            return check_scaled(images)
        check_type(images, pixels)
        if inside != "float32":
            return images
        return images if pixels.as_is and images.dtype == np.float32 else pixels.first(images)

    return feed


def check_scaled(images: Images) -> Images:
    """Return images if they are no float32, or are in [0, 1]."""
    if images.dtype != np.float32 or not images.size:
        return images
    lowest, highest = images.min(), images.max()
    if not (lowest >= -SLACK and highest <= 1 + SLACK):
        found = f"from {lowest:.6g} to {highest:.6g}, not from 0 to 1"
        nan = np.isnan(lowest) or np.isnan(highest)
        raise InputError("images", "hold NaN" if nan else f"are float32 {found}", SCALED)
    return images


def check_type(images: Images, pixels: PixelInput) -> None:
    """Raise InputError unless the input of the file takes this type of images."""
    if images.dtype == pixels.dtype:
        return
    whole = images.dtype.kind in "iu"
    if pixels.dtype.startswith("float") and whole:
        raise InputError(
            "images",
            f"is {images.dtype}, and the file takes {pixels.dtype} without saying how pixels are "
            "scaled",
            f"pass {pixels.dtype} as in training, or say how raw pixels are scaled when you load "
            "the file: cnnkit.load(path, scale=1/255), with mean= and std= if it had them",
        )
    if not np.can_cast(images.dtype, pixels.dtype, "safe"):
        raise InputError(
            "images",
            f"is {images.dtype}, and the file takes {pixels.dtype}",
            f"pass {pixels.dtype}",
        )
