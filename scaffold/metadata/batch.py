"""Many files: finding them, checking them on all cores, and yielding each result in order."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from scaffold.metadata import checks
from scaffold.metadata.checks import NAMES, Checker, Options, Report

_SKIPPED = {"node_modules", "site-packages", "__pycache__"}
_CHUNK = 100
"""Files that one process gets at a time: enough that handing them over costs little."""

_ALONE = 400
"""Files after which more processes are started; by then they would have been ready, too."""

_AHEAD = 3
"""Chunks for each process that are on the way, so that none waits and memory stays flat."""


def find(paths: Iterable[str]) -> Iterator[str]:
    """Yield files as they are given, and for a folder every metadata file in it, by name.

    Metadata files are those whose names end in metadata.json, metadata.yml or metadata.yaml.
    Hidden folders and those of installed packages are left out. A folder without any is yielded
    itself; its report will say so.
    """
    for path in paths:
        found = iter(_in_folder(path) if Path(path).is_dir() else ())
        yield next(found, path)
        yield from found


def _in_folder(folder: str) -> Iterator[str]:
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and name not in _SKIPPED
        )
        for name in sorted(files):
            if name.endswith(NAMES):
                yield str(Path(place) / name)


def run(files: Iterable[str], options: Options, jobs: int | None = None) -> Iterator[Report]:
    """Check files and yield their reports in order, each as soon as it is there.

    Args:
        files: their names.
        options: what to check.
        jobs: how many processes; None for one on each core this one may use.

    Raises:
        UsageError: the options make no sense; raised before the first report.
    """
    check_file = checks.checker(options)
    files = iter(files)
    jobs = _cores() if jobs is None else jobs
    for path in files if jobs == 1 else islice(files, _ALONE):
        yield check_file(path)
    first = next(files, None)
    if first is not None:
        yield from _run_in_processes(_after(first, files), options, jobs)


def _after(first: str, rest: Iterator[str]) -> Iterator[str]:
    yield first
    yield from rest


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _run_in_processes(files: Iterator[str], options: Options, jobs: int) -> Iterator[Report]:
    import multiprocessing
    from concurrent.futures import Future, ProcessPoolExecutor

    context = multiprocessing.get_context("spawn")  # the one that every system has
    waiting: deque[Future[list[Report]]] = deque()
    with ProcessPoolExecutor(jobs, context, _prepare, (options,)) as pool:
        try:
            while chunk := list(islice(files, _CHUNK)):
                waiting.append(pool.submit(_check_chunk, chunk))
                if len(waiting) >= jobs * _AHEAD:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


_check_file: Checker


def _prepare(options: Options) -> None:
    global _check_file  # how a process keeps what all its chunks need
    _check_file = checks.checker(options)


def _check_chunk(paths: list[str]) -> list[Report]:
    return [_check_file(path) for path in paths]
