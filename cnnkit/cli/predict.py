"""`cnnkit predict MODEL IMAGE...`: the most probable classes of a user's own pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cnnkit.cli.options import JsonOption, file_argument
from cnnkit.cli.output import emit_json, fail, stdout

if TYPE_CHECKING:
    from cnnkit.evaluation.prediction import PicturePrediction


def predict(
    model: Annotated[Path, file_argument(help="A run, a weights file or an exported file.")],
    images: Annotated[list[Path], file_argument(help="PNG, JPEG, WebP, GIF, BMP or TIFF files.")],
    top: Annotated[int, typer.Option(min=1, help="Number of classes to print.")] = 3,
    show: Annotated[
        bool, typer.Option("--show", help="Print the network's input as text.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Print the most probable classes of your own pictures, with their probabilities.

    Each picture must show one digit, of any size, dark on light or light on dark. It is cropped,
    scaled and centred like MNIST's images; `--show` prints the result.
    """
    from cnnkit.evaluation.prediction import predict
    from cnnkit.runtimes.loader import load

    opened = load(model)
    predictions, failed = predict(opened, images, top)
    if json:
        about = {"model": str(model), "format": opened.format, "runtime": opened.runtime}
        rows = [prediction.to_json() for prediction in predictions]
        errors = [{"path": str(path), "message": str(error)} for path, error in failed.items()]
        emit_json("predict", {**about, "answers": rows, "errors": errors})
    else:
        tabulate(predictions, show)
    for error in failed.values():
        fail(str(error))
    if failed:
        raise typer.Exit(next(iter(failed.values())).exit_code)


def tabulate(predictions: list[PicturePrediction], show: bool) -> None:
    """Print a row per picture, and with `show` also the network's input."""
    from cnnkit.evaluation.prediction import sketch

    console = stdout()
    if show:
        for found in predictions:
            for row in (str(found.path), *sketch(found.seen).split("\n"), ""):
                console.print(row, soft_wrap=True)
    width = max((len(str(found.path)) for found in predictions), default=0)
    for found in predictions:
        cells = [f"{name} {probability:.1%}" for name, probability in found.top]
        row = "".join(f"  {cell:<12}" for cell in cells)
        console.print(f"{found.path!s:<{width}}{row}".rstrip(), soft_wrap=True)
