"""JSON text to plain values, with the position of each, and with every slip it can see past.

`quick` is the standard library's parser and knows no positions. `read` is slower, knows them, and
goes on after the faults people make most (a comma too many or too few, comments, single quotes,
keys without quotes, Python's True, False and None), so that one run shows them all.
"""

from __future__ import annotations

import json
import re
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import Any

from scaffold.metadata.limits import MAX_DEPTH, MAX_DIGITS, MAX_VALUES
from scaffold.metadata.positions import Mark, Marks, Path, Span
from scaffold.metadata.problems import Problem, UnreadableError, duplicate

_SPACE = re.compile(r"[ \t\n\r]*")
_COMMENT = re.compile(r"//[^\n]*|#[^\n]*|/\*.*?\*/", re.DOTALL)
_STRING = re.compile(r'"[^"\\\x00-\x08\x0a-\x1f]*(?:\\.[^"\\\x00-\x08\x0a-\x1f]*)*"')
# text with line breaks in it, if what follows shows that this is where it was meant to end
_BROKEN_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"(?=[ \t\n]*[,}\]])')
_SINGLE_QUOTED = re.compile(r"'([^'\\\n]*)'")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_WORD = re.compile(r"[^\s\"'{}\[\],:]+")
_KEY_FOLLOWS = re.compile(r'("[^"\\\n]*"|[A-Za-z_]\w*)[ \t]*:')
_WORDS = {"true": True, "false": False, "null": None}
_OTHER_WORDS = {
    "True": ("true", True),
    "False": ("false", False),
    "None": ("null", None),
    "undefined": ("null", None),
    "NaN": ("null", float("nan")),
    "Infinity": ("null", float("inf")),
    "-Infinity": ("null", float("-inf")),
}
_MAX_SLIPS = 50


def quick(text: str) -> Any:
    """Parse strictly, fast and without positions.

    Raises:
        ValueError: `read` has more to say: it is not JSON, has duplicate keys, or has so many
            brackets and commas that it may be over a limit.
    """
    openers = text.count("[") + text.count("{")
    if openers > MAX_DEPTH or openers + text.count(",") > MAX_VALUES:
        raise ValueError
    return json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    entries = dict(pairs)
    if len(entries) != len(pairs):
        raise ValueError
    return entries


def _refuse(name: str) -> Any:
    raise ValueError(name)


def read(text: str) -> tuple[Any, Marks, list[Problem]]:
    """Parse with positions.

    Returns:
        The value, the positions, and the slips and duplicate keys. With slips it is not JSON, and
        the value is what was probably meant.

    Raises:
        UnreadableError: no value can be made of it, or it is over a limit.
    """
    reader = _Reader(text)
    try:
        value = reader.document()
    except UnreadableError as error:
        raise UnreadableError(error.problem, reader.problems) from None
    return value, reader.marks, reader.problems


