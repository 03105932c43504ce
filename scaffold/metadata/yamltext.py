"""YAML text to plain values, with the position of each, in bounded time and memory.

The values are those of PyYAML's `safe_load`: it is what the marketplace reads metadata with. They
are built here, from the parser's events, because building while counting is what stops an alias
bomb or 10,000 levels of nesting early, and because `safe_load` forgets positions and keeps quiet
about keys that are given twice.

The events come from libyaml when PyYAML was built with it, which is some ten times as fast as
PyYAML's own parser. The two disagree about a few odd texts; where they may, PyYAML's own parser
decides (`_may_differ`).
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator
from typing import Any

import yaml
from yaml.constructor import SafeConstructor
from yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceStartEvent,
)

from scaffold.metadata.limits import MAX_DEPTH, MAX_DIGITS, MAX_SECOND_OPINION, MAX_VALUES
from scaffold.metadata.positions import Mark, Marks, Span, container_paths
from scaffold.metadata.problems import Problem, UnreadableError, duplicate
from scaffold.metadata.yamlwords import explain, unknown_tag

_EVENTS: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_CONSTRUCTOR = SafeConstructor()
_RESOLVERS = yaml.SafeLoader.yaml_implicit_resolvers
_TAG = "tag:yaml.org,2002:"
_STR, _MERGE, _VALUE = _TAG + "str", _TAG + "merge", _TAG + "value"
_NUMBERS = (_TAG + "int", _TAG + "float")
_CHARACTERS = 50
"""Characters that count as one value more when an alias repeats them."""
_SCALARS = {_STR, *_NUMBERS, *(_TAG + name for name in ("bool", "null", "timestamp", "binary"))}
# a tab as a space, a comment right after | or >, a byte order mark within text, a lone !
_DIFFERS = re.compile(r"\t|[|>][0-9+-]*#|\ufeff|(?:^|\s)!(?:\s|$)")
_UNPRINTABLE = yaml.reader.Reader.NON_PRINTABLE
# what safe_load raises for a scalar that its tag does not fit, `2024-13-45` for one
_MISFITS = (ValueError, KeyError, IndexError, OverflowError, yaml.YAMLError)


class _Node:
    """A value, where it stands, how many values it holds, and its tag."""

    __slots__ = ("size", "span", "tag", "value")

    def __init__(self, value: Any, span: Span, tag: str, size: int = 1) -> None:
        self.value = value
        self.span = span
        self.tag = tag
        self.size = size


class _Frame:
    """A list or mapping that is not complete yet."""

    __slots__ = ("anchor", "flow", "is_mapping", "nodes", "start")

    def __init__(self, is_mapping: bool, event: Any) -> None:
        self.is_mapping = is_mapping
        self.start: int = event.start_mark.index
        self.anchor: str | None = event.anchor
        self.flow: bool = event.flow_style
        self.nodes: list[_Node] = []


def read(text: str) -> tuple[Any, Marks, list[Problem]]:
    """Read one YAML document.

    Returns:
        The value, its positions, and what is wrong but does not keep it from being read.

    Raises:
        UnreadableError: it is not YAML, holds a tag that is no plain data, or is over a limit.
    """
    if bad := _UNPRINTABLE.search(text):
        span = Span(*bad.span())
        message = f"the character U+{ord(bad.group()):04X} is not allowed in YAML"
        raise UnreadableError(Problem("yaml-syntax", message, "delete it", span=span))
    builder = _Builder(text)
    try:
        result = builder.build(_EVENTS)
    except yaml.YAMLError as error:
        if _EVENTS is yaml.SafeLoader or len(text) > MAX_SECOND_OPINION:
            raise UnreadableError(explain(error, text)) from None
    else:
        if _EVENTS is yaml.SafeLoader or not _may_differ(text, builder):
            return result
    try:
        return _Builder(text).build(yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise UnreadableError(explain(error, text)) from None


def _may_differ(text: str, builder: _Builder) -> bool:
    """Tell whether PyYAML's parser may refuse what libyaml has accepted."""
    if len(text) > MAX_SECOND_OPINION:
        return False
    return builder.odd_in_flow or bool(_DIFFERS.search(text))


