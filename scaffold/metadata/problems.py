"""What is found in a document, before it is given a severity and a line."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from scaffold.metadata.positions import Path, Span


@dataclass(frozen=True, slots=True)
class Problem:
    """Something found in a document.

    Attributes:
        rule: its id in `rules`.
        message: what is wrong.
        hint: what would be right.
        path: the value it is about.
        on_key: it is the value's key that is wrong.
        span: where it is, when no path leads there.
        excused: nothing is to be done about it, so that `--strict` leaves it a warning.
    """

    rule: str
    message: str
    hint: str = ""
    path: Path = ()
    on_key: bool = False
    span: Span | None = None
    excused: bool = False


class UnreadableError(Exception):
    """The text cannot be read.

    Args:
        problem: why.
        earlier: what was found before that.
    """

    def __init__(self, problem: Problem, earlier: Sequence[Problem] = ()) -> None:
        super().__init__(problem.message)
        self.problem = problem
        self.problems = [*earlier, problem]


def duplicate(key: Hashable, span: Span, path: Path = ()) -> Problem:
    """Word the problem of a key that one mapping has twice."""
    return Problem(
        "duplicate-key",
        f"the key `{key}` is given twice; only this last one counts",
        "keep one of them",
        path,
        span=span,
    )
