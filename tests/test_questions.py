"""The questions: what is accepted, what is refused and with which words."""

from __future__ import annotations

import sys

import pytest

from scaffold.answers import account_url, complete, context
from scaffold.errors import UsageError
from scaffold.question import broken_rule, reserved_names
from scaffold.questions import BY_KEY, QUESTIONS


def test_the_defaults_need_only_a_name() -> None:
    assert complete({"project_name": "Plant classification"}) == {
        "project_name": "Plant classification",
        "layout": "pair",
        "repo_name": "plant_classification",
        "description": "Plant classification: a machine-learning module",
        "author_name": "Your Name",
        "author_email": "you@example.org",
        "open_source_license": "MIT",
        "git_base_url": "https://github.com/deephdc",
        "dockerhub_user": "deephdc",
        "app_version": "0.1.0",
        "framework": "tensorflow",
        "python_version": "3.11",
        "docker_baseimage": "python",
        "baseimage_cpu_tag": "3.11-slim",
        "baseimage_gpu_tag": "3.11-slim",
        "default_branch": "master",
        "metadata_version": "1.0.0",
    }


def test_the_defaults_of_a_single_repository_are_those_of_its_platform() -> None:
    pair, single = (
        complete({"project_name": "Plant classification", "layout": layout})
        for layout in ("pair", "single")
    )
    assert {key: single[key] for key in single if single[key] != pair[key]} == {
        "layout": "single",
        "repo_name": "plant-classification",
        "git_base_url": "https://github.com/ai4os-hub",
        "dockerhub_user": "ai4oshub",
        # the platform's build server tells the images apart by this tag
        "baseimage_gpu_tag": "3.11-slim-trixie",
        "default_branch": "main",
        "metadata_version": "2.3.0",
    }
    values = context(single)
    assert values["__pkg"] == "plant_classification"
    assert values["__container"] == values["repo_name"]
    assert values["__image"] == "ai4oshub/plant-classification"


def test_a_single_repository_has_a_name_with_dashes() -> None:
    answers = {"project_name": "x", "layout": "single", "repo_name": "plant_classes"}
    with pytest.raises(
        UsageError, match=r"repo_name='plant_classes' must be joined by '-' alone in a single"
    ):
        complete(answers)
    assert complete({**answers, "repo_name": "plant-classes"})
    assert complete({**answers, "layout": "pair"})


def test_a_derived_default_follows_the_answer_it_is_derived_from() -> None:
    answers = complete({"project_name": "X", "python_version": "3.13"})
    assert answers["baseimage_cpu_tag"] == answers["baseimage_gpu_tag"] == "3.13-slim"


@pytest.mark.parametrize(
    ("project", "repository"),
    [
        ("Plant classification", "plant_classification"),
        ("Détection d'algues", "detection_d_algues"),
        ("Straßenbäume (Köln)", "strassenbaume_koln"),
        ("3D U-Net", "model_3d_u_net"),
        ("  x -- Y__z. ".strip(), "x_y_z"),
        ("A", "a"),
        ("state-of-the-art", "state_of_the_art"),
        ("2024", "model_2024"),
        ("x" * 60, "x" * 60),
        ("x" * 59 + " and more", "x" * 59),
    ],
)
def test_the_repository_name_is_made_from_the_project_name(project: str, repository: str) -> None:
    assert complete({"project_name": project})["repo_name"] == repository
    single = complete({"project_name": project, "layout": "single"})
    assert single["repo_name"] == repository.replace("_", "-")


