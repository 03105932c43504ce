"""rclone's configuration for a container: read where it lies, or handed over in memory, never copied."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

from scaffold.errors import ScaffoldError, UsageError
from scaffold.image.engine import Engine

FILE = "/srv/.rclone/rclone.conf"
"""Where images of DEEP have it."""
MEMORY = "/run/rclone"
"""Where a file system in memory is put; engines give one over a folder of the image that folder's mode."""
VARIABLE = "RCLONE_CONFIG"
PREFIX = "RCLONE_CONFIG_RSHARE_"
"""What begins the names of the variables that describe DEEP's remote `rshare`."""
_SECONDS = 20.0
# written beside and renamed: whoever waits for the file sees all of it
HANDED = f"{MEMORY}/rclone.conf"
_WRITE = f"umask 077; cat >{MEMORY}/.new && mv -f {MEMORY}/.new {HANDED}"
WAIT = ("sh", "-c", f'until [ -s {HANDED} ]; do sleep 0.1; done; exec "$@"', "sh")
"""What a command begins with that must not start before the configuration is there."""


def configuration(given: Path | None) -> Path | None:
    """Return rclone's configuration file: the one that is given, or the one that rclone would read.

    Raises:
        UsageError: the one that is given cannot be read.
    """
    if given:
        if not os.access(given, os.R_OK) or not given.is_file():
            raise UsageError(
                f"{given} is no file that you can read", hint="`rclone config file` tells its place"
            )
        return given.resolve()
    home = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    named = os.environ.get(VARIABLE)
    usual = Path(named) if named else home / "rclone" / "rclone.conf"
    return usual.resolve() if usual.is_file() and os.access(usual, os.R_OK) else None


def variables() -> dict[str, str]:
    """Return this process's variables that describe the remote `rshare`."""
    return {name: value for name, value in os.environ.items() if name.startswith(PREFIX)}


def arguments(container: str) -> list[str]:
    """Return the arguments of the engine's command that reads the configuration from its input."""
    return ["exec", "--interactive", container, "sh", "-c", _WRITE]


def hand_over(engine: Engine, container: str, file: Path) -> None:
    """Put the configuration into a container's memory; it is gone with the container.

    Raises:
        ScaffoldError: the container did not take it.
    """
    deadline = time.monotonic() + _SECONDS
    while True:
        with file.open("rb") as content:
            result = subprocess.run(
                engine.command(*arguments(container)),
                env=engine.variables(),
                stdin=content,
                capture_output=True,
                check=False,
            )
        if not result.returncode:
            return
        state = engine.call("inspect", "--format", "{{.State.Status}}", container).stdout.strip()
        if state == "exited" or time.monotonic() > deadline:
            said = result.stderr.decode(errors="replace").strip()
            raise ScaffoldError(
                f"the container does not take {file}: {said}",
                hint="run it without: --no-rclone",
            )
        time.sleep(0.2)
