"""Isolation: no test sees the user's home, git identity, proxies or terminal."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.helpers import Outcome, run_in_process

ROOT = Path(__file__).parent.parent
# What installers need of the developer's set-up: their caches and their configuration.
REAL_HOME = {
    "HOME": str(Path.home()),
    "XDG_CONFIG_HOME": os.environ.get("XDG_CONFIG_HOME", str(Path.home() / ".config")),
}


@pytest.fixture(autouse=True)
def isolated(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A home of its own, a git identity, no colour and no terminal width of the developer's."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / ".config"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(home / ".gitconfig"))
    (home / ".gitconfig").write_text(
        "[user]\n\tname = Ann Lee\n\temail = ann@example.org\n[init]\n\tdefaultBranch = trunk\n"
    )
    for name in [*os.environ]:
        if name.startswith(("GIT_AUTHOR", "GIT_COMMITTER")) or name == "EMAIL":
            monkeypatch.delenv(name)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")


@pytest.fixture
def scaffold(capfd: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Run the command line in this process: `scaffold("new", "--defaults")`."""
    return lambda *arguments: run_in_process(capfd, [str(argument) for argument in arguments])


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what copier and cookiecutter read, without git: their git handling is not ours."""
    copy = tmp_path_factory.mktemp("checkout")
    for name in ("copier.yml", "cookiecutter.json"):
        shutil.copy(ROOT / name, copy / name)
    for name in ("template", "scaffold"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


@pytest.fixture
def real_home() -> dict[str, str]:
    """The variables that lead installers to the developer's caches and configuration."""
    return REAL_HOME
