"""What became of metadata in a migration, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from scaffold.metadata.migrated import Migration
from scaffold.metadata.positions import dotted, pointer
from scaffold.metadata.report import printable
from scaffold.metadata.wording import quoted


def migration(result: Migration, *, quiet: bool = False) -> Iterator[str]:
    """Yield the lines that tell a person what was decided, lost and is needed; quietly, the last."""
    for note in () if quiet else result.notes:
        yield f"note: {printable(note)}"
    for lost in () if quiet else result.lost:
        yield f"lost: {printable(dotted(lost.path))} {quoted(lost.value)}: {printable(lost.reason)}"
    for needed in result.needed:
        yield f"needed: {dotted(needed.path)}: {needed.question} ({needed.reason})"


def migration_document(result: Migration, output: str | None) -> dict[str, Any]:
    """Return what `--json` says of a migration."""
    from scaffold.metadata.writing import plain

    return {
        "from": result.source,
        "to": result.target,
        "valid": not result.needed,
        "output": output,
        "metadata": result.data,
        "lost": [
            {"pointer": pointer(each.path), "value": plain(each.value), "reason": each.reason}
            for each in result.lost
        ],
        "needed": [
            {
                "key": dotted(each.path),
                "pointer": pointer(each.path),
                "question": each.question,
                "reason": each.reason,
            }
            for each in result.needed
        ],
        "notes": result.notes,
    }


def count(number: int, what: str) -> str:
    """Return "1 answer", "2 answers"."""
    return f"{number} {what}{'' if number == 1 else 's'}"
