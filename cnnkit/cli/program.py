"""The program `cnnkit`: its commands, exit codes and error messages.

Results go to stdout (with `--json` as one document), progress and messages to stderr. Commands
import the library inside their function, so that `cnnkit --help` does not wait for PyTorch.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer

from cnnkit.cli import (
    bench,
    data,
    demo,
    doctor,
    embed,
    evaluate,
    export,
    predict,
    reproduce,
    runs,
    sweep,
    train,
    verify,
)
from cnnkit.cli.defaults import with_defaults
from cnnkit.cli.examples import examples
from cnnkit.cli.output import fail, stderr
from cnnkit.errors import EXIT_BUG, EXIT_INTERRUPTED, CnnkitError
from cnnkit.system.streams import guard_streams

DEBUG = "--debug"

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 success, 1 a verification or an acceptance check failed, 2 invalid usage "
    "or input, 3 missing package or hardware, 4 network error, 5 read or write error, "
    "70 a bug in cnnkit, 130 interrupted, 141 the reader of the output is gone (`| head`).",
)


def print_version(wanted: bool) -> None:
    """Print the version and exit."""
    if wanted:
        from cnnkit import __version__

        typer.echo(f"cnnkit {__version__}")
        raise typer.Exit()


@app.callback()
def root(
    # Declared for --help only: `main` removes it from the arguments, wherever it occurs.
    debug: Annotated[bool, typer.Option(DEBUG, help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool,
        typer.Option("--version", callback=print_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Train a small CNN, export it, verify the export, and run it fast on a CPU."""


def _add(name: str, function: Callable[..., object], **settings: Any) -> None:
    app.command(name, epilog=examples(name), **settings)(function)


_add("train", train.train)
_add("reproduce", reproduce.reproduce)
_add("sweep", sweep.sweep, context_settings=sweep.EXTRA)
_add("eval", evaluate.evaluate)
_add("predict", predict.predict)
_add("export", export.export)
_add("embed", embed.embed)
_add("verify", verify.verify)
_add("bench", bench.bench)
_add("demo", demo.demo)
app.add_typer(data.app, name="data", epilog=examples("data"))
app.add_typer(runs.app, name="runs", epilog=examples("runs"))
_add("doctor", doctor.doctor)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit; turn every error into a message and an exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    guard_streams()
    try:
        chosen, message = with_defaults(app, [word for word in words if word != DEBUG])
        if message:
            stderr().print(message, markup=False, soft_wrap=True)
        app(args=chosen, prog_name="cnnkit")
    except KeyboardInterrupt:
        fail("interrupted")
        sys.exit(EXIT_INTERRUPTED)
    except CnnkitError as error:
        trace(words)
        fail(error.lines[0], error.lines[1:])
        sys.exit(error.exit_code)
    except Exception as error:
        trace(words)
        fail(
            f"this is a bug in cnnkit ({type(error).__name__}: {error}). Run it again with {DEBUG}"
            " and report the output."
        )
        sys.exit(EXIT_BUG)


def trace(words: Sequence[str]) -> None:
    """Print the traceback of the error at hand, if it is asked for; the exit code stays."""
    if DEBUG in words:
        import traceback

        traceback.print_exc()
