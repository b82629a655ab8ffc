"""Standard output and standard error of the program: `guard_streams()`.

Commands print as if every write succeeded in every encoding. A lost result ends the program, and a
lost message does not: whoever stops reading the progress of a training does not stop the training.
"""

from __future__ import annotations

import codecs
import errno
import io
import os
import sys
from typing import TYPE_CHECKING, TextIO

from cnnkit.errors import EXIT_PIPE, StorageError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

STDOUT, STDERR = 1, 2
PLAIN = "cnnkit.plain"  # the name of our handler of encoding errors
MARKS = {
    "✓": "+",
    "✗": "x",
    "◐": "~",
    "→": "->",
    "…": "...",
    "·": "-",
    "±": "+-",
    "\u2212": "-",
    "\xd7": "x",
    "÷": "/",
    "µ": "u",
    "²": "^2",
    "³": "^3",
    "√": "sqrt ",
    "“": '"',
    "”": '"',
}


class _Output(io.FileIO):
    """A standard stream; what is written after the first failure is dropped."""

    def __init__(self, descriptor: int) -> None:
        super().__init__(descriptor, "w", closefd=False)
        self.lost = False

    def write(self, data: ReadableBuffer, /) -> int:
        size = memoryview(data).nbytes
        if self.lost:
            return size
        try:
            return super().write(data)
        except OSError as error:
            self.lost = True
            if self.fileno() == STDOUT:
                raise _failure(error) from error
            return size


def _failure(error: OSError) -> BaseException:
    if error.errno == errno.EPIPE:
        return SystemExit(EXIT_PIPE)
    return StorageError(
        "standard output",
        f"cannot be written ({error.strerror})",
        "free disk space, or send it elsewhere, and run the command again",
    )


def guard_streams() -> None:
    """Replace `sys.stdout` and `sys.stderr`, unless somebody else already has.

    Characters outside a stream's encoding become marks of ASCII or escapes. If standard output
    cannot be written, the program ends with `StorageError`, or in silence with EXIT_PIPE if its
    reader is gone. If standard error cannot be written, nothing happens. A terminal that says that
    it has no columns, or fewer than ten, is taken for one that does not say.
    """
    codecs.register_error(PLAIN, _plain)
    _open_missing()
    if len(stated := os.environ.get("COLUMNS", "")) == 1 and stated.isdecimal():
        del os.environ["COLUMNS"]  # Rich would print nothing in 0 columns
    if sys.stdout is sys.__stdout__:
        sys.stdout = _guarded(sys.stdout, STDOUT)
    if sys.stderr is sys.__stderr__:
        sys.stderr = _guarded(sys.stderr, STDERR)


def _guarded(stream: TextIO | None, descriptor: int) -> TextIO:
    return io.TextIOWrapper(
        io.BufferedWriter(_Output(descriptor)),
        encoding=stream.encoding if stream else "utf-8",
        errors=PLAIN,
        line_buffering=stream is None or stream.isatty() or descriptor == STDERR,
    )


def _open_missing() -> None:
    """Give closed standard streams a descriptor, or the next file that is opened would be one."""
    descriptor = os.open(os.devnull, os.O_RDONLY)  # so that writing fails as on a closed one
    while descriptor <= STDERR:
        descriptor = os.open(os.devnull, os.O_RDONLY)
    os.close(descriptor)


def _plain(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lost = error.object[error.start : error.end]
    escaped = (MARKS.get(char) or char.encode("unicode_escape").decode() for char in lost)
    return "".join(escaped), error.end
