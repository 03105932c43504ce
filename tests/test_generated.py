"""A generated module keeps its promise: its own linters, type checker and tests pass, unchanged."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import pytest
import yaml

from scaffold.questions import FRAMEWORKS
from scaffold.workspace import write_tree
from tests.conftest import REAL_HOME
from tests.helpers import Outcome, cpu_torch, rendered
from tests.test_escaping import MULTILINE, NASTY

BIN = Path(sys.executable).parent


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.xdist_group("generated")
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_its_own_tox_is_green(
    scaffold: Callable[..., Outcome], tmp_path: Path, framework: str
) -> None:
    # names and texts that would break any template that is careless with one of them
    long = "a_package_name_of_sixty_letters_that_stretches_every_imports"
    answers = {
        "project_name": NASTY,
        "repo_name": long,
        "description": MULTILINE,
        "framework": framework,
    }
    pairs = [argument for key, value in answers.items() for argument in ("-d", f"{key}={value}")]
    assert scaffold("new", tmp_path, "--defaults", *pairs).code == 0
    environment = {
        **os.environ,
        **REAL_HOME,
        **(cpu_torch(tmp_path) if framework == "pytorch" else {}),
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
    }
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


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize(
    ("long", "short"), [("a" * 60, "b"), ("a_b_c", "x-y-z")], ids=["long and short", "dashes"]
)
def test_every_python_file_is_formatted_whatever_the_name(
    long: str, short: str, framework: str, tmp_path: Path
) -> None:
    for name in (long, short):
        for folder, tree in rendered(repo_name=name, framework=framework).items():
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


def test_compose_has_the_three_services() -> None:
    container = rendered(repo_name="plants")["DEEP-OC-plants"]
    (path,) = [path for path in container if path.name == "docker-compose.yml"]
    services = yaml.safe_load(container[path].content)["services"]
    assert list(services) == ["plants", "plants-gpu", "rclone"]
    devices = services["plants-gpu"]["deploy"]["resources"]["reservations"]["devices"]
    assert devices == [{"driver": "nvidia", "count": 1, "capabilities": ["gpu"]}]


def test_a_framework_without_a_gpu_promises_none() -> None:
    container = rendered(repo_name="plants", framework="scikit-learn")["DEEP-OC-plants"]
    (compose,) = [path for path in container if path.name == "docker-compose.yml"]
    assert list(yaml.safe_load(container[compose].content)["services"]) == ["plants", "rclone"]
    for path, file in container.items():
        if str(path) in ("image/deep-start", ".scaffold.yml"):
            continue  # the platforms' options; and the answers, one of which is the GPU tag
        said = re.findall(r"(?i).*gpu.*", file.content.decode())
        allowed = {'"num_gpus": ${gpus},', "cpu) gpus=0 ;;"}
        assert {line.strip() for line in said} <= allowed, path
    module = rendered(repo_name="plants", framework="scikit-learn")["plants"]
    extras = module[PurePosixPath("pyproject.toml")].content.decode()
    assert "\ngpu = [" not in extras
    assert "\ncpu = [" in extras


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_the_framework_is_known_to_three_files_and_their_tests(framework: str) -> None:
    modules = {"tensorflow": "tensorflow|keras", "pytorch": "torch", "scikit-learn": "skops"}
    imports = re.compile(rf"^\s*(from|import) ({modules[framework]})\b", re.MULTILINE)
    module = rendered(repo_name="plants", framework=framework)["plants"]
    knowing = {
        path.name
        for path, file in module.items()
        if path.suffix == ".py" and imports.search(file.content.decode())
    }
    assert knowing <= {"framework.py", "network.py", "loop.py", "test_framework.py"}
    assert "network.py" in knowing or "framework.py" in knowing
    others = "|".join(name for key, name in modules.items() if key != framework)
    named = re.compile(rf"(?i)\b({others})\b")
    for path, file in module.items():
        if path.suffix == ".py" and path.name not in ("helpers.py", "conftest.py"):
            assert not named.search(file.content.decode()), path


def test_scripts_are_executable_and_clean_for_shellcheck(tmp_path: Path) -> None:
    container = rendered(repo_name="plants")["DEEP-OC-plants"]
    scripts = [path for path in container if container[path].content.startswith(b"#!/usr/bin/env ")]
    assert sorted(map(str, scripts)) == [".ci/build.sh", "image/deep-start", "submit_orchent.sh"]
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
