"""A metadata file on disk to a `Document`: its values, where they stand, and what kept it from us.

What is read: `.json` files must be JSON; every other file may be JSON or YAML, as the marketplace's
own tools have it. Reading runs nothing, fetches nothing, and takes bounded time and memory.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any, Literal

from scaffold.metadata import jsontext
from scaffold.metadata.limits import MAX_BYTES
from scaffold.metadata.positions import Lines, Mark, Marks, Path, Span
from scaffold.metadata.problems import Problem, UnreadableError

Syntax = Literal["json", "yaml"]

STDIN = "-"


@dataclass(slots=True)
class Document:
    r"""A metadata file as read.

    Attributes:
        path: its name, as the user gave it.
        text: its text, with `\n` for every kind of line break and without a byte order mark.
        syntax: what it is written in.
        data: its value; None if it is not readable.
        problems: what is wrong with it as a text.
        readable: there is data to check.
    """

    path: str
    text: str
    syntax: Syntax
    data: Any = None
    problems: list[Problem] = field(default_factory=list)
    readable: bool = False
    _marks: Marks | None = None
    _lines: Lines | None = None

    @property
    def lines(self) -> Lines:
        """The lines of the text."""
        if self._lines is None:
            self._lines = Lines(self.text)
        return self._lines

    @property
    def marks(self) -> Marks:
        """Where everything stands; for JSON this is found out when first asked for."""
        if self._marks is None:
            # the same text gave data before; the same values again, this time with positions
            self.data, self._marks, _ = jsontext.read(self.text)
        return self._marks

    def mark(self, path: Path) -> Mark:
        """Return where the key and the value at `path` stand, or what is nearest around them."""
        return self.marks.find(self.data, path)

    def span(self, problem: Problem) -> Span:
        """Return the stretch of text that a problem is about."""
        if problem.span is not None:
            return problem.span
        if not self.readable:
            return Span(0, 0)
        mark = self.mark(problem.path)
        return mark.key if problem.on_key else mark.value

    def source(self, path: Path, most: int | None = None) -> str:
        """Return the value at `path` as it is written in the file, or its first characters."""
        start, end = self.mark(path).value
        return self.text[start : end if most is None else min(end, start + most)]


def load(path: str | FilePath) -> Document:
    """Read a metadata file; `-` is the standard input.

    Returns:
        The document, readable or not.

    Raises:
        OSError: the file cannot be opened or read.
    """
    name = str(path)
    if name == STDIN:
        raw = sys.stdin.buffer.read(MAX_BYTES + 1)
    else:
        with FilePath(name).open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    return parse(raw, name)


def parse(raw: bytes, name: str = STDIN) -> Document:
    """Read metadata from bytes.

    Args:
        raw: the content of a file; reading stops with a problem over `limits.MAX_BYTES`.
        name: its name, which says whether it must be JSON.
    """
    must_be_json = name.lower().endswith(".json")
    document = Document(name, "", "json" if must_be_json else "yaml")
    if len(raw) > MAX_BYTES:
        message = f"the file is larger than {MAX_BYTES // 1024} KiB; it was not read"
        hint = "metadata is a few kilobytes of text: is it the right file?"
        document.problems.append(Problem("too-large", message, hint))
        return document
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        return _not_utf8(document, raw, error.start)
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if text.startswith("\ufeff"):
        text = text[1:]
        message = "the file begins with a byte order mark (BOM), which is invisible"
        hint = "save it as UTF-8 without BOM"
        document.problems.append(Problem("byte-order-mark", message, hint, span=Span(0, 0)))
    document.text = text
    _read(document, must_be_json)
    return document


def _not_utf8(document: Document, raw: bytes, at: int) -> Document:
    document.text = raw.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")
    before = raw[:at].decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\x00" in raw[:4]:
        message = "the file is not UTF-8 text; it looks like UTF-16"
    else:
        char = raw[at : at + 1].decode("cp1252", "replace")
        message = f"the byte 0x{raw[at]:02X} is not UTF-8; in Latin-1 it would be {char!r}"
    span = Span(len(before), len(before) + 1)
    document.problems.append(Problem("encoding", message, "save the file as UTF-8", span=span))
    return document


def _read(document: Document, must_be_json: bool) -> None:
    text = document.text
    if not text.strip(" \t\n"):
        _empty(document)
        return
    if must_be_json or text.lstrip(" \t\n")[:1] in ("{", "["):
        try:
            document.data = jsontext.quick(text)
        except (ValueError, RecursionError):
            if must_be_json:
                _read_positions(document, jsontext.read)
                return
        else:
            document.syntax = "json"
            document.readable = True
            return
    from scaffold.metadata import yamltext

    _read_positions(document, yamltext.read)
    if document.readable and document.data is None:
        _empty(document)


def _read_positions(document: Document, read: Any) -> None:
    try:
        document.data, document._marks, problems = read(document.text)
    except UnreadableError as error:
        problems = error.problems
    else:
        document.readable = True
    document.problems += problems


def _empty(document: Document) -> None:
    hint = "`scaffold metadata schema 2.3.0` says what a metadata file holds"
    document.problems.append(Problem("empty-file", "the file is empty", hint))
    document.readable = False
