"""What the schema does not allow, in words: what is wrong, and what would be right."""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Callable
from itertools import islice
from typing import Any

from scaffold.metadata.loading import Document
from scaffold.metadata.nearest import nearest
from scaffold.metadata.positions import Path, dotted
from scaffold.metadata.problems import Problem
from scaffold.metadata.structure import Violation

_TYPES = {
    "string": "text",
    "array": "a list",
    "object": "a mapping of keys to values",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "null",
}
_SUCCESSORS = {
    "sources": "its addresses belong in `links`: code is source_code now, docker_registry_repo "
    "docker_image, pre_trained_weights weights",
    "keywords": "its successor is `tags`",
    "dataset_url": "its successor is `dataset` in `links`",
    "cite_url": "its successor is `citation` in `links`",
    "date_creation": "its successor is `created` in `dates`",
    "tosca": "delete it, the platform no longer reads it",
}
_SHORT_NAMES = {
    "torch": "PyTorch",
    "tf": "TensorFlow",
    "sklearn": "Scikit-learn",
    "nlp": "Natural Language Processing",
}
_MAX_SHOWN = 60
_MAX_ENTRIES = 30
_MAX_COMPARED = 100


def problem(violation: Violation, document: Document) -> Problem:
    """Put a violation into words."""
    words = _WORDS.get(violation.keyword, _other)
    return words(violation, document)


def quoted(value: Any) -> str:
    """Show a value as JSON writes it, shortened."""
    text = json.dumps(_beginning(value), ensure_ascii=False, default=str)
    text = re.sub(r"[\x7f-\x9f\ud800-\udfff\u2028\u2029\ufeff]", _escape, text)
    return text if len(text) <= _MAX_SHOWN else text[: _MAX_SHOWN - 1] + "…"


def _beginning(value: Any, levels: int = 2) -> Any:
    """Return as much of a value as will be shown, so that showing it often costs little."""
    if isinstance(value, str):
        return value[:_MAX_SHOWN]
    if isinstance(value, list):
        return [_beginning(entry, levels - 1) for entry in value[:_MAX_ENTRIES] if levels]
    if isinstance(value, dict):
        entries = islice(value.items(), _MAX_ENTRIES if levels else 0)
        return {str(key)[:_MAX_SHOWN]: _beginning(entry, levels - 1) for key, entry in entries}
    return value


