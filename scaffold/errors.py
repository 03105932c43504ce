"""Every failure a user can meet: what happened, what to do about it, and the exit code.

A `ScaffoldError` is shown as its message and hint, never as a traceback. A traceback is a bug.
"""

from __future__ import annotations

from typing import ClassVar

EXIT_INTERRUPTED = 130


class ScaffoldError(Exception):
    """Something the user asked for was checked or tried, and failed (exit code 1).

    Args:
        message: what is wrong and where, in one sentence.
        hint: what to do about it, in one sentence.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(ScaffoldError):
    """The command line, an answer or an input file cannot be understood (exit code 2)."""

    exit_code = 2


class MissingToolError(ScaffoldError):
    """A tool or service the command needs is not there; the hint says how to get it (3)."""

    exit_code = 3


class RefusedError(ScaffoldError):
    """Doing it would destroy or overwrite something (exit code 4)."""

    exit_code = 4
