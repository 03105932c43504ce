"""What these tests share."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from scaffold.cli import main


@dataclass(frozen=True)
class Result:
    """What a command left behind for its caller."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on standard output."""
        return json.loads(self.out)


Run = Callable[..., Result]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Run the command line in this process, in an empty folder: `run("validate", "a.json")`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")

    def call(*arguments: object) -> Result:
        capfd.readouterr()
        with pytest.raises(SystemExit) as exit_:
            main([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        code = exit_.value.code
        return Result(code if isinstance(code, int) else 0, out, err)

    return call


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
