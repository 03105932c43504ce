"""A single repository on a real engine: plain `docker build .`, and `scaffold build` with its trial."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from tests.engines import Here
from tests.image import light
from tests.image.test_build import ALL_WELL, built, commit, in_image, scaffold, verdicts

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("engine")]


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory) -> light.Light:
    """The light module as a single repository with a commit, and with what git ignores."""
    made = light.write_single(tmp_path_factory.mktemp("single"), "small-digits")
    light.commit(made.model)
    for name in ("data/raw/huge.bin", ".venv/pyvenv.cfg", "build/cpu/build.log", "rclone.conf"):
        path = made.model / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("of this machine\n")
    return made


def test_it_is_built_tried_and_named_as_the_platform_does(
    docker_engine: Here, single: light.Light
) -> None:
    (image,) = built(docker_engine, single.model)
    assert image["tags"] == [f"{single.image}:cpu", f"{single.image}:latest"]
    assert verdicts(image) == ALL_WELL
    assert image["revision"] == commit(single.model)
    with docker_engine.open() as engine:
        labels = (engine.image(image["id"]) or {})["Config"]["Labels"]
    metadata = yaml.safe_load((single.model / "ai4-metadata.yml").read_text(encoding="utf-8"))
    assert json.loads(labels["eu.ai4eosc.metadata"]) == metadata
    statement = json.loads(Path(image["provenance"]).read_text(encoding="utf-8"))
    built_from = statement["predicate"]["buildDefinition"]["resolvedDependencies"]
    assert [each["name"] for each in built_from] == ["model", "context", "baseImage"]


def test_plain_docker_build_needs_no_argument(docker_engine: Here, single: light.Light) -> None:
    reference = f"{single.image}:plain"
    with docker_engine.open() as engine:
        how = ["buildx", "build", "--load"] if engine.builder == "buildx" else ["build"]
        how += ["--network", "host", "--tag", reference]
        if light.CA.is_file():
            how += ["--secret", f"id=ca.pem,src={light.CA}"]
        result = engine.call(*how, str(single.model))
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    listed = in_image(docker_engine, reference, "find", "/srv/small-digits", "-type", "f")
    files = {name.removeprefix("/srv/small-digits/") for name in listed.splitlines()}
    assert {"pyproject.toml", "small_digits/models/deep_api.py", "data/raw/.gitkeep"} <= files
    assert (
        not {
            *("data/raw/huge.bin", ".venv/pyvenv.cfg", "build/cpu/build.log", "rclone.conf"),
            ".git/HEAD",
        }
        & files
    )
    assert "--jupyter" in in_image(docker_engine, reference, "deep-start", "--help")


def test_scikit_learn_has_one_image(docker_engine: Here, tmp_path: Path) -> None:
    answers = ("project_name=Leaf reader", "framework=scikit-learn", "layout=single")
    pairs = [part for answer in answers for part in ("-d", answer)]
    result = scaffold(docker_engine, "new", tmp_path, "--defaults", *pairs)
    assert result.returncode == 0, result.stderr
    (image,) = built(docker_engine, tmp_path / "leaf-reader", "--all")
    assert verdicts(image) == ALL_WELL
    refused = scaffold(docker_engine, "build", tmp_path / "leaf-reader", "--gpu")
    assert refused.returncode == 2
    assert "scikit-learn has no GPU variant" in refused.stderr
