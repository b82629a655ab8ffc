"""What cnnkit knows of a format: `Format` is a row of the table in `cnnkit.formats.registry`.

Each format's own module fills in its row, with functions that import their code when they are
called: opening one file does not load the readers and writers of every format.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnnkit.formats.options import INPUTS

if TYPE_CHECKING:
    from cnnkit.data.dataset import Dataset
    from cnnkit.formats.options import Options
    from cnnkit.formats.start import Start
    from cnnkit.graph.weights import Weights

Support = tuple[str, bool | None, str]  # a runtime, whether it reads a file, and why
# What a verification cannot see of images that are not in the test set, by how it was done.
PROOFS = {
    "weights": "how cnnkit's engine rounds on images that are not in the test set (the parameters "
    "themselves were compared, and there is no other program in the file)",
    "graph": "how a runtime rounds on images that are not in the test set (the graph itself was "
    "compared node by node, so that no other image can make it do anything else)",
    "source": "how a compiler rounds on images that are not in the test set (the source itself was "
    "compared byte by byte, so that no other image can make it do anything else)",
    "code": "how PyTorch rounds on images that are not in the test set (the code was compared "
    "with that of a network of these shapes, so that no other image can make it do anything else)",
    "outputs": "images that are not in the test set: outputs were compared, not the program, so "
    "that a branch which other images would take could not be seen",
}


@dataclass(frozen=True)
class Check:
    """One check of an artefact: what must hold, whether it does, and what was found."""

    claim: str
    passed: bool
    found: str


def holds_exactly(path: Path, about: Mapping[str, Any], weights: Weights) -> Check:
    """Check that a file holds these very parameters."""
    held = about["weights_sha256"]
    return Check("it holds exactly these weights", held == weights.sha256, f"SHA-256 {held[:12]}…")


def holds_what_it_held(path: Path, about: Mapping[str, Any], weights: Weights) -> Check:
    """Check that a quantised file holds the tensors whose digest it states."""
    does = "have" if about["intact"] else "do not have"
    return Check(
        "it holds what it held after calibration",
        about["intact"],
        f"the tensors {does} the digest in its metadata",
    )


def _as_agreed(signature: dict[str, str]) -> dict[str, str]:
    return signature


def _nothing(
    path: Path, about: Mapping[str, Any], weights: Weights, dataset: Dataset
) -> list[Check]:
    return []


def _holds_any(weights: Weights) -> None:
    """Find nothing in the way: the format holds every graph."""


def _unknown(path: Path) -> list[Support]:
    return []


@dataclass(frozen=True)
class Format:
    """One row of the table of formats.

    In `about` are the facts that a runtime states of an artefact: `cnnkit.runtimes.isolated`.

    Attributes:
        name: the row's key, and what `cnnkit export --format` takes.
        description: one line of help.
        suffix: the main file's.
        detect: tells by its start whether a file is of this format, or of one of those that
            follow in the same container.
        read_metadata: returns a file's metadata as JSON values; nothing is run.
        read_weights: returns the network in a file as a graph, for cnnkit's own engines.
        write: returns the content of every file of the artefact by its suffix, the main file first;
            raises InputError with the name of a node that the format cannot hold.
        check: raises InputError with the names of the nodes that the format cannot hold.
        choices: the options of `cnnkit export` that have a meaning for it.
        inputs: the values of `--input` that it can have.
        quantised: its parameters are rounded, so that accuracy counts instead of labels.
        declared: what its runtime knows of the contract's types and shapes, by name.
        check_weights: compares the parameters in a file with a network's.
        check_content: what else must hold of a file's content; the data set is the one that the
            file is verified on.
        proof: how it is shown that a file computes the network: a key of `PROOFS`.
        compare_speed: times an artefact beside the format that it is an alternative to.
        hosts: the folder of its host apps under export/; its own name where that is empty.
        support: which other runtimes read a file, as far as that can be known without them.
    """

    name: str
    description: str
    suffix: str
    detect: Callable[[Start], bool]
    read_metadata: Callable[[Path], dict[str, Any]]
    read_weights: Callable[[Path], Weights]
    write: Callable[[Weights, Options], Mapping[str, bytes]]
    check: Callable[[Weights], object] = _holds_any
    choices: frozenset[str] = frozenset({"--input"})
    inputs: tuple[str, ...] = INPUTS
    quantised: bool = False
    declared: Callable[[dict[str, str]], dict[str, str]] = _as_agreed
    check_weights: Callable[[Path, Mapping[str, Any], Weights], Check] = holds_exactly
    check_content: Callable[[Path, Mapping[str, Any], Weights, Dataset], list[Check]] = _nothing
    proof: str = "outputs"
    compare_speed: Callable[[Weights, Options, bytes], dict[str, Any]] | None = None
    hosts: str = ""
    support: Callable[[Path], list[Support]] = _unknown
