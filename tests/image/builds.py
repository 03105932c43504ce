"""Building images of small pairs as users do, with a look over the shoulder of the engine's program."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.conftest import ROOT
from tests.engines import Here
from tests.helpers import assert_follows
from tests.image import light
from tests.test_local import environment

_NOT_FROM_OUTSIDE = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@dataclass(frozen=True)
class Built:
    """What a build of one image left behind.

    Attributes:
        code: how the command ended.
        out: its standard output.
        err: its standard error.
        called: the command lines of the engine's own program.
        folder: with the log and the records.
    """

    code: int
    out: str
    err: str
    called: str
    folder: Path

    @property
    def image(self) -> dict[str, Any]:
        """What `--json` says of the image."""
        document = json.loads(self.out)
        assert_follows(document, "build-output")
        (image,) = document["images"]
        return dict(image)

    @property
    def text(self) -> bytes:
        """All that the command printed and wrote, and all that it told the engine's program."""
        files = [path.read_bytes() for path in sorted(self.folder.iterdir())]
        return b"\n".join([*files, *(part.encode() for part in (self.out, self.err, self.called))])

    @property
    def error(self) -> dict[str, Any]:
        """What `--json` says went wrong."""
        error: dict[str, Any] = json.loads(self.out)["error"]
        return error

    def constraints(self) -> set[str]:
        """Return the versions that the build has pinned."""
        lines = (self.folder / "constraints.txt").read_text().splitlines()
        return {line for line in lines if not line.startswith("#")}


def build(here: Here, pair: light.Light, home: Path, *arguments: object, **variables: str) -> Built:
    """Run `scaffold build` without its smoke test.

    Args:
        here: the engine.
        pair: what to build.
        home: a folder for the user's home and what is recorded.
        arguments: more of the command line.
        variables: more of the environment.
    """
    with here.open() as engine:
        program = engine.cli
    called = home / "called"
    called.write_text("")
    recorder = home / "bin" / here.name
    recorder.parent.mkdir(exist_ok=True)
    recorder.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >>{called}\nexec {program} "$@"\n')
    recorder.chmod(0o755)
    given = environment(HOME=str(home), XDG_CONFIG_HOME=f"{home}/.config", **here.variables)
    given["PATH"] = f"{recorder.parent}{os.pathsep}{given['PATH']}"
    for name in _NOT_FROM_OUTSIDE:
        given.pop(name, None)
        given.pop(name.lower(), None)
    line = ["build", pair.model, "--engine", here.name, "--network", "host", "--no-smoke-test"]
    result = subprocess.run(
        [sys.executable, "-m", "scaffold", *map(str, [*line, *arguments])],
        cwd=ROOT,
        env={**given, **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=580,
    )
    folder = pair.container / "build" / "cpu"
    return Built(result.returncode, result.stdout, result.stderr, called.read_text(), folder)


def needing(pair: light.Light, *requirements: str) -> None:
    """Let the module need nothing else; it is not going to be started."""
    pyproject = pair.model / "pyproject.toml"
    text = re.sub(
        r"(?ms)^dependencies = \[.*?\]$",
        f"dependencies = {json.dumps(requirements)}",
        pyproject.read_text(),
    )
    pyproject.write_text(text)


def write_pair(folder: Path, name: str) -> light.Light:
    """Write the light pair with few requirements, with a commit in both repositories."""
    pair = light.write_pair(folder, name)
    needing(pair, "deepaas>=2.6,<2.7", "numpy>=1.26")
    for repository in (pair.model, pair.container):
        git(repository, "add", ".")
        git(repository, "commit", "--quiet", "--message", "First")
    return pair


def git(repository: Path, *arguments: str) -> str:
    options = ["-c", "user.name=Ann", "-c", "user.email=ann@example.org", "-c", "commit.gpgSign=no"]
    line = ["git", *options, *arguments]
    return subprocess.run(line, cwd=repository, capture_output=True, text=True, check=True).stdout