def test_the_package_name_is_the_repository_name_as_an_identifier() -> None:
    values = context(complete({"project_name": "x", "repo_name": "plant-classes"}))
    assert values["__pkg"] == "plant_classes"
    assert values["__container"] == "DEEP-OC-plant-classes"
    assert values["__image"] == "deephdc/deep-oc-plant-classes"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("project_name", ""),
        ("project_name", " x"),
        ("project_name", "a\nb"),
        ("project_name", "x" * 201),
        ("project_name", "bell \a"),
        ("project_name", "abc\u202edef"),
        ("repo_name", "Plants"),
        ("repo_name", "1plants"),
        ("repo_name", "a--b"),
        ("repo_name", "a" * 61),
        ("repo_name", "a_"),
        ("repo_name", "../x"),
        ("repo_name", "a\n"),
        ("repo_name", "test"),
        ("repo_name", "keras"),
        ("repo_name", "numpy"),
        ("repo_name", "import"),
        ("repo_name", "models"),
        ("repo_name", "pkg-resources"),
        ("description", "tail "),
        ("description", "carriage\rreturn"),
        ("author_name", "Ann,"),
        ("author_name", "Ann <ann@x.org>"),
        ("author_email", "ann"),
        ("author_email", "ann@x"),
        ("author_email", "ann@x.org;bob@x.org"),
        ("open_source_license", "Apache 2.0"),
        ("git_base_url", "github.com/deephdc"),
        ("git_base_url", "https://github.com/deephdc/"),
        ("git_base_url", "https://github.com"),
        ("git_base_url", "git@github.com"),
        ("git_base_url", "git@github.com:/deephdc"),
        ("git_base_url", "github.com:deephdc"),
        ("git_base_url", "ssh://git@github.com"),
        ("git_base_url", "git@github.com:deep hdc"),
        ("git_base_url", "file:///srv/git"),
        ("repo_name", "class"),
        ("repo_name", "scikit-learn"),
        ("repo_name", "matplotlib"),
        ("repo_name", "deepaas"),
        ("dockerhub_user", "DeepHDC"),
        ("app_version", "1.0"),
        ("app_version", "01.0.0"),
        ("docker_baseimage", "python:3.11"),
        ("docker_baseimage", "Python"),
        ("baseimage_cpu_tag", "3.11 slim"),
        ("python_version", "2.7"),
        ("layout", "triple"),
    ],
)
def test_a_wrong_answer_is_refused_with_key_value_and_what_is_allowed(key: str, value: str) -> None:
    with pytest.raises(UsageError) as error:
        complete({"project_name": "x", key: value})
    allowed = broken_rule(BY_KEY[key], value, {"author_name": "Your Name"})
    assert f"{key}={value!r} {allowed}" in error.value.message
    assert error.value.exit_code == 2


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("repo_name", "test_model"),
        ("git_base_url", "https://gitlab.example.org:8443/group/sub-group"),
        ("git_base_url", "git@github.com:deephdc"),
        ("git_base_url", "git@gitlab.example.org:a/b/c"),
        ("git_base_url", "ssh://git@gitlab.example.org:2222/group/sub"),
        ("docker_baseimage", "registry.example.org:5000/a/b_c"),
        ("docker_baseimage", "tensorflow/tensorflow"),
        ("baseimage_cpu_tag", "2.19.0-gpu_x"),
        ("app_version", "1.20.3rc1"),
        ("description", "first line\n\n\tthird: 'line' \U0001f33f"),
    ],
)
def test_unusual_right_answers_are_accepted(key: str, value: str) -> None:
    assert complete({"project_name": "x", key: value})[key] == value


@pytest.mark.parametrize(
    ("address", "repository"),
    [
        ("https://github.com/deephdc", "https://github.com/deephdc/x"),
        ("https://gitlab.example.org/a/b/c", "https://gitlab.example.org/a/b/c/x"),
        ("http://git.example.org:3000/lab", "http://git.example.org:3000/lab/x"),
        ("git@github.com:deephdc", "https://github.com/deephdc/x"),
        ("git@gitlab.example.org:a/b/c", "https://gitlab.example.org/a/b/c/x"),
        ("ssh://git@git.example.org:2222/a/b", "https://git.example.org/a/b/x"),
        ("ssh://git.example.org/a", "https://git.example.org/a/x"),
    ],
)
def test_a_browser_finds_what_git_finds(address: str, repository: str) -> None:
    values = context(complete({"project_name": "x", "git_base_url": address}))
    assert values["__repo_url"] == repository
    assert values["__container_url"] == repository.replace("/x", "/DEEP-OC-x")
    assert account_url(address) == repository.removesuffix("/x")


def test_there_must_be_as_many_addresses_as_authors() -> None:
    with pytest.raises(
        UsageError, match=r"author_email='a@x.org' must hold one address for each author \(2\)"
    ):
        complete({"project_name": "x", "author_name": "Ann, Bob", "author_email": "a@x.org"})
    complete({"project_name": "x", "author_name": "Ann, Bob", "author_email": "a@x.org, b@y.org"})


def test_every_problem_is_told_at_once() -> None:
    with pytest.raises(UsageError) as error:
        complete({"project_name": "x", "app_version": "one", "layout": "triple"})
    assert "app_version='one'" in error.value.message
    assert "layout='triple'" in error.value.message


@pytest.mark.parametrize("layout", ["pair", "single"])
@pytest.mark.parametrize("project", ["植物", "Ανάλυση", "🌿"])
def test_a_name_without_a_usable_letter_asks_for_a_repository_name(
    project: str, layout: str
) -> None:
    with pytest.raises(UsageError, match=r"repo_name='' \(derived\) must not be empty") as error:
        complete({"project_name": project, "layout": layout})
    assert error.value.hint == 'give another with --data repo_name="…"'


@pytest.mark.parametrize("layout", ["pair", "single"])
@pytest.mark.parametrize("project", ["Import", "class", "NumPy", "Keras", "Matplotlib", "Test"])
def test_a_name_that_would_hide_another_module_asks_for_a_repository_name(
    project: str, layout: str
) -> None:
    with pytest.raises(UsageError, match=r"\(derived\) must not be the name of another module"):
        complete({"project_name": project, "layout": layout})


def test_no_name_of_the_standard_library_is_free() -> None:
    public = {name for name in sys.stdlib_module_names if name[0] != "_" and name.islower()}
    assert public <= reserved_names()


def test_every_question_can_be_asked_in_a_line() -> None:
    for question in QUESTIONS:
        assert len(question.help) < 100
        assert len(question.label) < 20
