"""Augmentation: every epoch trains on changed copies of the images, `epoch_images(...)`.

The changes are drawn from a seed of their own, [seed, epoch, 2], a row of numbers for each image of
the epoch's order (`cnnkit.data.sampling` has the other seeds). So every engine is shown the same
pixels, whatever its batches and threads, and also after a run was resumed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnnkit.errors import InputError
from cnnkit.train.toml_file import check_keys, read_toml

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from cnnkit.data.dataset import Split

    Policy = Mapping[str, Any]
    Pixels = Callable[[slice], NDArray[np.uint8]]  # the images to show for a part of the order

NONE, DIGITS, NATURAL = "none", "digits", "natural"
PRESETS: dict[str, dict[str, Any]] = {
    NONE: {},
    DIGITS: {
        **{"rotate": [-10.0, 10.0], "shear": [-10.0, 10.0], "scale": [0.9, 1.1]},
        **{"translate": [-0.08, 0.08], "border": "black"},
    },
    NATURAL: {
        **{"flip": 0.5, "translate": [-0.125, 0.125], "rotate": [-5.0, 5.0]},
        **{"brightness": [-0.1, 0.1], "contrast": [0.8, 1.2], "border": "reflect"},
    },
}
# Of each operation: the value that changes nothing, and between which values it may be drawn.
OPERATIONS = {
    "rotate": (0.0, -180.0, 180.0),  # degrees
    "shear": (0.0, -45.0, 45.0),  # degrees
    "scale": (1.0, 0.5, 2.0),
    "translate": (0.0, -0.5, 0.5),  # of the width, and again of the height
    "brightness": (0.0, -1.0, 1.0),  # of the largest value, added
    "contrast": (1.0, 0.0, 4.0),  # times the distance from the middle grey
}
BORDERS = ("black", "reflect")
KEYS = (*OPERATIONS, "flip", "border")


def read_policy(source: str | Path | Policy, subject: object = "--augment") -> dict[str, Any]:
    """Return the operations of a preset, a TOML file or a table, each with its lowest and highest.

    A number m in a file is the range from m below to m above what changes nothing.

    Raises:
        InputError: there is no such file, an operation is unknown, or a range is not allowed.
        StorageError: the file cannot be read.
    """
    if isinstance(source, str) and source in PRESETS:
        return PRESETS[source]
    if isinstance(source, (str, Path)):
        path = Path(source)
        if not path.is_file():
            names = ", ".join(PRESETS)
            raise InputError(
                subject,
                f"is {source}, which is neither one of {names} nor a file",
                f"make it one of {names}, or a TOML file",
            )
        return read_policy(read_toml(path), path)
    check_keys(source, KEYS, subject, "operation")
    policy: dict[str, Any] = {}
    for key, value in source.items():
        if key == "border":
            if value not in BORDERS:
                raise _refused(subject, key, value, f"one of {', '.join(BORDERS)}")
            policy[key] = value
        elif key == "flip":
            if not _is_number(value) or not 0 <= value <= 1:
                raise _refused(subject, key, value, "a probability from 0 to 1")
            policy[key] = float(value)
        else:
            policy[key] = _range(subject, key, value)
    return policy


def epoch_images(
    policy: Policy, split: Split, order: NDArray[np.int64], seed: int, epoch: int
) -> Pixels | None:
    """Return the images to show in an epoch by their place in its order; None for the originals."""
    if not policy:
        return None
    from cnnkit.ops.augment import augment

    images = split.images
    height, width = images.shape[2:]
    table = draw_table(policy, (height, width), len(order), seed, epoch)
    border = policy.get("border", "black")

    def pixels(part: slice) -> NDArray[np.uint8]:
        # The part of one of several processes is not contiguous.
        return augment(images, order[part].copy(), table[part].copy(), border)

    return pixels


def draw_table(
    policy: Policy, size: tuple[int, int], count: int, seed: int, epoch: int
) -> NDArray[np.int32]:
    """Return the changes of an epoch's `count` images of `size` (H, W), for `ops.augment`.

    The images turn, shear and scale about their centre; each operation's value is uniform in its
    range. Beyond NumPy's generator this is sums, products and quotients in float64, rounded to
    1/65536: nothing that processors or libraries compute differently.
    """
    import numpy as np

    from cnnkit.ops.augment import COLUMNS, ONE

    drawn = np.random.default_rng([seed, epoch, 2]).random((count, 8))

    def value(key: str, column: int) -> NDArray[np.float64]:
        neutral = OPERATIONS[key][0]
        low, high = policy.get(key, (neutral, neutral))
        values: NDArray[np.float64] = low + (high - low) * drawn[:, column]
        return values

    height, width = size
    sine, cosine = _sine_cosine(value("rotate", 0) * (math.pi / 180))
    shear_sine, shear_cosine = _sine_cosine(value("shear", 1) * (math.pi / 180))
    tangent, scale = shear_sine / shear_cosine, value("scale", 2)
    mirrored = np.where(drawn[:, 5] < policy.get("flip", 0.0), -1.0, 1.0)
    # From the copy back to the image: turn, unshear, mirror.
    matrix = np.array(
        [
            [
                mirrored * (cosine + tangent * sine) / scale,
                mirrored * (sine - tangent * cosine) / scale,
            ],
            [-sine / scale, cosine / scale],
        ]
    )  # [2, 2, N]
    centre = np.array([(width - 1) / 2, (height - 1) / 2])[:, None]
    moved = np.array([value("translate", 3) * width, value("translate", 4) * height])
    x, y = centre + moved
    origin = centre - (matrix[:, 0] * x + matrix[:, 1] * y)
    contrast = value("contrast", 7)
    offset = 127.5 * (1 - contrast) + 255 * value("brightness", 6)
    columns = np.stack([*matrix.reshape(4, count), *origin, contrast, offset], axis=1)
    assert columns.shape == (count, COLUMNS)
    table: NDArray[np.int32] = np.rint(columns * ONE).astype(np.int32)
    return table


def _sine_cosine(angle: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return sine and cosine to 1e-9 within ±π by their series: libraries' differ in a last bit."""
    sine, cosine, square = angle * 0.0, angle * 0.0, angle * angle
    for n in range(11, -1, -1):
        sine = 1.0 - square / ((2 * n + 2) * (2 * n + 3)) * sine
        cosine = 1.0 - square / ((2 * n + 1) * (2 * n + 2)) * cosine
    return angle * sine, cosine


def _range(subject: object, key: str, value: Any) -> list[float]:
    neutral, lowest, highest = OPERATIONS[key]
    ends = [neutral - abs(value), neutral + abs(value)] if _is_number(value) else value
    if not (isinstance(ends, (list, tuple)) and len(ends) == 2 and all(map(_is_number, ends))):
        raise _refused(subject, key, value, "a number, or the lowest and the highest in brackets")
    low, high = map(float, ends)
    if not lowest <= low <= high <= highest:
        raise _refused(subject, key, value, f"a range between {lowest:g} and {highest:g}")
    return [low, high]


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _refused(subject: object, key: str, value: Any, allowed: str) -> InputError:
    return InputError(subject, f"{key} is {value!r:.60}", f"make it {allowed}")
