"""What rclone is asked for in a copy, step by step; `transfer.py` puts the steps together."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from scaffold.data import manifest
from scaffold.data.engine import PARTIAL, Engine, Outcome
from scaffold.data.job import PULL, Job
from scaffold.data.listing import MANIFEST, Abilities, Filters, Listing, listing
from scaffold.data.manifest import Manifest
from scaffold.data.remotes import Remote
from scaffold.errors import RefusedError, ScaffoldError

_COPY = ("--no-unicode-normalization", "--partial-suffix", PARTIAL)
_SHOWN = 5


def source_files(engine: Engine, job: Job, *, mirror: bool = False) -> Listing:
    """Return the files that are to be copied.

    Args:
        engine: what to run rclone with.
        job: the copy.
        mirror: whether the destination is to lose what the source does not have.

    Raises:
        ScaffoldError: the source is empty, or cannot be listed.
        RefusedError: mirroring an empty source would delete everything.
    """
    files = listing(engine, job.source, job.filters)
    if files:
        return files
    message = f"there is no file in {job.source.label}"
    if mirror:
        raise RefusedError(
            f"{message}: mirroring it would delete everything in {job.destination.label}",
            hint="is the folder mounted, and spelled right? do the filters leave anything?",
        )
    raise ScaffoldError(
        message, hint="is it mounted, and spelled right? do the filters leave anything?"
    )


def dry_run(engine: Engine, job: Job, can: Abilities) -> Outcome:
    """Let rclone say what it would copy."""
    return engine.run(
        job.remote,
        *("copy", job.source.folder, job.destination.folder, "--dry-run"),
        *_COPY,
        *_equality(can),
        *job.filters.flags(),
        doing=f"comparing {job.source.label} with {job.destination.label}",
    )


def _equality(can: Abilities) -> tuple[str, ...]:
    """How rclone is to tell whether a file is there already.

    By size and time; where times are not kept, by checksum if there is one. Without both there is
    only the size.
    """
    return ("--checksum",) if can.checksums and not can.times else ()


def copy(
    engine: Engine, job: Job, source: Remote, destination: Remote, can: Abilities, *more: str
) -> Outcome:
    """Copy what is missing or different.

    Args:
        engine: what to run rclone with.
        job: what it is a part of.
        source: where from.
        destination: where to.
        can: what the storage of the job can do.
        more: options of rclone, instead of the job's filters.

    Raises:
        ScaffoldError: rclone failed, or the source holds two files of one name.
    """
    outcome = engine.run(
        job.remote.reading() if job.direction == PULL else job.remote,
        *("copy", source.folder, destination.folder),
        *_COPY,
        *_equality(can),
        *(more or job.filters.flags()),
        doing=f"copying {source.label} to {destination.label}",
    )
    if lost := [path for path, message in outcome.notices if "Duplicate" in message]:
        raise ScaffoldError(
            f"{source.label} holds two files of one name: {lost[0]}",
            hint="`rclone dedupe` resolves that",
        )
    return outcome


def copy_staged(engine: Engine, job: Job, here: Listing, can: Abilities) -> Outcome:
    """Upload to a folder beside the destination, then let the server move it there.

    A WebDAV server keeps what has arrived of an upload that was cut, under its name. The name of
    the folder tells the state of the source, so that a second attempt takes up the first one's if
    nothing has changed, and only then.
    """
    planned = dry_run(engine, job, can)
    wanted = sorted(path for what, path, _ in planned.planned if what == "copy")
    if not wanted:
        return planned
    state = "\n".join(f"{path}\0{here[path].size}\0{here[path].time}" for path in sorted(here))
    digest = hashlib.sha256(f"{job.remote.folder}\n{state}".encode("utf-8", "replace")).hexdigest()
    staging = job.remote.beside(f".scaffold-{digest[:12]}.staged")
    partly = len(wanted) < len(here) and not any("\n" in path for path in wanted)
    names = "".join(f"{path}\n" for path in wanted) if partly else ""
    with only_these(names, job.filters) as files_from:
        outcome = copy(engine, job, job.here, staging, can, *files_from)
    staged = listing(engine, staging, Filters())
    if bad := [
        each for each in wanted if each not in staged or staged[each].size != here[each].size
    ]:
        raise ScaffoldError(
            f"{len(bad)} files did not arrive whole in {job.remote.label}: {some(bad)}",
            hint="run the same command again: it copies what is missing only",
        )
    moved = engine.run(
        job.remote,
        *(
            "move",
            staging.folder,
            job.remote.folder,
            "--ignore-times",
            "--no-unicode-normalization",
        ),
        *(job.filters.flags() if job.remote.top else ()),
        doing=f"moving what has been copied to {job.remote.label}",
    )
    # empty now, and gone if the whole of it was moved at once
    engine.run(
        job.remote, "purge", staging.folder, doing="clearing up", allowed=(0, 1, 3), once=True
    )
    # what an earlier attempt had uploaded counts too
    outcome.copied = {path: here[path].size for path in wanted}
    outcome.notices += moved.notices
    return outcome


@contextmanager
def only_these(names: str, otherwise: Filters) -> Iterator[tuple[str, ...]]:
    """Give the options that limit rclone to these files, one name to a line; filters if none."""
    if not names:
        yield otherwise.flags()
        return
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".txt") as file:
        file.write(names)
        file.flush()
        yield "--files-from-raw", file.name


def delete_files(engine: Engine, job: Job, delete: dict[str, int]) -> None:
    """Delete files at the destination: those that the user has agreed to lose."""
    with only_these("".join(f"{path}\n" for path in delete), job.filters) as files_from:
        engine.run(
            job.remote,
            *("delete", job.destination.folder, *files_from),
            doing=f"deleting in {job.destination.label}",
        )


def published(engine: Engine, job: Job) -> Manifest:
    """Return the manifest that lies in the remote; an empty one if there is none."""
    where = job.remote.below(MANIFEST)
    outcome = engine.run(
        job.remote,
        *("cat", where.path),
        doing=f"reading {where.label}",
        allowed=(0, 3),
        once=True,
    )
    return manifest.parse(outcome.output) if outcome.output else Manifest()


def publish(engine: Engine, job: Job, can: Abilities, made: Manifest) -> None:
    """Put the manifest into a remote without checksums, with what others have put there before."""
    others = published(engine, job)
    there = listing(engine, job.remote, Filters())
    kept = {path: each for path, each in others.files.items() if path in there}
    ours = {path: replace(each, mtime_ns=0) for path, each in made.files.items()}
    folder = job.remote.beside(f".scaffold-{os.getpid()}.staged") if can.staged else job.remote
    with tempfile.TemporaryDirectory() as temporary:
        manifest.write(Path(temporary), Manifest(files={**kept, **ours}))
        engine.run(
            job.remote,
            *("copy", temporary, folder.folder, "--ignore-times"),
            doing=f"writing {MANIFEST} to {job.remote.label}",
        )
    if can.staged:
        engine.run(
            job.remote,
            *("moveto", folder.below(MANIFEST).path, job.remote.below(MANIFEST).path),
            "--ignore-times",
            doing=f"writing {MANIFEST} to {job.remote.label}",
        )
        engine.run(
            job.remote, "purge", folder.folder, doing="clearing up", allowed=(0, 1, 3), once=True
        )


def some(paths: list[str]) -> str:
    """Return the first few of many names, for a message."""
    more = f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
    return ", ".join(paths[:_SHOWN]) + more
