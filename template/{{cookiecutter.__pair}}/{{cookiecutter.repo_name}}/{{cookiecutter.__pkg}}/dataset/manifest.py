"""Which data a training used: a list of the raw files with the checksum of each."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..config import UserError
from ..storage import read_json, write_json

#: In the folder of the raw data; `scaffold sync` writes it in the same form.
NAME = ".data-manifest.json"

#: Kinds of checksum that may be in it; ours is the first.
KINDS = ("sha256", "sha1", "md5", "sha512")


@dataclass(frozen=True)
class Manifest:
    """What a folder holds.

    Attributes:
        source: the remote that it came from; empty if it was made here.
        files: for each path its size in bytes, its checksum by kind, and its time.
    """

    source: str
    files: dict[str, dict[str, Any]]

    @property
    def digest(self) -> str:
        """SHA-256 over paths, sizes and checksums: the same files, the same digest."""
        lines = [
            f"{path}\0{entry['size']}\0{_kind(entry)}:{entry[_kind(entry)]}\n"
            for path, entry in sorted(self.files.items())
        ]
        return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()

    def summary(self) -> dict[str, Any]:
        """What ``metrics.json`` says of the data."""
        return {
            "digest": self.digest,
            "source": self.source,
            "files": len(self.files),
            "bytes": sum(entry["size"] for entry in self.files.values()),
        }

    def write(self, path: Path) -> None:
        """Write as JSON."""
        values = {"version": 1, "source": self.source, "digest": self.digest, "files": self.files}
        write_json(path, values)


def _kind(entry: dict[str, Any]) -> str:
    return next(kind for kind in KINDS if kind in entry)


def take(folder: Path, source: str | None = None) -> Manifest:
    """List the files of a folder, and write the list into it.

    A file whose size and time are those of the last list keeps its checksum; others are read.

    Args:
        folder: of the raw data.
        source: the remote that it has just come from; None to keep what the last list says.
    """
    older = _read(folder / NAME)
    files: dict[str, dict[str, Any]] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if not path.is_file() or path.name.startswith((NAME, ".gitkeep", ".tmp-")):
            continue
        status = path.stat()
        entry = older.files.get(name, {})
        if (entry.get("size"), entry.get("mtime_ns")) != (status.st_size, status.st_mtime_ns):
            entry = {
                "size": status.st_size,
                KINDS[0]: _checksum(path),
                "mtime_ns": status.st_mtime_ns,
            }
        files[name] = entry
    manifest = Manifest(older.source if source is None else source, files)
    if manifest != older:
        manifest.write(folder / NAME)
    return manifest


def _read(path: Path) -> Manifest:
    """Read the last list; an empty one if it is not there or damaged: it is made again."""
    try:
        values = read_json(path)
        files = {str(name): dict(entry) for name, entry in values["files"].items()}
        for entry in files.values():
            _kind(entry)
        return Manifest(str(values["source"]), files)
    except (UserError, KeyError, TypeError, AttributeError, ValueError, StopIteration):
        return Manifest("", {})


def _checksum(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
