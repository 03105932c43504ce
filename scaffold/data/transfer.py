"""Data in and results out: copied, whole or not at all, and then proved to be there."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from scaffold.data import copying, manifest, verifying
from scaffold.data.engine import PARTIAL, Engine, Outcome
from scaffold.data.job import PULL, PUSH, Job
from scaffold.data.listing import (
    READABLE,
    Abilities,
    Entry,
    Filters,
    Listing,
    abilities,
    listing,
    refuse_collisions,
)
from scaffold.data.manifest import Manifest
from scaffold.data.verifying import Checksums, Proof
from scaffold.errors import RefusedError, ScaffoldError


@dataclass(frozen=True, slots=True)
class Plan:
    """What a copy would do.

    Attributes:
        copy: bytes by file that would be copied.
        delete: bytes by file that would be deleted at the destination, to mirror the source.
        kept: files that are there already.
    """

    copy: dict[str, int]
    delete: dict[str, int]
    kept: int


@dataclass(frozen=True, slots=True)
class Summary:
    """What a copy did.

    Attributes:
        copied: bytes by file.
        deleted: files that were deleted at the destination.
        unchanged: files that were there already.
        seconds: how long all of it took.
        proof: the comparison at its end.
        skipped: what was left out although it is there: symbolic links.
        manifest: the manifest that was written.
        digest: its digest.
        overcome: errors that trying again has overcome.
        notes: what the user should know.
    """

    copied: dict[str, int]
    deleted: list[str]
    unchanged: int
    seconds: float
    proof: Proof
    skipped: list[str]
    manifest: Path
    digest: str
    overcome: tuple[str, ...]
    notes: tuple[str, ...]


def plan(engine: Engine, job: Job, *, mirror: bool = False) -> Plan:
    """Work out what `transfer` would do; change nothing.

    Raises:
        ScaffoldError: one of the sides cannot be listed, or the source is empty.
        RefusedError: mirroring an empty source would delete everything.
    """
    source = copying.source_files(engine, job, mirror=mirror)
    outcome = copying.dry_run(engine, job, abilities(engine, job.remote))
    copies = {path: size for what, path, size in outcome.planned if what == "copy"}
    delete: dict[str, int] = {}
    if mirror:
        there = listing(engine, job.destination, job.filters, missing_is_empty=True)
        delete = {path: there[path].size for path in sorted(there) if path not in source}
    return Plan(copies, delete, len(source) - len(copies))


def transfer(engine: Engine, job: Job, *, delete: dict[str, int] | None = None) -> Summary:
    """Copy what is missing, delete what is to go, and prove that all is there.

    Args:
        engine: what to run rclone with.
        job: the copy.
        delete: files of the destination that the user has agreed to lose.

    Raises:
        ScaffoldError: the copy failed, or something is missing or different after it.
        RefusedError: another process copies to or from this folder.
    """
    started = time.monotonic()
    is_new = not job.folder.exists()
    if job.direction == PULL:
        make_folder(job.folder)
    elif not job.folder.is_dir():
        raise ScaffoldError(f"{job.folder} is not there", hint="name the folder to push")
    with locked(job.folder):
        known = manifest.read(job.folder)
        with verifying.checksums(job.folder, known) as computed:
            can = abilities(engine, job.remote)
            pull_or_push = _pull if job.direction == PULL else _push
            outcome, proof = pull_or_push(engine, job, can, computed)
        _insist(proof, job)
        if delete:
            copying.delete_files(engine, job, delete)
        made = Manifest(job.remote.label, _records(known, proof, delete or {}, job, computed))
        path = manifest.write(job.folder, made)
        _clear_partials(job.folder)
        changed = outcome.copied or delete or known.digest != made.digest
        if job.direction == PUSH and changed and not can.checksums:
            copying.publish(engine, job, can, made)
    return Summary(
        copied=outcome.copied,
        deleted=sorted(delete or ()),
        unchanged=len(proof.records) - len(outcome.copied),
        seconds=time.monotonic() - started,
        proof=proof,
        skipped=_skipped(outcome),
        manifest=path,
        digest=made.digest,
        overcome=tuple(f"{path}: {message}" for path, message in dict.fromkeys(outcome.complaints)),
        notes=(
            *([f"{job.folder} was not there: it has been made"] if is_new else []),
            *_notes(job, can, proof, _skipped(outcome)),
        ),
    )


def _pull(engine: Engine, job: Job, can: Abilities, computed: Checksums) -> tuple[Outcome, Proof]:
    outcome = copying.copy(engine, job, job.remote, job.here, can)
    proved = not can.cheap or outcome.checksums.keys() >= outcome.copied.keys()
    if outcome.copied and not outcome.unchanged and proved:
        # rclone has named every file that it found there; another listing would say nothing new
        there = {path: Entry(size, "", {}) for path, size in outcome.copied.items()}
    else:
        there = listing(engine, job.remote, job.filters, checksums=can.cheap)
    if not there:
        copying.source_files(engine, job)
    refuse_collisions(there, can, job.here)
    others = Manifest() if can.checksums else copying.published(engine, job)
    here = on_disk(engine, job)
    proof = verifying.compare(here, there, there, outcome.checksums, computed, others)
    if spoilt := [path for path in proof.different if path in outcome.copied]:
        proof = _again(engine, job, can, computed, spoilt, there, others)
    return outcome, proof


def _again(
    engine: Engine,
    job: Job,
    can: Abilities,
    computed: Checksums,
    spoilt: list[str],
    there: Listing,
    others: Manifest,
) -> Proof:
    """Download once more what has arrived changed; do not leave it under its name if it stays so."""
    with copying.only_these("".join(f"{path}\n" for path in spoilt), job.filters) as files_from:
        outcome = copying.copy(
            engine, job, job.remote, job.here, can, "--ignore-times", *files_from
        )
    computed.forget(spoilt)
    here = on_disk(engine, job)
    proof = verifying.compare(here, there, there, outcome.checksums, computed, others)
    for path in set(proof.different).intersection(spoilt):
        (job.folder / path).unlink(missing_ok=True)
    return proof


def _push(engine: Engine, job: Job, can: Abilities, computed: Checksums) -> tuple[Outcome, Proof]:
    here = copying.source_files(engine, job)
    refuse_collisions(here, can, job.remote)
    if not can.checksums:  # they will be wanted, and there is time while the files travel
        for path in here:
            computed.start(path, READABLE[0])
    if can.staged:
        outcome = copying.copy_staged(engine, job, here, can)
    else:
        outcome = copying.copy(engine, job, job.here, job.remote, can)
    if outcome.checksums.keys() >= here.keys():
        there = here  # rclone has compared a checksum of each with what the storage states
    else:
        there = listing(engine, job.remote, job.filters, checksums=can.cheap)
    return outcome, verifying.compare(here, there, here, outcome.checksums, computed, Manifest())


def _records(
    known: Manifest, proof: Proof, deleted: dict[str, int], job: Job, computed: Checksums
) -> dict[str, manifest.Record]:
    """Return what the folder's manifest is to hold: of other files, what it held before."""
    gone = deleted if job.direction == PULL else {}
    older = {
        path: record
        for path, record in known.files.items()
        if path not in gone and computed.stamp(path) == (record.size, record.mtime_ns)
    }
    return {**older, **proof.records}


