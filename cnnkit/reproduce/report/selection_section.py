"""The report's section on model selection and early stopping: `selection_section(findings)`."""

from __future__ import annotations

from cnnkit.reproduce.criteria import loss_text, share_text
from cnnkit.reproduce.findings import Findings
from cnnkit.reproduce.model_selection import Candidate
from cnnkit.reproduce.plan import PATIENCE, RATES, VALIDATION
from cnnkit.reproduce.report.blocks import Block, Heading, Items, Picture, Table, Text
from cnnkit.reproduce.statistics import Sample


def selection_section(findings: Findings) -> list[Block]:
    """Return the section: what the publication advises, its result here, and its cost."""
    selection, epochs = findings.selection, findings.config.epochs
    runs = [run for run in findings.runs if run.learning_rate == RATES[0]]
    best, stopped = selection.best, selection.published
    ours = Sample([run.test_accuracy for run in runs])
    search = [run for candidate in selection.candidates for run in candidate.runs]
    early = sum(trained < epochs for trained in stopped.epochs)
    return [
        Heading("What was recommended and not done"),
        Text(
            f"The course report advises choosing the learning rate on validation data and stopping "
            f"early. Here {VALIDATION:.0%} of the training images, the same share of every class, "
            f"are held back; a run stops after {PATIENCE} epochs without a lower validation loss "
            f"and keeps the weights of the lowest. The test images choose nothing."
        ),
        Table(
            "Candidates, each with every seed",
            ("learning rate", "validation loss", "test accuracy", "epochs", "seconds, all seeds"),
            [_candidate(candidate, candidate is best) for candidate in selection.candidates],
        ),
        Picture(
            "choice",
            "Validation loss, share of the test images wrong, and epochs until patience ends, for "
            "every run; lines join the means; the dotted line is the learning rate chosen.",
            f"The mean validation loss is lowest at learning rate {best.rate:g}.",
        ),
        Items(
            (
                f"**Learning rate.** Validation chooses {best.rate:g}: "
                f"{best.test_accuracy.text(share_text)} of the test images right, where the "
                f"published choice ({RATES[0]:g}, all images, {epochs} epochs) gives "
                f"{ours.text(share_text)}.",
                f"**Its cost.** The search took {len(search)} runs, "
                f"{sum(len(run.history) for run in search)} epochs and "
                f"{sum(run.seconds for run in search):.0f} s of training; the published choice "
                f"with the same seeds {sum(len(run.history) for run in runs)} epochs and "
                f"{sum(run.seconds for run in runs):.0f} s. One run at {best.rate:g} takes "
                f"{Sample(best.epochs).mean:.1f} epochs on average.",
                f"**Early stopping at {RATES[0]:g}.** Patience ended {early} of "
                f"{len(stopped.runs)} runs before epoch {epochs} (epochs: "
                f"{', '.join(map(str, stopped.epochs))}), with "
                f"{stopped.test_accuracy.text(share_text)} right, having learnt from "
                f"{VALIDATION:.0%} fewer images.",
                "**Batch size.** Choosing it is advised too; this report does not, and "
                "`cnnkit sweep --batch-size 16,64 --seeds 3` does.",
            )
        ),
    ]


def _candidate(candidate: Candidate, chosen: bool) -> tuple[str, ...]:
    return (
        f"{candidate.rate:g}" + (" (chosen)" if chosen else ""),
        candidate.validation_loss.text(loss_text),
        candidate.test_accuracy.text(share_text),
        ", ".join(map(str, candidate.epochs)),
        f"{candidate.seconds:.1f}",
    )
