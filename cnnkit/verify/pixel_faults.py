"""How pixels may be taken the wrong way; each function yields the trials of one mistake."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from cnnkit.graph.architecture import PIXEL_SCALE
from cnnkit.graph.types import Array
from cnnkit.verify.case import Case, Trial, logits_of

# Mean and std of pixels from 0 to 1 that are in use: torchvision's, timm's Inception, MNIST's.
STATISTICS = {
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "0.5": ((0.5,), (0.5,)),
    "MNIST's": ((0.1307,), (0.3081,)),
}


def swapped_channels(case: Case) -> Iterator[Trial]:
    """Try blue, green, red."""
    if case.images.shape[1] == 3:
        yield "BGR where the other has RGB", _raw(case, lambda images: images[:, ::-1])


def layouts(case: Case) -> Iterator[Trial]:
    """Try pixels [H, W, C] that are read as [C, H, W], the reverse, and turned images."""
    channels, height, width = case.images.shape[1:]
    if channels > 1:
        yield "HWC read as CHW", _raw(case, _last_as_first)
        yield "CHW read as HWC", _raw(case, _first_as_last)
    if height == width:
        yield "rows and columns are exchanged", _raw(case, lambda images: images.swapaxes(2, 3))


def _last_as_first(images: Array) -> Array:
    return np.ascontiguousarray(images.transpose(0, 2, 3, 1)).reshape(images.shape)


def _first_as_last(images: Array) -> Array:
    count, channels, height, width = images.shape
    return images.reshape(count, height, width, channels).transpose(0, 3, 1, 2)


def other_statistics(case: Case) -> Iterator[Trial]:
    """Try no mean and std, both twice, one of them alone, and those of well-known data."""
    scale, shift = _affine(case)
    if scale is None or shift is None:
        return
    std, mean = PIXEL_SCALE / scale, -shift * PIXEL_SCALE / scale
    if not np.allclose(std, 1) or not np.allclose(mean, 0):
        yield "mean and std are missing", _affine_trial(case, np.full_like(scale, PIXEL_SCALE), 0.0)
        twice = (scale / std, (shift - mean) / std)
        yield "mean and std are applied twice", _affine_trial(case, *twice)
        yield "the mean is missing", _affine_trial(case, scale, 0.0)
        yield (
            "the std is missing",
            _affine_trial(case, np.full_like(scale, PIXEL_SCALE), -mean),
        )
    for name, (means, deviations) in STATISTICS.items():
        if len(means) in (1, case.images.shape[1]):
            m, s = (np.resize(np.array(each), scale.shape) for each in (means, deviations))
            yield f"mean and std are {name}", _affine_trial(case, PIXEL_SCALE / s, -m / s)


def other_scales(case: Case) -> Iterator[Trial]:
    """Try pixels from 0 to 255 where they are from 0 to 1, the reverse, and from -1 to 1."""
    scale, shift = _affine(case)
    if scale is None or shift is None:
        return
    yield "0 to 255 where the other has 0 to 1", _affine_trial(case, scale / PIXEL_SCALE, shift)
    yield (
        "divided by 255 twice, or 0 to 1 taken for 0 to 255",
        _affine_trial(case, scale * PIXEL_SCALE, shift),
    )
    yield "divided by 256 instead of 255", _affine_trial(case, scale * (255 / 256), shift)
    white = scale / PIXEL_SCALE + shift
    yield "dark and light are exchanged", _affine_trial(case, -scale, white)


def other_pictures(case: Case) -> Iterator[Trial]:
    """Try the same pictures, fitted in other ways."""
    for way, images in case.pictures.items():
        yield way, partial(_of_pictures, case, images)


def _of_pictures(case: Case, images: Array, count: int) -> Array:
    return case.of_images(images[:count])


def _raw(case: Case, change: Callable[[Array], Array]) -> Callable[[int], Array]:
    return lambda count: case.of_images(np.ascontiguousarray(change(case.images[:count])))


def _affine(case: Case) -> tuple[Array | None, Array | None]:
    """Return scale and shift of raw pixels per channel, [1, C, 1, 1]; None if they are others."""
    pixels, rest = case.split
    ((_, type),) = rest.inputs.items()
    channels = case.images.shape[1]
    sizes = {len(pixels.scale), len(pixels.shift)}
    if type.dtype != "float32" or not sizes <= {1, channels} or 0 in pixels.scale:
        return None, None
    scale, shift = (
        np.resize(np.array(each, np.float64), channels).reshape(1, -1, 1, 1)
        for each in (pixels.scale, pixels.shift)
    )
    return scale, shift


def _affine_trial(case: Case, scale: Array, shift: Array | float) -> Callable[[int], Array]:
    _, rest = case.split

    def compute(count: int) -> Array:
        x = case.images[:count] * scale + shift
        return logits_of(rest, x.astype(np.float32))

    return compute
