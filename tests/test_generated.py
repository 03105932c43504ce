"""A generated module keeps its promise: its own linters, type checker and tests pass, unchanged."""

from __future__ import annotations

import configparser
import html
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import pytest
import yaml

from scaffold.questions import BY_KEY, FRAMEWORKS
from scaffold.workspace import write_tree
from tests.conftest import REAL_HOME
from tests.helpers import Outcome, cpu_torch, files_below, rendered
from tests.test_escaping import MULTILINE, NASTY, assert_parses

BIN = Path(sys.executable).parent


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.xdist_group("generated")
@pytest.mark.parametrize(
    ("framework", "layout", "licence"),
    [
        ("tensorflow", "pair", "MIT"),
        ("pytorch", "single", "none"),
        ("scikit-learn", "pair", "GPL-3.0-only"),
        ("scikit-learn", "single", "Apache-2.0"),
    ],
)
def test_its_own_tox_is_green(
    scaffold: Callable[..., Outcome], tmp_path: Path, framework: str, layout: str, licence: str
) -> None:
    """The code and its tests are the same in both layouts: see test_combinations.py."""
    # names and texts that would break any template that is careless with one of them
    long = "a_package_name_of_sixty_letters_that_stretches_every_imports"
    if layout == "single":
        long = long.replace("_", "-")
    answers = {
        "project_name": NASTY,
        "repo_name": long,
        "description": MULTILINE,
        "framework": framework,
        "layout": layout,
        "open_source_license": licence,
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
        [
            str(BIN / "tox"),
            "run",
            "-e",
            "lint,type,docs,py",
            "--skip-missing-interpreters",
            "false",
        ],
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


AUTHORS = {
    "author_name": "Ann O'Lee, Bo van Dyk, Chloé Dubois, 王 小明",
    "author_email": "ann@x.org, bo@y.org, chloe@z.example.org, wang@w.cn",
}


LONG = ("plankton" * 8)[:60]


@pytest.mark.parametrize("layout", BY_KEY["layout"].choices)
@pytest.mark.parametrize(
    ("project", "repository", "framework"),
    [
        ("A", "", "tensorflow"),
        *((LONG, "", framework) for framework in FRAMEWORKS),
        ("Détection d'algues", "", "pytorch"),
        ("Ταξινόμηση φυτών", "plants", "scikit-learn"),
        ("植物识别", "zhi-wu", "tensorflow"),
        ("state-of-the-art", "", "pytorch"),
        ("3D U-Net", "", "scikit-learn"),
        ("class", "class-model", "tensorflow"),
        ("NumPy", "my-numpy", "pytorch"),
    ],
)
def test_whatever_its_name_it_parses_lints_and_validates(
    scaffold: Callable[..., Outcome],
    tmp_path: Path,
    project: str,
    repository: str,
    framework: str,
    layout: str,
) -> None:
    answers = {"project_name": project, "layout": layout, "framework": framework, **AUTHORS}
    trees = rendered(**answers, **({"repo_name": repository} if repository else {}))
    for folder, tree in trees.items():
        for path, file in tree.items():
            assert_parses(path, file.content)
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
    report = scaffold("validate", tmp_path, "--strict", "--json").document
    assert report["valid"], report
    assert len(report["files"]) == 1
    pyproject = next(iter(trees.values()))[PurePosixPath("pyproject.toml")].content.decode()
    assert pyproject.count("{ name = ") == 4


def generated(folder: Path, **answers: str) -> list[Path]:
    """Write repositories, and return their folders."""
    for name, tree in rendered(**answers).items():
        write_tree(tree, folder / name)
    return sorted(folder.iterdir())


@pytest.mark.parametrize("layout", BY_KEY["layout"].choices)
def test_the_workflows_are_what_github_takes_and_call_what_is_there(
    layout: str, tmp_path: Path
) -> None:
    folders = generated(tmp_path, layout=layout, repo_name="x", project_name=NASTY)
    workflows = [path for folder in folders for path in folder.glob(".github/workflows/*.yml")]
    assert len(workflows) == 2
    result = subprocess.run(
        # the schema is part of check-jsonschema: nothing is fetched
        [BIN / "check-jsonschema", "--builtin-schema", "vendor.github-workflows", *workflows],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout
    tox = configparser.ConfigParser(interpolation=None)
    tox.read(tmp_path / "x" / "tox.ini", encoding="utf-8")
    for workflow in workflows:
        for environment in re.findall(r"tox run -e (\S+)", workflow.read_text()):
            for name in environment.split(","):
                assert name == "py" or f"testenv:{name}" in tox


@pytest.mark.parametrize("layout", BY_KEY["layout"].choices)
@pytest.mark.parametrize(
    ("account", "on_github"),
    [
        ("https://github.com/lab", True),
        ("git@github.com:lab", True),
        ("https://gitlab.example.org/a/b", False),
        ("https://github.example.org/lab", False),
    ],
)
def test_badges_lead_to_workflows_that_are_there(
    account: str, on_github: bool, layout: str, tmp_path: Path
) -> None:
    answers = {"layout": layout, "repo_name": "x", "git_base_url": account}
    for folder in generated(tmp_path, **answers):
        readme = (folder / "README.md").read_text(encoding="utf-8")
        shown = re.findall(r"^\[!\[(\w+)\]\((\S+)\)\]\((\S+)\)$", readme, re.MULTILINE)
        assert readme.count("[![") == len(shown)
        workflows = f"https://github.com/lab/{folder.name}/actions/workflows"
        there = {path.name for path in folder.glob(".github/workflows/*.yml")}
        assert {target for _, _, target in shown} == (
            {f"{workflows}/{name}" for name in there} if on_github else set()
        )
        for title, picture, target in shown:
            name = target.rpartition("/")[2]
            branch = "main" if layout == "single" else "master"
            assert picture == f"{target}/badge.svg?branch={branch}"
            document = (folder / ".github" / "workflows" / name).read_text()
            assert yaml.safe_load(document)["name"] == title


@pytest.mark.parametrize("layout", BY_KEY["layout"].choices)
def test_its_pages_are_built_without_a_warning(layout: str, tmp_path: Path) -> None:
    answers = {"layout": layout, "repo_name": "x", "project_name": NASTY}
    generated(tmp_path, **answers, description=MULTILINE)
    result = subprocess.run(
        [BIN / "mkdocs", "build", "--strict", "--site-dir", tmp_path / "site"],
        cwd=tmp_path / "x",
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert not re.search(r"(?m)^(?!INFO)", result.stderr.strip()), result.stderr
    assert {"index.html", "guide/index.html"} <= set(files_below(tmp_path / "site"))
    page = (tmp_path / "site" / "index.html").read_text(encoding="utf-8")
    heading = re.search(r"<h1[^>]*>(.*?)</h1>", page)
    assert heading
    assert html.unescape(heading[1]) == NASTY


@pytest.mark.parametrize("layout", BY_KEY["layout"].choices)
def test_compose_has_the_three_services(layout: str) -> None:
    container = list(rendered(repo_name="plants", layout=layout).values())[-1]
    services = yaml.safe_load(container[PurePosixPath("docker-compose.yml")].content)["services"]
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
