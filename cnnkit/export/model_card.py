"""The model card beside an artefact: `card(weights, report, files, options)`, Markdown.

Its front matter has the keys that model hubs read (YAML, each value written as JSON, which is YAML
too). No date and no path: the same weights and the same versions give the same card, but for the
times that the card of a quantised file states.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cnnkit.data.dataset import LABELLED, Dataset
from cnnkit.errors import InputError
from cnnkit.evaluation.precisions import engines_of, table_of
from cnnkit.formats import contract
from cnnkit.formats.description import metadata, preprocessing
from cnnkit.formats.options import Options
from cnnkit.graph.carried import carried_nodes
from cnnkit.graph.learning import learnt
from cnnkit.graph.preprocessing import MNIST, Preprocessing
from cnnkit.graph.weights import Weights
from cnnkit.metrics import share_interval
from cnnkit.system.cpu import cpu_name
from cnnkit.system.files import sha256
from cnnkit.system.terminal import visible
from cnnkit.verify.comparison import Agreement, agreement_text
from cnnkit.verify.report import Report

FEW = 1_000  # test images; below, the interval of the accuracy is said
# What has a meaning inside a line of GitHub's Markdown; "_" has none within a word.
MARKUP = re.compile(
    r"[\\`*<>&|~$@]|\](?=[(\[:])|(?<![^\W_])_|_(?![^\W_])|:(?=//)|(?<=www)\.", re.IGNORECASE
)


def card(weights: Weights, report: Report, files: Mapping[str, bytes], options: Options) -> str:
    """Return the card of a verified artefact.

    Args:
        weights: the network.
        report: its verification.
        files: the artefact's files by name.
        options: how it was written.
    """
    agreement = report.agreement
    assert agreement is not None  # a report without outputs does not pass
    labelled = report.data == LABELLED
    front = "\n".join(
        f"{key}: {json.dumps(value)}" for key, value in _front(weights, agreement, labelled)
    )
    parts = [
        f"---\n{front}\n---",
        f"# {_plain(next(iter(files)))}",
        _summary(weights),
        "## Input and outputs",
        _interface(weights, options),
        "## Accuracy",
        _accuracy(weights, report, agreement, options),
        *_precisions(report),
        *_layer_noise(report),
        "## Files",
        _table(
            ("file", "bytes", "SHA-256"),
            [
                (_plain(name), f"{len(content):,}", sha256(content))
                for name, content in files.items()
            ],
        ),
        "## Verification",
        _verification(report, agreement),
        "## Intended use",
        _use(weights, options),
    ]
    return "\n\n".join(parts) + "\n"


def _front(weights: Weights, agreement: Agreement, labelled: bool) -> list[tuple[str, Any]]:
    values = metadata(weights)
    known = [("library_name", "cnnkit"), ("pipeline_tag", "image-classification")]
    if not labelled:
        return [*([("license", values["license"])] if "license" in values else []), *known]
    name = values.get("cnnkit.dataset", "unknown")
    result = {
        "task": {"type": "image-classification"},
        "dataset": {"type": name, "name": name, "split": "test"},
        "metrics": [{"type": "accuracy", "value": agreement.accuracy}],
    }
    licence = [("license", values["license"])] if "license" in values else []
    return [
        *licence,
        ("library_name", "cnnkit"),
        ("pipeline_tag", "image-classification"),
        ("datasets", [name]),
        ("metrics", ["accuracy"]),
        ("model-index", [{"name": f"cnnkit {name}", "results": [result]}]),
    ]


def _summary(weights: Weights) -> str:
    channels, height, width = weights.size
    carried = carried_nodes(weights.graph)
    if carried:
        return (
            f"A classifier of images (channels, rows, columns: {channels}, {height}, {width}) into "
            f"{weights.classes} classes ({', '.join(map(_plain, weights.names))}), as its makers "
            f"wrote it: cnnkit has no operator for {_plain(carried)}. (SHA-256 {weights.sha256}.)"
        )
    graph = weights.graph
    parameters = sum(int(np.size(graph.tensors[name])) for name in learnt(graph))
    layers = _layers(weights)
    return (
        f"A classifier of images (channels, rows, columns: {channels}, {height}, {width}) into "
        f"{len(weights.names)} classes "
        f"({', '.join(map(_plain, weights.names))}): {layers}; {parameters:,} parameters "
        f"(SHA-256 {weights.sha256})."
    )


def _layers(weights: Weights) -> str:
    """Return a network's layers in words: of the family one by one, of another how many of each."""
    try:
        blocks = weights.architecture.blocks
    except InputError:
        counts = Counter(node.operator for node in weights.graph.nodes)
        return ", ".join(f"{count} {operator}" for operator, count in counts.items())
    listed = ", ".join(
        f"convolution (kernel {block.kernel}, padding {block.padding}) to {block.channels} "
        f"channels, ReLU and max-pooling (window {block.pool})"
        for block in blocks
    )
    return f"{listed}, then one linear layer" if listed else "one linear layer"


