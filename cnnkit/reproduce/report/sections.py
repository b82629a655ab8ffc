"""The report's words and tables, in all its forms: `write_reports(findings)`."""

from __future__ import annotations

from cnnkit.reproduce.criteria import RULES, Claim, loss_text, share_text
from cnnkit.reproduce.findings import Findings
from cnnkit.reproduce.plan import RATES
from cnnkit.reproduce.report.blocks import Block, Heading, Items, Picture, Table, Text, markdown
from cnnkit.reproduce.report.figures import draw
from cnnkit.reproduce.report.html import html
from cnnkit.reproduce.report.selection_section import recommended
from cnnkit.reproduce.sample import Run, Sample
from cnnkit.system.files import write_text

# What table 1 of the publication says of each learning rate: accuracy, and its loss curve.
PUBLISHED_ROWS = {
    1e-4: ("97%", "smooth, to about 0.05"),
    0.01: ("93%", "from 0.2 to about 0.135, small fluctuations late"),
    0.05: ("9%", "flat at about 2.31: it does not learn"),
}
FIGURES = {  # file: what was published there, and how ours is drawn
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


def write_reports(found: Findings) -> None:
    """Draw the figures and write report.md and report.html beside them.

    Raises:
        StorageError: a file cannot be written.
    """
    folder = found.config.folder
    draw(found.runs, found.choice, folder)
    blocks = report(found)
    write_text(folder / "report.md", markdown(blocks))
    write_text(folder / "report.html", html(blocks, folder))


def report(found: Findings) -> list[Block]:
    """Return the whole report."""
    return [
        *_summary(found),
        *_table_1(found),
        *_figures(found),
        *recommended(found),
        *_every_run(found),
        Heading("How a verdict is made"),
        Items(RULES),
        *_how(found),
    ]


def _summary(found: Findings) -> list[Block]:
    rows = [
        (claim.claim, claim.verdict.value, claim.ours, claim.place, claim.reason)
        for claim in found.claims
    ]
    return [
        Heading("The published experiments, run again", 1),
        Text(
            "The course report trained a small convolutional network on MNIST once for most of "
            "its figures. Here each of its three learning rates is trained "
            f"{found.config.seeds} times for {found.config.epochs} epochs, and only the seed "
            f"differs. The {len(found.claims)} published statements fare so: "
            f"**{found.summary}**."
        ),
        Table(
            "Each published statement beside our runs (mean ± standard deviation)",
            ("published", "verdict", "ours", "where", "the numbers that decided"),
            rows,
        ),
    ]


def _table_1(found: Findings) -> list[Block]:
    rows = []
    for rate in RATES:
        accuracy, curve = PUBLISHED_ROWS[rate]
        runs = [run for run in found.runs if run.learning_rate == rate]
        losses = [float(run.losses[-1]) for run in runs if run.history]
        each = ", ".join(_answered(run) for run in runs)
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
            "A run that collapses answers one class for every image; its accuracy is then that "
            "class's share of the test images, and depends on nothing that it learnt."
        ),
        Picture(
            "table-1",
            "Every run's test accuracy beside the published one. The panels have scales of their "
            "own; bars on the published numbers show the rounding to whole percents.",
            "; ".join(f"learning rate {row[0]}: published {row[1]}, ours {row[2]}" for row in rows),
        ),
    ]  # fmt: skip


def _answered(run: Run) -> str:
    """Return a run's accuracy, and how it came to it if it learnt nothing."""
    if run.diverged:
        return f"{share_text(run.test_accuracy)} (diverged after {len(run.history)} epochs)"
    only = f" (always “{run.constant}”)" if run.constant is not None else ""
    return share_text(run.test_accuracy) + only


def _figures(found: Findings) -> list[Block]:
    blocks: list[Block] = [Heading("Figures 3 to 7")]
    for stem, (title, caption) in FIGURES.items():
        claims = [claim for claim in found.claims if _is_about(claim, stem)]
        told = [f"{claim.claim}. Ours: {claim.ours} ({claim.reason})" for claim in claims]
        judged = [
            f"{text}. It **{claim.verdict}**." for text, claim in zip(told, claims, strict=True)
        ]
        blocks += [
            Heading(title, 3),
            Picture(stem, caption, f"{title}. {'. '.join(told)}."),
            Items(judged),
        ]
    return blocks


def _is_about(claim: Claim, stem: str) -> bool:
    return stem.removeprefix("figure-") in claim.place.split() and "figure" in claim.place


def _every_run(found: Findings) -> list[Block]:
    validation = [run for candidate in found.choice.candidates for run in candidate.runs]
    rows = [
        (f"{run.learning_rate:g}, seed {run.seed}", kind, f"{len(run.history)}",
         *_losses(run), f"{run.kept_epoch}", _answered(run), f"{run.seconds:.1f}")
        for kind, runs in (("published", found.runs), ("validation", validation))
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


def _losses(run: Run) -> tuple[str, str]:
    if not run.history:
        return "none", "none"
    return loss_text(float(run.losses[0])), loss_text(float(run.losses[-1]))


def _how(found: Findings) -> list[Block]:
    machine, config = found.machine, found.config
    parts = {
        "published": f"The {len(found.runs)} published trainings",
        "validation": f"The {len(found.choice.candidates) * config.seeds} with validation images",
    }
    times = [
        f"{parts[kind]} took {seconds:.0f} s together, a process a core."
        for kind, seconds in found.seconds.items()
        if seconds is not None
    ]
    trained = machine["engine"]
    version = machine["torch"] if trained == "torch" else machine["isa"]
    data = f" --data {config.data}" if config.data else ""
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
