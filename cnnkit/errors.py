"""Errors that a person can act on: `raise InputError("x.onnx", "is truncated", "export it again")`.

Each class is one exit code of the command line; every message names the input, the reason
and the way out.
"""

from __future__ import annotations

from typing import ClassVar

EXIT_BUG = 70
EXIT_INTERRUPTED = 130


class CnnkitError(Exception):
    """Base of all errors that cnnkit raises on purpose.

    Args:
        subject: the input at fault, as the person wrote it (a path, an option, an argument).
        reason: what is wrong with it.
        remedy: what to do about it.
    """

    exit_code: ClassVar[int] = EXIT_BUG

    def __init__(self, subject: object, reason: str, remedy: str) -> None:
        super().__init__(f"{subject}: {reason}. {remedy[:1].upper()}{remedy[1:]}.")
        self.subject, self.reason, self.remedy = str(subject), reason, remedy


class VerdictError(CnnkitError):
    """A verification or a gate said no."""

    exit_code = 1


class InputError(CnnkitError, ValueError):
    """An option, an argument or a file's content is not what it must be."""

    exit_code = 2


class MissingError(CnnkitError, ImportError):
    """A package or the hardware that this needs is not here."""

    exit_code = 3

    @classmethod
    def package(cls, name: str, purpose: str, extra: str = "train") -> MissingError:
        """Return the error for a package of an extra that `purpose` needs."""
        reason = f"is not installed, and {purpose} needs it"
        return cls(name, reason, f"get it with `python -m pip install 'cnnkit[{extra}]'`")


class NetworkError(CnnkitError):
    """Nothing that could be reached has the data."""

    exit_code = 4


class StorageError(CnnkitError):
    """The operating system refused to read or write a file."""

    exit_code = 5
