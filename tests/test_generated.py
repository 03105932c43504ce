"""A generated module keeps its promise: its own linters, type checker and tests pass, unchanged."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import pytest
import yaml

from scaffold.questions import BY_KEY
from scaffold.workspace import write_tree
from tests.conftest import REAL_HOME
from tests.helpers import Outcome, rendered
from tests.test_escaping import MULTILINE, NASTY

BIN = Path(sys.executable).parent


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.xdist_group("generated")
def test_its_own_tox_is_green(scaffold: Callable[..., Outcome], tmp_path: Path) -> None:
    # names and texts that would break any template that is careless with one of them
    long = "a_package_name_of_sixty_letters_that_stretches_every_imports"
    answers = {"project_name": NASTY, "repo_name": long, "description": MULTILINE}
    pairs = [argument for key, value in answers.items() for argument in ("-d", f"{key}={value}")]
    assert scaffold("new", tmp_path, "--defaults", *pairs).code == 0
    environment = {**os.environ, **REAL_HOME, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    result = subprocess.run(
        [str(BIN / "tox"), "run", "-e", "lint,type,py", "--skip-missing-interpreters", "false"],
        cwd=tmp_path / long,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    report = f"{result.stdout[-20000:]}\n{result.stderr[-4000:]}"
    assert result.returncode == 0, report
    assert "passed" in result.stdout
    assert "skipped" not in result.stdout, report


@pytest.mark.parametrize(
    ("layout", "names"),
    [("pair", ("a" * 60, "b", "a_b_c")), ("single", ("a" * 60, "b", "x-y-z"))],
    ids=["pair", "single"],
)
def test_every_python_file_is_formatted_whatever_the_name(
    layout: str, names: tuple[str, ...], tmp_path: Path
) -> None:
    for name in names:
        for folder, tree in rendered(repo_name=name, layout=layout).items():
            write_tree(tree, tmp_path / folder)
    for arguments in (["check"], ["format", "--check"]):
        result = subprocess.run(
            [str(BIN / "ruff"), *arguments, "--no-cache", "."],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("layout", BY_KEY["layout"].choices)
def test_compose_has_the_three_services(layout: str) -> None:
    container = list(rendered(repo_name="plants", layout=layout).values())[-1]
    services = yaml.safe_load(container[PurePosixPath("docker-compose.yml")].content)["services"]
    assert list(services) == ["plants", "plants-gpu", "rclone"]
    devices = services["plants-gpu"]["deploy"]["resources"]["reservations"]["devices"]
    assert devices == [{"driver": "nvidia", "count": 1, "capabilities": ["gpu"]}]


@pytest.mark.parametrize(
    ("layout", "expected"),
    [
        ("pair", [".ci/build.sh", "image/deep-start", "submit_orchent.sh"]),
        ("single", ["image/deep-start"]),
    ],
)
def test_scripts_are_executable_and_clean_for_shellcheck(
    layout: str, expected: list[str], tmp_path: Path
) -> None:
    container = list(rendered(repo_name="plants", layout=layout).values())[-1]
    scripts = [path for path in container if container[path].content.startswith(b"#!/usr/bin/env ")]
    assert sorted(map(str, scripts)) == expected
    assert all(container[path].executable for path in scripts)
    write_tree(container, tmp_path / "x")
    result = subprocess.run(
        [str(BIN / "shellcheck"), *map(str, scripts), "image/steps.sh"],
        cwd=tmp_path / "x",
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stdout) == (0, "")
