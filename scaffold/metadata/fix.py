"""Repairs what is wrong with a metadata file where there is only one right way to repair it.

Text in, text out: see `fixing` for files. What is repaired, and nothing else:

- JSON: commas that are too many, or missing before a key or a line; single quotes; keys without quotes;
  True, False, None and undefined; tabs and line breaks inside text.
- A byte order mark is removed.
- YAML: quotes around dates and around numbers where the schema wants text.
- Words that the schema lists, when only case, spaces and punctuation differ: Pytorch, scikit learn.
- A missing `metadata_version` of metadata that follows a schema 2.x.
- Licences in another spelling of their SPDX identifier: Apache 2.0, BSD 3-Clause License.
"""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from scaffold.metadata import edits, licences, structure, versions
from scaffold.metadata.loading import Document
from scaffold.metadata.positions import Path, pointer
from scaffold.metadata.problems import Problem

# characters read again in all, so that mending a hostile file takes no longer than reading it
_MAX_REREAD = 1_000_000
_KEY_AHEAD = re.compile(r"""[ \t\n]*("[^"\\\n]*"|'[^'\\\n]*'|[A-Za-z_]\w*)[ \t\n]*:""")
_WORDS = {"True": "true", "False": "false", "None": "null", "undefined": "null"}


@dataclass(frozen=True, slots=True)
class Fix:
    """One thing that was repaired.

    Attributes:
        rule: id of the rule that was broken.
        pointer: JSON pointer to the value, "" for the whole document.
        line: where it was in the original text, from 1.
        message: what was done.
    """

    rule: str
    pointer: str
    line: int
    message: str


def fix(document: Document, schema_version: str | None = None) -> tuple[Document, list[Fix]]:
    """Repair a document.

    Args:
        document: what `loading.load` returned.
        schema_version: the version to repair for, whatever the document declares.

    Returns:
        The repaired document and what was repaired, in the order of the lines; the very document
        if there is nothing to do.
    """
    fixes: list[Fix] = []
    original = document
    if any(problem.rule == "byte-order-mark" for problem in document.problems):
        document = edits.reread(document, document.text)
        fixes.append(Fix("byte-order-mark", "", 1, "removed the byte order mark"))
    joined: list[tuple[int, int]] = []
    left = _MAX_REREAD
    for step in (_slip, _value, _version):
        while left > 0 and (found := step(document, schema_version)):
            left -= len(document.text)
            changed, where, at, message = found
            place = document.lines.position(at)
            fixes.append(Fix(where[0], pointer(where[1]), _original(place, joined), message))
            if changed.text.count("\n") < document.text.count("\n"):
                joined.append(place)
            document = changed
    fixes.sort(key=lambda each: each.line)
    return (document, fixes) if fixes else (original, [])


def _original(place: tuple[int, int], joined: list[tuple[int, int]]) -> int:
    """Return the line that a place was on before lines were joined with the next, one by one."""
    line, column = place
    for each in reversed(joined):
        line += (line, column) > each
    return line


_Found = tuple[Document, tuple[str, Path], int, str]
"""The changed document, the rule and the path, the offset before the change, and what was done."""


def _slip(document: Document, schema_version: str | None) -> _Found | None:
    """Mend the first thing that keeps a text from being JSON."""
    del schema_version
    if document.syntax != "json":
        return None
    for problem in document.problems:
        if problem.rule != "json-syntax" or problem.span is None:
            continue
        start, end = problem.span
        mended = _mended(document, problem, start, end)
        if mended is None:
            continue
        new, message = mended
        changed = edits.reread(document, document.text[:start] + new + document.text[end:])
        if _closer_to_json(document, changed, problem):
            return changed, (problem.rule, problem.path), start, message
    return None


