"""Measure `scaffold catalogue check` on simulated catalogues, as on a clone with all its modules.

Run `python -m benchmarks.catalogue [--modules N…]`. Aims: 10,000 modules in under a minute, and no
more memory than for 1,000.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.metadata.samples import V2

COMMIT = "1" * 40
COUNTER = (
    "import resource, subprocess, sys; code = subprocess.call(sys.argv[1:], stdout=2); "
    "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss); sys.exit(code)"
)
"""Runs a command, and prints the most memory that it or a process of its own had, in kB."""


def simulate(root: Path, number: int) -> None:
    """Write a catalogue with modules whose metadata are good."""
    subprocess.run(["git", "init", "--quiet", str(root)], check=True)
    stanzas, links = [], []
    for index in range(number):
        name = f"module-{index:05}"
        (root / name).mkdir()
        (root / name / "ai4-metadata.yml").write_text(V2, encoding="utf-8")
        url = f"https://github.com/ai4os-hub/{name}"
        stanzas.append(f'[submodule "{name}"]\n\tpath = {name}\n\turl = {url}\n\tbranch = main\n')
        links.append(f"160000 {COMMIT} 0\t{name}\n")
    (root / ".gitmodules").write_text("".join(stanzas), encoding="utf-8")
    line = ["git", "-C", str(root), "update-index", "--index-info"]
    subprocess.run(line, input="".join(links), text=True, check=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--modules", type=int, nargs="+", default=[1_000, 10_000])
    options = parser.parse_args()
    print(f"Python {sys.version.split()[0]}, {os.cpu_count()} processors")
    for number in options.modules:
        with tempfile.TemporaryDirectory() as folder:
            simulate(Path(folder), number)
            line = [sys.executable, "-m", "scaffold", "catalogue", "check", "--catalogue", folder]
            started = time.perf_counter()
            result = subprocess.run(
                [sys.executable, "-c", COUNTER, *line], capture_output=True, text=True, check=False
            )
            seconds = time.perf_counter() - started
            assert result.returncode == 0, result.stderr
            print(
                f"{number:>7,} modules: {seconds:6.1f} s, {int(result.stdout) / 1024:5.0f} MB at most; "
                f"{result.stderr.strip().splitlines()[-1]}"
            )


if __name__ == "__main__":
    main()
