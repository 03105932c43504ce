"""The versions of the metadata schema, and which one a document is to be checked against."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from scaffold.errors import UsageError
from scaffold.resources import resource

VERSIONS = ("1.0.0", "2.0.0", "2.1.0", "2.2.0", "2.3.0")
NEWEST = VERSIONS[-1]

ONLY_IN_1 = ("sources", "date_creation", "keywords", "tosca", "cite_url", "dataset_url", "license")
ONLY_IN_2 = ("links", "dates", "tags", "tasks", "categories", "libraries", "data-type", "resources")
VERSION_KEY = "metadata_version"


class Choice(NamedTuple):
    """Which schema a document is checked against.

    Attributes:
        version: the schema's version.
        declared: what the document declares, or None.
    """

    version: str
    declared: Any

    @property
    def known(self) -> bool:
        """Whether what the document declares, if anything, is a version there is."""
        return self.declared is None or self.declared in VERSIONS


def schema_file(version: str) -> Path:
    """Return the file of the JSON Schema of a version.

    Raises:
        UsageError: there is no such version.
    """
    if version not in VERSIONS:
        raise UsageError(
            f"there is no metadata version {version!r}", hint=f"known: {', '.join(VERSIONS)}"
        )
    return resource("schema") / f"metadata-{version}.schema.json"


@cache
def schema(version: str) -> dict[str, Any]:
    """Return the JSON Schema of a version.

    Raises:
        UsageError: there is no such version.
    """
    document: dict[str, Any] = json.loads(schema_file(version).read_text(encoding="utf-8"))
    return document


def choose(data: Any) -> Choice:
    """Choose the schema for a document: the one it declares, or else the one it looks like.

    A document that declares nothing is 1.0.0, which has no key for it, unless it has more of the
    keys that came with 2.0.0. For a version that does not exist it is the nearest one.
    """
    if not isinstance(data, dict):
        return Choice(VERSIONS[0], None)
    declared = data.get(VERSION_KEY)
    if isinstance(declared, str) and declared in VERSIONS:
        return Choice(declared, declared)
    old = sum(key in data for key in ONLY_IN_1)
    new = sum(key in data for key in ONLY_IN_2)
    if declared is None:
        return Choice(NEWEST if new > old else VERSIONS[0], None)
    likely = [each for each in VERSIONS if new == old or each.startswith("2.") == (new > old)]
    return Choice(_nearest(declared, likely), declared)


def _nearest(declared: Any, versions: list[str]) -> str:
    """Return the newest version that agrees with most numbers at the beginning of `declared`."""
    numbers = str(declared)[:20].strip().removeprefix("v").split(".")
    for length in (2, 1):
        for version in reversed(versions):
            if version.split(".")[:length] == numbers[:length]:
                return version
    return versions[-1]
