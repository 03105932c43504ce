"""The module's own Python environment: made once, reused until what it was made from changes."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from scaffold.errors import MissingToolError, ScaffoldError
from scaffold.module import Module

FOLDER = ".venv"
_STAMP = "scaffold.json"
_LOG_LINES = 15


@dataclass(frozen=True, slots=True)
class Environment:
    """A virtual environment that holds a module, installed so that edits take effect.

    Attributes:
        folder: the virtual environment.
        stamp: what it was made from; equal stamps need no new installation.
        commands: what makes it, in order.
    """

    folder: Path
    stamp: str
    commands: tuple[tuple[str, ...], ...]

    def program(self, name: str) -> str:
        """Return the path of one of its programs, `python` for one."""
        return str(self.folder / "bin" / name)

    @property
    def ready(self) -> bool:
        """Whether it has been made, completely, from what the module is now."""
        try:
            return (self.folder / _STAMP).read_text(encoding="utf-8") == self.stamp
        except OSError:
            return False


def plan(module: Module, variant: str = "auto") -> Environment:
    """Work out the environment of a module.

    Args:
        module: the module.
        variant: "cpu", "gpu", or "auto" for gpu where an NVIDIA driver answers.

    Raises:
        MissingToolError: no Python of this machine is one that the module accepts.
        UsageError: the model repository is not there.
    """
    root = module.model_root
    folder = root / FOLDER
    extra = variant if variant != "auto" else _detected_variant()
    pyproject = root / "pyproject.toml"
    python = _python(pyproject)
    target = f"{root}[{extra}]"
    in_environment = str(folder / "bin" / "python")
    uv = shutil.which("uv") if os.environ.get("SCAFFOLD_INSTALLER", "uv") == "uv" else None
    commands: tuple[tuple[str, ...], ...]
    if uv:
        commands = (
            (uv, "venv", "--quiet", "--allow-existing", "--python", python, str(folder)),
            (uv, "pip", "install", "--python", in_environment, "--editable", target),
        )
    else:
        commands = (
            (python, "-m", "venv", str(folder)),
            (in_environment, "-m", "pip", "install", "--editable", target),
        )
    digest = hashlib.sha256(pyproject.read_bytes()).hexdigest()
    stamp = {"root": str(root), "extra": extra, "python": python, "pyproject": digest}
    return Environment(folder, json.dumps(stamp), commands)


def make(environment: Environment, say: Callable[[str], None]) -> None:
    """Make the environment if it is not ready.

    Args:
        environment: what to make.
        say: gets one line for each step.

    Raises:
        ScaffoldError: the installation failed; its last lines are in the message.
    """
    with _locked(environment.folder):
        if environment.ready:
            return
        say(f"Making the module's environment in {environment.folder} (once; a minute or so)")
        for command in environment.commands:
            say("  " + " ".join(command))
            result = subprocess.run(
                command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
            )
            if result.returncode:
                tail = "\n".join(result.stdout.strip().splitlines()[-_LOG_LINES:])
                raise ScaffoldError(
                    f"`{' '.join(command)}` failed:\n{tail}",
                    hint="without a network, install needs a local package index; behind a proxy "
                    "set HTTPS_PROXY; SCAFFOLD_INSTALLER=pip uses pip and its configuration "
                    "instead of uv",
                )
        (environment.folder / _STAMP).write_text(environment.stamp, encoding="utf-8")


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Let one process at a time make the environment."""
    folder.mkdir(exist_ok=True)
    with (folder / "scaffold.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _detected_variant() -> str:
    """Return "gpu" where an NVIDIA driver answers, else "cpu"."""
    program = shutil.which("nvidia-smi")
    if not program:
        return "cpu"
    result = subprocess.run([program, "--list-gpus"], capture_output=True, text=True, check=False)
    return "gpu" if result.returncode == 0 and "GPU " in result.stdout else "cpu"


def _python(pyproject: Path) -> str:
    """Return a Python that the module accepts: the running one if it can be."""
    lowest, highest = _accepted(pyproject)
    if lowest <= sys.version_info[:2] <= highest:
        return sys.executable
    for minor in range(highest[1], lowest[1] - 1, -1):
        if found := shutil.which(f"python3.{minor}"):
            return found
    raise MissingToolError(
        f"{pyproject} wants Python {lowest[0]}.{lowest[1]} to {highest[0]}.{highest[1]}, "
        f"and this is {sys.version_info[0]}.{sys.version_info[1]}",
        hint=f"install Python {highest[0]}.{highest[1]} (`uv python install` can)",
    )


def _accepted(pyproject: Path) -> tuple[tuple[int, int], tuple[int, int]]:
    """Read `requires-python = ">=3.10,<3.14"` as ((3, 10), (3, 13))."""
    import re

    text = pyproject.read_text(encoding="utf-8")
    line = re.search(r'^requires-python\s*=\s*"([^"]*)"', text, re.MULTILINE)
    lower = re.search(r">=\s*3\.(\d+)", line[1]) if line else None
    upper = re.search(r"<\s*3\.(\d+)", line[1]) if line else None
    return (3, int(lower[1]) if lower else 10), (3, int(upper[1]) - 1 if upper else 99)
