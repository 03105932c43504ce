"""Metadata of one version to another: everything that has a place is kept, the rest is listed.

Two steps: `moving` gives every key of metadata 1.0.0 its place in metadata 2 (that may be found in
files that call themselves 2.x, too), then `settling` makes the values fit the target's schema.
"""

from __future__ import annotations

import copy
import datetime
from collections.abc import Mapping
from typing import Any

from scaffold.errors import RefusedError, UsageError
from scaffold.metadata import edits, moving, settling, structure, versions, writing
from scaffold.metadata.loading import Document
from scaffold.metadata.migrated import Lost, Migration
from scaffold.metadata.positions import Path

_ORDER = (
    versions.VERSION_KEY,
    *("title", "summary", "description", "doi", "dates", "links", "license"),
    *("tags", "tasks", "categories", "libraries", "data-type", "resources"),
)
# what came with which version
_SINCE: dict[Path, str] = {
    ("resources",): "2.1.0",
    ("links", "self"): "2.2.0",
    ("resources", "training"): "2.3.0",
}


def migrate(
    data: Any,
    target: str = versions.NEWEST,
    *,
    answers: Mapping[Path, Any] | None = None,
    today: str = "",
    force: bool = False,
) -> Migration:
    """Bring metadata to another version.

    Args:
        data: the metadata as read.
        target: the version it shall have.
        answers: values that are put in whatever the metadata says, by their paths.
        today: the day that counts as that of the last change, YYYY-MM-DD; the local day if empty.
        force: go back to an older version even if something has no place there.

    Raises:
        UsageError: there is no such version, the metadata is no mapping, or there is no way.
        RefusedError: something would be lost on the way back to an older version.
    """
    schema = versions.schema(target)
    if not isinstance(data, dict):
        raise UsageError("this is no metadata: it is no mapping of keys to values")
    source = versions.choose(data).version
    if target.startswith("1.") and not source.startswith("1."):
        raise UsageError(
            f"metadata {source} cannot become {target}: there is no way back to metadata 1",
            hint=f"choose one of {', '.join(versions.VERSIONS[1:])}",
        )
    result = Migration(source, target, writing.plain(data))
    if not target.startswith("1."):
        result.data[versions.VERSION_KEY] = target
        moving.move(result, today or datetime.date.today().isoformat())
    _drop_newer(result, force=force)
    for path, value in (answers or {}).items():
        _put(result.data, path, value)
    settling.settle(result, schema, today or datetime.date.today().isoformat())
    result.data = _ordered(result.data)
    return result


def text(result: Migration, document: Document | None, syntax: writing.Syntax) -> str:
    """Write migrated metadata as text.

    Args:
        result: the migration.
        document: what was migrated; if its version is all that has changed, its text is kept,
            comments and all.
        syntax: what to write it in.
    """
    key = versions.VERSION_KEY
    if document and document.syntax == syntax and not document.problems:
        if result.data == document.data:
            return document.text
        if isinstance(document.data, dict) and {**document.data, key: result.target} == result.data:
            if key in document.data:
                changed = edits.replace_scalar(document, (key,), result.target)
            else:
                changed = edits.insert_first(document, key, result.target)
            if changed:
                return changed.text
    return writing.dump(result.data, syntax)


def answer(result: Migration, path: Path, value: Any) -> str:
    """Put in an answer that was needed.

    Returns:
        What is wrong with it; "" if it was put in.
    """
    tried = copy.deepcopy(result.data)
    _put(tried, path, value)
    wrong = [
        each
        for each in structure.violations(tried, versions.schema(result.target))
        if each.keyword != "format" and each.path[: len(path)] == path
    ]
    if wrong:
        return "this does not fit the schema"
    result.data = _ordered(tried)
    result.needed = [each for each in result.needed if each.path != path]
    return ""


def _put(data: dict[str, Any], path: Path, value: Any) -> None:
    for part in path[:-1]:
        inner = data.get(str(part))
        if not isinstance(inner, dict):
            data[str(part)] = inner = {}
        data = inner
    data[str(path[-1])] = value


def _drop_newer(result: Migration, *, force: bool) -> None:
    """Take out what came with a version after the target."""
    if result.source.startswith("1.") or result.target >= result.source:
        return
    for path, since in _SINCE.items():
        if since > result.target:
            container = result.data
            for part in path[:-1]:
                inner = container.get(str(part))
                container = inner if isinstance(inner, dict) else {}
            if path[-1] in container:
                reason = f"it came with metadata {since}"
                result.lost.append(Lost(path, container.pop(str(path[-1])), reason))
    if result.lost and not force:
        names = ", ".join(".".join(map(str, each.path)) for each in result.lost)
        raise RefusedError(
            f"metadata {result.target} has no place for {names}",
            hint="leave it out with --force, or keep the newer version",
        )


def _ordered(data: dict[str, Any]) -> dict[str, Any]:
    if versions.VERSION_KEY not in data:
        return data
    first = {key: data[key] for key in _ORDER if key in data}
    return {**first, **{key: value for key, value in data.items() if key not in first}}
