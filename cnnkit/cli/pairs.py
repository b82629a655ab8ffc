"""Two MODELs on the command line, each with the same pictures as it takes them: `compare(a, b)`."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from cnnkit.cli.output import stderr
from cnnkit.errors import CnnkitError
from cnnkit.system.terminal import working

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from cnnkit.data.dataset import Dataset
    from cnnkit.graph.preprocessing import Preprocessing
    from cnnkit.models.said import Said
    from cnnkit.verify.pair import Comparison
    from cnnkit.verify.sides import Side

PARTS = ("resize", "orientation", "colour")  # of a record: what happens to pictures before scaling


def compare(
    model: str,
    other: str,
    said: Said,
    dataset: str | None,
    data: Path | None,
    allow_near_ties: bool,
    quiet: bool,
) -> Comparison:
    """Compare a model with another one on the data that options name, or on random images."""
    from cnnkit.evaluation.proof import proof_data
    from cnnkit.verify.pair import compare_sides, open_sides

    messages = stderr(quiet)
    with working(messages, f"reading {model} and {other}"):
        side, reference = open_sides(model, other, said)
    mine = theirs = _data(reference, side, dataset, data, quiet)
    fitted: dict[str, NDArray[np.uint8]] | None = None
    if not _same_pictures(side.record, reference.record):
        mine = proof_data(side.network, dataset, data, quiet)
        fitted = _fitted_otherwise(side, reference, dataset, data)
    with working(messages, f"comparing {model} with {other}"):
        return compare_sides(side, reference, mine, theirs, allow_near_ties, fitted)


def _data(
    reference: Side, side: Side, dataset: str | None, data: Path | None, quiet: bool
) -> Dataset:
    """Return named data, else that of the reference or of the other model, else random images."""
    from cnnkit.evaluation.dataset import tells_data
    from cnnkit.evaluation.proof import drawn, proof_data

    if dataset is not None or data is not None:
        return proof_data(reference.network, dataset, data, quiet)
    for each in (reference, side):
        if each.network.path is not None and tells_data(each.network.path):
            with suppress(CnnkitError):  # its data is not here
                return proof_data(each.network, quiet=quiet)
    return drawn(reference.network.weights)


def _same_pictures(record: Preprocessing, other: Preprocessing) -> bool:
    """Tell whether two models get the same raw pixels of a picture."""
    names = ("size", "recipe", *PARTS)
    return all(getattr(record, name) == getattr(other, name) for name in names)


def _fitted_otherwise(
    side: Side, reference: Side, dataset: str | None, data: Path | None
) -> dict[str, NDArray[np.uint8]]:
    """Return the reference's pictures, fitted in one respect as the other model has them."""
    from cnnkit.evaluation.proof import proof_data

    mine, record = side.record, reference.record
    changed = {
        f"resize {name} {value} instead of {getattr(record.resize, name)}": replace(
            record, resize=replace(record.resize, **{name: value})
        )
        for name, value in asdict(mine.resize).items()
        if value != getattr(record.resize, name)
    }
    changed["in all that the two records say"] = replace(
        record, resize=mine.resize, orientation=mine.orientation
    )
    found = {}
    for way, other in changed.items():
        weights = reference.network.weights
        known = {**weights.metadata, "preprocessing": other.to_json(scaled_inside=True)}
        network = replace(reference.network, weights=replace(weights, metadata=known), path=None)
        try:
            found[way] = proof_data(network, dataset, data, True).test.images
        except CnnkitError:  # no way to fit pictures
            continue
    return found
