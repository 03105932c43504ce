"""What a migration is made of: the metadata in its new form, and what became of the rest."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from scaffold.metadata.positions import Path


@dataclass(frozen=True, slots=True)
class Lost:
    """A value that has no place in the target.

    Attributes:
        path: where it was.
        value: what it was.
        reason: why it was left out.
    """

    path: Path
    value: Any
    reason: str


@dataclass(frozen=True, slots=True)
class Needed:
    """An answer that only a person can give.

    Attributes:
        path: the key it is for.
        question: what it is, in words.
        reason: why it is asked for.
    """

    path: Path
    question: str
    reason: str


@dataclass(slots=True)
class Migration:
    """Metadata in its new form.

    Attributes:
        source: the version it had.
        target: the version it has.
        data: the metadata; valid if nothing is needed.
        lost: what has no place in it.
        needed: what is missing in it.
        notes: what was decided on the way, in words.
    """

    source: str
    target: str
    data: dict[str, Any]
    lost: list[Lost] = field(default_factory=list)
    needed: list[Needed] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def lose(self, path: Path, value: Any, reason: str) -> None:
        """List a value as one that has no place; what is empty is no loss."""
        if value not in (None, "", [], {}):
            self.lost.append(Lost(path, value, reason))
