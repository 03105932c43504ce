"""What the keywords of metadata 1.0.0 become in metadata 2: the table is keywords.tsv."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

LISTS = ("libraries", "tasks", "categories", "data-type")

_TABLE = Path(__file__).with_name("keywords.tsv")


@dataclass(frozen=True, slots=True)
class Row:
    """What one keyword becomes.

    Attributes:
        keyword: in lower case.
        words: for each of `LISTS` the words of the schema that are added to it.
        stays: it becomes a tag as well.
    """

    keyword: str
    words: dict[str, tuple[str, ...]]
    stays: bool


@cache
def table() -> dict[str, Row]:
    """Return the rows by their keywords without spaces and punctuation."""
    rows = {}
    for line in _TABLE.read_text(encoding="utf-8").splitlines():
        if line.startswith(("#", "keyword\t")):
            continue
        keyword, *cells = line.split("\t")
        *words, stays = cells
        lists = {
            name: tuple(filter(None, cell.split(", ")))
            for name, cell in zip(LISTS, words, strict=True)
        }
        rows[_plain(keyword)] = Row(keyword, lists, stays == "yes")
    return rows


def look_up(keyword: str) -> Row | None:
    """Return the row of a keyword, however it is spelt; None if it is just a tag."""
    return table().get(_plain(re.sub(r"^\s*library/", "", keyword, flags=re.IGNORECASE)))


def sort(keywords: Iterable[str]) -> dict[str, list[str]]:
    """Sort keywords into the lists of metadata 2.

    Returns:
        tags, libraries, tasks, categories and data-type, each without repetitions.
    """
    sorted_: dict[str, list[str]] = {name: [] for name in ("tags", *LISTS)}
    for keyword in keywords:
        row = look_up(keyword)
        for name, words in (row.words if row else {}).items():
            sorted_[name] += [word for word in words if word not in sorted_[name]]
        if (row is None or row.stays) and keyword not in sorted_["tags"]:
            sorted_["tags"].append(keyword)
    return sorted_


def _plain(word: str) -> str:
    return re.sub(r"[\W_]+", "", word.casefold())
