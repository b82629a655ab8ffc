"""Options that several commands share."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from cnnkit.data.named.table import NAMED
from cnnkit.data.registry import DATASETS

MODEL_HELP = (
    "A run folder or a weights file, by default the newest run's; an ONNX, TorchScript or C file; "
    "a torch.export program (.pt2); or a PyTorch module: package.module:factory, torchvision:NAME "
    "or timm:NAME."
)
# Typer calls a file that may not be read bad usage; whoever reads it calls it a read error.
file_argument = partial(typer.Argument, readable=False)
file_option = partial(typer.Option, readable=False)

PUBLISHED = f"{' or '.join(DATASETS)}."
DatasetOption = Annotated[
    str | None,
    typer.Option(
        "--dataset",
        metavar="NAME",
        help=f"{' or '.join(DATASETS)}; default: the data set that the model was trained on.",
    ),
]
DATA_HELP = (
    "Your own data: class folders of pictures, with or without train, val and test above them; a "
    "table metadata.csv of file_name,label; an .npz file; CIFAR's binary files; or four IDX files. "
    "Class names may stand in classes.txt, one per line. Or the name of a published data set: "
    f"{', '.join(NAMED)}."
)
DataOption = Annotated[Path | None, file_option("--data", metavar="PATH", help=DATA_HELP)]
PreprocessOption = Annotated[
    str | None,
    typer.Option(
        "--preprocess",
        metavar="unit|imagenet|none|FILE",
        help="For a model of others that does not scale pixels itself: what its training did to "
        "them. unit: divided by 255; imagenet: torchvision's mean and std as well; none: 0 to 255 "
        "as they are; or a JSON file with scale, mean and std.",
    ),
]
NamesOption = Annotated[
    Path | None,
    file_option(
        "--names",
        metavar="FILE",
        help="For a model of others: its class names, one per line, in the order of its outputs.",
    ),
]
ParametersOption = Annotated[
    Path | None,
    file_option(
        "--weights",
        metavar="FILE",
        help="For a module: its parameters by name, a .safetensors file or a PyTorch checkpoint "
        "of tensors; random values by default.",
    ),
]
ImageSizeOption = Annotated[
    str | None,
    typer.Option(
        "--size",
        metavar="CxHxW",
        help="For a module: the size of its images, such as 3x32x32; torchvision and timm say it.",
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
        help="8-bit formats: largest allowed drop of the test accuracy (0.005 is 0.5%).",
    ),
]
