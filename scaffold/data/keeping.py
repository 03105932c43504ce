"""A remote that is asked for once, and kept in rclone's own file with rclone's own obscuring."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from scaffold.data import remotes
from scaffold.data.binary import Rclone
from scaffold.errors import RefusedError, ScaffoldError

_SECONDS = 20.0
OBSCURED = ("pass",)
"""Settings that rclone keeps obscured."""


def obscure(rclone: Rclone, password: str) -> str:
    """Return a password as rclone keeps it. It goes there by a pipe: `ps` shows arguments.

    Raises:
        ScaffoldError: rclone did not take it.
    """
    result = subprocess.run(
        [rclone.path, "obscure", "-"],
        input=password,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    if result.returncode or not result.stdout.strip():
        raise ScaffoldError("rclone does not take this password", hint="is it empty?")
    return result.stdout.strip()


def keep(rclone: Rclone, name: str, settings: Mapping[str, str]) -> Path:
    """Add a remote to rclone's file, which nobody else may read.

    Args:
        rclone: the program.
        name: of the remote.
        settings: its settings; passwords as they are.

    Raises:
        RefusedError: the file is in a git repository, is encrypted, or has a remote of this name.
        ScaffoldError: it cannot be written.
    """
    path = remotes.config_file()
    if repository := remotes.repository_of(path):
        raise RefusedError(
            f"{path} is in the git repository {repository}: a password must not be kept there",
            hint="let RCLONE_CONFIG name a file elsewhere, or unset it",
        )
    known = remotes.from_file(name)
    if known is None:
        raise RefusedError(f"{path} is encrypted", hint="add the remote with `rclone config`")
    if known:
        raise RefusedError(f"{path} has a remote {name} already", hint="`rclone config` edits it")
    if any("\n" in value or "\r" in value for value in (name, *settings.values())):
        raise ScaffoldError("a setting of a remote is one line", hint="type it again")
    kept = {
        key: obscure(rclone, value) if key in OBSCURED else value for key, value in settings.items()
    }
    section = "".join([f"[{name}]\n", *(f"{key} = {value}\n" for key, value in kept.items())])
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        before = path.read_text(encoding="utf-8") if path.is_file() else ""
        separator = "\n" if before else ""
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(before + separator + section)
        temporary.replace(path)
    except OSError as error:
        raise ScaffoldError(f"cannot write {path}: {error.strerror}") from None
    finally:
        temporary.unlink(missing_ok=True)
    return path
