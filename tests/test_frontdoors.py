"""`scaffold new`, copier and cookiecutter: three doors, one tree."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from scaffold.answers import complete, context
from scaffold.frontdoors import FILES
from scaffold.questions import BY_KEY
from scaffold.render import render
from scaffold.workspace import write_tree
from tests.combinations import VALUES, covering, given
from tests.helpers import files_below

ROOT = Path(__file__).parent.parent

# Every two answers that there can be, and texts that hurt, spread over few sets of answers.
TEXTS = (
    ("Plant classification", "What grows here."),
    ("Détection d'algues", 'It said "no" \\ $(id) `x` <b>\n\n- and: {# more #}'),
    ("3D 🌿", "% {0} %s & | ~ * _ #"),
)
CASES = [
    {
        "project_name": project,
        "description": description.replace("{#", "(").replace("#}", ")"),
        "author_name": 'Ann O\'Lee, Bob "B" Ray' if number % 2 else "Ann Lee",
        "author_email": "ann@x.org, bob@y.org" if number % 2 else "ann@x.org",
        "metadata_version": BY_KEY["metadata_version"].choices[number % 5],
        "python_version": BY_KEY["python_version"].choices[number % 4],
        **given(combination),
    }
    for number, (combination, (project, description)) in enumerate(
        zip(covering(*VALUES), itertools.cycle(TEXTS), strict=False)
    )
]


@pytest.fixture(
    params=CASES,
    ids=lambda case: (
        f"{case['layout']}-{case['framework']}-{case['open_source_license']}-{case['project_name']}"
    ),
)
def answers(request: pytest.FixtureRequest) -> dict[str, str]:
    case: dict[str, str] = request.param
    return case


def expected(answers: dict[str, str], folder: Path) -> dict[str, tuple[bytes, bool]]:
    folder.mkdir()
    for name, tree in render(context(complete(answers))).items():
        write_tree(tree, folder / name)
    return files_below(folder)


@pytest.mark.filterwarnings("default::DeprecationWarning", "default::ResourceWarning")
def test_copier_makes_the_same_tree(
    answers: dict[str, str], checkout: Path, tmp_path: Path
) -> None:
    from copier import run_copy

    # unsafe=False: the template wants no trust
    run_copy(
        str(checkout), tmp_path / "copier", data=answers, defaults=True, unsafe=False, quiet=True
    )
    assert files_below(tmp_path / "copier") == expected(answers, tmp_path / "scaffold")


def test_cookiecutter_makes_the_same_tree(
    answers: dict[str, str], checkout: Path, tmp_path: Path
) -> None:
    from cookiecutter.main import cookiecutter

    (tmp_path / "cookiecutter").mkdir()
    cookiecutter(
        str(checkout),
        no_input=True,
        extra_context=answers,
        output_dir=str(tmp_path / "cookiecutter"),
        default_config=True,
    )
    assert files_below(tmp_path / "cookiecutter") == expected(answers, tmp_path / "scaffold")
    for name in (path.name for path in (tmp_path / "cookiecutter").iterdir()):
        folder = tmp_path / "cookiecutter" / name
        log = [
            "git",
            "-C",
            str(folder),
            "log",
            "--format=%s %(trailers)",
            answers["default_branch"],
        ]
        commits = subprocess.run(log, capture_output=True, text=True, check=True).stdout.strip()
        assert commits == f"Generate {name} Scaffold-Template: 0.1.0"
        listed = ["git", "-C", str(folder), "branch", "--format=%(refname:short)"]
        branches = subprocess.run(listed, capture_output=True, text=True, check=True).stdout
        others = {"test", "dev"} if answers["layout"] == "single" else {"test"}
        assert set(branches.split()) == {answers["default_branch"], *others}


def command(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    program = str(Path(sys.executable).with_name(arguments[0]))
    return subprocess.run(
        [program, *arguments[1:]],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )


def test_the_commands_work_as_the_manual_says(checkout: Path, tmp_path: Path) -> None:
    copier = command(
        "copier",
        "copy",
        "--defaults",
        "--data",
        "project_name=Plants",
        str(checkout),
        "by-copier",
        cwd=tmp_path,
    )
    assert copier.returncode == 0, copier.stderr
    assert "copier runs no code here" in copier.stderr + copier.stdout
    cookiecutter = command(
        "cookiecutter", "--no-input", str(checkout), "project_name=Plants", cwd=tmp_path
    )
    assert cookiecutter.returncode == 0, cookiecutter.stderr
    ours = {
        name: content
        for name, content in files_below(tmp_path).items()
        if not name.startswith("by-copier")
    }
    assert files_below(tmp_path / "by-copier") == ours
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "DEEP-OC-plants",
        "by-copier",
        "plants",
    ]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("layout", "pair"),
        ("git_base_url", "git@gitlab.example.org:a/b"),
        ("project_name", "3D \u00dc"),
    ],
)
def test_all_derive_the_same_of_a_few_answers(
    key: str, value: str, checkout: Path, tmp_path: Path
) -> None:
    answers = {"project_name": "Plant classification", "layout": "single", key: value}
    pairs = [f"{name}={text}" for name, text in answers.items()]
    data = [argument for pair in pairs for argument in ("--data", pair)]
    copier = command("copier", "copy", "--defaults", *data, str(checkout), "copier", cwd=tmp_path)
    assert copier.returncode == 0, copier.stderr
    (tmp_path / "cookiecutter").mkdir()
    line = ("cookiecutter", "--no-input", "-o", "cookiecutter", str(checkout), *pairs)
    cookiecutter = command(*line, cwd=tmp_path)
    assert cookiecutter.returncode == 0, cookiecutter.stderr
    wanted = expected(answers, tmp_path / "scaffold")
    assert files_below(tmp_path / "copier") == wanted
    assert files_below(tmp_path / "cookiecutter") == wanted
    for door in ("copier", "cookiecutter"):
        folders = [path for path in (tmp_path / door).rglob("*") if path.is_dir()]
        empty = [folder for folder in folders if not any(folder.iterdir())]
        assert [folder for folder in empty if ".git" not in folder.parts] == []


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("project_name", ""),
        ("repo_name", "test"),
        ("repo_name", "Plants"),
        ("author_email", "ann"),
        ("author_email", "ann@x.org,bob@y.org"),
        ("app_version", "one"),
        ("repo_name", "plants_2"),
        ("default_branch", "trunk"),
        ("metadata_version", "3.0.0"),
        ("git_base_url", "git@github.com"),
    ],
)
def test_both_refuse_wrong_answers_and_leave_nothing(
    key: str, value: str, checkout: Path, tmp_path: Path
) -> None:
    answers = {"project_name": "Plants", "layout": "single", key: value}
    pairs = [f"{name}={text}" for name, text in answers.items()]
    cookiecutter = command("cookiecutter", "--no-input", str(checkout), *pairs, cwd=tmp_path)
    assert cookiecutter.returncode != 0
    assert f"error: {key}={value!r} " in cookiecutter.stderr + cookiecutter.stdout
    data = [argument for pair in pairs for argument in ("--data", pair)]
    copier = command(
        "copier", "copy", "--defaults", *data, str(checkout), "by-copier", cwd=tmp_path
    )
    assert copier.returncode != 0
    assert f"'{key}'" in copier.stderr
    assert list(tmp_path.iterdir()) == []


def test_cookiecutter_overwrites_nothing(checkout: Path, tmp_path: Path) -> None:
    (tmp_path / "DEEP-OC-plants").mkdir()
    result = command(
        "cookiecutter", "--no-input", str(checkout), "project_name=Plants", cwd=tmp_path
    )
    assert result.returncode != 0
    assert f"error: already there: {tmp_path}/DEEP-OC-plants" in result.stderr + result.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["DEEP-OC-plants"]


def test_cookiecutter_without_a_git_identity_says_that_there_is_no_history(
    checkout: Path, tmp_path: Path
) -> None:
    Path(os.environ["GIT_CONFIG_GLOBAL"]).write_text("")
    result = command(
        "cookiecutter", "--no-input", str(checkout), "project_name=Plants", cwd=tmp_path
    )
    assert result.returncode == 0
    assert "No git history was begun: git does not know who you are" in result.stderr
    assert not (tmp_path / "plants" / ".git").exists()


@pytest.mark.parametrize("path", FILES)
def test_what_is_made_from_the_questions_is_fresh(path: str) -> None:
    assert (ROOT / path).read_text(encoding="utf-8") == FILES[path](), (
        "run `python -m scaffold.frontdoors`"
    )


def test_the_answers_schema_agrees_with_the_questions() -> None:
    import jsonschema

    schema = yaml.safe_load((ROOT / "schema" / "answers.schema.json").read_text(encoding="utf-8"))
    validator = jsonschema.Draft202012Validator(schema)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert validator.is_valid(complete({"project_name": "x"}))
    assert not validator.is_valid({"project_name": "x", "projct": "y"})
    assert not validator.is_valid({"project_name": "x", "layout": "triple"})
    assert not validator.is_valid({})
