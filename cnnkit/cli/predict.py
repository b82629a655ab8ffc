"""`cnnkit predict MODEL IMAGE...`: the most probable classes of a user's own pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cnnkit.cli.options import JsonOption, NamesOption, PreprocessOption, file_argument
from cnnkit.cli.output import emit_json, fail, stderr, stdout
from cnnkit.system.terminal import working

if TYPE_CHECKING:
    from cnnkit.evaluation.prediction import PicturePrediction
    from cnnkit.graph.preprocessing import Preprocessing


def predict(
    model: Annotated[Path, file_argument(help="A run, a weights file or an exported file.")],
    images: Annotated[list[Path], file_argument(help="PNG, JPEG, WebP, GIF, BMP or TIFF files.")],
    top: Annotated[int, typer.Option(min=1, help="Number of classes to print.")] = 3,
    show: Annotated[
        bool, typer.Option("--show", help="Print the network's input as text.")
    ] = False,
    preprocess: PreprocessOption = None,
    names: NamesOption = None,
    json: JsonOption = False,
) -> None:
    """Print the most probable classes of your own pictures, with their probabilities.

    For a network trained on MNIST, each picture must show one digit, of any size, dark on light or
    light on dark. It is cropped, scaled and centred like MNIST's images; `--show` prints the
    result. For any other network, pictures are resized in the way that training resized them. An
    answer is marked "not sure" where no class has half of the probability, and "several digits"
    where digits lie side by side.
    """
    from cnnkit.evaluation.prediction import predict, preparation
    from cnnkit.runtimes.loader import load

    count = "a picture" if len(images) == 1 else f"{len(images):,} pictures"
    with working(stderr(json), f"classifying {count}"):
        opened = load(model, preprocess=preprocess, names=names)
        record = preparation(opened)
        predictions, failed = predict(opened, images, top)
    if not record.recipe and record.resize.mode == "none":
        stderr().print(resizing(record), soft_wrap=True)
    if json:
        about = {"model": str(model), "format": opened.format, "runtime": opened.runtime}
        about |= {"preparation": record.recipe or "resize"}
        rows = [prediction.to_json() for prediction in predictions]
        errors = [{"path": str(path), "message": str(error)} for path, error in failed]
        emit_json("predict", {**about, "answers": rows, "errors": errors})
    else:
        tabulate(predictions, show)
    for _, error in failed:
        fail(error.lines[0], error.lines[1:])
    if failed:
        raise typer.Exit(failed[0][1].exit_code)


def resizing(record: Preprocessing) -> str:
    """Return what happens to pictures without a recipe."""
    channels, height, width = record.size
    colours = "grey" if channels == 1 else "RGB"
    return (
        "This network was not trained on MNIST: pictures are resized to "
        f"{width}x{height} {colours} pixels, and otherwise used as they are."
    )


def tabulate(predictions: list[PicturePrediction], show: bool) -> None:
    """Print a row per picture, and with `show` also the network's input."""
    from cnnkit.evaluation.prediction import SURE, sketch

    console = stdout()
    if show:
        for found in predictions:
            for row in (str(found.path), *sketch(found.seen).split("\n"), ""):
                console.print(row, soft_wrap=True)
    width = max((len(str(found.path)) for found in predictions), default=0)
    for found in predictions:
        cells = [f"{name} {probability:.2%}" for name, probability in found.top]
        row = "".join(f"  {cell:<13}" for cell in cells)
        row += "" if found.verdict == SURE else f"  {found.verdict}"
        console.print(f"{found.path!s:<{width}}{row}".rstrip(), soft_wrap=True)
