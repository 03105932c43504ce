"""Measure scaffold against its floor and its rivals, in interleaved runs on this machine.

Run `make bench`. Read the ratios: they hold when the machine's speed does not.

Aims: `scaffold --version` within 5 times `python -c pass`; `scaffold new` (two repositories with
their git history) under 0.6 times cookiecutter rendering the same template with its hooks.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.helpers import rendered

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
ROUNDS = 15
NAME = "project_name=Plant classification"

Command = Callable[[Path], list[str]]

START: Mapping[str, Command] = {
    "python -c pass": lambda _: [sys.executable, "-c", "pass"],
    "scaffold --version": lambda _: [str(BIN / "scaffold"), "--version"],
    "scaffold --help": lambda _: [str(BIN / "scaffold"), "--help"],
    "cookiecutter --version": lambda _: [str(BIN / "cookiecutter"), "--version"],
    "copier --version": lambda _: [str(BIN / "copier"), "--version"],
}


def new(template: Path) -> Mapping[str, Command]:
    """Return the commands that generate; each gets a folder that is not there yet."""
    return {
        "cookiecutter, hooks": lambda to: [
            *(str(BIN / "cookiecutter"), "--no-input", "--output-dir", str(to)),
            *(str(template), NAME),
        ],
        "copier (no git history)": lambda to: [
            *(str(BIN / "copier"), "copy", "--quiet", "--defaults", "--data", NAME),
            *(str(template), str(to)),
        ],
        "scaffold new": lambda to: [
            *(str(BIN / "scaffold"), "new", "--defaults", "--data", NAME, str(to)),
        ],
        "scaffold new --no-git": lambda to: [
            *(str(BIN / "scaffold"), "new", "--no-git", "--defaults", "--data", NAME, str(to)),
        ],
    }


def measure(commands: Mapping[str, Command]) -> dict[str, list[float]]:
    """Time whole processes, one round of every command after another.

    Returns:
        Seconds of each round by command; a first round is run and thrown away.
    """
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for turn in range(ROUNDS + 1):
        for name, command in commands.items():
            with tempfile.TemporaryDirectory() as folder:
                arguments = command(Path(folder) / "new")
                started = time.perf_counter()
                subprocess.run(arguments, check=True, capture_output=True, env=ENVIRONMENT)
                if turn:
                    seconds[name].append(time.perf_counter() - started)
    return seconds


ENVIRONMENT = {
    # Python caches compiled modules unless told otherwise, and so it is for users
    **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
    **{f"GIT_{role}_NAME": "Ann Lee" for role in ("AUTHOR", "COMMITTER")},
    **{f"GIT_{role}_EMAIL": "ann@example.org" for role in ("AUTHOR", "COMMITTER")},
}


def table(seconds: Mapping[str, list[float]], floor: str, files: int = 0) -> None:
    """Print medians, spreads and ratios to the command `floor`, paired by round."""
    print(f"\n{'':28}{'median':>9}{'range':>15}{'ratio':>8}" + f"{'files/s':>9}" * bool(files))
    for name, runs in seconds.items():
        ratio = statistics.median(a / b for a, b in zip(runs, seconds[floor], strict=True))
        median = statistics.median(runs)
        rate = f"{files / median:9.0f}" if files else ""
        spread = f"{min(runs) * 1000:.0f} to {max(runs) * 1000:.0f}"
        print(f"{name:28}{median * 1000:6.0f} ms{spread:>15}{ratio:8.2f}{rate}")


def main() -> None:
    """Measure and print both tables."""
    print(f"Python {sys.version.split()[0]}, {os.cpu_count()} processors, {ROUNDS} rounds")
    table(measure(START), "python -c pass")
    with tempfile.TemporaryDirectory() as folder:
        template = Path(folder)  # without .git, so that copier has nothing to clone
        for name in ("copier.yml", "cookiecutter.json"):
            shutil.copy(ROOT / name, template / name)
        for name in ("template", "scaffold"):
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, template / name, ignore=ignored)
        files = sum(len(tree) for tree in rendered().values())
        print(f"\n{files} files in two repositories:", end="")
        table(measure(new(template)), "cookiecutter, hooks", files)


if __name__ == "__main__":
    main()
