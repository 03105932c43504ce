"""Compare what two builds of one revision hold: every file, link and folder, but not when it was written.

The input is the tar stream of a whole file system, as `docker export` and `podman export` write it of a
container that was created and never started.
"""

from __future__ import annotations

import hashlib
import stat
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import IO

from scaffold.errors import ScaffoldError

__all__ = ["ENGINE_WRITTEN", "Difference", "Entry", "content", "differences", "report"]

# Docker and Podman put these into every container as they create it; they are no part of the image.
ENGINE_WRITTEN = frozenset(
    {
        ".dockerenv",
        "etc/hostname",
        "etc/hosts",
        "etc/mtab",
        "etc/resolv.conf",
        "run/.containerenv",
    }
)
_MOUNTED = ("dev/", "proc/", "sys/")
_BLOCK = 1 << 20
_XATTR = "SCHILY.xattr."


@dataclass(frozen=True, slots=True)
class Entry:
    """One name in a file system.

    Attributes:
        kind: "file", "directory", "symlink", "device" or "fifo".
        mode: the permission bits, set-user-id and the like included.
        uid: the owner's number.
        gid: the group's number.
        content: sha256 in hexadecimal of a file, the target of a symlink, "major:minor" of a device, else "".
        attributes: extended attributes (file capabilities, for one), sorted.
    """

    kind: str
    mode: int
    uid: int
    gid: int
    content: str = ""
    attributes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Difference:
    """One name that two file systems do not have alike.

    Attributes:
        path: without a leading slash.
        what: "only in the first", "only in the second", or the names of the fields that differ.
        first: the entry in the first file system, if there.
        second: the entry in the second file system, if there.
    """

    path: str
    what: str
    first: Entry | None
    second: Entry | None


def content(stream: IO[bytes]) -> dict[str, Entry]:
    """Read the tar stream of a file system; nothing is written to disk.

    Args:
        stream: what `docker export CONTAINER` writes; need not be seekable.

    Returns:
        Path without a leading slash -> entry, sorted, without what the engine itself writes (`ENGINE_WRITTEN`
        and all inside /dev, /proc and /sys). A hard link is the file that it leads to.

    Raises:
        ScaffoldError: the stream is no tar archive, is cut off, or leads a hard link nowhere.
    """
    entries: dict[str, Entry] = {}
    try:
        with tarfile.open(fileobj=stream, mode="r|", bufsize=_BLOCK) as archive:
            for member in archive:
                path = _path(member.name)
                if path:
                    entries[path] = _entry(archive, member, entries)
    except (tarfile.TarError, KeyError) as error:
        raise ScaffoldError(f"The file system of the image cannot be read: {error}") from error
    return {
        path: entry
        for path, entry in sorted(entries.items())
        if path not in ENGINE_WRITTEN and not path.startswith(_MOUNTED)
    }


def differences(first: Mapping[str, Entry], second: Mapping[str, Entry]) -> list[Difference]:
    """List the names that two file systems do not have alike, sorted by path."""
    found = []
    for path in sorted(first.keys() | second.keys()):
        one, other = first.get(path), second.get(path)
        if one == other:
            continue
        if one is None or other is None:
            what = "only in the second" if one is None else "only in the first"
        else:
            fields: tuple[tuple[str, Callable[[Entry], object]], ...] = (
                ("kind", lambda entry: entry.kind),
                ("mode", lambda entry: entry.mode),
                ("owner", lambda entry: (entry.uid, entry.gid)),
                ("content", lambda entry: entry.content),
                ("attributes", lambda entry: entry.attributes),
            )
            what = ", ".join(name for name, value in fields if value(one) != value(other))
        found.append(Difference(path, what, one, other))
    return found


def report(found: list[Difference], limit: int = 20) -> str:
    """Say in a few lines what differs.

    Args:
        found: what `differences` returned.
        limit: how many paths are named before the rest is counted.

    Returns:
        One line for each path, none for none.
    """
    lines = [f"/{difference.path}: {difference.what}" for difference in found[:limit]]
    if len(found) > limit:
        lines.append(f"... and {len(found) - limit} more")
    return "\n".join(lines)


def _path(name: str) -> str:
    """A member's name as a path from the root; some archivers begin every name with ./ or /."""
    return "/".join(part for part in name.split("/") if part not in ("", "."))


def _entry(
    archive: tarfile.TarFile, member: tarfile.TarInfo, entries: Mapping[str, Entry]
) -> Entry:
    if member.islnk():
        return entries[_path(member.linkname)]
    kind, held = "file", ""
    if member.isfile():
        held = _digest(archive, member)
    elif member.isdir():
        kind = "directory"
    elif member.issym():
        kind, held = "symlink", member.linkname
    elif member.isdev() and not member.isfifo():
        kind, held = "device", f"{member.devmajor}:{member.devminor}"
    else:
        kind = "fifo"
    attributes = tuple(
        sorted(
            (name.removeprefix(_XATTR), value)
            for name, value in member.pax_headers.items()
            if name.startswith(_XATTR)
        )
    )
    return Entry(kind, stat.S_IMODE(member.mode), member.uid, member.gid, held, attributes)


def _digest(archive: tarfile.TarFile, member: tarfile.TarInfo) -> str:
    file = archive.extractfile(member)
    assert file is not None
    digest = hashlib.sha256()
    while block := file.read(_BLOCK):
        digest.update(block)
    return digest.hexdigest()
