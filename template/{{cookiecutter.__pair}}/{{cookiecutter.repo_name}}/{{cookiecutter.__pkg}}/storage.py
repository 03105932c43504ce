"""Files that are either complete or not there, whenever the process is stopped."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .config import UserError


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Yield a temporary path to write to; it becomes ``path`` when the block succeeds.

    The temporary file lies in the same folder (a rename across file systems is a copy) and keeps
    the suffix, which decides the format for some libraries.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".tmp-{os.getpid()}-{path.name}")
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` to ``path`` as indented JSON, atomically."""
    with atomic(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", "utf-8")


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        UserError: it is not there or not JSON; the message names it.
    """
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Read all arrays of an ``.npz`` file.

    Raises:
        UserError: it is not there, damaged, or holds Python objects; the message names it.
    """
    try:
        with path.open("rb") as file, np.load(file) as arrays:
            return dict(arrays)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> UserError:
    """What to tell the user; without the number and the path that an OSError comes with."""
    reason = error.strerror if isinstance(error, OSError) else None
    return UserError(f"cannot read {path}: {reason or error}")
