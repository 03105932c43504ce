"""A light pair that a test may spoil, and what `scaffold build` says of it."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from docker.errors import ImageNotFound

from tests.conftest import ROOT
from tests.engines import Here
from tests.image import light
from tests.test_local import environment

NAME = "tests/trial"
"""The image's name in these tests, so that no other test's image loses its tag."""


@dataclass(frozen=True)
class Trial:
    """A pair with a commit in both repositories, and an engine.

    Attributes:
        pair: the pair.
        here: the engine.
    """

    pair: light.Light
    here: Here

    @property
    def records(self) -> Path:
        """Where a build leaves its log and records."""
        return self.pair.container / "build" / "cpu"

    def command(self, *arguments: object) -> list[str]:
        """Return the command line of a build that says errors only."""
        line = [sys.executable, "-m", "scaffold", "build", self.pair.model, "--quiet"]
        network = () if "--network" in arguments else ("--network", "host")
        return [str(each) for each in (*line, "--image", NAME, *network, *arguments)]

    def build(
        self, *arguments: object, before: tuple[str, ...] = (), **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Build; `before` is a program that runs the command."""
        return subprocess.run(
            [*before, *self.command(*arguments)],
            cwd=ROOT,
            env=environment(**{**self.here.variables, **variables}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=500,
        )

    def image(self, tag: str) -> str | None:
        """Return the id of the image with a tag; None if there is none."""
        with self.here.open() as engine:
            found = engine.image(f"{NAME}:{tag}")
        return str(found["Id"]) if found else None

    def forget(self, tag: str) -> None:
        """Take a tag away."""
        with self.here.open() as engine, suppress(ImageNotFound):
            engine.client.images.remove(f"{NAME}:{tag}", noprune=True)

    def containers(self) -> dict[str, str]:
        """Return all containers of images of this pair, whatever they do: name and first argument."""
        with self.here.open() as engine:
            return {
                str(each.name): next(iter(each.attrs["Config"]["Cmd"] or ()), "")
                for each in engine.client.containers.list(all=True, ignore_removed=True)
                if f"/srv/{self.pair.package}" == each.attrs["Config"]["WorkingDir"]
            }

    def restore(self) -> None:
        """Bring both repositories back to their last commit; what git ignores stays."""
        for folder in (self.pair.model, self.pair.container):
            for line in (["checkout", "--quiet", "--force", "master"], ["clean", "-fdq"]):
                subprocess.run(["git", *line], cwd=folder, check=True)


def make(folder: Path, here: Here, name: str) -> Trial:
    """Write a pair below a folder, and commit it."""
    pair = light.write_pair(folder, name)
    for repository in (pair.model, pair.container):
        commit(repository)
    return Trial(pair, here)


def commit(repository: Path) -> str:
    """Commit all, and return the commit."""
    for line in (["add", "--all"], ["commit", "--quiet", "--allow-empty", "-m", "all"]):
        identity = ["-c", "user.name=Ann", "-c", "user.email=ann@example.org"]
        subprocess.run(["git", *identity, *line], cwd=repository, check=True)
    line = ["git", "rev-parse", "HEAD"]
    return subprocess.run(line, cwd=repository, capture_output=True, text=True, check=True).stdout[
        :-1
    ]


def replace(path: Path, pattern: str, new: str) -> None:
    """Replace what a regular expression finds in a file; it has to find something."""
    text, found = re.subn(pattern, new, path.read_text(encoding="utf-8"))
    assert found, f"{path} holds no {pattern}"
    path.write_text(text, encoding="utf-8")


def says(message: str, hint: str) -> str:
    """Return what a failed command prints."""
    return f"error: {message}\nhint: {hint}\n"


@contextmanager
def answers(trial: Trial, **changed: str) -> Iterator[None]:
    """Change answers in the model repository's .scaffold.yml for a while."""
    marker = trial.pair.model / ".scaffold.yml"
    before = marker.read_text(encoding="utf-8")
    try:
        for key, value in changed.items():
            replace(marker, rf"(?m)^  {key}: .*$", f'  {key}: "{value}"')
        yield
    finally:
        marker.write_text(before, encoding="utf-8")
