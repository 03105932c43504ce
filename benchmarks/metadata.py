"""Measure `scaffold validate` against ai4-metadata and check-jsonschema, and on many files.

Run `python -m benchmarks.metadata`. One file: whole processes, one round of every command after
another, so read the ratios: they hold when the machine's speed does not. Many files: files a second
and the most memory that any of the processes held. With SCAFFOLD_CORPUS set to the folder of real
files, the many files are those, over and over.

Aims: one file under 0.5 times either rival; 1,000 files a second on two cores; the memory for
100,000 files that of 1,000.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from scaffold.metadata import versions
from tests.metadata.samples import V1, V2

BIN = Path(sys.executable).parent
ROUNDS = 15
SCAFFOLD = str(BIN / "scaffold")


def one_file(folder: Path) -> dict[str, Mapping[str, list[str]]]:
    """Write four files and return, for each, the commands that check it."""
    files = {
        "metadata.json, valid": ("1.0.0", "valid/metadata.json", V1),
        "metadata.json, one error": (
            "1.0.0",
            "invalid/metadata.json",
            V1.replace('"MIT"', "5"),
        ),
        "ai4-metadata.yml, valid": ("2.3.0", "valid/ai4-metadata.yml", V2),
        "ai4-metadata.yml, one error": (
            "2.3.0",
            "invalid/ai4-metadata.yml",
            V2.replace("PyTorch", "Pytorch"),
        ),
    }
    commands: dict[str, Mapping[str, list[str]]] = {}
    for title, (version, name, text) in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        schema = str(versions.schema_file(version))
        commands[title] = {
            "scaffold validate": [SCAFFOLD, "validate", str(path)],
            "ai4-metadata validate": [
                *(str(BIN / "ai4-metadata"), "validate", "--metadata-version", version),
                str(path),
            ],
            # without formats, as the other two judge this file
            "check-jsonschema": [
                *(str(BIN / "check-jsonschema"), "--disable-formats", "*"),
                *("--schemafile", schema, str(path)),
            ],
        }
    return commands


def compare(commands: Mapping[str, list[str]], rounds: int) -> None:
    """Time commands and print their medians and the first one's ratio to each."""
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    codes = {}
    for _ in range(rounds):
        for name, command in commands.items():
            began = time.perf_counter()
            codes[name] = subprocess.run(command, capture_output=True, check=False).returncode
            seconds[name].append(time.perf_counter() - began)
    if len(set(codes.values())) > 1:
        print(f"  the verdicts differ: {codes}")
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    ours = next(iter(medians.values()))
    for name, median in medians.items():
        spread = f"{min(seconds[name]) * 1e3:.0f} to {max(seconds[name]) * 1e3:.0f}"
        print(f"  {name:<22} {median * 1e3:6.0f} ms ({spread}), ours is {ours / median:.2f} times")


def fill(folder: Path, count: int) -> None:
    """Fill a folder with links to files of the sizes that real ones have."""
    sources = folder.parent / "sources"
    sources.mkdir(exist_ok=True)
    texts = {"metadata.json": V1.encode(), "ai4-metadata.yml": V2.encode()}
    if corpus := os.environ.get("SCAFFOLD_CORPUS"):
        texts = {path.name: path.read_bytes() for path in (Path(corpus) / "metadata").iterdir()}
    for name, raw in texts.items():
        (sources / name).write_bytes(raw)
    names = sorted(texts)
    folder.mkdir()
    for number in range(count):
        place = folder / f"{number // 1000:03}"
        if number % 1000 == 0:
            place.mkdir()
        name = names[number % len(names)]
        os.link(sources / name, place / f"{number:06}-{name}")


def many(folder: Path, jobs: int) -> tuple[float, float]:
    """Check a folder; return the seconds it took and the megabytes that one process held."""
    command = [SCAFFOLD, "validate", "--json", "-j", str(jobs), str(folder)]
    began = time.perf_counter()
    with (
        (folder.parent / "out.json").open("wb") as out,
        subprocess.Popen(command, stdout=out) as run,
    ):
        _, _, usage = os.wait4(run.pid, 0)
        run.returncode = 0
    return time.perf_counter() - began, usage.ru_maxrss / 1024


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--files", type=int, nargs="*", default=[1_000, 10_000, 100_000])
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for title, commands in one_file(folder).items():
            print(title)
            compare(commands, arguments.rounds)
        print("many files, whole process")
        for count in arguments.files:
            fill(folder / str(count), count)
            for jobs in (1, 2):
                seconds, megabytes = many(folder / str(count), jobs)
                print(
                    f"  {count:>7,} files, {jobs} process{'es' if jobs > 1 else ''}: {seconds:6.1f} s, "
                    f"{count / seconds:5,.0f} files/s, {megabytes:.0f} MB"
                )


if __name__ == "__main__":
    main()
