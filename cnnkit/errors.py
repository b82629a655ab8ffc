"""Errors that a user can act on: `raise InputError("x.onnx", "is truncated", "export it again")`.

Each class is one exit code of the command line; every message has a subject, a reason and a remedy.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

EXIT_BUG = 70
EXIT_INTERRUPTED = 130
MOST_DETAILS = 50  # lines of a message
EXIT_PIPE = 141  # as a shell reports a program that SIGPIPE ended


class CnnkitError(Exception):
    """Base of all errors that cnnkit raises on purpose.

    Args:
        subject: the input at fault, as the user wrote it (a path, an option, an argument).
        reason: what is wrong with it.
        remedy: what to do about it.
        details: each single thing that is wrong, if there are many: a line each.
    """

    exit_code: ClassVar[int] = EXIT_BUG

    def __init__(
        self, subject: object, reason: str, remedy: str, details: Sequence[str] = ()
    ) -> None:
        self.subject, self.reason, self.remedy = str(subject), reason, remedy
        self.details = tuple(details)
        super().__init__("\n  ".join(self.lines))

    @property
    def lines(self) -> list[str]:
        """The message, and the details, of which very many are cut and say so."""
        remedy, more = self.remedy, len(self.details) - MOST_DETAILS
        first = f"{self.subject}: {self.reason}. {remedy[:1].upper()}{remedy[1:]}."
        cut = [f"and {more:,} more"] if more > 0 else []
        return [first, *self.details[:MOST_DETAILS], *cut]

    def __reduce__(self) -> tuple[type[CnnkitError], tuple[str, str, str, tuple[str, ...]]]:
        # Exceptions are pickled by their message alone, which a process pool could not read back.
        return type(self), (self.subject, self.reason, self.remedy, self.details)


class VerdictError(CnnkitError):
    """A verification or an acceptance check failed."""

    exit_code = 1


class InputError(CnnkitError, ValueError):
    """An option, an argument or the content of a file is invalid."""

    exit_code = 2


class OperatorsError(InputError):
    """A network has nodes that cnnkit has no operator for; ONNX Runtime may have."""


class MissingError(CnnkitError, ImportError):
    """A required package or the required hardware is missing."""

    exit_code = 3

    @classmethod
    def package(cls, name: str, purpose: str, extra: str = "train") -> MissingError:
        """Return the error for a missing package of an extra that `purpose` needs."""
        reason = f"is not installed, and {purpose} needs it"
        return cls(name, reason, f"install it with `python -m pip install 'cnnkit[{extra}]'`")


class NetworkError(CnnkitError):
    """No reachable source has the data."""

    exit_code = 4


class StorageError(CnnkitError):
    """The operating system refused to read or write a file."""

    exit_code = 5


class KilledError(CnnkitError):
    """A process of ours was killed, as the system does when memory runs out."""

    exit_code = EXIT_INTERRUPTED
