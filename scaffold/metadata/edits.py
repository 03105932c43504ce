"""Changes to a metadata file's text that leave every other character as it is.

Each is verified: the changed text is read again, and only kept if nothing but the wanted value has
changed. So comments, the order of keys and the formatting stay, whatever the text looks like.
"""

from __future__ import annotations

import copy
import json
import re
from typing import Any

from scaffold.metadata import loading
from scaffold.metadata.loading import Document
from scaffold.metadata.positions import Path

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._+-]*(?<! )")


def reread(document: Document, text: str) -> Document:
    """Read a changed text as the same file."""
    return loading.parse(text.encode("utf-8"), document.path)


def with_value(data: Any, path: Path, value: Any) -> Any:
    """Return a copy of data with another value at `path`."""
    changed = copy.deepcopy(data)
    container = changed
    for part in path[:-1]:
        container = container[part]
    container[path[-1]] = value
    return changed


def replace_scalar(document: Document, path: Path, value: str) -> Document | None:
    """Put a text in the place of one value.

    Returns:
        The changed document; None if it cannot be done without changing something else, because
        the value is written as an alias, a block or with a tag.
    """
    start, end = document.mark(path).value
    source = document.text[start:end]
    if source[:1] in ("&", "*", "!", "|", ">"):
        return None
    written = _written(value, source, document.syntax)
    text = document.text[:start] + written + document.text[end:]
    return _verified(document, text, with_value(document.data, path, value))


def _written(value: str, source: str, syntax: str) -> str:
    if syntax == "json" or source[:1] == '"':
        return json.dumps(value, ensure_ascii=False)
    if source[:1] not in ("'", '"') and _PLAIN.fullmatch(value) and _is_text(value):
        return value
    return "'" + value.replace("'", "''") + "'"


def _is_text(value: str) -> bool:
    """Tell whether YAML takes a word without quotes for text, not for a number or a date."""
    document = loading.parse(f"- {value}\n".encode())
    return document.readable and document.data == [value]


def insert_first(document: Document, key: str, value: str) -> Document | None:
    """Put a key before all others of the document.

    Returns:
        The changed document; None if the document is no mapping with keys.
    """
    if not isinstance(document.data, dict) or not document.data:
        return None
    first = min(document.mark((each,)).key.start for each in document.data)
    text = document.text
    if text[document.marks.root.value.start] == "{":
        opening = document.marks.root.value.start + 1
        gap = text[opening:first]
        quoted = f'"{key}": {json.dumps(value)},'
        text = text[:opening] + gap + quoted + (gap or " ") + text[first:]
    else:
        line = text.rfind("\n", 0, first) + 1
        if text[line:first].strip():
            return None
        text = text[:line] + f"{text[line:first]}{key}: {value}\n" + text[line:]
    return _verified(document, text, {key: value, **document.data})


def _verified(document: Document, text: str, expected: Any) -> Document | None:
    changed = reread(document, text)
    if not changed.readable or _different(changed.data, expected):
        return None
    if len(changed.problems) > len(document.problems):
        return None
    return changed


def _different(one: Any, other: Any) -> bool:
    """Tell values apart, True from 1 and the order of keys too."""
    return repr(one) != repr(other)
