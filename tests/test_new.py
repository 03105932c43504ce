"""`scaffold new` as a user types it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pexpect
import pytest

from tests.helpers import NAME, Outcome, assert_follows, files_below, rendered

Scaffold = Callable[..., Outcome]
PROJECT = f"project_name={NAME}"
MODEL, CONTAINER = "plant_classification", "DEEP-OC-plant_classification"


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", *arguments], cwd=folder, check=True, capture_output=True, text=True
    ).stdout.strip()


def test_it_generates_both_repositories(scaffold: Scaffold, tmp_path: Path) -> None:
    outcome = scaffold("new", tmp_path, "--defaults", "--data", PROJECT)
    trees = rendered()
    model, container = (len(tree) for tree in trees.values())
    assert outcome == Outcome(
        0,
        f"Wrote {tmp_path}/{MODEL} ({model} files, on branch master)\n"
        f"Wrote {tmp_path}/{CONTAINER} ({container} files, on branch master)\n"
        "\n"
        "Next:\n"
        f"  cd {tmp_path}/{MODEL}\n"
        "  scaffold train\n"
        "  scaffold serve\n",
        "",
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == [CONTAINER, MODEL]
    for name, tree in trees.items():
        assert files_below(tmp_path / name) == {
            str(path): (file.content, file.executable) for path, file in tree.items()
        }


def test_json_says_where_they_are(scaffold: Scaffold, tmp_path: Path) -> None:
    outcome = scaffold("new", tmp_path, "--defaults", "-d", PROJECT, "--json")
    assert outcome.document == {
        "model": str(tmp_path / MODEL),
        "container": str(tmp_path / CONTAINER),
        "files": sum(len(tree) for tree in rendered().values()),
    }


def test_the_history_begins_with_exactly_the_template(scaffold: Scaffold, tmp_path: Path) -> None:
    # an ignore file and hooks of the user's must not change what the first commit holds
    home = Path(os.environ["HOME"])
    (home / "ignored").write_text("*.md\ndocs/\n")
    (home / "hooks").mkdir()
    (home / "hooks" / "pre-commit").write_text("#!/bin/sh\nexit 1\n")
    (home / "hooks" / "pre-commit").chmod(0o755)
    with (home / ".gitconfig").open("a") as config:
        config.write(f"[core]\n\texcludesFile = {home}/ignored\n\thooksPath = {home}/hooks\n")

    scaffold("new", tmp_path, "--defaults", "-d", PROJECT, "-d", "default_branch=main")

    for name, tree in rendered(default_branch="main").items():
        folder = tmp_path / name
        assert git(folder, "branch", "--format=%(refname:short)").split() == ["main", "test"]
        assert git(folder, "rev-parse", "--abbrev-ref", "HEAD") == "main"
        assert git(folder, "rev-parse", "main") == git(folder, "rev-parse", "test")
        assert (
            git(folder, "remote", "get-url", "origin") == f"https://github.com/deephdc/{name}.git"
        )
        assert git(
            folder, "log", "--format=%s|%an|%(trailers:key=Scaffold-Template,valueonly)"
        ) == (f"Generate {name}|Ann Lee|0.1.0")
        assert git(folder, "ls-files").splitlines() == sorted(str(path) for path in tree)
        assert git(folder, "status", "--porcelain") == ""
        assert git(folder, "fsck", "--strict") == ""


def test_nothing_that_is_generated_is_ignored_by_the_generated_ignore_files(
    scaffold: Scaffold, tmp_path: Path
) -> None:
    scaffold("new", tmp_path, "--defaults", "-d", PROJECT)
    for name in (MODEL, CONTAINER):
        assert git(tmp_path / name, "ls-files", "--cached", "--ignored", "--exclude-standard") == ""


def test_a_single_repository_is_model_and_container(scaffold: Scaffold, tmp_path: Path) -> None:
    line = ("new", tmp_path, "--defaults", "-d", PROJECT, "--layout", "single")
    outcome = scaffold(*line, "--json")
    folder = tmp_path / "plant-classification"
    ((name, tree),) = rendered(layout="single").items()
    assert outcome.document == {"model": str(folder), "container": str(folder), "files": len(tree)}
    assert_follows(outcome.document, "new-output")
    assert [path.name for path in tmp_path.iterdir()] == [name] == [folder.name]
    assert {
        "plant_classification/models/deep_api.py",
        *("Dockerfile", ".dockerignore", "docker-compose.yml", "image/deep-start"),
        *("ai4-metadata.yml", "JenkinsConstants.groovy", "Jenkinsfile", "LICENSE", "README.md"),
        *(".sqa/config.yml", ".sqa/docker-compose.yml"),
        *(".github/workflows/ci.yml", ".github/workflows/image.yml"),
    } <= set(files_below(folder))
    assert not {"metadata.json", "submit_orchent.sh", ".ci/build.sh"} & set(files_below(folder))
    assert git(folder, "branch", "--format=%(refname:short)").split() == ["dev", "main", "test"]
    assert git(folder, "rev-parse", "--abbrev-ref", "HEAD") == "main"
    assert git(folder, "rev-parse", "main") == git(folder, "rev-parse", "dev")
    origin = git(folder, "remote", "get-url", "origin")
    assert origin == "https://github.com/ai4os-hub/plant-classification.git"
    assert git(folder, "ls-files", "--cached", "--ignored", "--exclude-standard") == ""
    assert scaffold(*line).code == 4


@pytest.mark.parametrize("layout", ["pair", "single"])
@pytest.mark.parametrize(
    ("address", "web"),
    [
        ("git@github.com:lab", "https://github.com/lab"),
        ("ssh://git@gitlab.example.org:2222/a/b", "https://gitlab.example.org/a/b"),
        ("https://gitlab.example.org/a/b/c", "https://gitlab.example.org/a/b/c"),
    ],
)
def test_git_gets_the_address_as_it_was_given_and_readers_one_for_a_browser(
    scaffold: Scaffold, tmp_path: Path, address: str, web: str, layout: str
) -> None:
    account = f"git_base_url={address}"
    line = ("new", tmp_path, "--defaults", "-d", "project_name=Plants", "--layout", layout)
    assert scaffold(*line, "-d", account).code == 0
    for folder in tmp_path.iterdir():
        assert git(folder, "remote", "get-url", "origin") == f"{address}/{folder.name}.git"
        for path, (content, _) in files_below(folder).items():
            if path != ".scaffold.yml" and address != web:
                assert address.encode() not in content, path
        assert web.encode() in (folder / "README.md").read_bytes() or layout == "single"
    report = scaffold("validate", *tmp_path.iterdir(), "--json").document
    (file,) = [each for each in report["files"] if each["schema_version"]]
    # the marketplace takes repositories of its own organisations only, and says so
    assert {each["rule"] for each in file["errors"]} <= {"organisation", "format-uri"}


def test_without_git_there_is_no_history(scaffold: Scaffold, tmp_path: Path) -> None:
    outcome = scaffold("new", tmp_path, "--defaults", "-d", PROJECT, "--no-git")
    assert outcome.code == 0
    assert "without git history" in outcome.out
    assert not (tmp_path / MODEL / ".git").exists()


@pytest.mark.parametrize(("only", "name"), [("model", MODEL), ("container", CONTAINER)])
def test_only_generates_one_repository(
    scaffold: Scaffold, tmp_path: Path, only: str, name: str
) -> None:
    outcome = scaffold("new", tmp_path, "--defaults", "-d", PROJECT, "--only", only, "--json")
    assert [path.name for path in tmp_path.iterdir()] == [name]
    document = {"model": None, "container": None, "files": len(rendered()[name])}
    assert outcome.document == {**document, only: str(tmp_path / name)}


def test_a_dry_run_lists_the_files_and_writes_nothing(scaffold: Scaffold, tmp_path: Path) -> None:
    outcome = scaffold("new", tmp_path / "new", "--defaults", "-d", PROJECT, "--dry-run")
    assert outcome.code == 0
    assert f"Would write {tmp_path}/new/{MODEL} (" in outcome.out
    for tree in rendered().values():
        for path in tree:
            assert f"  {path}\n" in outcome.out
    assert not (tmp_path / "new").exists()


def test_an_answers_file_and_data_go_together(scaffold: Scaffold, tmp_path: Path) -> None:
    answers = tmp_path / "answers.yml"
    answers.write_text(f"project_name: {NAME}\nopen_source_license: none\napp_version: 2.0.0\n")
    scaffold("new", tmp_path / "a", "--answers", answers, "-d", "app_version=3.0.0")
    assert not (tmp_path / "a" / MODEL / "LICENSE").exists()
    # what was generated can be generated again from its own record
    marker = tmp_path / "a" / MODEL / ".scaffold.yml"
    scaffold("new", tmp_path / "b", "--answers", marker)
    assert files_below(tmp_path / "a") == files_below(tmp_path / "b")


@pytest.mark.parametrize(
    ("arguments", "code", "message", "hint"),
    [
        ([], 2, "no answer for project_name", 'give it with --data project_name="…"'),
        (["-d", "project_nam=x"], 2, "--data: unknown key 'project_nam'", "did you mean"),
        (
            ["-d", "project_name=Test"],
            2,
            "repo_name='test' (derived) must not be",
            "give another with",
        ),
        (
            ["-d", PROJECT, "-d", "layout=x"],
            2,
            "layout='x' must be one of: pair, single",
            "`scaffold new",
        ),
        (
            ["-d", PROJECT, "--layout", "single", "--only", "model"],
            2,
            "--only model: with the layout single there is one repository",
            "leave --only out",
        ),
        (["--answers", "none.yml"], 2, "cannot read the answers from none.yml", ""),
    ],
)
def test_wrong_usage_is_told_in_text_and_json(
    scaffold: Scaffold, tmp_path: Path, arguments: list[str], code: int, message: str, hint: str
) -> None:
    text = scaffold("new", tmp_path, "--defaults", *arguments)
    assert text.code == code
    assert text.out == ""
    assert text.err.startswith(f"error: {message}")
    assert f"hint: {hint}" in text.err or not hint
    document = scaffold("new", tmp_path, "--defaults", *arguments, "--json").document
    assert document["error"]["message"].startswith(message)
    assert document["error"]["hint"].startswith(hint)
    assert document["error"]["exit_code"] == code
    assert list(tmp_path.iterdir()) == []


def test_an_existing_target_is_refused(scaffold: Scaffold, tmp_path: Path) -> None:
    (tmp_path / CONTAINER).mkdir()
    outcome = scaffold("new", tmp_path, "--defaults", "-d", PROJECT)
    assert outcome == Outcome(
        4,
        "",
        f"error: already there: {tmp_path}/{CONTAINER}\n"
        "hint: choose another destination or repo_name, or move what is there away\n",
    )
    assert [path.name for path in tmp_path.rglob("*")] == [CONTAINER]


def test_an_unknown_command_and_option_are_usage_errors(scaffold: Scaffold) -> None:
    outcome = scaffold("nwe")
    assert outcome.code == 2
    assert "There is no command 'nwe'. Did you mean `scaffold new`?" in outcome.err
    outcome = scaffold("new", "--frobnicate", "--json")
    assert outcome.code == 2
    assert outcome.document["error"]["exit_code"] == 2


def test_help_names_every_key(scaffold: Scaffold) -> None:
    from scaffold.questions import QUESTIONS

    outcome = scaffold("new", "--help")
    assert outcome.code == 0
    for question in QUESTIONS:
        assert f"\n  {question.key}\n" in outcome.out


def test_a_folder_with_a_space_can_be_pasted(scaffold: Scaffold, tmp_path: Path) -> None:
    outcome = scaffold("new", tmp_path / "my work", "--defaults", "-d", PROJECT)
    assert f"  cd '{tmp_path}/my work/{MODEL}'\n" in outcome.out


def test_the_quiet_command_is_quiet(scaffold: Scaffold, tmp_path: Path) -> None:
    assert scaffold("new", tmp_path, "--defaults", "-d", PROJECT, "-q") == Outcome(0, "", "")


def terminal(folder: Path, *arguments: str) -> pexpect.spawn:
    return pexpect.spawn(
        sys.executable,
        ["-m", "scaffold", "new", str(folder), *arguments],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)},
        encoding="utf-8",
        timeout=30,
        dimensions=(40, 120),
    )


def test_prompts_explain_show_defaults_validate_and_ask_again(tmp_path: Path) -> None:
    child = terminal(tmp_path)
    child.expect_exact("Project name: What people call it")
    child.sendline("")
    child.sendline("Test")
    child.expect_exact("Layout: pair: a model and a container repository")
    child.expect_exact("pair | single")
    child.sendline("")
    child.expect_exact("Repository name:")
    child.expect_exact("no default: 'test' must not be the name of another module")
    child.expect(r" > \s*$")
    child.sendline("Test")
    child.expect_exact("Error: 'Test' must be lower-case letters")
    child.sendline("test")
    child.expect_exact("Error: 'test' must not be the name of another module")
    child.sendline("plants")
    child.expect_exact("Description:")
    child.expect_exact("[Test: a machine-learning module]")
    child.sendline("")
    child.expect_exact("Authors:")
    child.expect_exact("[Ann Lee]")
    child.sendline("Ann Lee, Bob Ray")
    child.expect_exact("E-mail addresses:")
    # git's one address is no answer for two authors
    child.expect_exact("no default: 'ann@example.org' must hold one address for each author (2)")
    child.expect(r" > \s*$")
    child.sendline("ann@example.org")
    child.expect_exact("must hold one address for each author (2)")
    child.sendline("ann@example.org, bob@example.org")
    child.expect_exact("MIT | Apache-2.0 |")
    child.sendline("GPL")
    child.expect_exact("Error: 'GPL' must be one of: MIT")
    child.sendline("apache-2.0")
    child.expect_exact("tensorflow | pytorch | scikit-learn")
    child.sendline("")
    child.expect_exact("Change any of them? [y/N]")
    child.sendline("")
    child.expect_exact("scaffold train")
    child.expect(pexpect.EOF)
    assert child.wait() == 0
    assert "Bob Ray" in (tmp_path / "plants" / ".scaffold.yml").read_text()


def test_the_layout_decides_what_is_suggested(tmp_path: Path) -> None:
    child = terminal(tmp_path)
    for answer in ("Plant classification", "Single"):
        child.expect_exact(" > ")
        child.sendline(answer)
    child.expect_exact("[plant-classification]")
    child.sendline("plant_classification")
    child.expect_exact("Error: 'plant_classification' must be joined by '-' alone in a single")
    child.sendline("plants-of-the-alps")
    for _ in range(5):
        child.expect_exact(" > ")
        child.sendline("")
    child.expect_exact("Default branch     main")
    child.expect_exact("Metadata version   2.3.0")
    child.expect_exact("Change any of them? [y/N]")
    child.sendline("")
    child.expect_exact(f"cd {tmp_path}/plants-of-the-alps")
    child.expect(pexpect.EOF)
    assert child.wait() == 0
    assert [path.name for path in tmp_path.iterdir()] == ["plants-of-the-alps"]


def test_the_rest_is_asked_on_request(tmp_path: Path) -> None:
    child = terminal(tmp_path, "-d", "project_name=Plants", "-d", "repo_name=plants", "--json")
    for _ in range(6):
        child.expect_exact(" > ")
        child.sendline("")
    child.expect_exact("Change any of them? [y/N]")
    child.sendline("y")
    child.expect_exact("Git account:")
    child.sendline("https://gitlab.example.org/lab/")
    for _ in range(8):
        child.expect_exact(" > ")
        child.sendline("")
    child.expect(pexpect.EOF)
    assert child.wait() == 0
    document = json.loads(child.before.strip().splitlines()[-1])
    assert document["model"] == str(tmp_path / "plants")
    assert git(tmp_path / "plants", "remote", "get-url", "origin").startswith("https://gitlab")


def test_the_identity_is_checked_before_the_questions(tmp_path: Path) -> None:
    Path(os.environ["GIT_CONFIG_GLOBAL"]).write_text("")
    child = terminal(tmp_path / "new")
    child.expect_exact("error: git does not know who you are")
    child.expect(pexpect.EOF)
    assert child.wait() == 3
    assert "Project name" not in child.before


def test_ctrl_c_at_a_prompt_ends_with_130_and_nothing(tmp_path: Path) -> None:
    child = terminal(tmp_path / "new")
    child.expect_exact("Project name:")
    child.sendintr()
    child.expect_exact("interrupted")
    child.expect(pexpect.EOF)
    assert child.wait() == 130
    assert not (tmp_path / "new").exists()