def _insist(proof: Proof, job: Job) -> None:
    if proof.good:
        return
    wrong = [*proof.missing, *proof.different]
    raise ScaffoldError(
        f"after copying {job.source.label} to {job.destination.label}, {len(proof.missing)} files "
        f"are missing and {len(proof.different)} are different: {copying.some(wrong)}",
        hint="`scaffold sync check` says which; delete what is damaged, or repair it on the other "
        "side, and run the same command again",
    )


def on_disk(engine: Engine, job: Job) -> Listing:
    """Return the files of the folder on this machine; asks rclone only if there are filters."""
    if job.filters != Filters():
        return listing(engine, job.here, job.filters)
    found: Listing = {}
    for folder, _, names in os.walk(job.folder):
        for name in names:
            path = Path(folder) / name
            if not path.is_symlink() and not name.endswith(PARTIAL):
                status = path.stat()
                found[path.relative_to(job.folder).as_posix()] = Entry(status.st_size, "", {})
    return found


def _skipped(outcome: Outcome) -> list[str]:
    return [path for path, message in outcome.notices if "follow symlink" in message]


def _notes(job: Job, can: Abilities, proof: Proof, skipped: list[str]) -> tuple[str, ...]:
    notes = [*job.remote.warnings]
    what = "size and time" if can.times else "size"
    if proof.by_size and can.checksums:
        notes.append(
            f"{proof.by_size} files were there already, and were compared by {what} only; "
            "`scaffold sync check` compares checksums"
        )
    elif proof.by_size:
        notes.append(
            f"{job.remote.label} states no checksums: {proof.by_size} files were compared by {what} "
            "only; `scaffold sync check --download` compares their content"
        )
    if skipped:
        notes.append(f"symbolic links are not copied: {copying.some(skipped)}")
    return tuple(notes)


def make_folder(folder: Path) -> None:
    """Make a folder.

    Raises:
        ScaffoldError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ScaffoldError(f"cannot make {folder}: {error.strerror}") from None


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other copies away from a folder.

    Raises:
        RefusedError: one is running.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise RefusedError(
            f"another process is copying to or from {folder}", hint="wait until it has finished"
        ) from None
    finally:
        os.close(descriptor)


def _clear_partials(folder: Path) -> None:
    """Remove what an interrupted download left behind; nothing else ends so."""
    for path in folder.rglob(f"*{PARTIAL}"):
        path.unlink(missing_ok=True)
