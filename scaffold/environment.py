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
from scaffold.image import network, table
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
        index: address of the package index, beside the usual one, that `commands` asks for builds
            without CUDA; "" for none.
        elsewhere: what makes it where that index does not answer.
    """

    folder: Path
    stamp: str
    commands: tuple[tuple[str, ...], ...]
    index: str = ""
    elsewhere: tuple[tuple[str, ...], ...] = ()

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
        UsageError: the model repository is not there, or its framework has no such variant.
    """
    root = module.model_root
    folder = root / FOLDER
    framework = module.answers.get("framework", "")
    table.require_variant(framework, variant if variant != "auto" else "cpu", "--variant gpu")
    detected = "gpu" in table.variants(framework) and _driver_answers()
    extra = variant if variant != "auto" else "gpu" if detected else "cpu"
    pyproject = root / "pyproject.toml"
    python = _python(pyproject)
    target = f"{root}[{extra}]"
    in_environment = str(folder / "bin" / "python")
    uv = shutil.which("uv") if os.environ.get("SCAFFOLD_INSTALLER", "uv") == "uv" else None
    create: tuple[str, ...]
    install: tuple[str, ...]
    if uv:
        create = (uv, "venv", "--quiet", "--clear", "--python", python, str(folder))
        install = (uv, "pip", "install", "--python", in_environment, "--editable", target)
    else:
        create = (python, "-m", "venv", "--clear", str(folder))
        install = (in_environment, "-m", "pip", "install", "--editable", target)
    # the version, not the path: scaffold may be installed in several places of this machine
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    found = version if python == sys.executable else Path(python).name.removeprefix("python")
    made_from = {"root": str(root), "extra": extra, "python": found}
    digest = hashlib.sha256(pyproject.read_bytes()).hexdigest()
    stamp = json.dumps({**made_from, "pyproject": digest})
    before = () if _usable(folder, made_from) else (create,)
    index = "" if _chosen_by_user(uv) else _index(framework, extra)
    if not index:
        return Environment(folder, stamp, (*before, install))
    # uv takes what belongs to PyTorch from there, pip the highest version: that is such a build, too
    option = ("--torch-backend", extra) if uv else ("--extra-index-url", index)
    with_index = (*install[:-2], *option, *install[-2:])
    return Environment(folder, stamp, (*before, with_index), index, (*before, install))


def _usable(folder: Path, made_from: dict[str, str]) -> bool:
    """Whether to install into what is there: the user's own environment, or a fitting one of ours.

    One of ours that was made elsewhere (the module has been moved), for another device or with
    another Python is made anew.
    """
    if not (folder / "bin" / "python").exists():
        return False
    try:
        stamp = json.loads((folder / _STAMP).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return True
    except ValueError:
        return False
    return isinstance(stamp, dict) and all(stamp.get(key) == made_from[key] for key in made_from)


def make(
    environment: Environment, say: Callable[[str], None], detail: Callable[[str], None]
) -> None:
    """Make the environment if it is not ready.

    Args:
        environment: what to make.
        say: gets one line when there is something to do.
        detail: gets each command.

    Raises:
        ScaffoldError: the installation failed; its last lines are in the message.
    """
    with _locked(environment.folder.parent):
        if environment.ready:
            return
        say(f"Making the module's environment in {environment.folder} (once; a minute or so)")
        commands = environment.commands
        if environment.index and not network.index_answers(environment.index):
            say(f"{environment.index} does not answer: the usual index must do, perhaps with CUDA")
            commands = environment.elsewhere
        for command in commands:
            detail("  " + " ".join(command))
            code, tail = _run(command)
            if code:
                raise ScaffoldError(
                    f"`{' '.join(command)}` failed{tail}",
                    hint="without a network, install needs a local package index; behind a proxy "
                    "set HTTPS_PROXY; SCAFFOLD_INSTALLER=pip uses pip and its configuration "
                    "instead of uv",
                )
        (environment.folder / _STAMP).write_text(environment.stamp, encoding="utf-8")


def _run(command: tuple[str, ...]) -> tuple[int, str]:
    """Run an installer; return its exit code and, for the message, the last lines of its output.

    On a terminal its own progress is shown instead, and there are no lines to repeat.
    """
    if sys.stderr.isatty():
        return subprocess.run(command, stdout=sys.stderr, check=False).returncode, ""
    result = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    lines = result.stdout.strip().splitlines()[-_LOG_LINES:]
    return result.returncode, "\n".join([":", *lines])


@contextmanager
def _locked(repository: Path) -> Iterator[None]:
    """Let one process at a time make the environment of a repository."""
    descriptor = os.open(repository, os.O_RDONLY)  # a folder can be locked as it is
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _driver_answers() -> bool:
    """Whether an NVIDIA driver answers."""
    program = shutil.which("nvidia-smi")
    if not program:
        return False
    result = subprocess.run([program, "--list-gpus"], capture_output=True, text=True, check=False)
    return result.returncode == 0 and "GPU " in result.stdout


def _index(framework: str, extra: str) -> str:
    """Return the address of the index that has builds without CUDA; "" where the usual one has them.

    The matrix is about Linux, where PyTorch's wheels on PyPI bring CUDA along; elsewhere they do not.
    """
    return table.index(framework, extra) if sys.platform == "linux" and extra == "cpu" else ""


def _chosen_by_user(uv: str | None) -> bool:
    """Whether the user says where the framework's wheels come from; then scaffold does not."""
    return bool(os.environ.get("UV_TORCH_BACKEND" if uv else "PIP_EXTRA_INDEX_URL"))


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
