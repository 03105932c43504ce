"""A GitHub with both catalogues, and modules to submit."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.helpers import Outcome
from tests.marketplace.github_server import TOKEN, Forge, serving

LISTED = (
    "---\n# all modules, in the order in which they came\n"
    "- module: https://github.com/deephdc/DEEP-OC-mods\n"
    "- module: https://github.com/deephdc/UC-bob-DEEP-OC-owl/\n"
)
SUBMODULES = (
    '[submodule "dogs-breed-detector"]\n\tpath = dogs-breed-detector\n'
    "\turl = https://github.com/ai4os-hub/dogs-breed-detector.git\n\tbranch = main\n"
    "# the newest come last\n"
    '[submodule "plants"]\n\tpath = plants\n\turl = https://github.com/ai4os-hub/plants\n\tbranch = main\n'
)
LINK = "1" * 40


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True
    ).stdout.strip()


@dataclass(frozen=True)
class World:
    """A GitHub and a user's folder."""

    forge: Forge
    folder: Path

    def file(self, repository: str, revision: str, path: str) -> bytes:
        """Return a file in a bare repository."""
        found = self.forge.find(repository)
        assert found
        return subprocess.run(
            ["git", "-C", str(found.folder), "show", f"{revision}:{path}"],
            capture_output=True, check=True,
        ).stdout  # fmt: skip

    def git(self, repository: str, *arguments: str) -> str:
        """Run git in a bare repository."""
        found = self.forge.find(repository)
        assert found
        return git(found.folder, *arguments)

    def publish(self, repository: str, files: dict[str, str], links: dict[str, str]) -> None:
        """Commit files and submodules onto the branch main of a bare repository."""
        found = self.forge.find(repository) or self.forge.add(repository)
        clone = self.folder / "maintainers" / repository
        if not clone.exists():
            clone.parent.mkdir(parents=True, exist_ok=True)
            git(self.folder, "clone", "--quiet", f"file://{found.folder}", str(clone))
            git(clone, "checkout", "--quiet", "-B", "main")
        git(clone, "pull", "--quiet", "--ff-only", "origin", "main") if git(
            clone, "ls-remote", "--heads", "origin"
        ) else None
        for name, text in files.items():
            (clone / name).write_bytes(text.encode())
            git(clone, "add", name)
        for path, commit in links.items():
            git(clone, "update-index", "--add", "--cacheinfo", f"160000,{commit},{path}")
        git(clone, "commit", "--quiet", "--message", "more")
        git(clone, "push", "--quiet", "origin", "main")


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """GitHub with the two catalogues, for the user ann, who is in the organisation ai4os-hub."""
    root = tmp_path / "forge"
    root.mkdir()
    config = Path(os.environ["GIT_CONFIG_GLOBAL"])
    rewrite = f'[url "file://{root}/"]\n\tinsteadOf = https://github.com/\n'
    elsewhere = (
        f'[url "file://{root}/gitlab/"]\n\tinsteadOf = https://gitlab.example.org/\n'
        "\tinsteadOf = git@gitlab.example.org:\n"
    )
    config.write_text(config.read_text() + rewrite + elsewhere)
    forge = Forge(root, "ann", ("ai4os-hub",))
    made = World(forge, tmp_path)
    made.publish("deephdc/deep-oc", {"MODULES.yml": LISTED, "README.md": "all\n"}, {})
    links = {"dogs-breed-detector": LINK, "plants": LINK}
    made.publish("ai4os-hub/modules-catalog", {".gitmodules": SUBMODULES}, links)
    for name in ("GITHUB_API_URL", "GITHUB_SERVER_URL", "GH_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
    monkeypatch.setenv("SCAFFOLD_REGISTRY_API", "http://127.0.0.1:9")
    with serving(forge) as address:
        monkeypatch.setenv("SCAFFOLD_GITHUB_API", address)
        yield made
    assert forge.faults == []


def _tried(container: Path) -> None:
    folder = container / "build" / "cpu"
    folder.mkdir(parents=True)
    (folder / "smoke-test.json").write_text('{"passed": true}')


@pytest.fixture
def pair(world: World, scaffold: Callable[..., Outcome]) -> Path:
    """The model repository of ann's freshly generated pair, whose image has been tried."""
    answers = ["-d", "project_name=Leaf reader", "-d", "git_base_url=https://github.com/ann"]
    assert scaffold("new", world.folder, "--defaults", *answers, "-q").code == 0
    _tried(world.folder / "DEEP-OC-leaf_reader")
    return world.folder / "leaf_reader"


@pytest.fixture
def single(world: World, scaffold: Callable[..., Outcome]) -> Path:
    """A freshly generated single repository of ai4os-hub, whose image has been tried."""
    answers = ["-d", "project_name=Leaf reader", "-d", "layout=single"]
    assert scaffold("new", world.folder, "--defaults", *answers, "-q").code == 0
    _tried(world.folder / "leaf-reader")
    return world.folder / "leaf-reader"
