"""Metadata to text, and text to disk: a file is there completely, or as it was before."""

from __future__ import annotations

import base64
import contextlib
import datetime
import difflib
import json
import math
import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from scaffold.errors import RefusedError, ScaffoldError, UsageError

Syntax = Literal["json", "yaml"]

_WIDTH = 100
_SYNTAXES: dict[str, Syntax] = {".json": "json", ".yml": "yaml", ".yaml": "yaml"}


def syntax_of(path: Path) -> Syntax:
    """Return what a metadata file of this name is written in.

    Raises:
        UsageError: the name ends in neither .json nor .yml nor .yaml.
    """
    try:
        return _SYNTAXES[path.suffix.lower()]
    except KeyError:
        raise UsageError(
            f"{path}: metadata is JSON or YAML, and the name does not say which",
            hint="end it in .json, .yml or .yaml",
        ) from None


def plain(data: Any) -> Any:
    """Copy metadata into what JSON can hold: dates and keys become text, aliases copies."""
    if isinstance(data, dict):
        return {str(key): plain(value) for key, value in data.items()}
    if isinstance(data, list):
        return [plain(value) for value in data]
    if isinstance(data, datetime.date):
        return data.isoformat()
    if isinstance(data, bytes):
        return base64.b64encode(data).decode("ascii")
    if isinstance(data, float) and not math.isfinite(data):
        return str(data)
    return data


def dump(data: Mapping[str, Any], syntax: Syntax) -> str:
    """Write metadata as text, its keys in the order they have; long texts as blocks in YAML."""
    if syntax == "json":
        return json.dumps(data, indent=2, ensure_ascii=False) + "\n"
    import yaml

    class Dumper(yaml.SafeDumper):
        def increase_indent(self, flow: bool = False, indentless: bool = False) -> Any:
            del indentless  # entries of a list stand deeper than its key, as everybody writes them
            return super().increase_indent(flow, False)

        def ignore_aliases(self, data: Any) -> bool:
            del data
            return True

    def text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
        style = "|" if "\n" in value.strip("\n") else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style)

    Dumper.add_representer(str, text)
    written: str = yaml.dump(
        dict(data), Dumper=Dumper, sort_keys=False, allow_unicode=True, width=_WIDTH
    )
    return written


def lines(text: str) -> list[str]:
    r"""Split a text after each `\n`, and nowhere else: YAML knows other line breaks in a text."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def diff(before: str, after: str, name: str) -> str:
    """Return what changes from one text to another, as a unified diff."""
    changes = difflib.unified_diff(
        lines(before),
        lines(after),
        name,
        f"{name} (fixed)",
    )
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
        for line in changes
    )


def create(path: Path, text: str, *, force: bool = False) -> None:
    """Write a new file.

    Args:
        path: where.
        text: its content.
        force: it may replace one that is there.

    Raises:
        RefusedError: it is there already.
        ScaffoldError: it cannot be written.
    """
    if path.is_dir():
        raise RefusedError(f"{path} is a folder", hint="name a file in it")
    if not force and (path.exists() or path.is_symlink()):
        raise RefusedError(
            f"{path} is there already", hint="choose another name, or replace it with --force"
        )
    replace(path, text.encode("utf-8"))


def replace(path: Path, content: bytes) -> None:
    """Put new content in a file's place in one step; its mode and a link to it stay.

    Raises:
        ScaffoldError: it cannot be written; what was there is unchanged.
    """
    target = Path(os.path.realpath(path))
    temporary = ""
    try:
        mode = target.stat().st_mode & 0o7777 if target.exists() else 0o666 & ~_umask()
        handle, temporary = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(mode)
        Path(temporary).replace(target)
    except BaseException as error:
        if temporary:
            with contextlib.suppress(OSError):
                Path(temporary).unlink()
        if isinstance(error, OSError):
            raise ScaffoldError(
                f"cannot write {path}: {error.strerror or error}",
                hint="is the folder there, and may you write in it?",
            ) from None
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
