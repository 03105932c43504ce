"""The process that makes generation all or nothing, whatever happens to the one that generates.

It owns the staging folder. The generating process fills it and then says `commit` on the pipe; the
janitor moves the finished folders to their places. If the pipe closes before (an error, Ctrl-C,
`kill -9`), it removes everything. It runs in a session of its own, so that signals meant for the
generating process do not reach it, and it imports nothing but the standard library: it is started
as a plain file.

Protocol, one JSON document a line: the janitor writes {"staging": PATH} or {"error": TEXT}; it
reads ["name", …]; it writes {"error": null} or {"error": TEXT}.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import tempfile
import time
from typing import Any

CLEANUP_SECONDS = 10.0
"""How long to go on removing: a git process of a killed parent may still be writing."""


def main() -> None:
    """Serve one generation into the folder named by the first argument."""
    destination = os.path.abspath(sys.argv[1])
    try:
        created = _make_folders(destination)
    except OSError as error:
        _say({"error": _reason(error)})
        return
    staging = ""
    done = False
    try:
        staging = tempfile.mkdtemp(prefix=".scaffold-", dir=destination)
        _say({"staging": staging})
        line = sys.stdin.readline()
        if line.endswith("\n"):
            move(json.loads(line), staging, destination)
            done = True
    except OSError as error:
        _say({"error": _reason(error)})
    finally:
        if staging:
            _remove(staging)
        if not done:
            for folder in reversed(created):
                _remove_empty(folder)
    if done:
        _say({"error": None})


def _make_folders(path: str) -> list[str]:
    """Make `path` and its parents; return those that were not there, outermost first."""
    missing = []
    while not os.path.lexists(path):
        missing.append(path)
        path = os.path.dirname(path)
    created: list[str] = []
    try:
        for folder in reversed(missing):
            os.mkdir(folder)
            created.append(folder)
        if not os.path.isdir(path):
            raise NotADirectoryError(20, "Not a directory", path)
    except OSError:
        for folder in reversed(created):
            _remove_empty(folder)
        raise
    return created


def move(names: list[str], staging: str, destination: str) -> None:
    """Move every folder to its place, or none."""
    moved: list[str] = []
    try:
        for name in names:
            target = os.path.join(destination, name)
            if os.path.lexists(target):  # rename would silently replace an empty folder
                raise FileExistsError(17, "File exists", target)
            os.rename(os.path.join(staging, name), target)
            moved.append(name)
    except OSError:
        for name in reversed(moved):
            os.rename(os.path.join(destination, name), os.path.join(staging, name))
        raise


def _remove(folder: str) -> None:
    deadline = time.monotonic() + CLEANUP_SECONDS
    while os.path.lexists(folder) and time.monotonic() < deadline:
        shutil.rmtree(folder, ignore_errors=True)
        if os.path.lexists(folder):
            time.sleep(0.05)


def _remove_empty(folder: str) -> None:
    with contextlib.suppress(OSError):  # not empty: somebody has put something of theirs there
        os.rmdir(folder)


def _reason(error: OSError) -> str:
    return f"{error.strerror}: {error.filename}" if error.filename else str(error)


def _say(document: dict[str, Any]) -> None:
    try:
        sys.stdout.write(json.dumps(document) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        # nobody listens any more; /dev/null keeps Python from failing again at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
