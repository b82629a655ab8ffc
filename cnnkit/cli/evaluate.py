"""`cnnkit eval [MODEL]`: accuracy, per-class scores and confusion matrix on the test set."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from rich.table import Table

from cnnkit.cli.options import (
    DataOption,
    DatasetOption,
    JsonOption,
    NamesOption,
    PreprocessOption,
    QuietOption,
    file_argument,
    file_option,
)
from cnnkit.cli.output import emit_json, stderr, stdout
from cnnkit.system.terminal import working

if TYPE_CHECKING:
    from cnnkit.evaluation.accuracy import Evaluation
    from cnnkit.runtimes.model import Model


def evaluate(
    model: Annotated[
        Path | None,
        file_argument(help="A run, a weights file or an exported file; the newest run by default."),
    ] = None,
    dataset: DatasetOption = None,
    data: DataOption = None,
    picture: Annotated[
        Path | None,
        file_option(help="Plot the confusion matrix to FILE, as .png and .svg.", metavar="FILE"),
    ] = None,
    preprocess: PreprocessOption = None,
    names: NamesOption = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Evaluate a model on the test set, in the runtime of its format.

    Weights, runs and other tools' ONNX files are executed by cnnkit's native engine, our ONNX files
    by ONNX Runtime, TorchScript and pt2 files by PyTorch, C sources after compilation.
    """
    from cnnkit.errors import InputError
    from cnnkit.evaluation.accuracy import draw, evaluate
    from cnnkit.evaluation.dataset import load_dataset_of
    from cnnkit.formats.contract import MARK
    from cnnkit.runs.find import find_weights
    from cnnkit.runtimes.loader import load

    opened = load(model or find_weights(None), preprocess=preprocess, names=names)
    if MARK not in opened.metadata and data is None and dataset is None:
        raise InputError(
            opened.path,
            "does not say what data it was trained for",
            "name the folder of its data with --data",
        )
    test = load_dataset_of([opened.path], dataset, data, quiet or json)
    with working(stderr(quiet or json), f"evaluating on {len(test.test.labels):,} images"):
        result = evaluate(opened, test.test)
    pictures = draw(result, picture) if picture else []
    if json:
        about = {"model": str(opened.path), "format": opened.format, "runtime": opened.runtime}
        drawn = {"pictures": [str(path) for path in pictures]} if picture else {}
        emit_json("eval", {**about, "dataset": test.name, **result.to_json(), **drawn})
        return
    show(opened, test.name, result)
    for path in pictures:
        stderr(quiet).print(f"wrote the confusion matrix to {path}", soft_wrap=True)


def show(model: Model, dataset: str, result: Evaluation) -> None:
    """Print an evaluation as tables."""
    from cnnkit.metrics import balanced_accuracy, is_uneven

    console = stdout()
    images = int(result.confusion.sum())
    about = f"{model.path} in {model.runtime}, {dataset}: {images:,} test images"
    console.print(about, soft_wrap=True)
    console.print(f"accuracy {result.accuracy:.2%}  ({result.confusion.trace():,} correct)")
    if is_uneven(result.per_class):
        console.print(f"balanced accuracy {balanced_accuracy(result.per_class):.2%}")
    console.print()
    scores = Table("class", box=None, pad_edge=False)
    for title in ("precision", "recall", "F1", "support"):
        scores.add_column(title, justify="right")
    for score in result.per_class:
        shares = [f"{share:.4f}" for share in (score.precision, score.recall, score.f1)]
        scores.add_row(score.name, *shares, str(score.support))
    console.print(scores)
    matrix = Table("true \\ predicted", box=None, pad_edge=False)
    for name in model.names:
        matrix.add_column(name, justify="right")
    for name, row in zip(model.names, result.confusion, strict=True):
        matrix.add_row(name, *(str(count) if count else "·" for count in row))
    console.print()
    console.print(matrix)