def _mended(document: Document, problem: Problem, start: int, end: int) -> tuple[str, str] | None:
    """Return what is to stand in the place of a slip, and what that does."""
    text = document.text
    wrong = text[start:end]
    if wrong == ",":
        return "", "deleted a comma with nothing after it"
    if wrong == "\t":
        return "\\t", "wrote \\t for a tab inside text"
    if wrong == "\n":
        return "\\n", "wrote \\n for a line break inside text"
    if problem.message.startswith("a comma is missing"):
        if _key_at(text, end):
            return wrong + ",", "put a comma before the next key"
        if re.match(r"[ \t]*\n", text[end:]):
            return wrong + ",", "put a comma before the next line"
        return None
    if wrong in _WORDS:
        return _WORDS[wrong], f"wrote {_WORDS[wrong]} for {wrong}"
    if wrong[:1] == "'" == wrong[-1:] and len(wrong) > 1:
        return json.dumps(wrong[1:-1], ensure_ascii=False), "wrote double quotes for single ones"
    if re.fullmatch(r"[A-Za-z_][\w-]*", wrong) and re.match(r"[ \t\n]*:", text[end:]):
        return f'"{wrong}"', f"put quotes around the key {wrong}"
    return None


def _key_at(text: str, at: int) -> bool:
    return bool(_KEY_AHEAD.match(text, at))


def _closer_to_json(before: Document, after: Document, problem: Problem) -> bool:
    """Tell whether a mended text means the same and has this fault no longer."""
    if not after.readable or repr(after.data) != repr(before.data):
        return False
    left = [(each.span, each.message) for each in after.problems]
    return (problem.span, problem.message) not in left and len(left) <= len(before.problems)


def _value(document: Document, schema_version: str | None) -> _Found | None:
    """Mend the first value that has one right spelling."""
    if not document.readable or not isinstance(document.data, dict):
        return None
    for rule, path, value, message in _wrong_values(document, schema_version):
        if changed := edits.replace_scalar(document, path, value):
            return changed, (rule, path), document.mark(path).value.start, message
    return None


def _wrong_values(
    document: Document, schema_version: str | None
) -> Iterator[tuple[str, Path, str, str]]:
    """Yield the rule, the path, the right text and what writing it does."""
    version = schema_version or versions.choose(document.data).version
    for each in structure.violations(document.data, versions.schema(version)):
        if each.keyword == "type" and each.expected == "string":
            yield from _text(document, each.path, each.value)
        elif each.keyword == "enum":
            right = respelt(each.value, each.expected)
            if right and right not in _siblings(document.data, each.path):
                message = f"wrote {right} for {each.value}"
                yield "not-allowed", each.path, right, message
    licence = document.data.get("license")
    if isinstance(licence, str) and not licences.is_spdx(licence):
        right = licences.respelt(licence)
        if right:
            yield "licence", ("license",), right, f"wrote {right} for {licence.strip()}"


def _text(document: Document, path: Path, value: Any) -> Iterator[tuple[str, Path, str, str]]:
    source = document.source(path)
    if path == (versions.VERSION_KEY,) or source != source.strip():
        return
    if isinstance(value, datetime.date):
        day = source if isinstance(value, datetime.datetime) else value.isoformat()
        yield "yaml-date", path, day, "put quotes around a date"
    elif isinstance(value, int | float):
        yield "wrong-type", path, source, f"put quotes around {source}"


def respelt(word: str, allowed: list[str]) -> str:
    """Return the one allowed word that differs in case, spaces and punctuation only, or "".

    >>> respelt("scikit learn", ["PyTorch", "Scikit-learn"])
    'Scikit-learn'
    """
    same = [each for each in allowed if _plain(each) == _plain(word)]
    return same[0] if len(same) == 1 else ""


def _plain(word: str) -> str:
    return re.sub(r"[\W_]+", "", word.casefold())


def _siblings(data: Any, path: Path) -> list[Any]:
    for part in path[:-1]:
        data = data[part]
    return data if isinstance(data, list) else []


def _version(document: Document, schema_version: str | None) -> _Found | None:
    """Declare the version of metadata that follows a schema 2.x and does not say so."""
    data = document.data
    if not document.readable or not isinstance(data, dict) or versions.VERSION_KEY in data:
        return None
    version = schema_version or versions.choose(data).version
    if version.startswith("1."):
        return None
    changed = edits.insert_first(document, versions.VERSION_KEY, version)
    if changed is None:
        return None
    first = min(document.mark((key,)).key.start for key in data)
    return changed, ("missing-key", ()), first, f"added {versions.VERSION_KEY} {version}"
