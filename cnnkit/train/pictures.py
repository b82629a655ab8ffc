"""Pictures of a run's images: augmented examples, and the worst mistakes on the test images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.data.dataset import Split
from cnnkit.system.files import replacing
from cnnkit.system.terminal import visible
from cnnkit.train.augmented import epoch_images

if TYPE_CHECKING:
    from cnnkit.runs.state import Mistake

AUGMENT_FILE, ERRORS_FILE = "augment.png", "errors.png"
EXAMPLES, VARIANTS = 8, 7  # of augment.png: rows, and columns beside the originals
WORST, COLUMNS = 25, 5  # of errors.png
LONGEST = 16  # characters of a class name under a picture
GAP, SMALLEST = 2, 56  # pixels between pictures, and of a picture's shorter side


def worst_mistakes(
    log_p: NDArray[np.float64], labels: NDArray[np.int64], count: int = WORST
) -> list[Mistake]:
    """Return the images that are wrong with the highest probability, the highest first.

    Each is its index, the class predicted for it, and that class's probability.

    Args:
        log_p: log-probabilities [N, K].
        labels: int64 [N].
        count: how many to return at most.
    """
    predicted = log_p.argmax(axis=1)
    wrong = np.flatnonzero(predicted != labels)
    certainty = log_p[wrong, predicted[wrong]]
    worst = wrong[np.argsort(-certainty, kind="stable")[:count]]
    return [
        (int(i), int(predicted[i]), round(float(np.exp(log_p[i, predicted[i]])), 6)) for i in worst
    ]


def draw_augmented(policy: Mapping[str, Any], split: Split, seed: int, path: Path) -> None:
    """Draw the first image of each class, and others, each beside changed copies of it.

    Raises:
        StorageError: the picture cannot be written.
    """
    from PIL import Image

    first = np.sort(np.unique(split.labels, return_index=True)[1])
    others = np.setdiff1d(np.arange(min(EXAMPLES, len(split.images))), first)
    chosen = np.concatenate([first, others])[:EXAMPLES]
    rows, order = len(chosen), np.repeat(chosen, VARIANTS)
    pixels = epoch_images(policy, split, order, seed, 1)
    assert pixels, "there is an operation"
    changed = pixels(slice(0, len(order))).reshape(rows, VARIANTS, *split.images.shape[1:])
    shown = np.concatenate([split.images[chosen, None], changed], axis=1)
    factor = -(-SMALLEST // min(split.images.shape[2:]))
    grid = mosaic([_colours(image) for image in shown.reshape(-1, *shown.shape[2:])], VARIANTS + 1)
    picture = Image.fromarray(grid)
    size = (picture.width * factor, picture.height * factor)
    with replacing(path) as beside:
        picture.resize(size, Image.Resampling.NEAREST).save(beside)


def draw_mistakes(
    mistakes: Sequence[Mistake], split: Split, names: Sequence[str], path: Path
) -> None:
    """Draw the worst mistakes, and under each its class, the one predicted and its probability.

    Raises:
        StorageError: the picture cannot be written.
    """
    import matplotlib as mpl

    from cnnkit.plots import DOTS_PER_INCH, STYLE, lay_out, new_figure

    height, width = split.images.shape[2:]
    label = -(-width // 4)  # rows for two lines of text
    images = [_colours(split.images[index]) for index, _, _ in mistakes]
    canvas = mosaic([np.pad(i, ((0, label), (0, 0), (0, 0)), constant_values=255) for i in images],
                    COLUMNS)  # fmt: skip
    inches = 1.5 * COLUMNS
    with mpl.rc_context({**STYLE, "axes.grid": False}):
        figure = new_figure(inches, inches * canvas.shape[0] / canvas.shape[1] + 0.4)
        axes = figure.subplots()
        axes.imshow(canvas, interpolation="nearest")
        axes.set_axis_off()
        for number, (index, predicted, probability) in enumerate(mistakes):
            row, column = divmod(number, COLUMNS)
            axes.text(
                column * (width + GAP) + (width - 1) / 2,
                row * (height + label + GAP) + height,
                f"{_short(names[split.labels[index]])}\n"
                f"{_short(names[predicted])} {probability:.1%}",
                ha="center", va="top", fontsize=8, linespacing=1.1,
            )  # fmt: skip
        axes.set_title("The surest mistakes on the test set: true class, predicted class", size=10)
        lay_out(figure)
        with replacing(path) as beside:
            figure.savefig(beside, dpi=DOTS_PER_INCH, metadata={"Software": None})


def mosaic(images: Sequence[NDArray[np.uint8]], columns: int) -> NDArray[np.uint8]:
    """Return pictures [H, W, 3] of one size side by side, on white."""
    height, width, _ = images[0].shape
    rows = -(-len(images) // columns)
    size = (rows * (height + GAP) - GAP, columns * (width + GAP) - GAP, 3)
    grid = np.full(size, 255, np.uint8)
    for number, image in enumerate(images):
        row, column = divmod(number, columns)
        top, left = row * (height + GAP), column * (width + GAP)
        grid[top : top + height, left : left + width] = image
    return grid


def _colours(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return an image [C, H, W] as red, green and blue [H, W, 3]; grey if it is not in colour."""
    planes = image[:3] if len(image) >= 3 else np.repeat(image[:1], 3, axis=0)
    return np.ascontiguousarray(planes.transpose(1, 2, 0))


def _short(name: str) -> str:
    text = visible(name)
    cut = text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
    return cut.replace("$", r"\$")  # which would begin a formula