def _interface(weights: Weights, options: Options) -> str:
    pixels = {
        "uint8-nhwc": "raw pixels from 0 to 255, channels last; the model scales them",
        "uint8": "raw pixels from 0 to 255; the model scales them",
        "float32": "pixels divided by 255, in [0, 1]; the model does not scale them",
    }[options.input]
    record = preprocessing(weights)
    if record.normalises:
        mean, std = (", ".join(f"{n:g}" for n in each) for each in (record.mean, record.std))
        pixels += f"; from those in [0, 1] it subtracts {mean}, and divides by {std}"
    meaning = {
        contract.INPUT: f"{pixels}; {_colours(weights)}",
        "logits": "one score per class, before softmax",
        "probabilities": "softmax of the logits",
        "label": "the index of the class with the highest probability",
    }
    signature = contract.signature(weights.graph, options.input)
    rows = [(f"`{name}`", f"{signature[name]}", meaning[name]) for name in signature]
    return _table(("name", "type and shape", "meaning"), rows) + "\n\nN, the batch size, is free."


def _accuracy(weights: Weights, report: Report, agreement: Agreement, options: Options) -> str:
    known = weights.metadata
    training = known.get("training")
    lines = [_measured(report, agreement, options)]
    if isinstance(training, Mapping):
        settings = ", ".join(_plain(f"{key} {value}") for key, value in sorted(training.items()))
        lines.append(f"Training: {settings}.")
    if report.data == LABELLED:
        lines.append(_split(options.dataset))
    rows = [
        (_plain(s.name), f"{s.support:,}", *(f"{x:.1%}" for x in (s.precision, s.recall, s.f1)))
        for s in agreement.per_class
    ]
    parts = ["\n".join(lines)]
    if rows:
        parts.append(_table(("class", "images", "precision", "recall", "F1"), rows))
    digests = known.get("dataset_sha256")
    if isinstance(digests, Mapping):
        own = set(digests) == {"pictures"}
        what = "all files, their classes and splits" if own else "the uncompressed files"
        rows = [(_plain(name), _plain(str(digest))) for name, digest in sorted(digests.items())]
        parts += [f"Data (SHA-256 of {what}):", _table(("file", "SHA-256"), rows)]
    return "\n\n".join(parts)


def _precisions(report: Report) -> list[str]:
    """Return the section on a quantised file beside the float network; none of another file."""
    rows = report.notes.get("precisions")
    if not rows:
        return []
    header, *lines = table_of(rows)
    for batch, times in report.notes.get("speed", {}).items():
        found = {"float32": times["float"], "int8": times["int8"]}
        figures = [f"{found[name]:,.1f}" for name in header[1:]]
        lines.append((f"µs an image in ONNX Runtime, {batch}", *figures))
    return [
        "## Float32 and 8 bits",
        _table(header, lines),
        f"Times are the least of many on {cpu_name()}, one thread, one image at a time unless a "
        f"batch is named; cnnkit's engine computes with {engines_of(rows)}. They hold for that "
        "machine alone; `cnnkit bench` measures on yours.",
    ]


def _layer_noise(report: Report) -> list[str]:
    """Return the section on what quantisation does to each layer; none of another file."""
    layers = report.notes.get("layers")
    if not layers:
        return []
    rows = [
        (_plain(row["layer"]), row["operator"], f"{row['snr_db']:.1f}", f"{row['own_db']:.1f}")
        for row in layers
    ]
    worst = ", ".join(map(_plain, report.notes["weakest"]))
    return [
        "## Layers in 8 bits",
        f"Ranges of values: {report.notes['ranges']}. Signal to noise on training images, in "
        "decibels: of a layer's result, and of what the layer itself adds to the noise. Most is "
        f"added by {worst}.",
        _table(("layer", "operator", "result, dB", "own, dB"), rows),
    ]


