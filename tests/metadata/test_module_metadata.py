"""`scaffold metadata new`: metadata of a generated module, valid at once."""

from __future__ import annotations

import datetime
import json
from pathlib import Path

import pytest
import yaml

from scaffold.answers import complete
from scaffold.metadata import checks, loading, versions
from tests.metadata.conftest import Run

TODAY = datetime.date.today().isoformat()
PROJECT = """\
[project]
name = "plants"
version = "1.2.0"
description = "Tells plants apart."
keywords = ["image classification", "botany"]
dependencies = ["deepaas>=2.6", "scikit-learn>=1.4"]
optional-dependencies.cpu = ["keras>=3.6", "tensorflow-cpu>=2.18; sys_platform == 'linux'"]
urls = {Documentation = "https://plants.readthedocs.io"}
"""


@pytest.fixture(autouse=True)
def pair(tmp_path: Path) -> None:
    """A module's two repositories, with what `scaffold new` writes for its own later commands."""
    given = {
        "project_name": "Plants",
        "repo_name": "plants",
        "description": "Line one.\n\nLine two.",
        "author_name": "Ann Lee, Bo van Dyk",
        "author_email": "ann@example.org, bo@example.org",
        "open_source_license": "Apache-2.0",
    }
    answers = "".join(f"  {key}: {json.dumps(value)}\n" for key, value in complete(given).items())
    for role, name, sibling in (
        ("model", "plants", "DEEP-OC-plants"),
        ("container", "DEEP-OC-plants", "plants"),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / ".scaffold.yml").write_text(
            f'template_version: "0.1.0"\ncreated: "2024-01-31"\nrole: {role}\n'
            f"sibling: {sibling}\nanswers:\n{answers}"
        )
    (tmp_path / "plants" / "pyproject.toml").write_text(PROJECT)


def test_it_lands_in_the_container_repository(run: Run, tmp_path: Path) -> None:
    result = run("metadata", "new", "plants")
    path = tmp_path / "DEEP-OC-plants" / "metadata.json"
    assert (result.code, result.out, result.err) == (0, f"wrote {path}\n", "")
    assert json.loads(path.read_text()) == {
        "title": "Plants",
        "summary": "Tells plants apart.",
        "description": ["Line one.", "Line two."],
        "keywords": [
            *("docker", "api-v2", "trainable", "inference", "tensorflow"),
            *("image classification", "botany"),
        ],
        "license": "Apache-2.0",
        "date_creation": "2024-01-31",
        "sources": {
            "dockerfile_repo": "https://github.com/deephdc/DEEP-OC-plants",
            "docker_registry_repo": "deephdc/deep-oc-plants",
            "code": "https://github.com/deephdc/plants",
        },
    }
    strict = run("validate", path, "--strict", "--check-formats")
    assert (strict.code, strict.out) == (0, f"{path}: valid (metadata 1.0.0)\n")
    again = run("metadata", "new", "DEEP-OC-plants")
    assert (again.code, again.err.splitlines()[0]) == (4, f"error: {path} is there already")
    assert run("metadata", "new", "DEEP-OC-plants", "--force").code == 0


def test_the_newest_version_in_yaml(run: Run, tmp_path: Path) -> None:
    result = run("metadata", "new", "plants", "--schema-version", "2.3.0", "-o", "ai4-metadata.yml")
    assert (result.code, result.out) == (0, "wrote ai4-metadata.yml\n")
    assert (
        (tmp_path / "ai4-metadata.yml").read_text()
        == f"""\
metadata_version: 2.3.0
title: Plants
summary: Tells plants apart.
description: |-
  Line one.

  Line two.
dates:
  created: '2024-01-31'
  updated: '{TODAY}'
links:
  source_code: https://github.com/deephdc/plants
  docker_image: deephdc/deep-oc-plants
  documentation: https://plants.readthedocs.io
license: Apache-2.0
tags:
  - docker
  - api-v2
  - image classification
  - botany
tasks:
  - Computer Vision
  - Classification
categories:
  - AI4 trainable
  - AI4 inference
libraries:
  - TensorFlow
  - Scikit-learn
  - Keras
data-type:
  - Image
"""
    )


@pytest.mark.parametrize("version", versions.VERSIONS)
@pytest.mark.parametrize("project", ["", "[broken", PROJECT], ids=["none", "broken", "whole"])
def test_every_version_is_valid_at_once(
    run: Run, tmp_path: Path, version: str, project: str
) -> None:
    (tmp_path / "plants" / "pyproject.toml").write_text(project)
    text = run("metadata", "new", "plants", "--schema-version", version, "-o", "-").out
    report = checks.check(loading.parse(text.encode(), str(tmp_path / "plants" / "x.yml")))
    # no account/image is a URI, whatever the schema says: the rule format-uri explains it
    expected = [] if version == "1.0.0" else [("format-uri", "/links/docker_image")]
    found = [(each.rule, each.pointer) for each in report.findings]
    assert (report.schema_version, found) == (version, expected)


def test_dry_run_and_json(run: Run, tmp_path: Path) -> None:
    shown = run("metadata", "new", "plants", "--dry-run")
    assert json.loads(shown.out)["title"] == "Plants"
    document = run("metadata", "new", "plants", "--json", "-o", "a.yaml").document
    assert document["output"] == "a.yaml"
    assert document["metadata"] == yaml.safe_load((tmp_path / "a.yaml").read_text())
    assert not (tmp_path / "DEEP-OC-plants" / "metadata.json").exists()


def test_outside_a_module(run: Run, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    result = run("metadata", "new", "elsewhere")
    assert result.code == 2
    assert "is not in a module: no folder up from it holds .scaffold.yml" in result.err


def test_an_incomplete_module(run: Run, tmp_path: Path) -> None:
    marker = tmp_path / "plants" / ".scaffold.yml"
    marker.write_text(marker.read_text().replace("  dockerhub_user:", "  other:"))
    result = run("metadata", "new", "plants")
    assert (result.code, result.err) == (
        2,
        f"""\
error: {marker} has no answer for 'dockerhub_user'
hint: restore it with `git checkout .scaffold.yml`
""",
    )


def test_exports_know_the_modules_version_and_authors(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "plants" / "ai4-metadata.yml"
    run("metadata", "new", "plants", "--schema-version", "2.3.0", "-o", path)
    citation = yaml.safe_load(run("metadata", "export", path, "--format", "cff").out)
    assert citation["version"] == "1.2.0"
    assert citation["authors"] == [
        {"given-names": "Ann", "family-names": "Lee", "email": "ann@example.org"},
        {
            "given-names": "Bo",
            "name-particle": "van",
            "family-names": "Dyk",
            "email": "bo@example.org",
        },
    ]
    graph = json.loads(run("metadata", "export", path, "--format", "mldcat-ap").out)["@graph"]
    assert graph[0]["version"] == "1.2.0"
    assert [each["name"] for each in graph[0]["creator"]] == ["Ann Lee", "Bo van Dyk"]