def _escape(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"


def _name(path: Path) -> str:
    return f"`{dotted(path)}`" if path else "the document"


def _owner(path: Path) -> str:
    """Name the key that a value belongs to: for an entry of a list, the list's."""
    while path and isinstance(path[-1], int):
        path = path[:-1]
    return _name(path)


def _kind(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, datetime.date):
        return "a date"
    if isinstance(value, bytes):
        return "binary data"
    if isinstance(value, str):
        return "text"
    return "a list" if isinstance(value, list) else "a mapping"


def _type(violation: Violation, document: Document) -> Problem:
    path, value = violation.path, violation.value
    allowed = violation.expected if isinstance(violation.expected, list) else [violation.expected]
    written = document.source(path, _MAX_SHOWN + 1) if path else ""
    if isinstance(value, datetime.date) and "string" in allowed:
        message = f"{_name(path)} is a date without quotes, which YAML does not read as text"
        return Problem("yaml-date", message, f"put quotes around it: '{written}'", path)
    expected = " or ".join(_TYPES.get(name, str(name)) for name in allowed)
    actual = str(value) if isinstance(value, float) and allowed == ["integer"] else _kind(value)
    message = f"{_name(path)} must be {expected}, not {actual}"
    return Problem("wrong-type", message, _type_hint(violation, allowed[0], written), path)


def _type_hint(violation: Violation, expected: str, written: str) -> str:
    value = violation.value
    if value is None:
        return "write a value, or delete the key"
    if expected == "string" and isinstance(value, bool | int | float):
        return f'put quotes around it: "{written}"' if len(written) <= _MAX_SHOWN else ""
    if expected == "string" and isinstance(value, list):
        return "write one text; in YAML a long one goes below `key: |-`, indented"
    if expected == "string" and isinstance(value, dict) and len(value) == 1:
        return 'text with ": " in it must be in quotes'
    if expected == "array" and isinstance(value, str):
        return f"make it a list: [{quoted(value)}]"
    if expected in ("integer", "number") and isinstance(value, str):
        if re.fullmatch(r"[0-9]+(\.[0-9]+)?", value):
            return f"delete the quotes: {value}"
        numbers = re.findall(r"[0-9]+", value)
        return f"write one number, for example {numbers[-1]}" if numbers else "write a number"
    if expected == "integer" and isinstance(value, float):
        return f"round it: {value:.0f}"
    return ""


def _required(violation: Violation, document: Document) -> Problem:
    path, key = violation.path, violation.value
    properties = violation.schema.get("properties", {})
    message = f"`{dotted((*path, key))}` is missing"
    container = document.data
    for part in path:
        container = container[part]
    unknown = [name for name in container if isinstance(name, str) and name not in properties]
    if close := nearest(key, unknown[:_MAX_COMPARED]):
        hint = f"is it what you call `{close}`?"
    else:
        examples = properties.get(key, {}).get("examples")
        example = json.dumps(examples[0], ensure_ascii=False) if examples else "…"
        name = f'"{key}"' if document.syntax == "json" else key
        hint = f"add it, for example {name}: {example}"
    return Problem("missing-key", message, hint, path, on_key=True)


def _enum(violation: Violation, document: Document) -> Problem:
    del document
    value = violation.value
    allowed = [str(name) for name in violation.expected]
    message = f"{quoted(value)} is no allowed value of {_owner(violation.path)}"
    hint = f"allowed: {', '.join(allowed)}"
    if isinstance(value, str) and (right := meant(value, allowed)):
        hint = f'did you mean "{right}"?'
    return Problem("not-allowed", message, hint, violation.path)


def meant(value: str, allowed: list[str]) -> str:
    """Return which of the allowed values somebody meant, or ""."""
    short = _SHORT_NAMES.get(value.casefold())
    if short in allowed:
        return short
    if close := nearest(value, allowed, 0.7):
        return close
    folded = value.casefold()
    within = [name for name in allowed if name.casefold() in folded and name != "Other"]
    return within[0] if len(within) == 1 and len(value) <= _MAX_SHOWN else ""


def _pattern(violation: Violation, document: Document) -> Problem:
    del document
    path, value = violation.path, quoted(violation.value)
    if path == ("metadata_version",):
        message = f"{value} is not the number of a version"
        return Problem("wrong-pattern", message, 'write three numbers, for example "2.3.0"', path)
    message = f"{_name(path)}: {value} does not match {violation.expected}"
    return Problem("wrong-pattern", message, "", path)


def _minimum(violation: Violation, document: Document) -> Problem:
    del document
    message = f"{_name(violation.path)} is {quoted(violation.value)}; it cannot be below "
    return Problem("too-small", message + f"{violation.expected}", "", violation.path)


def _repeated(violation: Violation, document: Document) -> Problem:
    del document
    message = f"{quoted(violation.value)} is in {_owner(violation.path)} already"
    return Problem("repeated", message, "delete one of the two", violation.path)


def _not(violation: Violation, document: Document) -> Problem:
    del document
    key = violation.value
    message = f"`{key}` belongs to metadata 1.0.0 and is not allowed any more"
    return Problem("old-key", message, _SUCCESSORS.get(key, ""), violation.path, on_key=True)


def _format(violation: Violation, document: Document) -> Problem:
    del document
    name, value = violation.expected, violation.value
    message, hint = _FORMATS[name](value)
    excused = False
    if name in ("uri", "uri-reference") and value.strip() not in ("", value):
        message, hint = f"{quoted(value)} has spaces around it", "delete them"
    elif violation.path == ("links", "docker_image") and _IMAGE.fullmatch(value):
        hint = "leave it: the marketplace needs account/image here, whatever the schema says"
        excused = True  # no name would please both
    return Problem(f"format-{name}", message, hint, violation.path, excused=excused)


_IMAGE = re.compile(r"[a-z0-9][a-z0-9._-]*/[a-z0-9][a-z0-9._-]*(:[\w.-]+)?")


def _date_words(value: str) -> tuple[str, str]:
    message = f"{quoted(value)} is not a day written as YYYY-MM-DD"
    numbers = re.fullmatch(r"(\d{4})[-/. ](\d{1,2})[-/. ](\d{1,2})(T.*)?", value.strip())
    if numbers:
        try:
            day = datetime.date(int(numbers[1]), int(numbers[2]), int(numbers[3]))
        except ValueError:
            return f"{quoted(value)}: there is no such day", "correct it"
        return message, f'did you mean "{day}"?'
    return message, 'for example "2024-01-31"'


def _uri_words(value: str) -> tuple[str, str]:
    message = f"{quoted(value)} is not an address (URI)"
    if not value.strip():
        return f"{message}: it is empty", "write one, or delete the key"
    if re.fullmatch(r"(www\.|[\w-]+(\.[\w-]+)+/)\S*", value):
        return message, f'did you mean "https://{value[:_MAX_SHOWN]}"?'
    if bad := re.search(r"[\s<>\"{}|\\^`\[\]]|[^\x00-\x7f]", value):
        shown = "a space" if bad[0] == " " else quoted(bad[0])
        return message, f"{shown} cannot be part of one; write it percent-encoded"
    return message, 'for example "https://github.com/ai4os-hub/plants"'


def _doi_words(value: str) -> tuple[str, str]:
    message = f"{quoted(value)} is not a DOI"
    if within := re.search(r"10\.[0-9]{4,9}/\S+", value):
        return message, f'write only "{within[0]}"'
    return message, 'for example "10.5281/zenodo.1234567"'


_FORMATS: dict[str, Callable[[str], tuple[str, str]]] = {
    "date": _date_words,
    "uri": _uri_words,
    "uri-reference": _uri_words,
    "doi": _doi_words,
}


def _other(violation: Violation, document: Document) -> Problem:
    del document
    detail = violation.detail if len(violation.detail) <= 300 else violation.detail[:299] + "…"
    message = f"{_name(violation.path)}: {detail or violation.keyword}"
    return Problem("schema", message, "", violation.path)


_WORDS: dict[str, Callable[[Violation, Document], Problem]] = {
    "type": _type,
    "required": _required,
    "enum": _enum,
    "pattern": _pattern,
    "minimum": _minimum,
    "uniqueItems": _repeated,
    "not": _not,
    "format": _format,
}
