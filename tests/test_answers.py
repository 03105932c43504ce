"""Reading answers from arguments and files."""

from __future__ import annotations

from pathlib import Path

import pytest

from scaffold.answers import evaluate, load, parse_pairs
from scaffold.errors import UsageError


def test_pairs_keep_everything_after_the_first_equals_sign() -> None:
    assert parse_pairs(["project_name=a=b", "description="]) == {
        "project_name": "a=b",
        "description": "",
    }


@pytest.mark.parametrize(
    ("pair", "message", "hint"),
    [
        ("project_name", "--data 'project_name' is not KEY=VALUE", "`scaffold new --help`"),
        ("projectname=x", "--data: unknown key 'projectname'", "did you mean project_name?"),
        ("zzz=x", "--data: unknown key 'zzz'", "`scaffold new --help`"),
    ],
)
def test_a_wrong_pair_is_refused(pair: str, message: str, hint: str) -> None:
    with pytest.raises(UsageError) as error:
        parse_pairs([pair])
    assert error.value.message == message
    assert error.value.hint.startswith(hint)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.yml", "python_version: 3.10\nproject_name: 'yes'\n"),
        ("a.json", '{"python_version": 3.10, "project_name": "yes"}'),
        ("a.yaml", "\ufeffrole: model\nanswers:\n  python_version: 3.10\n  project_name: yes\n"),
    ],
)
def test_files_are_read_as_they_are_written(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    assert load(path) == {"python_version": "3.10", "project_name": "yes"}


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.json", "{", "is not JSON"),
        ("a.json", "[" * 100_000, "is not JSON"),
        ("a.yml", "a: [", "is not YAML"),
        ("a.yml", "- a\n", "expected a mapping of answers"),
        ("a.yml", "", "expected a mapping of answers"),
        ("a.yml", "description: [a, b]\n", "description must be text in quotes, one value"),
        ("a.json", '{"app_version": null}', "app_version must be text in quotes, one value"),
        ("a.yml", "project: x\n", "unknown key 'project'"),
        (
            "a.yml",
            "project_name: !!python/object/apply:os.system [id]\n",
            "project_name must be text",
        ),
    ],
)
def test_a_wrong_file_is_refused(tmp_path: Path, name: str, text: str, message: str) -> None:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=r"a\.(json|yml)") as error:
        load(path)
    assert message in error.value.message


def test_lists_of_authors_are_joined(tmp_path: Path) -> None:
    path = tmp_path / "a.yml"
    path.write_text("author_name: [Ann Lee, Bob Ray]\nauthor_email:\n- a@x.org\n- b@y.org\n")
    assert load(path) == {"author_name": "Ann Lee, Bob Ray", "author_email": "a@x.org, b@y.org"}


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no-such-file"):
        load(tmp_path / "no-such-file.yml")
    (tmp_path / "latin.yml").write_bytes("project_name: Détection".encode("latin-1"))
    with pytest.raises(UsageError, match="latin"):
        load(tmp_path / "latin.yml")


def test_answers_are_never_rendered() -> None:
    assert evaluate("{{ cookiecutter.x }}", {"x": "{{ 7 * 7 }}"}) == "{{ 7 * 7 }}"
