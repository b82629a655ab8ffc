"""Options that several verbs share, and their help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

DatasetOption = Annotated[
    str | None,
    typer.Option("--dataset", help="Data by name; the one it was trained for by default."),
]
DataOption = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="DIR",
        help="Your own four IDX files, plain or .gz, and class names in classes.txt (one a line).",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
QuietOption = Annotated[bool, typer.Option("--quiet", help="No progress and no messages.")]
NearTiesOption = Annotated[
    bool,
    typer.Option(
        "--allow-near-ties",
        help="Let another label pass where the two best logits are so close that rounding decides.",
    ),
]