class _Builder:
    """Builds the values of one document from the parser's events."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.marks = Marks()
        self.duplicates: list[tuple[int, Hashable, Span]] = []
        self.anchors: dict[str, _Node | None] = {}
        self.values = 0
        self.odd_in_flow = False

    def build(self, loader: type[Any]) -> tuple[Any, Marks, list[Problem]]:
        root: _Node | None = None
        stack: list[_Frame] = []
        for event in _events(loader, self.text):
            kind = type(event)
            if kind is ScalarEvent:
                node = self._scalar(event)
                if stack and stack[-1].flow and not event.style and "?" in event.value:
                    self.odd_in_flow = True  # PyYAML's parser ends the text at the ?
                if event.anchor is not None:
                    self._open(event)
                    self.anchors[event.anchor] = node
            elif kind is MappingStartEvent or kind is SequenceStartEvent:
                self._start(event, len(stack))
                stack.append(_Frame(kind is MappingStartEvent, event))
                continue
            elif kind is AliasEvent:
                node = self._alias(event)
            elif kind is DocumentStartEvent:
                if root is not None:
                    message = "a second YAML document begins here"
                    span = _span(event)
                    raise UnreadableError(Problem("yaml-syntax", message, _ONE_DOCUMENT, span=span))
                continue
            elif kind is DocumentEndEvent:
                continue
            else:
                frame = stack.pop()
                span = Span(frame.start, event.end_mark.index)
                node = self._mapping(frame, span) if frame.is_mapping else self._list(frame, span)
                if frame.anchor is not None:
                    self.anchors[frame.anchor] = node
            self._count(node)
            if stack:
                stack[-1].nodes.append(node)
            else:
                root = node
        if root is None:
            return None, self.marks, []
        self.marks.root = Mark(root.span, root.span)
        value = self._plain(root)
        return value, self.marks, self._duplicates(value)

    def _duplicates(self, root: Any) -> list[Problem]:
        if not self.duplicates:
            return []
        paths = container_paths(root)
        return [
            duplicate(key, span, (*paths[container], key))
            for container, key, span in self.duplicates
            if container in paths
        ]

    def _count(self, node: _Node) -> None:
        self.values += 1
        if self.values > MAX_VALUES:
            message = f"the file holds more than {MAX_VALUES:,} values"
            raise UnreadableError(
                Problem("too-many-values", message, _NOT_METADATA, span=node.span)
            )

    def _open(self, event: Any) -> None:
        if event.anchor in self.anchors:
            message = f"the anchor &{event.anchor} is defined twice"
            raise UnreadableError(Problem("yaml-syntax", message, span=_span(event)))
        self.anchors[event.anchor] = None

    def _start(self, event: Any, depth: int) -> None:
        if depth >= MAX_DEPTH:
            message = f"more than {MAX_DEPTH} levels of lists and mappings"
            raise UnreadableError(Problem("too-deep", message, _NOT_METADATA, span=_span(event)))
        tag = event.tag
        if tag is not None and tag != "!":
            expected = "map" if type(event) is MappingStartEvent else "seq"
            if tag != _TAG + expected:
                raise UnreadableError(unknown_tag(tag, _span(event)))
        if event.anchor is not None:
            self._open(event)

    def _alias(self, event: Any) -> _Node:
        span = _span(event)
        if event.anchor not in self.anchors:
            raise UnreadableError(_undefined(event.anchor, self.text, span))
        node = self.anchors[event.anchor]
        if node is None:
            message = f"&{event.anchor} contains itself"
            raise UnreadableError(Problem("yaml-alias", message, _NO_ALIAS, span=span))
        self.values += node.size
        if self.values > MAX_VALUES:
            message = f"aliases repeat values until there are more than {MAX_VALUES:,}"
            raise UnreadableError(Problem("yaml-alias", message, _NO_ALIAS, span=span))
        return _Node(node.value, span, node.tag, node.size)

    def _scalar(self, event: Any) -> _Node:
        value, tag, span = event.value, event.tag, _span(event)
        if tag is None or tag == "!":
            tag = _STR
            if event.implicit[0]:
                for candidate, pattern in _RESOLVERS.get(value[:1], ()):
                    if pattern.match(value):
                        tag = candidate
                        break
        if tag == _STR:
            return _Node(value, span, tag, 1 + len(value) // _CHARACTERS)
        if tag in (_MERGE, _VALUE):
            return _Node(value, span, tag)
        if tag not in _SCALARS:
            raise UnreadableError(unknown_tag(tag, span))
        if tag in _NUMBERS and len(value) > MAX_DIGITS:
            message = f"a number of {len(value):,} digits"
            raise UnreadableError(Problem("yaml-syntax", message, _QUOTE, span=span))
        try:
            node = yaml.ScalarNode(tag, value)
            converted = SafeConstructor.yaml_constructors[tag](_CONSTRUCTOR, node)
        except _MISFITS:
            name = tag.removeprefix(_TAG)
            what = {"timestamp": "a date", "int": "a number", "float": "a number"}.get(name, name)
            shown = value if len(value) <= 40 else value[:40] + "…"
            message = f"YAML reads {shown} as {what}, but it is none"
            raise UnreadableError(Problem("yaml-syntax", message, _QUOTE, span=span)) from None
        return _Node(converted, span, tag)

    def _list(self, frame: _Frame, span: Span) -> _Node:
        value = [self._plain(node) for node in frame.nodes]
        self.marks.entries[id(value)] = {
            index: Mark(node.span, node.span) for index, node in enumerate(frame.nodes)
        }
        return _Node(value, span, "", 1 + sum(node.size for node in frame.nodes))

    def _plain(self, node: _Node) -> Any:
        if node.tag in (_MERGE, _VALUE):
            hint = f"put quotes around it: '{node.value}'"
            message = f"{node.value} has a special meaning in YAML that does not fit here"
            raise UnreadableError(Problem("yaml-syntax", message, hint, span=node.span))
        return node.value

    def _mapping(self, frame: _Frame, span: Span) -> _Node:
        value: dict[Hashable, Any] = {}
        marks: dict[Hashable, Mark] = {}
        merged: list[_Node] = []
        twice: list[tuple[Hashable, Span]] = []
        nodes = iter(frame.nodes)
        for key_node in nodes:
            node = next(nodes)
            if key_node.tag == _MERGE:
                merged.append(node)
                continue
            key = key_node.value
            try:
                again = key in value
            except TypeError:
                message = "a list or mapping cannot be a key"
                raise UnreadableError(
                    Problem("yaml-syntax", message, _BRACES, span=key_node.span)
                ) from None
            if again:
                twice.append((key, key_node.span))
            value[key] = self._plain(node)
            marks[key] = Mark(key_node.span, node.span)
        if merged:
            value, marks = self._merge(merged, value, marks)
        self.marks.entries[id(value)] = marks
        self.duplicates += [(id(value), key, where) for key, where in twice]
        return _Node(value, span, "", 1 + sum(node.size for node in frame.nodes))

    def _merge(
        self, merged: list[_Node], own: dict[Hashable, Any], own_marks: dict[Hashable, Mark]
    ) -> tuple[dict[Hashable, Any], dict[Hashable, Mark]]:
        value: dict[Hashable, Any] = {}
        marks: dict[Hashable, Mark] = {}
        for node in merged:
            sources = reversed(node.value) if isinstance(node.value, list) else [node.value]
            for source in sources:
                if not isinstance(source, dict):
                    message = "<< merges mappings, and this is none"
                    raise UnreadableError(Problem("yaml-syntax", message, span=node.span))
                value.update(source)
                marks.update(self.marks.entries[id(source)])
        return {**value, **own}, {**marks, **own_marks}


def _events(loader: type[Any], text: str) -> Iterator[Any]:
    """Yield the parser's events, without those that begin and end the stream."""
    parser = loader(text)
    try:
        get = parser.get_event
        get()
        while (event := get()) is not None:
            if type(event) is yaml.StreamEndEvent:
                return
            yield event
    finally:
        parser.dispose()


def _span(event: Any) -> Span:
    return Span(event.start_mark.index, event.end_mark.index)


def _undefined(anchor: str, text: str, span: Span) -> Problem:
    if text.startswith("**", span.start):
        hint = "text that starts with * must be in quotes"
    else:
        hint = f"*{anchor} repeats what &{anchor} marks; {_QUOTE} if it is text"
    return Problem("yaml-alias", f"*{anchor} refers to nothing", hint, span=span)


_NOT_METADATA = "is it a metadata file at all? Real ones have under a hundred values"
_NO_ALIAS = "write the values out instead of using & and *"
_ONE_DOCUMENT = "a metadata file holds one document: remove everything from `---` on"
_QUOTE = "put quotes around it"
_BRACES = "text that starts with { or [ must be in quotes"
