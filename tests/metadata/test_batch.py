"""Many files: found, checked in several processes, told in order, in little memory."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

from scaffold.metadata import batch
from scaffold.metadata.checks import Options
from tests.metadata.conftest import Run
from tests.metadata.samples import V1, V2


@pytest.fixture
def many(tmp_path: Path) -> list[str]:
    """1,000 files, of which every tenth is bad."""
    paths = []
    for number in range(1_000):
        path = tmp_path / "many" / f"{number:04}-metadata.{'json' if number % 2 else 'yml'}"
        path.parent.mkdir(exist_ok=True)
        text = V1 if number % 2 else V2
        path.write_text(text if number % 10 else text.replace("title", "titel", 1))
        paths.append(str(path))
    return paths


def test_the_results_are_in_order_whatever_the_number_of_processes(many: list[str]) -> None:
    one = list(batch.run(many, Options(), jobs=1))
    two = list(batch.run(many, Options(), jobs=2))
    assert [report.path for report in one] == many
    assert [report.valid for report in one] == [bool(number % 10) for number in range(1_000)]
    assert one == two


def test_results_are_yielded_as_files_come(many: list[str]) -> None:
    asked = itertools.count()

    def files() -> Iterator[str]:
        for path in many * 3:
            next(asked)
            yield path

    reports = batch.run(files(), Options(), jobs=1)
    assert next(reports).path == many[0]
    assert next(asked) == 1
    reports = batch.run(files(), Options(), jobs=2)
    for _ in range(600):
        next(reports)
    # the chunks on the way and not one more, so memory does not grow with the number of files
    assert next(asked) - 2 <= 600 + 100 * (2 * 3 + 1)


def test_an_abandoned_run_ends_its_processes(many: list[str]) -> None:
    reports = batch.run(many, Options(), jobs=2)
    for _ in range(450):
        next(reports)
    reports.close()  # type: ignore[attr-defined]


@pytest.mark.usefixtures("many")
def test_a_folder_of_many(run: Run) -> None:
    result = run("validate", "--quiet", "many", "-j", "2")
    assert result.code == 1
    assert result.out.count("error:") == 100
    last = run("validate", "many").out.splitlines()[-1]
    assert last == "1,000 files: 100 not valid, 100 errors, 600 warnings"
    assert run("validate", "--json", "many").document["valid"] is False


@pytest.mark.usefixtures("many")
def test_a_bar_on_a_terminal_only(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "scaffold", "validate", "--json", "-j", "1", *["many"] * 4]
    quiet = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (quiet.returncode, quiet.stderr) == (1, "")
    shell = " ".join([*command, "> out.json"])
    out, code = pexpect.run(
        f"sh -c '{shell}'", cwd=str(tmp_path), withexitstatus=True, timeout=60, env=os.environ
    )
    assert code == 1
    assert b"of 4,000 files" in out
    assert out.endswith(b"\r\x1b[K")
    assert (tmp_path / "out.json").read_text() == quiet.stdout


@pytest.mark.usefixtures("many")
def test_the_reader_may_go_away(tmp_path: Path) -> None:
    command = f"{sys.executable} -m scaffold validate many -j 1 | head -1"
    result = subprocess.run(
        ["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert result.stdout.count("\n") == 1
    assert "Traceback" not in result.stderr
