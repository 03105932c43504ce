"""`scaffold sync check`: do both sides hold the same? Changes nothing."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from scaffold.data import verifying
from scaffold.data.copying import published
from scaffold.data.engine import Engine
from scaffold.data.job import PULL, Job
from scaffold.data.listing import abilities, listing
from scaffold.data.manifest import Manifest

_SIGNS = {"+": "missing", "*": "different", "!": "unreadable"}


@dataclass(frozen=True, slots=True)
class Report:
    """What a check has found.

    Attributes:
        by_checksum: files whose content is the same.
        by_size: files of which only the size could be compared.
        missing: files of the source that are not at the destination.
        different: files that differ.
        extra: files that are at the destination only; no fault.
        seconds: how long it took.
        notes: what the user should know.
    """

    by_checksum: int
    by_size: int
    missing: list[str]
    different: list[str]
    extra: list[str]
    seconds: float
    notes: tuple[str, ...]

    @property
    def good(self) -> bool:
        """Whether all that is in the source is at the destination."""
        return not self.missing and not self.different


def check(engine: Engine, job: Job, *, download: bool = False) -> Report:
    """Compare all files, reading each again: nothing is taken from a manifest's memory.

    Args:
        engine: what to run rclone with.
        job: what to compare, and which side is the source.
        download: compare the contents themselves, for remotes that have no checksums.

    Raises:
        ScaffoldError: one of the sides cannot be read.
    """
    started = time.monotonic()
    can = abilities(engine, job.remote)
    here = listing(engine, job.here, job.filters, missing_is_empty=True)
    there = listing(engine, job.remote, job.filters, checksums=bool(can.checksums))
    source, destination = (there, here) if job.direction == PULL else (here, there)
    extra = sorted(set(destination) - set(source))
    if download or job.remote.kind == "local":
        signs = _by_rclone(engine, job, download=download) if here else dict.fromkeys(source, "+")
        wrong = {
            name: sorted(p for p, s in signs.items() if s == sign) for sign, name in _SIGNS.items()
        }
        return Report(
            by_checksum=sum(sign == "=" for sign in signs.values()),
            by_size=0,
            missing=wrong["missing"],
            different=sorted(wrong["different"] + wrong["unreadable"]),
            extra=extra,
            seconds=time.monotonic() - started,
            notes=job.remote.warnings,
        )
    others = Manifest() if can.checksums else published(engine, job)
    with verifying.checksums(job.folder, Manifest()) as computed:
        proof = verifying.compare(here, there, source, {}, computed, others)
    notes = [*job.remote.warnings]
    if not can.checksums:
        # a manifest says what was once put there, not what is there now
        proof.by_size, proof.by_checksum = proof.by_size + proof.by_checksum, 0
    if proof.by_size:
        notes.append(
            f"{job.remote.label} states no checksum of {proof.by_size} files: they were compared by "
            "size only; --download compares their content"
        )
    return Report(
        proof.by_checksum,
        proof.by_size,
        proof.missing,
        proof.different,
        extra,
        time.monotonic() - started,
        tuple(notes),
    )


def _by_rclone(engine: Engine, job: Job, *, download: bool) -> dict[str, str]:
    """Let rclone compare; return its sign for each file."""
    with tempfile.TemporaryDirectory() as folder:
        signs = Path(folder) / "signs"
        engine.run(
            job.remote,
            *("check", job.source.folder, job.destination.folder, "--one-way"),
            *("--combined", str(signs), "--no-unicode-normalization"),
            *(("--download",) if download else ()),
            *job.filters.flags(),
            doing=f"comparing {job.source.label} with {job.destination.label}",
            allowed=(0, 1),
        )
        lines = signs.read_text(encoding="utf-8").splitlines() if signs.is_file() else []
    return {line[2:]: line[0] for line in lines if len(line) > 2}