def _split(dataset: Dataset) -> str:
    """Return how many images are for what, in words."""
    sides = {"training": dataset.train, "validation": dataset.validation, "the test": dataset.test}
    counts = [f"{len(part.labels):,} for {name}" for name, part in sides.items() if part]
    return f"Images: {', '.join(counts)}."


def _measured(report: Report, agreement: Agreement, options: Options) -> str:
    count, name = agreement.images, _plain(options.dataset.name)
    if report.data != LABELLED:
        return (
            f"It is not known: the file was verified on {count:,} {report.data}, which have no "
            "labels."
        )
    interval = ""
    if count < FEW:
        low, high = share_interval(round(agreement.accuracy * count), count)
        interval = f" (95% confidence interval: {low:.1%} to {high:.1%})"
    return (
        f"{agreement.accuracy:.2%}{interval} of the {count:,} test images of {name}, which were "
        "not used for training."
    )


def _verification(report: Report, agreement: Agreement) -> str:
    batches = ", ".join(map(str, report.batches))
    checks = "\n".join(f"- {check.claim}: {_plain(check.found)}" for check in report.checks)
    if report.data != LABELLED:
        agreed = agreement_text(agreement, report.batches, report.data)
        return (
            f"Checked with {report.runtime} against {report.reference}, in a process of its own:"
            f"\n\n{checks}\n\n{agreed[:1].upper()}{agreed[1:]}.\n\n"
            f"Not checked: {'; '.join(report.unchecked)}."
        )
    low, high = agreement.difference_interval
    return (
        f"Checked with {report.runtime} against {report.reference}, in a process of its own, on "
        f"all {agreement.images:,} test images in batches of {batches}:\n\n{checks}\n\n"
        f"Accuracy {agreement.accuracy:.2%}, reference {agreement.reference_accuracy:.2%} (exact "
        f"McNemar p = {agreement.mcnemar_p:.3g}; with 95% confidence the difference is between "
        f"{low:+.3%} and {high:+.3%}).\n\nNot checked: {'; '.join(report.unchecked)}."
    )


def _colours(weights: Weights) -> str:
    record = preprocessing(weights)
    return "light on dark" if record.recipe == MNIST else record.colours


def _use(weights: Weights, options: Options) -> str:
    _, height, width = weights.size
    record = preprocessing(weights)
    if record.recipe == MNIST:
        like = "a single object in each, light on dark, centred and scaled in the same way"
        how = "`cnnkit predict` does"
    elif record.resize.mode != "none":
        like = f"{_colours(weights)}, framed and lit in the same way"
        how = f"`cnnkit predict` and the host apps do ({_resize(record)})"
    else:
        like, how = f"{_colours(weights)}, framed and lit in the same way", "in training"
    known = options.dataset.kind == LABELLED
    data = f"of {_plain(options.dataset.name)}" if known else "that the network was trained on"
    return (
        f"Pictures like those {data}: "
        f"{height} rows of {width} pixels, {like}. "
        "Other pictures get one of the same labels, with a meaningless probability. "
        f"Prepare them as {how}, and measure the accuracy on your own pictures before you rely on "
        "it.\n\n"
        f"The file contains 16 golden vectors, {'test ' * known}images with expected outputs: run "
        "them when your program starts."
    )


def _resize(record: Preprocessing) -> str:
    """Return what becomes of a picture of any size, in words."""
    _, height, width = record.size
    resize = record.resize
    bars = f" with bars of {resize.fill}" if resize.mode == "pad" else ""
    upright = "turned upright, then " if record.orientation == "exif" else ""
    fit = f"mode {resize.mode}{bars}, {resize.filter} filter"
    return f"{upright}brought to {width}x{height} {record.colour}: {fit}"


def _plain(text: str) -> str:
    """Return Markdown that shows a text of others as it is: no link, no HTML, no second line."""
    return MARKUP.sub(r"\\\g<0>", visible(text))


def _table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [heads, ("---",) * len(heads), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
