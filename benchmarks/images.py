"""Images: how long a code-only rebuild takes beside a cold build, the context, and how large the image is.

    python -m benchmarks.images

builds the CPU image of a fresh TensorFlow module with the engine that is at hand (the base image must
be there or can be pulled), once with `--no-cache`, then after a change of one line. Needs some 10 GB.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from scaffold.image import context
from scaffold.image.engine import engine

FILES = 10_000
ROUNDS = 5
NETWORK = sys.argv[1:]  # `--network host` for one


def scaffold(*arguments: object) -> str:
    """Run scaffold; end with its errors if it fails."""
    line = [sys.executable, "-m", "scaffold", *map(str, arguments)]
    result = subprocess.run(line, capture_output=True, text=True, check=False)
    if result.returncode:
        sys.exit(result.stderr)
    return result.stdout


def build(model: Path, *options: str) -> dict[str, Any]:
    """Build without the smoke test, which takes the same time in any case."""
    output = scaffold("build", model, "--no-smoke-test", "--json", *options, *NETWORK)
    image: dict[str, Any] = json.loads(output)["images"][0]
    return image


def images(folder: Path) -> None:
    """Compare a cold build and a rebuild, and say how large the image is."""
    scaffold("new", folder, "--defaults", "-d", "project_name=Digit reader")
    model = folder / "digit_reader"
    build(model)  # the downloads are in the caches of the engine from now on
    cold = build(model, "--no-cache")
    config = model / "digit_reader" / "config.py"
    rebuilds = []
    for number in range(ROUNDS):
        config.write_text(f"{config.read_text()}\n# {number}\n")
        rebuilds.append(float(build(model)["seconds"]))
    rebuild = statistics.median(rebuilds)
    ratio = cold["seconds"] / rebuild
    print(f"cold build      {cold['seconds']:8.1f} s   (downloads cached)")
    print(f"code-only build {rebuild:8.1f} s   {ratio:.0f}x faster (aim: 10x and under 5 s)")
    print(f"image           {cold['size'] / 1e9:8.2f} GB")
    parts(cold)


def parts(image: dict[str, Any]) -> None:
    """Say how much of an image is neither its base image nor a wheel's content."""
    with engine() as found:
        held = found.image(image["id"])
        assert held
        base = found.image(held["Config"]["Labels"]["org.opencontainers.image.base.name"])
        assert base
        # byte code included, as a plain install has it
        line = 'du --summarize --bytes "$(python -c "import numpy; print(*numpy.__path__)")/.."'
        result = found.call(
            *("run", "--rm", "--network", "none", "--entrypoint", "sh", image["id"], "-c", line)
        )
    wheels = int(result.stdout.split()[0])
    rest = image["size"] - wheels - base["Size"]
    print(f"  base image    {base['Size'] / 1e6:8.0f} MB")
    print(f"  wheels        {wheels / 1e6:8.0f} MB installed")
    print(f"  the rest      {rest / 1e6:8.0f} MB   (aim: 150 MB)")


def upload(folder: Path) -> None:
    """Pack a tree of many files beside ignored data."""
    model, container = folder / "model", folder / "container"
    for place in (model, container):
        place.mkdir()
        subprocess.run(["git", "init", "--quiet", str(place)], check=True)
    (container / "Dockerfile").write_text("FROM scratch\n")
    (model / ".gitignore").write_text("/data/\n")
    for number in range(FILES):
        path = model / ("data" if number % 2 else "code") / str(number % 100) / f"{number}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{number}\n" * 100)
        if number % 2:  # as many again, so that FILES are not ignored
            (model / "code" / f"{number}.py").write_text(f"x = {number}\n")
    with (model / "data" / "large").open("wb") as file:
        file.truncate(5_000_000_000)
    seconds = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        packed = context.pack(container, model)
        seconds.append(time.perf_counter() - start)
        packed.archive.close()
    median = statistics.median(seconds)
    print(f"context         {median:8.2f} s   for {packed.files:,} files (aim: 1 s)")


def main() -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory() as folder:
        upload(Path(folder))
    with tempfile.TemporaryDirectory() as folder:
        images(Path(folder))


if __name__ == "__main__":
    main()
