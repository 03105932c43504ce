"""Checks a document against a JSON Schema: every violation, as data, in the document's order.

The published schemas use twelve keywords, and this module knows just these. It gives the verdicts
of the `jsonschema` package (the tests compare the two) without importing it, which takes longer
than everything else `scaffold validate` does: 0.1 s alone, 0.35 s with the libraries of its format
checks. A schema of the user's own, with any keyword, is left to `jsonschema`; see `custom`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from scaffold.metadata import formats
from scaffold.metadata.positions import Path


@dataclass(frozen=True, slots=True)
class Violation:
    """A value that a keyword of the schema does not allow.

    Attributes:
        path: the value.
        keyword: the keyword of JSON Schema.
        expected: what the keyword says.
        value: the value at `path`, or for `required` and `not` the key that is missing or too many.
        schema: the schema of the value.
        detail: for a keyword we have no words for, the words of `jsonschema`.
    """

    path: Path
    keyword: str
    expected: Any
    value: Any
    schema: dict[str, Any]
    detail: str = ""


def violations(data: Any, schema: dict[str, Any]) -> Iterator[Violation]:
    """Yield everything in `data` that `schema` does not allow, formats included."""
    return _check(data, schema, schema, ())


def is_type(value: Any, name: str) -> bool:
    """Tell whether a value is of a JSON type; 1.0 is an integer, True is no number."""
    if name == "string":
        return isinstance(value, str)
    if name == "array":
        return isinstance(value, list)
    if name == "object":
        return isinstance(value, dict)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return name == "number" or isinstance(value, int) or value.is_integer()


def resolve(schema: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    """Follow a `$ref` within the same schema."""
    while "$ref" in schema:
        target: Any = root
        for part in schema["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        schema = target
    return schema


def _check(
    value: Any, schema: dict[str, Any], root: dict[str, Any], path: Path
) -> Iterator[Violation]:
    schema = resolve(schema, root)
    expected = schema.get("type")
    if expected is not None and not is_type(value, expected):
        yield Violation(path, "type", expected, value, schema)
        return
    if isinstance(value, dict):
        yield from _check_object(value, schema, root, path)
    elif isinstance(value, list):
        yield from _check_array(value, schema, root, path)
    elif isinstance(value, str):
        yield from _check_text(value, schema, path)
    elif value < schema.get("minimum", value):
        yield Violation(path, "minimum", schema["minimum"], value, schema)


def _check_object(
    value: dict[Any, Any], schema: dict[str, Any], root: dict[str, Any], path: Path
) -> Iterator[Violation]:
    for key in schema.get("required", ()):
        if key not in value:
            yield Violation(path, "required", schema["required"], key, schema)
    if "not" in schema:
        for alternative in schema["not"]["anyOf"]:
            for key in alternative["required"]:
                if key in value:
                    yield Violation((*path, key), "not", schema["not"], key, schema)
    properties = schema.get("properties", {})
    for key, entry in value.items():
        if key in properties:
            yield from _check(entry, properties[key], root, (*path, key))


def _check_array(
    value: list[Any], schema: dict[str, Any], root: dict[str, Any], path: Path
) -> Iterator[Violation]:
    items = schema.get("items", {})
    for index, entry in enumerate(value):
        yield from _check(entry, items, root, (*path, index))
    if schema.get("uniqueItems"):
        for index in repeated(value):
            yield Violation((*path, index), "uniqueItems", True, value[index], schema)


def _check_text(value: str, schema: dict[str, Any], path: Path) -> Iterator[Violation]:
    if value not in schema.get("enum", (value,)):
        yield Violation(path, "enum", schema["enum"], value, schema)
    if "pattern" in schema and not _compiled(schema["pattern"]).search(value):
        yield Violation(path, "pattern", schema["pattern"], value, schema)
    check = formats.CHECKS.get(schema.get("format", ""))
    if check and not check(value):
        yield Violation(path, "format", schema["format"], value, schema)


_compiled: Callable[[str], re.Pattern[str]] = cache(re.compile)


def repeated(values: list[Any]) -> list[int]:
    """Return the indices of the values that stand earlier in the list already."""
    seen = set()
    again = []
    for index, value in enumerate(values):
        key = _identity(value)
        if key in seen:
            again.append(index)
        seen.add(key)
    return again


def _identity(value: Any) -> Any:
    """Return something hashable that is equal for values that JSON Schema takes as equal."""
    if isinstance(value, list):
        return ("list", tuple(_identity(entry) for entry in value))
    if isinstance(value, dict):
        return ("object", frozenset((key, _identity(entry)) for key, entry in value.items()))
    if isinstance(value, bool):
        return ("bool", value)
    return value
