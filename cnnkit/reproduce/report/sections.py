"""The sections of the report and its files: `write_reports(findings)`."""

from __future__ import annotations

import shlex

from cnnkit.reproduce.criteria import RULES, Claim, loss_text, share_text
from cnnkit.reproduce.findings import Findings
from cnnkit.reproduce.plan import RATES
from cnnkit.reproduce.report.blocks import Block, Heading, Items, Picture, Table, Text, markdown
from cnnkit.reproduce.report.figures import draw_figures
from cnnkit.reproduce.report.html import html
from cnnkit.reproduce.report.selection_section import selection_section
from cnnkit.reproduce.statistics import Sample
from cnnkit.reproduce.trained_run import TrainedRun
from cnnkit.system.files import write_text

# Table 1 of the publication: accuracy and loss curve of each learning rate.
PUBLISHED_ROWS = {
    1e-4: ("97%", "smooth, to about 0.05"),
    0.01: ("93%", "from 0.2 to about 0.135, small fluctuations late"),
    0.05: ("9%", "flat at about 2.31: it does not learn"),
}
FIGURES = {  # by file name: what the publication shows, and how ours is drawn
    "figure-3": (
        "Figure 3: the loss curve at learning rate 0.0001",
        "One run, as published: seed 0. Diamonds are the published first and last loss.",
    ),
    "figure-4": (
        "Figure 4: the spread of the loss over runs at 0.0001",
        "Every run and the mean with its standard deviation; below, the standard deviation by "
        "itself and divided by the mean loss.",
    ),
    **{
        f"figure-{number}": (
            f"Figure {number}: the loss at {rate:g}",
            "Every run, and their mean. Diamonds are the published first and last loss.",
        )
        for number, rate in zip((5, 6, 7), RATES, strict=True)
    },
}


def write_reports(findings: Findings) -> None:
    """Draw the figures and write report.md and report.html beside them.

    Raises:
        StorageError: a file cannot be written.
    """
    folder = findings.config.folder
    draw_figures(findings.runs, findings.selection, folder)
    blocks = report_blocks(findings)
    write_text(folder / "report.md", markdown(blocks))
    write_text(folder / "report.html", html(blocks, folder))


def report_blocks(findings: Findings) -> list[Block]:
    """Return the whole report."""
    return [
        *_summary(findings),
        *_table_1(findings),
        *_figures(findings),
        *selection_section(findings),
        *_every_run(findings),
        Heading("How a verdict is made"),
        Items(RULES),
        *_provenance(findings),
    ]


def _summary(findings: Findings) -> list[Block]:
    rows = [
        (claim.claim, claim.verdict.value, claim.ours, claim.place, claim.reason)
        for claim in findings.claims
    ]
    return [
        Heading("The published experiments, run again", 1),
        Text(
            "The course report trained a small convolutional network on MNIST once for most of "
            "its figures. Here each of its three learning rates is trained "
            f"{findings.config.seeds} times for {findings.config.epochs} epochs, and only the seed "
            f"differs. The {len(findings.claims)} published statements turn out as follows: "
            f"**{findings.summary}**."
        ),
        Table(
            "Each published statement beside our runs (mean ± standard deviation)",
            ("published", "verdict", "ours", "where", "the numbers that decided"),
            rows,
        ),
    ]


def _table_1(findings: Findings) -> list[Block]:
    rows = []
    for rate in RATES:
        accuracy, curve = PUBLISHED_ROWS[rate]
        runs = [run for run in findings.runs if run.learning_rate == rate]
        losses = [float(run.losses[-1]) for run in runs if run.history]
        each = ", ".join(_accuracy_text(run) for run in runs)
        rows.append(
            (
                f"{rate:g}",
                accuracy,
                Sample([run.test_accuracy for run in runs]).text(share_text),
                each,
                curve,
                Sample(losses).text(loss_text) if len(losses) > 1 else "none",
            )
        )
    return [
        Heading("Table 1: the learning rate"),
        Table(
            "Test accuracy and loss by learning rate, published beside ours",
            ("learning rate", "published accuracy", "ours", "every run, by seed",
             "published loss curve", "our last loss"),
            rows,
        ),
        Text(
            "A collapsed run predicts one class for every image; its accuracy is then that class's "
            "share of the test images and says nothing about learning."
        ),
        Picture(
            "table-1",
            "Every run's test accuracy beside the published one. The panels have scales of their "
            "own; bars on the published numbers show the rounding to whole percents.",
            "; ".join(f"learning rate {row[0]}: published {row[1]}, ours {row[2]}" for row in rows),
        ),
    ]  # fmt: skip


