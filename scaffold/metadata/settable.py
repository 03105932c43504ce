"""`--set KEY=VALUE`: from what a person types to a value of the type the schema wants."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from scaffold.errors import UsageError
from scaffold.metadata import versions
from scaffold.metadata.nearest import nearest
from scaffold.metadata.positions import Path, dotted
from scaffold.metadata.structure import resolve

_EXTRA = {"license": {"type": "string"}}


def parse_pairs(pairs: Iterable[str], version: str) -> dict[Path, Any]:
    """Read `KEY=VALUE` arguments, KEY with dots: `links.dataset=https://…`, `tags=one,two`.

    Raises:
        UsageError: an argument has no `=`, the schema has no such key, or the value does not fit.
    """
    values: dict[Path, Any] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals:
            raise UsageError(
                f"--set {pair!r} is not KEY=VALUE", hint="--set links.dataset=https://…"
            )
        path = tuple(key.strip().split("."))
        values[path] = parse(path, text, version)
    return values


def parse(path: Path, text: str, version: str) -> Any:
    """Make a value of the type that the schema wants at `path`.

    Raises:
        UsageError: the schema has no such key, or the value does not fit.
    """
    known = _known(versions.schema(version))
    name = dotted(path)
    if name not in known:
        close = nearest(name, known)
        hint = f"did you mean {close}?" if close else f"known: {', '.join(known)}"
        raise UsageError(f"metadata {version} has no key {name}", hint=hint)
    schema = known[name]
    kind = schema.get("type", "string")
    text = text.strip()
    if not text:
        raise UsageError(f"{name} must not be empty", hint="leave --set out to keep what is there")
    if kind == "array":
        values: Any = [part.strip() for part in text.split(",") if part.strip()]
    elif kind in ("integer", "number"):
        values = _number(name, text, kind)
    else:
        values = text
    _check_words(name, values if isinstance(values, list) else [values], schema)
    return values


def _known(schema: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the schema's keys that hold no further keys, with dots, and their schemas."""
    known: dict[str, dict[str, Any]] = {}

    def collect(node: dict[str, Any], prefix: str) -> None:
        for key, inner in node.get("properties", {}).items():
            inner = resolve(inner, schema)
            if "properties" in inner:
                collect(inner, f"{prefix}{key}.")
            elif key != versions.VERSION_KEY:
                known[prefix + key] = inner

    collect(schema, "")
    return {**_EXTRA, **known}


def _number(name: str, text: str, kind: str) -> float:
    try:
        number: float = int(text) if kind == "integer" else float(text)
    except ValueError:
        what = "a whole number" if kind == "integer" else "a number"
        raise UsageError(f"{name} must be {what}, not {text!r}") from None
    return number


def _check_words(name: str, words: list[Any], schema: dict[str, Any]) -> None:
    allowed = schema.get("items", schema).get("enum")
    for word in words:
        if allowed and word not in allowed:
            close = nearest(str(word), allowed)
            hint = f"did you mean {close!r}?" if close else f"allowed: {', '.join(allowed)}"
            raise UsageError(f"{word!r} is no allowed value of {name}", hint=hint)
