"""PyYAML's complaints in words that say what to do."""

from __future__ import annotations

import re
from typing import Any

import yaml

from scaffold.metadata.positions import Span
from scaffold.metadata.problems import Problem

# (what PyYAML or libyaml says, what is wrong, what to do); {char} is the character it stopped at
_EXPLANATIONS = (
    (
        r"mapping values are not allowed",
        "a `: ` here, inside text without quotes, would begin a second value",
        "put quotes around the whole text, or write it below `key: >-`, indented",
    ),
    (
        r"found character '\\t'|found a tab|tabs? character",
        "a tab stands where YAML only allows spaces",
        "indent with spaces",
    ),
    (
        r"found character .*cannot start any token",
        "text cannot start with {char}",
        "put quotes around the text",
    ),
    (
        r"could not find expected ':'",
        "this line is neither `key: value` nor part of the text above",
        "indent it if it goes on with the text above; otherwise a colon is missing",
    ),
    (
        r"found unexpected end of stream|unexpected end of stream",
        "a quote is opened and never closed",
        "close it where the text ends",
    ),
    (
        r"expected '?,'? or '?[\]}]",
        "a list or mapping in brackets goes on without a comma, or is not closed",
        "separate its entries with commas and close it",
    ),
    (
        r"but found '<block end>'|expected the node content",
        "a value is missing here",
        "write one, or null",
    ),
    (
        r"but found '<block sequence start>'|sequence entries are not allowed|but found '-'",
        "a list begins where none can",
        "begin the list on its own lines, each entry with `- `, indented alike",
    ),
    (
        r"expected <block end>, but found|did not find expected (key|'-' indicator)",
        "this does not fit what stands before it",
        "check that lines of one level are indented alike and that quotes stand around whole texts",
    ),
    (
        r"found unknown escape character|found unknown escape",
        "unknown escape after \\ in text with double quotes",
        "write \\\\ for a backslash, or use single quotes",
    ),
    (
        r"(expected|did not find expected) '?<document start>",
        "text after the end of the document",
        "a metadata file is one document: is a `: ` missing, or an indentation?",
    ),
    (
        r"undefined tag handle|tag handle",
        "text without quotes cannot start with {char}",
        "put quotes around the text",
    ),
)


def explain(error: yaml.YAMLError, text: str) -> Problem:
    """Say what is wrong where a YAML parser stopped, and what to do about it."""
    mark: Any = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    begun: Any = getattr(error, "context_mark", None) or mark
    said = " ".join(str(getattr(error, part, None) or "") for part in ("context", "problem"))
    at = min(mark.index, len(text)) if mark else 0
    if begun and re.search(
        "scanning an? (alias|anchor|simple key)|quoted scalar.*end of stream", said
    ):
        at = min(begun.index, len(text))
    span = Span(at, at + 1)
    char = text[at : at + 1]
    if re.search("scanning an? (alias|anchor)", said):
        message = f"text without quotes cannot start with {char}"
        return Problem("yaml-alias", message, "put quotes around the whole text", span=span)
    for pattern, message, hint in _EXPLANATIONS:
        if re.search(pattern, said):
            rule = "yaml-tab" if message.startswith("a tab") else "yaml-syntax"
            message = message.format(char=char if char.strip() else "this")
            return Problem(rule, message, hint, span=span)
    problem = str(getattr(error, "problem", None) or error).splitlines()[0]
    return Problem("yaml-syntax", f"not YAML: {problem}", span=span)


def unknown_tag(tag: str, span: Span) -> Problem:
    """Say that a tag asks for something that is no plain data."""
    name = tag.replace("tag:yaml.org,2002:", "!!")
    if "python/" in tag:
        message = f"the tag {name} asks for code to be run; nothing was"
    else:
        message = f"the tag {name} stands for no plain value"
    return Problem(
        "yaml-tag", message, "remove the tag, or put quotes around text with !", span=span
    )
