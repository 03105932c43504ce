"""Makes the values of migrated metadata fit the target's schema.

What can be mended without guessing is mended; what is optional and wrong is taken out and listed;
what is required and missing becomes a question.
"""

from __future__ import annotations

import datetime
import re
from typing import Any

from scaffold.metadata import keywords, structure
from scaffold.metadata.fix import respelt
from scaffold.metadata.migrated import Migration, Needed
from scaffold.metadata.positions import Path
from scaffold.metadata.structure import Violation

_LISTS = ("tags", "tasks", "categories", "libraries", "data-type")
_MAX_ROUNDS = 10_000


def settle(result: Migration, schema: dict[str, Any], today: str) -> None:
    """Mend, take out or ask for everything that the schema does not allow.

    Args:
        result: the migration; its data, lost, needed and notes change.
        schema: of the target version.
        today: the day that counts as that of the last change, YYYY-MM-DD.
    """
    for _ in range(_MAX_ROUNDS):
        wrong = next(
            (
                each
                for each in structure.violations(result.data, schema)
                if each.keyword != "format" and _missing(each) not in _asked(result)
            ),
            None,
        )
        if wrong is None:
            return
        if wrong.keyword == "required":
            _fill(result, schema, wrong, today)
        else:
            _mend(result, wrong)


def _asked(result: Migration) -> set[Path]:
    return {each.path for each in result.needed}


def _missing(wrong: Violation) -> Path | None:
    return (*wrong.path, wrong.value) if wrong.keyword == "required" else None


def _fill(result: Migration, schema: dict[str, Any], wrong: Violation, today: str) -> None:
    path: Path = (*wrong.path, wrong.value)
    container = _at(result.data, wrong.path)
    if path[0] in _LISTS and not result.target.startswith("1."):
        container[path[-1]] = []
    elif path == ("links",):
        container["links"] = {}
    elif path == ("dates", "updated"):
        container["updated"] = today
    elif wrong.path and wrong.path[0] not in schema["required"]:
        _take_out(result, wrong.path, f"it has no {wrong.value}")
    else:
        _ask(result, wrong, path)


def _ask(result: Migration, wrong: Violation, path: Path) -> None:
    question = wrong.schema.get("properties", {}).get(wrong.value, {}).get("description", "")
    result.needed.append(Needed(path, question, f"metadata {result.target} requires it"))


def _mend(result: Migration, wrong: Violation) -> None:
    path, value = wrong.path, wrong.value
    if wrong.keyword == "type":
        if (fitting := _converted(value, wrong.expected)) is not None:
            _set(result.data, path, fitting)
            return
    elif wrong.keyword == "enum":
        _word(result, path, value, wrong.expected)
        return
    elif wrong.keyword == "uniqueItems":
        _at(result.data, path[:-1]).pop(path[-1])
        return
    elif wrong.keyword == "pattern":
        _set(result.data, path, result.target)
        return
    _take_out(result, path, _reason(wrong))


def _reason(wrong: Violation) -> str:
    if wrong.keyword == "minimum":
        return f"it is less than {wrong.expected}"
    if wrong.value is None:
        return "it was empty"
    if wrong.keyword == "not":
        return "metadata 2 does not allow it"
    wanted = {"integer": "whole number", "object": "mapping", "array": "list", "string": "text"}
    return f"it is no {wanted.get(str(wrong.expected), wrong.expected)}"


def _converted(value: Any, expected: str) -> Any:
    """Return the same value in another type, or None."""
    if expected == "string":
        if isinstance(value, datetime.date):
            return value.isoformat()
        if isinstance(value, bool | int | float):
            return str(value).lower() if isinstance(value, bool) else str(value)
        if isinstance(value, list) and all(isinstance(each, str) for each in value):
            return "\n".join(value)
    if expected == "array":
        if value is None:
            return []
        if isinstance(value, str) and value.strip():
            return [value.strip()]
    if expected in ("integer", "number") and isinstance(value, str):
        text = value.strip()
        if re.fullmatch(r"\d{1,15}", text):
            return int(text)
        if expected == "number" and re.fullmatch(r"\d{1,15}\.\d{1,15}", text):
            return float(text)
    return None


def _word(result: Migration, path: Path, word: str, allowed: list[str]) -> None:
    """Put the right word of the schema in the place of another one."""
    name = str(path[0])
    values = _at(result.data, path[:-1])
    if right := respelt(word, allowed):
        values[path[-1]] = right
        return
    values.pop(path[-1])
    if name not in _LISTS:
        result.lose(path, word, "it is none of the schema's words")
        return
    row = keywords.look_up(word)
    meant = [each for each in (row.words[name] if row else ()) if each in allowed]
    meant = meant or (["Other"] if "Other" in allowed else [])
    values += [each for each in meant if each not in values]
    tags = result.data.setdefault("tags", [])
    if isinstance(tags, list) and word not in tags:
        tags.append(word)
    instead = f", {' and '.join(meant)} in its place" if meant else ""
    result.notes.append(f"{word} is a tag now{instead}: {name} has no such word")


def _take_out(result: Migration, path: Path, reason: str) -> None:
    container = _at(result.data, path[:-1])
    value = container.pop(path[-1])
    result.lose(path, value, reason)


def _at(data: Any, path: Path) -> Any:
    for part in path:
        data = data[part]
    return data


def _set(data: Any, path: Path, value: Any) -> None:
    _at(data, path[:-1])[path[-1]] = value
