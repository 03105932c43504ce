"""Every framework, layout, licence, branch and GPU tag together: what comes out is well formed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from scaffold.questions import FRAMEWORKS
from scaffold.workspace import write_tree
from tests.combinations import EVERY, VALUES, covering, given, pairs
from tests.helpers import Outcome, rendered
from tests.test_escaping import assert_parses

BIN = Path(sys.executable).parent


def test_the_covering_set_holds_every_two_answers() -> None:
    chosen = covering(*VALUES)
    held = set().union(*(pairs(each, tuple(VALUES)) for each in chosen))
    assert held == set().union(*(pairs(each, tuple(VALUES)) for each in EVERY))
    assert len(EVERY) == 192
    assert len(chosen) <= 26


@pytest.mark.slow
def test_every_combination_parses_lints_and_validates(
    scaffold: Callable[..., Outcome], tmp_path: Path
) -> None:
    for number, combination in enumerate(EVERY):
        for name, tree in rendered(repo_name=f"plants{number}", **given(combination)).items():
            for path, file in tree.items():
                assert_parses(path, file.content)
            write_tree(tree, tmp_path / name)
    for arguments in (["check"], ["format", "--check"]):
        result = subprocess.run(
            [BIN / "ruff", *arguments, "--no-cache", "."],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, result.stdout
    report = scaffold("validate", tmp_path, "--strict", "--json").document
    assert len(report["files"]) == len(EVERY)
    found = [error["rule"] for each in report["files"] for error in each["errors"]
             if error["severity"] == "error"]  # fmt: skip
    # version 1.0.0, which a pair has, wants a licence, and "none" is none
    unlicensed = [each for each in EVERY if each["layout"] == "pair"
                  and each["open_source_license"] == "none"]  # fmt: skip
    assert found == ["licence"] * len(unlicensed)


@pytest.mark.slow
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_modules_code_depends_on_its_framework_alone(framework: str) -> None:
    """So what type-checks and passes its own tests once does so in every combination."""
    packages = set()
    for combination in EVERY:
        if combination["framework"] == framework:
            trees = rendered(repo_name="plants", **given(combination))
            packages.add(
                tuple(
                    (path, file.content)
                    for path, file in trees["plants"].items()
                    if path.parts[0] in ("plants", "tests")
                )
            )
    assert len(packages) == 1
