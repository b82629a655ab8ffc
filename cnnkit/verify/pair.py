"""Any two models compared: `against("net.onnx", "torchvision:resnet18", data).passed`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnnkit.data.dataset import DRAWN, LABELLED, Dataset, Split
from cnnkit.data.drawn import drawn_images
from cnnkit.errors import InputError
from cnnkit.formats.base import Check
from cnnkit.graph.carried import carried_nodes
from cnnkit.models.said import Said
from cnnkit.system.display import page, summary
from cnnkit.verify.checks import agreement_checks
from cnnkit.verify.comparison import Agreement, compare_logits
from cnnkit.verify.explanation import explain_sides
from cnnkit.verify.reference import of_graph
from cnnkit.verify.report import HARDLY, hardly_depends
from cnnkit.verify.sides import Side, open_side

IMAGES = 64  # drawn ones, where there are no others


@dataclass(frozen=True)
class Comparison:
    """How two models agree.

    Attributes:
        model: the one that is looked at.
        runtime: what computed its logits.
        against: the other one, which is the reference.
        reference: what computed its logits.
        data: the kind of the images, as `Dataset` has it.
        agreement: the comparison.
        worst: the index of the image with the largest error.
        checks: all of them.
        explanation: where a difference begins, and which mistake explains it; none if there is no
            difference.
        unchecked: what the comparison cannot see.
    """

    model: str
    runtime: str
    against: str
    reference: str
    data: str
    agreement: Agreement
    worst: int
    checks: tuple[Check, ...]
    explanation: tuple[str, ...] = ()
    unchecked: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return summary(
            self,
            repr(self.model),
            f"against {self.against!r}",
            self._verdict,
            f"{len(self.checks)} checks",
        )

    def _repr_html_(self) -> str:
        rows = [("✓" if c.passed else "✗", c.claim, c.found) for c in self.checks]
        return page(f"{self.model} and {self.against}: {self._verdict}", (), rows)

    @property
    def _verdict(self) -> str:
        return "the same" if self.passed else "NOT the same"

    @property
    def passed(self) -> bool:
        """Whether the two agree."""
        return all(check.passed for check in self.checks)

    def to_json(self) -> dict[str, Any]:
        """Return the comparison as JSON values."""
        document = {**asdict(self), "passed": self.passed}
        if not math.isfinite(document["agreement"]["logit_error"]):
            document["agreement"]["logit_error"] = None  # JSON has no infinity
        return document


def against(
    model: Any,
    other: Any,
    data: Dataset | None = None,
    said: Said | None = None,
    allow_near_ties: bool = False,
) -> Comparison:
    """Compare a model with another one, the reference.

    Args:
        model: a run, a weights file, an ONNX file, a torch.export program, TorchScript or C of
            ours, "package.module:factory", or a torch.nn.Module.
        other: likewise.
        data: its test images; None draws some.
        said: what is said of models that do not say it themselves.
        allow_near_ties: let another label pass where rounding decides.

    Raises:
        InputError: one of them is no classifier of images, or they are not for the same images or
            the same number of classes.
        VerdictError: one of them does not run.
    """
    side, reference = open_sides(model, other, said)
    return compare_sides(side, reference, data, data, allow_near_ties)


def open_sides(model: Any, other: Any, said: Said | None = None) -> tuple[Side, Side]:
    """Open two models; one that does not tell its size, or what pixels mean, is like the other."""
    try:
        reference = open_side(other, said)
    except InputError:
        side = open_side(model, said)  # which may tell what the other one lacks
        return side, open_side(other, said, side)
    return open_side(model, said, reference), reference


def compare_sides(
    side: Side,
    reference: Side,
    data: Dataset | None,
    of_reference: Dataset | None,
    allow_near_ties: bool = False,
    pictures: Mapping[str, NDArray[np.uint8]] | None = None,
) -> Comparison:
    """Compare two models on the same pictures, as each of them gets them.

    Args:
        side: the one to look at.
        reference: the other.
        data: the pictures as the first takes them; None draws some.
        of_reference: the same ones as the second takes them.
        allow_near_ties: as `against` has it.
        pictures: as the second takes them, fitted in other ways, for the search of a mistake.
    """
    data = data or _drawn(side)
    of_reference = of_reference or data
    _check_fit(side, reference, data, of_reference)
    mine, right = side.compute(data.test.images), reference.compute(of_reference.test.images)
    logits = mine.logits.astype(np.float64)
    limit = right.limit or mine.limit
    carried = any(carried_nodes(each.network.weights.graph) for each in (side, reference))
    if limit is None and not carried:
        limit = of_graph(reference.network.weights, of_reference.test.images).limit
    label = right.logits.argmax(axis=1)
    truth = data.test.labels if data.kind == LABELLED else label
    label_of_mine = logits.argmax(axis=1)
    rows = np.arange(len(logits))
    agreement = compare_logits(right.logits, logits, label_of_mine, truth, rows, limit)
    checks = tuple(agreement_checks(agreement, allow_near_ties))
    with np.errstate(invalid="ignore"):
        error = np.nan_to_num(np.abs(logits - right.logits).max(axis=1), nan=np.inf)
    explanation: tuple[str, ...] = ()
    if not carried and not all(check.passed for check in checks):
        pairs = (logits, right.logits.astype(np.float64))
        both = (data.test.images, of_reference.test.images)
        explanation = explain_sides(
            side, reference, both, pairs, agreement.logit_limit, pictures or {}
        )
    return Comparison(
        model=side.name,
        runtime=mine.name,
        against=reference.name,
        reference=right.name,
        data=data.kind,
        agreement=agreement,
        worst=int(error.argmax()),
        checks=checks,
        explanation=explanation,
        unchecked=(HARDLY,) if hardly_depends(right.logits, agreement.logit_limit) else (),
    )


def _drawn(side: Side) -> Dataset:
    images = drawn_images(side.network.weights.size, IMAGES)
    split = Split(images, np.zeros(len(images), np.int64))
    names = tuple(side.network.weights.names)
    return Dataset(DRAWN, split, split, names, {}, DRAWN, kind=DRAWN)


def _check_fit(side: Side, reference: Side, data: Dataset, of_reference: Dataset) -> None:
    """Raise InputError unless both models take their images and have the same classes."""
    for each, own in ((side, data), (reference, of_reference)):
        found, size = own.test.images.shape[1:], each.network.weights.size
        if found != size or not len(own.test.images):
            raise InputError(
                each.name,
                f"takes images of {list(size)}, and there are {len(own.test.images)} of "
                f"{list(found)}",
                "give pictures with --data, which each model gets in its own size",
            )
    counts = [each.network.weights.classes for each in (side, reference)]
    if counts[0] != counts[1]:
        reason = f"has {counts[0]} classes, and {reference.name} has {counts[1]}"
        raise InputError(side.name, reason, "compare models with the same classes")
    if len(data.test.images) != len(of_reference.test.images):
        raise InputError(data.name, "has other pictures for one model", "use other data")
