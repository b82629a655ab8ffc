"""Each epoch's record for TensorBoard, if it is asked for: `with board(folder, True) as add`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from cnnkit.errors import MissingError, StorageError

PACKAGE = "tensorboard"
FOLDER = "tensorboard"  # in the run folder
LEFT_OUT = ("epoch", "seconds")
OnRecord = Callable[[Mapping[str, Any]], None]


def require_tensorboard() -> None:
    """Raise MissingError unless TensorBoard is installed."""
    if find_spec(PACKAGE) is None:
        raise MissingError.package(PACKAGE, "--tensorboard", PACKAGE)


@contextmanager
def board(folder: Path, wanted: bool) -> Iterator[OnRecord]:
    """Yield a function that adds an epoch's record to what `tensorboard --logdir` reads.

    Raises:
        StorageError: that cannot be written.
    """
    if not wanted:
        yield lambda record: None
        return
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    def add(record: Mapping[str, Any]) -> None:
        values = [
            Summary.Value(tag=key, simple_value=value)
            for key, value in record.items()
            if value is not None and key not in LEFT_OUT
        ]
        with _reported(folder):
            writer.add_event(Event(step=record["epoch"], summary=Summary(value=values)))
            writer.flush()

    with _reported(folder):
        writer = EventFileWriter(str(folder / FOLDER))
    try:
        yield add
    finally:
        with _reported(folder):
            writer.close()


@contextmanager
def _reported(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(
            folder / FOLDER,
            f"cannot be written ({error.strerror or error})",
            "free some space, then continue with --resume",
        ) from error
