"""Fixtures: a home for each test, and one training with the defaults that many tests look at."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from helpers import CLUSTER, KINDS, PACKAGE, environment, run


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder in which data, models and reports of this test lie."""
    for kind in KINDS:
        monkeypatch.setenv(f"{PACKAGE.upper()}_{kind.upper()}_PATH", str(tmp_path / kind))
    monkeypatch.setenv("PATH", environment(tmp_path)["PATH"])
    for kind in ("DATA", "MODELS"):
        monkeypatch.delenv(f"{PACKAGE.upper()}_{kind}_REMOTE", raising=False)
    for variable in CLUSTER:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """A home in which ``train`` ran with its defaults; ``output`` is what it printed."""
    root = tmp_path_factory.mktemp("trained")
    result = run(root, "train")
    assert result.returncode == 0, result.stderr
    (path,) = (root / "models").iterdir()
    return SimpleNamespace(root=root, run=path, output=result.stdout, errors=result.stderr)


@pytest.fixture
def at_trained(trained: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The home of ``trained``, for code that runs in this process."""
    for kind in KINDS:
        monkeypatch.setenv(f"{PACKAGE.upper()}_{kind.upper()}_PATH", str(trained.root / kind))
    return trained.root