class _Frame:
    """A list or object that is not complete yet."""

    __slots__ = ("closer", "key", "key_span", "marks", "start", "value")

    def __init__(self, opener: str, start: int) -> None:
        self.value: Any = {} if opener == "{" else []
        self.closer = "}" if opener == "{" else "]"
        self.start = start
        self.marks: dict[Any, Mark] = {}
        self.key: Any = None
        self.key_span = Span(start, start)

    def add(self, value: Any, span: Span) -> None:
        if self.closer == "}":
            self.value[self.key] = value
            self.marks[self.key] = Mark(self.key_span, span)
        else:
            self.marks[len(self.value)] = Mark(span, span)
            self.value.append(value)


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.marks = Marks()
        self.problems: list[Problem] = []
        self.stack: list[_Frame] = []
        self.values = 0

    def document(self) -> Any:
        pos = self._skip(0)
        while True:
            if self._char(pos) in ("{", "["):
                frame = self._open(pos)
                at = self._skip(pos + 1)
                if self._char(at) != frame.closer:
                    pos = self._entry(frame, at)
                    continue
                value, span = self._close(at)
            else:
                value, span = self._scalar(pos)
            while self.stack:
                frame = self.stack[-1]
                frame.add(value, span)
                at = self._separator(frame, span.end)
                if self.text[at] != frame.closer:
                    pos = self._entry(frame, at)
                    break
                value, span = self._close(at)
            else:
                self._end(span.end)
                self.marks.root = Mark(span, span)
                return value

    def _char(self, at: int) -> str:
        return self.text[at : at + 1]

    def _fail(self, message: str, hint: str, start: int, end: int | None = None) -> UnreadableError:
        span = Span(start, start + 1 if end is None else end)
        return UnreadableError(Problem("json-syntax", message, hint, self._path(), span=span))

    def _slip(self, message: str, hint: str, start: int, end: int) -> None:
        span = Span(start, end)
        self.problems.append(Problem("json-syntax", message, hint, self._path(), span=span))
        if len(self.problems) > _MAX_SLIPS:
            raise self._fail("so many faults that the rest was not read", "mend these first", start)

    def _path(self) -> Path:
        return tuple(f.key if f.closer == "}" else len(f.value) for f in self.stack[:-1])

    def _skip(self, at: int) -> int:
        while True:
            at = _SPACE.match(self.text, at).end()  # type: ignore[union-attr]
            if self._char(at) not in ("/", "#"):
                return at
            comment = _COMMENT.match(self.text, at)
            if not comment:
                return at
            end = comment.end()
            self._slip("JSON has no comments", "delete it", at, end)
            at = end

    def _count(self, start: int) -> None:
        self.values += 1
        if self.values > MAX_VALUES:
            message = f"the file holds more than {MAX_VALUES:,} values"
            span = Span(start, start + 1)
            raise UnreadableError(Problem("too-many-values", message, _NOT_METADATA, span=span))

    def _open(self, at: int) -> _Frame:
        if len(self.stack) >= MAX_DEPTH:
            message = f"more than {MAX_DEPTH} levels of lists and objects"
            span = Span(at, at + 1)
            raise UnreadableError(Problem("too-deep", message, _NOT_METADATA, span=span))
        self._count(at)
        frame = _Frame(self.text[at], at)
        self.stack.append(frame)
        return frame

    def _close(self, at: int) -> tuple[Any, Span]:
        frame = self.stack.pop()
        self.marks.entries[id(frame.value)] = frame.marks
        return frame.value, Span(frame.start, at + 1)

    def _entry(self, frame: _Frame, at: int) -> int:
        """Read the key and colon of an object's entry; return where its value begins."""
        if frame.closer == "]":
            return at
        frame.key, end = self._key(at)
        frame.key_span = Span(at, end)
        if frame.key in frame.value:
            path = (*self._path(), frame.key)
            self.problems.append(duplicate(frame.key, frame.key_span, path))
        colon = self._skip(end)
        if self._char(colon) != ":":
            raise self._fail(
                f'a colon is missing after the key "{frame.key}"', 'write "key": value', at, end
            )
        return self._skip(colon + 1)

    def _key(self, at: int) -> tuple[str, int]:
        char = self._char(at)
        if char == '"':
            return self._string(at)
        if char == "'" and (quoted := _SINGLE_QUOTED.match(self.text, at)):
            self._slip("JSON knows double quotes only", f'"{quoted[1]}"', at, quoted.end())
            return quoted[1], quoted.end()
        word = _WORD.match(self.text, at)
        if word and self._char(_SPACE.match(self.text, word.end()).end()) == ":":  # type: ignore[union-attr]
            self._slip("a key must be in quotes", f'"{word[0]}"', at, word.end())
            return word[0], word.end()
        if char == "":
            raise self._unclosed()
        raise self._fail("a key in quotes is expected here", 'write "key": value', at)

    def _separator(self, frame: _Frame, end: int) -> int:
        """Step over the comma after an entry; return where the next one or the end is."""
        at = self._skip(end)
        char = self._char(at)
        if char == frame.closer:
            return at
        if char == ",":
            after = self._skip(at + 1)
            if self._char(after) == frame.closer:
                self._slip("a comma with nothing after it", "delete the comma", at, at + 1)
            while self._char(after) == ",":
                self._slip("a comma too many", "delete one", after, after + 1)
                after = self._skip(after + 1)
            if self._char(after) == "":
                raise self._unclosed()
            return after
        if char == "":
            raise self._unclosed()
        if char in ("}", "]"):
            kind = "object" if frame.closer == "}" else "list"
            opened = f"the {kind} ends with {char} instead of {frame.closer}"
            raise self._fail(opened, "is a bracket missing before this?", at)
        if self._entry_follows(frame, at):
            self._slip("a comma is missing after this", "put one here", end - 1, end)
            return at
        raise self._fail(
            "neither a comma nor the end follows the value",
            'a quote inside text must be written \\"',
            at,
        )

    def _entry_follows(self, frame: _Frame, at: int) -> bool:
        if frame.closer == "}":
            return bool(_KEY_FOLLOWS.match(self.text, at))
        return self._char(at) in '"{['

    def _scalar(self, at: int) -> tuple[Any, Span]:
        self._count(at)
        char = self._char(at)
        if char == '"':
            value, end = self._string(at)
            return value, Span(at, end)
        if char == "'" and (quoted := _SINGLE_QUOTED.match(self.text, at)):
            self._slip("JSON knows double quotes only", f'"{quoted[1]}"', at, quoted.end())
            return quoted[1], Span(at, quoted.end())
        word = _WORD.match(self.text, at)
        if not word:
            if char == "":
                raise self._unclosed() if self.stack else self._fail("nothing is here", "", at)
            raise self._fail("a value is missing here", 'write one, or "", or null', at)
        return self._bare(word[0], Span(at, word.end())), Span(at, word.end())

    def _bare(self, word: str, span: Span) -> Any:
        """Return the value of a word without quotes: a number, true, false or null."""
        if word in _WORDS:
            return _WORDS[word]
        if word in _OTHER_WORDS:
            right, value = _OTHER_WORDS[word]
            self._slip(f"JSON has no {word}", f"write {right}", *span)
            return value
        number = _NUMBER.fullmatch(word)
        if number and len(word) <= MAX_DIGITS:
            return float(word) if number[1] or number[2] else int(word)
        if number:
            raise self._fail("this number has too many digits", "is it text? Quote it", *span)
        raise self._fail("text without quotes", 'put it in quotes: "…"', *span)

    def _string(self, at: int) -> tuple[str, int]:
        match = _STRING.match(self.text, at)
        if not match and (match := _BROKEN_STRING.match(self.text, at)):
            where = at + (re.search(r"[\x00-\x08\x0a-\x1f]", match[0]) or match).start()
            char = self.text[where]
            message = "a line break inside text" if char == "\n" else "a control character in text"
            right = "write \\n, or close the text" if char == "\n" else f"write \\u{ord(char):04x}"
            self._slip(message, right, where, where + 1)
        if not match:
            line_end = self.text.find("\n", at)
            end = line_end if line_end >= 0 else len(self.text)
            raise self._fail(
                "this text is not closed on its line",
                'close it with ", or write \\n for a line break inside it',
                at,
                end,
            )
        if "\t" in match[0]:
            tab = at + match[0].index("\t")
            self._slip("a tab inside text", "write \\t or a space", tab, tab + 1)
        try:
            value, end = scanstring(self.text, at + 1, False)
        except json.JSONDecodeError as error:
            hint = "\\u is followed by four hexadecimal digits"
            if "uXXXX" not in error.msg:
                hint = "write \\\\ for a backslash"
            raise self._fail("unknown escape after \\", hint, error.pos, error.pos + 2) from None
        return value, end

    def _unclosed(self) -> UnreadableError:
        frame = self.stack[-1]
        kind = "object" if frame.closer == "}" else "list"
        return self._fail(f"this {kind} is not closed", f"add {frame.closer}", frame.start)

    def _end(self, at: int) -> None:
        at = self._skip(at)
        if at < len(self.text):
            raise self._fail(
                "text after the end of the document", "delete it, or is a bracket misplaced?", at
            )


_NOT_METADATA = "is it a metadata file at all? Real ones have under a hundred values"
