"""`cnnkit train`: from images to a run folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cnnkit.cli.options import DataOption, JsonOption, QuietOption
from cnnkit.cli.output import emit_json, fail, stderr, stdout
from cnnkit.errors import EXIT_INTERRUPTED, InputError

if TYPE_CHECKING:
    from cnnkit.train.trainer import TrainResult

# None means "not given": what is not given is TrainConfig's to say, or the run's with --resume.
# The defaults stand here a second time only for --help, which must not wait for NumPy.


def train(
    dataset: Annotated[
        str | None,
        typer.Option(metavar="NAME", show_default="mnist", help="mnist or fashion-mnist."),
    ] = None,
    data: DataOption = None,
    channels: Annotated[
        str | None,
        typer.Option(
            metavar="LIST", show_default="16,4", help="Channels of each block, 1 to 4 of them."
        ),
    ] = None,
    kernel: Annotated[
        int | None,
        typer.Option(show_default="3", help="Side of the blocks' convolutions, padded by half."),
    ] = None,
    pool: Annotated[
        int | None, typer.Option(show_default="2", help="Side of the blocks' pool windows.")
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(
            show_default="30", help="Passes over the training images; with --resume the new total."
        ),
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(show_default="16", help="Images per step.")
    ] = None,
    lr: Annotated[
        float | None, typer.Option("--lr", show_default="0.0001", help="Adam's learning rate.")
    ] = None,
    schedule: Annotated[
        str | None,
        typer.Option(
            show_default="constant",
            help="How the rate goes on: constant, cosine (half a cosine towards 0, per epoch), or "
            "step (a tenth after each third of the epochs).",
        ),
    ] = None,
    weight_decay: Annotated[
        float | None, typer.Option(show_default="0", help="AdamW's weight decay; 0 is plain Adam.")
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            show_default="0",
            help="Fixes initial weights, order of images and split: "
            "the same seed gives the same bits on the same machine.",
        ),
    ] = None,
    device: Annotated[
        str | None,
        typer.Option(
            show_default="auto",
            help="auto, cpu, cuda or mps. auto is the CPU, where runs repeat to the bit.",
        ),
    ] = None,
    engine: Annotated[
        str | None,
        typer.Option(
            show_default="auto",
            help="native (cnnkit's own, on the CPU), torch, or auto: native where it can. "
            "A run resumes in its own.",
        ),
    ] = None,
    val_split: Annotated[
        float | None,
        typer.Option(
            show_default="0",
            help="Share of the training images kept for validation; "
            "the weights of the lowest validation loss are then the ones kept.",
        ),
    ] = None,
    patience: Annotated[
        int | None,
        typer.Option(
            show_default="none",
            help="Stop after so many epochs without a lower validation loss; needs --val-split.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="DIR",
            show_default="runs/train/mnist-<n>",
            help="The run folder; must be new or empty.",
        ),
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN",
            help="Go on with this run folder after an interruption, to the "
            "same bits; with --epochs, extend a finished run.",
        ),
    ] = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Train the network and write a run folder: weights, metrics, pictures, manifest.

    The defaults are the published ones. The test set is measured after every epoch and never
    chooses anything. Ctrl-C keeps every complete epoch and prints the command that goes on.
    Started by torchrun, PyTorch's engine trains in all its processes, each with its share of
    every batch.
    """
    given = {
        "dataset": dataset, "channels": channels and numbers("--channels", channels),
        "kernel": kernel, "pool": pool, "batch_size": batch_size, "learning_rate": lr,
        "schedule": schedule, "weight_decay": weight_decay, "seed": seed, "device": device,
        "engine": engine, "val_split": val_split, "patience": patience, "output": output,
    }  # fmt: skip
    given = {name: value for name, value in given.items() if value is not None}
    if resume is not None:
        refuse_with_resume(given)
    from cnnkit import train as training
    from cnnkit.train import distributed
    from cnnkit.train.config import TrainConfig
    from cnnkit.train.loop import TrainingInterruptedError

    trainer = distributed if distributed.launched() else training

    try:
        if resume is not None:
            result = trainer.resume(resume, epochs, data, stderr(quiet))
        else:
            given |= {} if epochs is None else {"epochs": epochs}
            # Typer has checked the types that a dictionary of options loses.
            config = TrainConfig(data=data, **given)  # type: ignore[arg-type]
            result = trainer.train(config, stderr(quiet))
    except TrainingInterruptedError as stop:
        fail(str(stop))
        raise typer.Exit(EXIT_INTERRUPTED) from None
    if json:
        emit_json("train", result.to_json())
    else:
        show(result)


def numbers(option: str, text: str) -> tuple[int, ...]:
    """Return the whole numbers that an option lists with commas between them."""
    try:
        return tuple(int(word) for word in text.split(","))
    except ValueError:
        raise InputError(option, f"is {text}", "give whole numbers, such as 16,4") from None


def refuse_with_resume(given: dict[str, Any]) -> None:
    """Raise InputError for an option that a run has settled already."""
    flags = {"learning_rate": "--lr"}
    if given:
        names = [flags.get(name, f"--{name.replace('_', '-')}") for name in given]
        raise InputError(
            ", ".join(names),
            "is already settled by the run that --resume goes on with",
            "leave out all but --epochs and --data, or start another run",
        )


def show(result: TrainResult) -> None:
    """Print what a training left and what to do next."""
    console, folder = stdout(), result.folder
    kept = f"epoch {result.kept_epoch} of {len(result.history)}"
    console.print(f"test accuracy {result.test_accuracy:.2%} ({kept}; {result.seconds:.0f} s)")
    console.print(f"weights   {result.weights}", soft_wrap=True)
    console.print(f"pictures  {folder / 'loss.png'}  {folder / 'confusion.png'}", soft_wrap=True)
    console.print(f"next      cnnkit export --format onnx {folder}", soft_wrap=True)
