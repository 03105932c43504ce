"""Where things stand in a file: paths, JSON pointers, offsets, lines and columns."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Hashable
from typing import Any, NamedTuple

Path = tuple[Hashable, ...]
"""The way from the root of a document to a value: keys of mappings and indices of lists."""


_LONGEST_KEY = 200


class Span(NamedTuple):
    """A stretch of text: offsets in characters, the end excluded."""

    start: int
    end: int


class Mark(NamedTuple):
    """Where one entry of a mapping or a list stands; an entry of a list is its own key."""

    key: Span
    value: Span


class Marks:
    """The positions of everything in a parsed document.

    They are kept for each container by its identity, so a YAML alias leads to where the anchor is
    and costs nothing. The containers must be kept alive as long as this is used.
    """

    __slots__ = ("entries", "root")

    def __init__(self) -> None:
        self.root = Mark(Span(0, 0), Span(0, 0))
        self.entries: dict[int, dict[Hashable, Mark]] = {}

    def find(self, data: Any, path: Path) -> Mark:
        """Return where `path` stands, or the nearest container around it that has a position."""
        mark = self.root
        for part in path:
            entry = self.entries.get(id(data), {}).get(part)
            if entry is None:
                return mark
            mark = entry
            data = data[part]
        return mark


class Lines:
    """Turns offsets into lines and columns, both counted from 1, columns in characters."""

    __slots__ = ("starts", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.starts = [0]
        at = text.find("\n")
        while at >= 0:
            self.starts.append(at + 1)
            at = text.find("\n", at + 1)

    def position(self, offset: int) -> tuple[int, int]:
        """Return the line and column of the character at `offset`."""
        line = bisect_right(self.starts, offset)
        return line, offset - self.starts[line - 1] + 1

    def bounds(self, line: int) -> Span:
        """Return where the line with this number begins and ends, its line break excluded."""
        start = self.starts[line - 1]
        end = self.starts[line] - 1 if line < len(self.starts) else len(self.text)
        return Span(start, end)


def container_paths(root: Any) -> dict[int, Path]:
    """Return the path of every list and mapping in a document, by identity."""
    paths: dict[int, Path] = {}
    waiting: list[tuple[Any, Path]] = [(root, ())]
    while waiting:
        value, path = waiting.pop()
        if id(value) in paths or not isinstance(value, dict | list):
            continue
        paths[id(value)] = path
        entries = value.items() if isinstance(value, dict) else enumerate(value)
        waiting += [(entry, (*path, key)) for key, entry in entries]
    return paths


def pointer(path: Path) -> str:
    """Write a path as a JSON pointer (RFC 6901).

    >>> pointer(("links", "a/b", 0))
    '/links/a~1b/0'
    """
    return "".join("/" + _short(part).replace("~", "~0").replace("/", "~1") for part in path)


def dotted(path: Path) -> str:
    """Write a path the way people say it.

    >>> dotted(("sources", "tosca", 0, "url"))
    'sources.tosca[0].url'
    """
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{_short(part)}" if text else _short(part)
    return text


def _short(key: Hashable) -> str:
    """Return a key as text; one that is no key at all but a book is cut off."""
    text = str(key)
    return text if len(text) <= _LONGEST_KEY else text[:_LONGEST_KEY] + "…"
