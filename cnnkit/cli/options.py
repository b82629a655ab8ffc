"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

DatasetOption = Annotated[
    str | None,
    typer.Option("--dataset", help="Name of the data set; default: the one it was trained on."),
]
DataOption = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="DIR",
        help="Your own four IDX files, plain or .gz, and class names in classes.txt, one per line.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
QuietOption = Annotated[bool, typer.Option("--quiet", help="Print no progress and no messages.")]
NearTiesOption = Annotated[
    bool,
    typer.Option(
        "--allow-near-ties",
        help="Accept another class if the two largest logits are so close that rounding decides.",
    ),
]
MaxDropOption = Annotated[
    float,
    typer.Option(
        "--max-drop",
        help="onnx-int8: largest allowed drop of the test accuracy (0.005 is 0.5 %).",
    ),
]
