"""Metadata in the words of others: chooses the format and finds out what else is known."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scaffold.errors import ScaffoldError, UsageError
from scaffold.metadata import loading, migration

_SUFFIXES = {".jsonld": "jsonld", ".json": "jsonld", ".ttl": "turtle", ".turtle": "turtle"}


@dataclass(frozen=True, slots=True)
class Exported:
    """What was made.

    Attributes:
        format: "jsonld", "turtle" or "cff".
        text: the file's text.
        notes: what the format wants and the metadata does not say, and the like.
    """

    format: str
    text: str
    notes: list[str] = field(default_factory=list)


def export(
    data: Any,
    file: str,
    format_: str,
    serialization: str = "",
    authors: Sequence[str] = (),
    output: Path | None = None,
) -> Exported:
    """Write metadata of any version in another format.

    Args:
        data: the metadata as read.
        file: where it was read; the module it lies in tells its version and authors.
        format_: "mldcat-ap" or "cff".
        serialization: "jsonld" or "turtle"; by the name of `output` if empty.
        authors: instead of the module's.
        output: where the text will go.

    Raises:
        UsageError: the metadata lacks what the schema requires.
        MissingToolError: a library is missing.
    """
    result = migration.migrate(data, force=True)
    if result.needed:
        names = ", ".join(".".join(map(str, each.path)) for each in result.needed)
        raise UsageError(
            f"{file} lacks {names}", hint=f"`scaffold validate {file}` says what is wrong with it"
        )
    if not _dated(data):
        result.data.get("dates", {}).pop("updated", None)
    version, known = _module(file)
    version = version or str(result.data.get("version") or "")
    authors = list(authors) or known
    if format_ == "cff":
        from scaffold.metadata import cff

        text, notes = cff.citation(result.data, version, authors)
        return Exported("cff", text, notes)
    from scaffold.metadata import mldcat

    names_only = [author.partition("<")[0].strip() for author in authors]
    document, notes = mldcat.jsonld(result.data, version, names_only)
    wanted = serialization or (_SUFFIXES.get(output.suffix.lower(), "") if output else "jsonld")
    if not wanted:
        raise UsageError(
            f"{output}: the name does not say which serialization",
            hint="end it in .jsonld or .ttl, or say --serialization",
        )
    if wanted == "turtle":
        return Exported("turtle", mldcat.turtle(document), notes)
    return Exported("jsonld", json.dumps(document, indent=2, ensure_ascii=False) + "\n", notes)


def _dated(data: Any) -> bool:
    """Tell whether the metadata itself says when it was changed."""
    return isinstance(data, dict) and isinstance(data.get("dates"), dict)


def _module(file: str) -> tuple[str, list[str]]:
    """Return the version and the authors of the module that a file lies in, if it lies in one."""
    from scaffold import module
    from scaffold.metadata import create

    if file == loading.STDIN:
        return "", []
    try:
        found = module.find(Path(file).absolute().parent)
    except ScaffoldError:
        return "", []
    project = create.project_table(found)
    version = project.get("version") or found.answers.get("app_version", "")
    names = [each.strip() for each in found.answers.get("author_name", "").split(",")]
    emails = [each.strip() for each in found.answers.get("author_email", "").split(",")]
    if names in ([""], ["Your Name"]):
        return str(version), []
    emails += [""] * (len(names) - len(emails))
    people = [
        f"{name} <{email}>" if email else name
        for name, email in zip(names, emails[: len(names)], strict=True)
    ]
    return str(version), people
