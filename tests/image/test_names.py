"""What an image is called, by the conventions of DEEP and AI4OS."""

from __future__ import annotations

from pathlib import Path

import pytest

from scaffold.errors import UsageError
from scaffold.image import names
from scaffold.module import Module


def module(**answers: str) -> Module:
    given = {"dockerhub_user": "deephdc", "repo_name": "Plants_1", "layout": "pair", **answers}
    return Module(Path("/x"), "model", Path("/y"), "0.1.0", given)


@pytest.mark.parametrize(
    ("layout", "branch", "cpu", "gpu"),
    [
        # DEEP: latest=cpu, gpu; test=cpu-test, gpu-test
        ("pair", "master", ("cpu", "latest"), ("gpu",)),
        ("pair", "main", ("cpu", "latest"), ("gpu",)),
        ("pair", "test", ("cpu-test", "test"), ("gpu-test",)),
        ("pair", "feature/new-loss", ("cpu-feature-new-loss",), ("gpu-feature-new-loss",)),
        ("pair", "", ("cpu-detached",), ("gpu-detached",)),
        # AI4OS: a branch b makes b, b-cpu and b-gpu; release/x drops its prefix
        ("single", "main", ("cpu", "latest"), ("gpu",)),
        ("single", "dev", ("dev-cpu", "dev"), ("dev-gpu",)),
        ("single", "release/2.0", ("2.0-cpu", "2.0"), ("2.0-gpu",)),
    ],
)
def test_the_branch_decides_the_tags(
    layout: str, branch: str, cpu: tuple[str, ...], gpu: tuple[str, ...]
) -> None:
    assert names.tags(layout, branch, "cpu") == cpu
    assert names.tags(layout, branch, "gpu") == gpu


def test_a_tag_of_the_users_own_is_the_only_one() -> None:
    assert names.chosen_tags("v1", ("gpu",), "gpu") == ("v1",)
    assert names.chosen_tags("v1", ("cpu", "gpu"), "gpu") == ("v1-gpu",)


@pytest.mark.parametrize("tag", ["a/b", "a:b", "-x", "", "x" * 129, "a b"])
def test_what_is_no_tag_is_refused(tag: str) -> None:
    with pytest.raises(UsageError) as error:
        names.chosen_tags(tag, ("cpu",), "cpu")
    assert error.value.message == f"{tag!r} is not a tag"
    assert "--image" in error.value.hint


def test_the_image_is_called_as_the_conventions_say() -> None:
    assert names.repository(module()) == "deephdc/deep-oc-plants_1"
    assert names.repository(module(layout="single", repo_name="plants")) == "deephdc/plants"
    assert names.repository(module(), "registry.example.org:5000/a/b") == (
        "registry.example.org:5000/a/b"
    )


@pytest.mark.parametrize("name", ["Deep/OC", "a:b", "a b", "/a", "a//b", "a@b"])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(UsageError) as error:
        names.repository(module(), name)
    assert error.value.message == f"{name!r} is not the name of an image"
