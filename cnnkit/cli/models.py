"""A MODEL on the command line, and the data of its proof: `read(model, ...)`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cnnkit.system.terminal import working

if TYPE_CHECKING:
    from rich.console import Console

    from cnnkit.data.dataset import Dataset
    from cnnkit.models.network import Network


def read(
    model: str | None,
    parameters: Path | None,
    preprocess: str | None,
    names: Path | None,
    size: str | None,
    dataset: str | None,
    data: Path | None,
    messages: Console,
    form: str = "",
) -> tuple[Network, Dataset]:
    """Return the network that options describe and its data, with a line for what to know of it.

    `form` is the format that it is read for.
    """
    from cnnkit.evaluation.proof import proof_data, size_in
    from cnnkit.export.models import read_for
    from cnnkit.models.read import has_makers, is_spec
    from cnnkit.models.said import Said, parse_image_size

    sides = parse_image_size(size) if size else None
    if sides is None and model is not None and is_spec(model):
        sides = size_in(dataset, data, messages.quiet, not has_makers(model))
        if sides is not None:
            shown = "x".join(map(str, sides))
            messages.print(
                f"{model}: for images of {shown}, the size of those in {data or dataset}; "
                "--size says otherwise",
                soft_wrap=True,
            )
    with working(messages, "reading the model"):
        network = read_for(form, model, Said(parameters, preprocess, names, sides))
    for note in network.notes:
        messages.print(f"{network.source}: {note}", soft_wrap=True)
    return network, proof_data(network, dataset, data, messages.quiet)
