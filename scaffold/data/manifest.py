"""`.data-manifest.json`: which files a folder holds, with a checksum of each.

A training records it, so that it can be said later which data a model has learned from. It is
also what makes the next check quick: a file whose size and time have not changed since its checksum
was found right is not read again.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scaffold.data.engine import PARTIAL
from scaffold.data.listing import MANIFEST, READABLE
from scaffold.errors import ScaffoldError

_VERSION = 1
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Record:
    """A file: bytes, kind and value of its checksum, and its time in nanoseconds (0: not known)."""

    size: int
    kind: str
    checksum: str
    mtime_ns: int = 0


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a folder holds.

    Attributes:
        source: where it came from or went to, `rshare:digits` for one.
        files: the files by path.
    """

    source: str = ""
    files: Mapping[str, Record] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """A SHA-256 of paths, sizes and checksums: the same files, the same digest."""
        lines = (
            f"{path}\0{record.size}\0{record.kind}:{record.checksum}\n"
            for path, record in sorted(self.files.items())
        )
        return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()

    def text(self) -> str:
        """Return it as JSON."""
        files = {
            path: {"size": each.size, each.kind: each.checksum, "mtime_ns": each.mtime_ns}
            for path, each in sorted(self.files.items())
        }
        document = {
            "version": _VERSION,
            "source": self.source,
            "digest": self.digest,
            "files": files,
        }
        return json.dumps(document, ensure_ascii=True, indent=1) + "\n"


def parse(text: str) -> Manifest:
    """Read a manifest; one that is damaged is an empty one, as it can be made again."""
    try:
        document: Any = json.loads(text)
        files = {}
        for path, entry in document["files"].items():
            kind = next(each for each in READABLE if each in entry)
            files[str(path)] = Record(
                int(entry["size"]), kind, str(entry[kind]), int(entry.get("mtime_ns", 0))
            )
        return Manifest(str(document.get("source", "")), files)
    except (ValueError, KeyError, TypeError, AttributeError, StopIteration):
        return Manifest()


def read(folder: Path) -> Manifest:
    """Read the manifest of a folder; an empty one if there is none."""
    try:
        return parse((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return Manifest()


def write(folder: Path, manifest: Manifest) -> Path:
    """Write the manifest of a folder, whole or not at all.

    Raises:
        ScaffoldError: it cannot be written.
    """
    path = folder / MANIFEST
    temporary = path.with_name(f"{MANIFEST}.{os.getpid()}{PARTIAL}")
    try:
        temporary.write_text(manifest.text(), encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        raise ScaffoldError(
            f"cannot write {path}: {error.strerror or error}",
            hint="make room or mend the rights, and run the same command again",
        ) from None
    finally:
        temporary.unlink(missing_ok=True)
    return path


def checksum(path: Path, kind: str) -> str:
    """Return a checksum of a file's content.

    Args:
        path: the file.
        kind: one of `READABLE`.
    """
    digest = hashlib.new(kind, usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
