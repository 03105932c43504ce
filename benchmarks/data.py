"""Measure `scaffold sync` against plain `rclone copy`, in interleaved runs, servers on loopback.

Run `python -m benchmarks.data [--rounds N] [--servers KIND…] [--ways WAY…] [--large]`. Plain rclone
copies; scaffold copies, compares both sides afterwards, and writes a manifest. Where scaffold reads
WebDAV without rclone's pause between requests, so does plain rclone here: with it, it reads some 90
small files a second, and the comparison would flatter us.

Aims: within 5 % of plain rclone for one file of 1 GB and for 5,000 small files; `scaffold sync`
starts in under 0.2 s. `--large` does 100,000 small files and one of 5 GB once each, without rival.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.data.servers import BIN, Server, rclone_s3, rclone_webdav

RCLONE = str(BIN / "rclone")
NO_PAUSE = {"RCLONE_WEBDAV_PACER_MIN_SLEEP": "0s"}


def environment(server: Server, *, paced: bool = True) -> dict[str, str]:
    """Return the variables with which both sides know the server."""
    pacing = {} if paced else NO_PAUSE
    return {**os.environ, **server.variables, **pacing, "RCLONE_CONFIG": os.devnull}


def small_files(folder: Path, number: int) -> Path:
    """Write files of 2 kB, a hundred to a folder."""
    block = os.urandom(2000)
    for index in range(number):
        path = folder / f"{index // 100:04}" / f"{index:06}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(block + str(index).encode())
    return folder


def one_file(folder: Path, size: int) -> Path:
    """Write one file of `size` bytes that do not compress."""
    folder.mkdir(parents=True)
    block = os.urandom(1 << 24)
    with (folder / "big.bin").open("wb") as file:
        for _ in range(size // len(block)):
            file.write(block)
    return folder


def commands(server: Server, source: Path, name: str) -> dict[str, Callable[[str], list[str]]]:
    """Return the four commands; each gets a name that is not there yet."""
    sync = [str(BIN / "scaffold"), "sync"]
    target = source.parent / "target"
    return {
        "push, rclone": lambda new: [RCLONE, "copy", str(source), server.remote(name + new)],
        "push, scaffold": lambda new: [
            *(*sync, "push", str(source), "--remote", server.remote(name + new), "-q"),
        ],
        "pull, rclone": lambda new: [
            RCLONE,
            "copy",
            server.remote(f"{name}-from"),
            f"{target}{new}",
        ],
        "pull, scaffold": lambda new: [
            *(*sync, "pull", f"{target}{new}", "--remote", server.remote(f"{name}-from"), "-q"),
        ],
    }


def measure(server: Server, source: Path, name: str, rounds: int, ways: Collection[str]) -> None:
    """Time the four commands in turn, and print medians and ratios paired by round."""
    assert server.root
    # through the server: it remembers what its folders hold
    line = [RCLONE, "copy", str(source), server.remote(f"{name}-from")]
    subprocess.run(line, env=environment(server), check=True, capture_output=True)
    seconds: dict[str, list[float]] = {}
    for turn in range(rounds + 1):
        for what, command in commands(server, source, name).items():
            if what.partition(",")[0] not in ways:
                continue
            variables = environment(server, paced=what.startswith("push"))
            (source / ".data-manifest.json").unlink(missing_ok=True)
            started = time.perf_counter()
            new = f"-{turn}-{'scaffold' if 'scaffold' in what else 'rclone'}"
            result = subprocess.run(
                command(new), env=variables, check=False, capture_output=True, text=True
            )
            assert result.returncode == 0, result.stderr
            if turn:  # the first round warms the disk cache
                seconds.setdefault(what, []).append(time.perf_counter() - started)
            shutil.rmtree(f"{source.parent / 'target'}{new}", ignore_errors=True)
            shutil.rmtree(server.root / f"{name}{new}", ignore_errors=True)
    print(f"\n{server.kind}, {name}:")
    for way in ways:
        plain, ours = seconds[f"{way}, rclone"], seconds[f"{way}, scaffold"]
        ratio = statistics.median(b / a for a, b in zip(plain, ours, strict=True))
        print(
            f"  {way}: rclone {statistics.median(plain):6.2f} s ({min(plain):.2f} to {max(plain):.2f}), "
            f"scaffold {statistics.median(ours):6.2f} s ({min(ours):.2f} to {max(ours):.2f}), "
            f"ratio {ratio:.3f}"
        )


def start_up(rounds: int) -> None:
    """Time `scaffold sync --help`."""
    seconds = []
    for _ in range(rounds + 1):
        started = time.perf_counter()
        subprocess.run([str(BIN / "scaffold"), "sync", "--help"], check=True, capture_output=True)
        seconds.append(time.perf_counter() - started)
    print(f"scaffold sync --help: {statistics.median(seconds[1:]) * 1000:.0f} ms")


def large(server: Server, folder: Path) -> None:
    """Out and in once: 100,000 small files, and one of 5 GB."""
    for name in ("100,000 files", "5 GB"):
        where = folder / "large"
        source = one_file(where, 5_000_000_000) if name == "5 GB" else small_files(where, 100_000)
        remote = server.remote("large")
        for arguments in (
            ["push", str(source)],
            ["push", str(source)],
            ["pull", str(folder / "back")],
            ["check", str(folder / "back")],
        ):
            started = time.perf_counter()
            result = subprocess.run(
                [str(BIN / "scaffold"), "sync", *arguments, "--remote", remote],
                env=environment(server),
                check=True,
                capture_output=True,
                text=True,
            )
            took = time.perf_counter() - started
            print(f"{server.kind}, {name}, {arguments[0]}: {took:.1f} s\n  {result.stdout.strip()}")
        for path in (source, folder / "back"):
            shutil.rmtree(path)
        if server.root:
            shutil.rmtree(server.root / "large")


@contextmanager
def servers(folder: Path) -> Iterator[list[Server]]:
    """Start rclone's WebDAV server, which has no checksums, and its S3 server, which has."""
    roots = [folder / name for name in ("webdav", "s3")]
    for root in roots:
        root.mkdir()
    with (
        rclone_webdav(roots[0]) as webdav,
        rclone_s3(roots[1]) as s3,
    ):
        yield [webdav, s3]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--servers", nargs="+", default=["webdav", "s3"])
    parser.add_argument("--ways", nargs="+", default=["push", "pull"])
    parser.add_argument("--what", nargs="+", default=["small", "one"])
    parser.add_argument("--large", action="store_true")
    options = parser.parse_args()
    print(f"Python {sys.version.split()[0]}, {os.cpu_count()} processors, {options.rounds} rounds")
    start_up(15)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        with servers(folder) as started:
            for server in started:
                if server.kind not in options.servers:
                    continue
                if options.large:
                    large(server, folder)
                    continue
                for name in options.what:
                    where = folder / f"{name}-{server.kind}"
                    small = name == "small"
                    source = small_files(where, 5000) if small else one_file(where, 1 << 30)
                    measure(server, source, name, options.rounds, options.ways)
                    shutil.rmtree(source)


if __name__ == "__main__":
    main()
