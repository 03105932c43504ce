"""Proof that two sides hold the same: names, sizes, and a checksum of every file."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from scaffold.data import manifest
from scaffold.data.listing import READABLE, Listing
from scaffold.data.manifest import Manifest, Record

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass
class Proof:
    """What a comparison has found.

    Attributes:
        records: the files here, each with its checksum.
        by_checksum: files whose content is known to be the same on both sides.
        by_size: files of which only the size could be compared.
        missing: files that are not at the destination.
        different: files that are not the same there.
    """

    records: dict[str, Record] = field(default_factory=dict)
    by_checksum: int = 0
    by_size: int = 0
    missing: list[str] = field(default_factory=list)
    different: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether everything is there."""
        return not self.missing and not self.different

    @property
    def kinds(self) -> list[str]:
        """The kinds of checksum in the records."""
        return sorted({record.kind for record in self.records.values()})


class Checksums:
    """Computes checksums of files of a folder, beside a running copy; each one once."""

    def __init__(self, folder: Path, known: Manifest, pool: ThreadPoolExecutor) -> None:
        self._folder = folder
        self._known = known
        self._pool = pool
        self._running: dict[tuple[str, str], Future[str]] = {}

    def start(self, path: str, kind: str) -> None:
        """Begin to compute one."""
        if (path, kind) not in self._running:
            self._running[path, kind] = self._pool.submit(self._checksum, path, kind)

    def _checksum(self, path: str, kind: str) -> str:
        try:
            return manifest.checksum(self._folder / path, kind)
        except OSError:
            return ""

    def get(self, path: str, kind: str) -> str:
        """Return one: what has been computed before, if the file is still the same; "" if not."""
        record = self._known.files.get(path)
        if (path, kind) not in self._running:
            now = self.stamp(path)
            if record and record.kind == kind and (record.size, record.mtime_ns) == now:
                return record.checksum
        self.start(path, kind)
        return self._running[path, kind].result()

    def usual(self, path: str) -> str:
        """Return the kind that the folder's manifest has for a file, if it is still the same."""
        record = self._known.files.get(path)
        if record and (record.size, record.mtime_ns) == self.stamp(path):
            return record.kind
        return READABLE[0]

    def forget(self, paths: list[str]) -> None:
        """Compute them anew when they are wanted: the files have been replaced."""
        for key in [each for each in self._running if each[0] in paths]:
            del self._running[key]

    def stamp(self, path: str) -> tuple[int, int]:
        """Return the size and the time of a file; (-1, 0) if it cannot be seen."""
        try:
            status = (self._folder / path).stat()
        except OSError:
            return -1, 0
        return status.st_size, status.st_mtime_ns


@contextmanager
def checksums(folder: Path, known: Manifest) -> Iterator[Checksums]:
    """Give a `Checksums`; what has not been asked for at the end is not computed."""
    with ThreadPoolExecutor(2, thread_name_prefix="checksum") as pool:
        try:
            yield Checksums(folder, known, pool)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def compare(
    here: Listing,
    there: Listing,
    wanted: Listing,
    verified: Mapping[str, tuple[str, str]],
    computed: Checksums,
    others: Manifest,
) -> Proof:
    """Compare a folder with a remote.

    Args:
        here: what the folder holds.
        there: what the remote holds.
        wanted: which of the two is the source, all of which must be on the other side.
        verified: checksums that rclone has just found equal on both sides.
        computed: computes those that are still needed.
        others: the manifest that lies in the remote, if its storage has no checksums.
    """
    proof = Proof()
    for path in sorted(wanted):
        if path not in here or path not in there:
            proof.missing.append(path)
            continue
        size, remote_size = here[path].size, there[path].size
        mtime_ns = computed.stamp(path)[1]
        kind, value = verified.get(path, ("", ""))
        if kind in READABLE and size == remote_size:
            proof.by_checksum += 1
            proof.records[path] = Record(size, kind, value, mtime_ns)
            continue
        if remote_size not in (size, -1):
            proof.different.append(path)
            continue
        theirs = _theirs(path, there, others)
        wanted_kind = theirs[0] if theirs else computed.usual(path)
        ours = computed.get(path, wanted_kind)
        if theirs and ours != theirs[1]:
            proof.different.append(path)
            continue
        if theirs or kind:  # a kind that Python cannot compute, rclone has compared
            proof.by_checksum += 1
        else:
            proof.by_size += 1
        proof.records[path] = Record(size, wanted_kind, ours, mtime_ns)
    return proof


def _theirs(path: str, there: Listing, others: Manifest) -> tuple[str, str] | None:
    """Return the checksum that the remote states for a file: its storage's, or a manifest's."""
    for kind in READABLE:
        if value := there[path].checksums.get(kind):
            return kind, value
    record = others.files.get(path)
    if record and record.size == there[path].size:
        return record.kind, record.checksum
    return None
