"""What these tests share."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.helpers import Outcome, run_in_process

Run = Callable[..., Outcome]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Run the command line in this process, in an empty folder: `run("validate", "a.json")`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")

    return lambda *arguments: run_in_process(capfd, [str(argument) for argument in arguments])


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The real files and the original validators' verdicts; where they lie is for CI to say.

    They are other people's, so they are not kept here.
    """
    place = os.environ.get("SCAFFOLD_CORPUS", "")
    if place and (Path(place) / "verdicts.tsv").is_file():
        return Path(place)
    if os.environ.get("CI") == "true":
        pytest.fail(f"SCAFFOLD_CORPUS={place!r} is not the folder with verdicts.tsv and metadata/")
    pytest.skip("SCAFFOLD_CORPUS does not name the folder with verdicts.tsv and metadata/")
