"""`cnnkit train`: from images to a run folder."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cnnkit.cli.options import DATA_HELP, PUBLISHED, JsonOption, QuietOption, file_option
from cnnkit.cli.output import emit_json, fail, list_files, stderr, stdout
from cnnkit.errors import EXIT_INTERRUPTED, InputError
from cnnkit.graph.names import WELL_KNOWN
from cnnkit.train.config import TrainConfig, option_name

if TYPE_CHECKING:
    from cnnkit.train.trainer import TrainResult

# None means "not given": TrainConfig then supplies the default, or the run itself with --resume.
DEFAULTS = TrainConfig()
# Options by the panel of --help that they stand in.
of_data = partial(file_option, rich_help_panel="Data")
of_network = partial(file_option, rich_help_panel="Network")
of_training = partial(file_option, rich_help_panel="Training")
of_run = partial(file_option, rich_help_panel="Run")


def default(field: str) -> str:
    """Return the default of a field of TrainConfig as text for --help."""
    value = getattr(DEFAULTS, field)
    if value is None:
        return "none"
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def train(
    dataset: Annotated[
        str | None,
        of_data(metavar="NAME", show_default=default("dataset"), help=PUBLISHED),
    ] = None,
    data: Annotated[Path | None, of_data("--data", metavar="PATH", help=DATA_HELP)] = None,
    manifest: Annotated[
        Path | None,
        of_data(
            metavar="FILE",
            help="CSV or JSON Lines with file_name, label and optionally split and group, for "
            "pictures in --data; default: metadata.csv or metadata.jsonl there, if any.",
        ),
    ] = None,
    size: Annotated[
        str | None,
        of_data(
            metavar="HxW",
            show_default="the pictures' own up to 64x64 if all have the same, else 32x32",
            help="Height and width that pictures are resized to, such as 32 or 24x32.",
        ),
    ] = None,
    fit: Annotated[
        str | None,
        of_data(
            show_default=default("fit"),
            help="How pictures of other proportions get that size: pad (black bars), stretch or "
            "crop.",
        ),
    ] = None,
    color: Annotated[
        str | None,
        of_data(
            show_default=default("color"), help="gray, rgb, or auto: gray if all pictures are."
        ),
    ] = None,
    test_split: Annotated[
        float | None,
        of_data(
            show_default=default("test_split"),
            help="Fraction of the pictures held out for the test, unless the data has test "
            "pictures.",
        ),
    ] = None,
    bad: Annotated[
        str | None,
        of_data(
            show_default=default("bad"),
            help="What happens to pictures that cannot be used: fail (and name them all) or skip.",
        ),
    ] = None,
    normalize: Annotated[
        str | None,
        of_data(
            metavar="NAME|MEAN,STD",
            show_default=default("normalize"),
            help="Normalises pixels from 0 to 1, inside the network and every exported file: none, "
            "dataset (mean and standard deviation of the training images, by channel), imagenet, "
            "or the numbers, one of each or of each channel (all means first).",
        ),
    ] = None,
    network: Annotated[
        str | None,
        of_network(
            metavar="NAME",
            show_default=default("network"),
            help=f"paper (the published network, varied by --channels, --kernel and --pool), "
            f"{', '.join(WELL_KNOWN)}, torchvision:NAME, timm:NAME, or package.module:factory (a "
            "function or class that returns a torch.nn.Module; called with num_classes, or "
            "classes, and in_channels, in_chans or channels, as far as it has such parameters).",
        ),
    ] = None,
    channels: Annotated[
        str | None,
        of_network(
            metavar="LIST",
            show_default=default("channels"),
            help="Output channels of each block; 1 to 4 blocks.",
        ),
    ] = None,
    kernel: Annotated[
        int | None,
        of_network(
            show_default=default("kernel"),
            help="Kernel size of the convolutions; the padding is half of it. On MNIST, sizes "
            "other than 3 train 3 to 50 times as slowly.",
        ),
    ] = None,
    pool: Annotated[
        int | None,
        of_network(show_default=default("pool"), help="Kernel size and stride of the max-pools."),
    ] = None,
    epochs: Annotated[
        int | None,
        of_training(
            show_default=default("epochs"),
            help="Passes over the training images; with --resume, the new total.",
        ),
    ] = None,
    batch_size: Annotated[
        int | None, of_training(show_default=default("batch_size"), help="Images per step.")
    ] = None,
    lr: Annotated[
        float | None,
        of_training("--lr", show_default=default("learning_rate"), help="Adam's learning rate."),
    ] = None,
    schedule: Annotated[
        str | None,
        of_training(
            show_default=default("schedule"),
            help="How the learning rate changes from epoch to epoch: constant, cosine (half a "
            "cosine towards 0) or step (divided by 10 after each third of the epochs).",
        ),
    ] = None,
    weight_decay: Annotated[
        float | None,
        of_training(
            show_default=default("weight_decay"), help="AdamW's weight decay; 0 is plain Adam."
        ),
    ] = None,
    seed: Annotated[
        int | None,
        of_training(
            show_default=default("seed"),
            help="Determines initial weights, shuffling and validation split: "
            "the same seed gives bit-identical results on the same machine.",
        ),
    ] = None,
    device: Annotated[
        str | None,
        of_run(
            show_default=default("device"),
            help="auto, cpu, cuda or mps. auto is the CPU, where results are bit-reproducible.",
        ),
    ] = None,
    engine: Annotated[
        str | None,
        of_run(
            show_default=default("engine"),
            help="native (cnnkit's own, on the CPU), torch, or auto: native where possible. "
            "A run resumes with the engine it started with.",
        ),
    ] = None,
    val_split: Annotated[
        float | None,
        of_training(
            show_default=default("val_split"),
            help="Fraction of the training images held out for validation; "
            "the run then keeps the weights of the best epoch (see --monitor).",
        ),
    ] = None,
    patience: Annotated[
        int | None,
        of_training(
            show_default=default("patience"),
            help="Stop after this many epochs without a better one; needs --val-split.",
        ),
    ] = None,
    augment: Annotated[
        str | None,
        of_data(
            metavar="NAME|FILE",
            show_default=default("augment"),
            help="Changes the training images in every epoch: none, digits (turns, shears, scales "
            "and moves them a little), natural (mirrors, moves, turns, brightness, contrast), or a "
            "TOML file with operations and their ranges.",
        ),
    ] = None,
    class_weights: Annotated[
        str | None,
        of_training(
            metavar="WEIGHTS",
            show_default=default("class_weights"),
            help="Weights of the classes in the loss: none, auto (rare classes count more), or "
            "NAME=WEIGHT,…",
        ),
    ] = None,
    label_smoothing: Annotated[
        float | None,
        of_training(
            show_default=default("label_smoothing"),
            help="PyTorch's label smoothing, 0 to below 1.",
        ),
    ] = None,
    warmup: Annotated[
        int | None,
        of_training(
            metavar="EPOCHS",
            show_default=default("warmup"),
            help="Epochs before the schedule begins, in which the learning rate rises linearly.",
        ),
    ] = None,
    monitor: Annotated[
        str | None,
        of_training(
            show_default=default("monitor"),
            help="What decides which epoch is the best on the validation images: loss, accuracy "
            "or balanced-accuracy.",
        ),
    ] = None,
    weights: Annotated[
        Path | None,
        of_network(
            "--weights",
            metavar="FILE",
            show_default=default("weights"),
            help="Start from the weights of this run or file, of the same network; with other "
            "classes from all layers but the last.",
        ),
    ] = None,
    tensorboard: Annotated[
        bool,
        of_run(
            "--tensorboard",
            help="Also write each epoch's record for TensorBoard (extra tensorboard).",
        ),
    ] = False,
    output: Annotated[
        Path | None,
        of_run(
            "--output",
            "-o",
            metavar="DIR",
            show_default="runs/train/<data set or its folder>-<n>",
            help="The run folder; must be new or empty.",
        ),
    ] = None,
    config_file: Annotated[
        Path | None,
        of_run(
            "--config",
            metavar="FILE",
            help="Take options from a TOML file, by their names without dashes; those given here "
            "win. Every run folder has such a file, config.toml, which repeats the run.",
        ),
    ] = None,
    resume: Annotated[
        Path | None,
        of_run(
            metavar="RUN",
            help="Resume this run folder after an interruption, with bit-identical results; "
            "with --epochs, extend a finished run.",
        ),
    ] = None,
    qat: Annotated[
        Path | None,
        of_run(
            "--qat",
            metavar="RUN",
            help="Fine-tune this run for 8 bits (quantisation-aware training) in a run folder of "
            "its own: its network, data and settings, but 5 epochs at a learning rate of 1e-4 that "
            "falls by a cosine, unless given; exports to onnx-int8 and c-int8 take the trained "
            "ranges.",
        ),
    ] = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
    verbose: Annotated[
        bool,
        typer.Option("--verbose", "-v", help="Print the loss within epochs, every 750 steps."),
    ] = False,
) -> None:
    """Train a network and write a run folder: weights, metrics, plots, manifest.

    The defaults are the published hyperparameters. The test set is evaluated after every epoch and
    influences nothing. Ctrl-C keeps all complete epochs and prints the command that resumes the
    run. With torchrun, PyTorch's engine trains in all processes, each on its share of every batch.
    """
    given = {
        "dataset": dataset, "manifest": manifest, "size": size, "fit": fit, "color": color,
        "test_split": test_split, "bad": bad, "normalize": normalize, "network": network,
        "channels": channels and numbers("--channels", channels), "kernel": kernel, "pool": pool,
        "batch_size": batch_size, "learning_rate": lr,
        "schedule": schedule, "weight_decay": weight_decay, "seed": seed, "device": device,
        "engine": engine, "val_split": val_split, "patience": patience, "output": output,
        "augment": augment, "class_weights": class_weights, "label_smoothing": label_smoothing,
        "warmup": warmup, "monitor": monitor, "weights": weights,
        "tensorboard": tensorboard or None, "qat": qat,
    }  # fmt: skip
    given = {name: value for name, value in given.items() if value is not None}
    if resume is not None:
        reject_with_resume({**given, **({"config": config_file} if config_file else {})})
    from cnnkit.train import distributed, trainer
    from cnnkit.train.loop import TrainingInterruptedError

    here = distributed if distributed.launched() else trainer

    try:
        if resume is not None:
            result = here.resume(resume, epochs, data, stderr(quiet, verbose))
        else:
            from cnnkit.train.config_file import read_config

            given |= {} if epochs is None else {"epochs": epochs}
            given |= {} if data is None else {"data": data}
            options = {**(read_config(config_file) if config_file else {}), **given}
            # Typer or the file's reader has checked the types, which a dictionary does not keep.
            config = configured(options)
            result = here.train(config, stderr(quiet, verbose))
    except TrainingInterruptedError as stop:
        fail(str(stop))
        raise typer.Exit(EXIT_INTERRUPTED) from None
    if json:
        emit_json("train", result.to_json())
    else:
        show(result)


def configured(options: dict[str, Any]) -> TrainConfig:
    """Return the config of these options, of a run's fine-tuning with that run's others."""
    if options.get("qat") is None:
        return TrainConfig(**options)
    from cnnkit.train.quantisation_aware import fine_tuning

    changes = {name: value for name, value in options.items() if name != "qat"}
    return fine_tuning(options["qat"], **changes)


def numbers(option: str, text: str) -> tuple[int, ...]:
    """Return the integers of a comma-separated list."""
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise InputError(option, f"is {text}", "give whole numbers, such as 16,4") from None


def reject_with_resume(given: dict[str, Any]) -> None:
    """Raise InputError if settings are given that a run to resume already has."""
    if given:
        raise InputError(
            ", ".join(map(option_name, given)),
            "cannot change when a run is resumed",
            "leave out all but --epochs and --data, or start a new run",
        )


def show(result: TrainResult) -> None:
    """Print the result of a training and what to do next."""
    from cnnkit.metrics import balanced_accuracy, is_uneven

    console, folder = stdout(), result.folder
    kept = f"epoch {result.kept_epoch} of {len(result.history)}"
    console.print(f"test accuracy {result.test_accuracy:.2%} ({kept}; {result.seconds:.0f} s)")
    if is_uneven(result.per_class):
        console.print(f"balanced accuracy {balanced_accuracy(result.per_class):.2%}")
    list_files(console, "weights", [result.weights])
    list_files(console, "pictures", [path for path in result.pictures if path.suffix == ".png"])
    form = "onnx" if result.config.qat is None else "onnx-int8"
    console.print(f"next      cnnkit export --format {form} {folder}", soft_wrap=True, no_wrap=True)