def _accuracy_text(run: TrainedRun) -> str:
    """Return a run's accuracy, with a note if the run diverged or predicts a single class."""
    if run.diverged:
        return f"{share_text(run.test_accuracy)} (diverged after {len(run.history)} epochs)"
    only = f" (always “{run.constant}”)" if run.constant is not None else ""
    return share_text(run.test_accuracy) + only


def _figures(findings: Findings) -> list[Block]:
    blocks: list[Block] = [Heading("Figures 3 to 7")]
    for stem, (title, caption) in FIGURES.items():
        claims = [claim for claim in findings.claims if _is_about(claim, stem)]
        texts = [f"{claim.claim}. Ours: {claim.ours} ({claim.reason})" for claim in claims]
        verdicts = [
            f"{text}. It **{claim.verdict}**." for text, claim in zip(texts, claims, strict=True)
        ]
        blocks += [
            Heading(title, 3),
            Picture(stem, caption, f"{title}. {'. '.join(texts)}."),
            Items(verdicts),
        ]
    return blocks


def _is_about(claim: Claim, stem: str) -> bool:
    return stem.removeprefix("figure-") in claim.place.split() and "figure" in claim.place


def _every_run(findings: Findings) -> list[Block]:
    validation = [run for candidate in findings.selection.candidates for run in candidate.runs]
    rows = [
        (f"{run.learning_rate:g}, seed {run.seed}", kind, f"{len(run.history)}",
         *_losses(run), f"{run.kept_epoch}", _accuracy_text(run), f"{run.seconds:.1f}")
        for kind, runs in (("published", findings.runs), ("validation", validation))
        for run in runs
    ]  # fmt: skip
    return [
        Heading("Every run"),
        Text("None is left out. Their folders lie under `runs/`, with all metrics and weights."),
        Table(
            "All trainings",
            ("learning rate, seed", "kind", "epochs", "first loss", "last loss", "epoch kept",
             "test accuracy", "seconds"),
            rows,
        ),
    ]  # fmt: skip


def _losses(run: TrainedRun) -> tuple[str, str]:
    if not run.history:
        return "none", "none"
    return loss_text(float(run.losses[0])), loss_text(float(run.losses[-1]))


def _provenance(findings: Findings) -> list[Block]:
    machine, config = findings.machine, findings.config
    candidates = findings.selection.candidates
    parts = {
        "published": f"The {len(findings.runs)} published trainings",
        "validation": f"The {len(candidates) * config.seeds} with validation images",
    }
    times = [
        f"{parts[kind]} took {seconds:.0f} s together, one process per core."
        for kind, seconds in findings.seconds.items()
        if seconds is not None
    ]
    trained = machine["engine"]
    version = machine["torch"] if trained == "torch" else machine["isa"]
    data = f" --data {shlex.quote(str(config.data))}" if config.data else ""
    return [
        Heading("How it was made"),
        Items(
            (
                f"`cnnkit reproduce --seeds {config.seeds} --engine {config.engine}{data}`; the "
                f"engine that trained is {trained} ({version}), on {machine['cpu']}, one thread a "
                "run.",
                "The network, the loss, Adam, the batch of 16 and the shuffling are as published; "
                "seeds 0, 1, … fix the initial weights, the order of the images and the split, "
                "and the same seed gives the same numbers on the same machine.",
                *times,
                "`report.json` has every number of every epoch.",
            )
        ),
    ]
