"""What the schema allows but nobody meant: misspelt keys and values left from an example."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from scaffold.metadata.nearest import nearest
from scaffold.metadata.positions import Path, dotted
from scaffold.metadata.problems import Problem
from scaffold.metadata.structure import resolve

# keys that no schema lists but that files carry on purpose, so they are no misspelling
_IN_USE = {
    "ai4_template",
    "continuous_integration",
    "docker_tags",
    "license",
    "metadata_version",
    "provenance",
    "training_files_url",
    "version",
}
# what the templates of this ecosystem, `ai4-metadata generate` and common habit leave to fill in:
# whole texts and beginnings, and, in files that have one of these words at all, parts of texts
_WHOLE = re.compile(
    r"""
      Write\ additional\ information\ for\ your\ users
    | (?:to-?do|x{3,}|<(?=[^<>]*[ _-])[\w -]+>)\Z
    | (?:your|my)[ _-](?:name|title|model|module|project|summary|description|organi[sz]ation)\Z
    | 10\.(?:5281/zenodo\.)?(?:1234567?|xxx+|0+)\b
    """,
    re.VERBOSE | re.IGNORECASE,
)
_WORDS = ("fill", "todo", "to-do", "fixme", "lorem", "yyyy", "add-some", "://<", "example.")
_PART = re.compile(
    r"""
      \bfill[ _-]?me\b | \bto-?do\b[:\s] | \bfixme\b | \blorem\ ipsum\b | \byyyy-mm-dd\b
    | add-some-url-pointing-to-your | ://< | (?:://(?:www\.)?|@)example\.(?:org|com|net)\b
    """,
    re.VERBOSE | re.IGNORECASE,
)
_MUST_SAY_SOMETHING = ("title", "summary", "description")
_MOST = 100  # unknown keys of one mapping that are compared with the known ones
_SHOWN = 60  # characters of it that are repeated in the message
_LONGEST = 2_000  # characters of one text that are looked at; an example's text is short


def misspelt_keys(
    data: Any, schema: dict[str, Any], root: dict[str, Any], path: Path = ()
) -> Iterator[Problem]:
    """Yield each key that is not in the schema but near one that is."""
    schema = resolve(schema, root)
    if isinstance(data, list) and "items" in schema:
        for index, entry in enumerate(data):
            yield from misspelt_keys(entry, schema["items"], root, (*path, index))
    properties = schema.get("properties")
    if not isinstance(data, dict) or not properties:
        return
    unknown = 0
    for key, value in data.items():
        if key in properties:
            yield from misspelt_keys(value, properties[key], root, (*path, key))
            continue
        unknown += 1
        if unknown > _MOST or not isinstance(key, str) or key in _IN_USE:
            continue
        if close := nearest(key, properties if path else [*properties, *sorted(_IN_USE)]):
            message = f"the schema has no key `{dotted((*path, key))}`; its value is not read"
            hint = f"did you mean `{close}`?"
            yield Problem("unknown-key", message, hint, (*path, key), on_key=True)


def placeholders(data: Any, text: str) -> Iterator[Problem]:
    """Yield each value that was to be replaced, and each empty text that people read.

    Args:
        data: a document.
        text: the text it was read from.
    """
    lowered = text.lower()
    return _placeholders(data, any(word in lowered for word in _WORDS), ())


def _placeholders(data: Any, thorough: bool, path: Path) -> Iterator[Problem]:
    if isinstance(data, dict):
        for key, value in data.items():
            yield from _placeholders(value, thorough, (*path, key))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from _placeholders(value, thorough, (*path, index))
    elif isinstance(data, str):
        if not data.strip() and len(path) == 1 and path[0] in _MUST_SAY_SOMETHING:
            message = f"`{dotted(path)}` is empty; the marketplace shows it"
            yield Problem("placeholder", message, "write something", path)
            return
        start = data[:_LONGEST]
        if found := _WHOLE.match(start) or (thorough and _PART.search(start)):
            shown = found[0].strip().removeprefix("://")[:_SHOWN]
            message = f"`{dotted(path)}` still holds an example's text: {shown}"
            yield Problem("placeholder", message, "put your own in, or delete the key", path)
