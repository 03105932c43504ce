"""A single repository: every command finds in it both the model and what its image is made of."""

from __future__ import annotations

import configparser
import json
import re
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from scaffold import module
from scaffold.data import places
from scaffold.errors import RefusedError
from scaffold.image import build, context, plan, start
from scaffold.questions import BY_KEY
from scaffold.workspace import write_tree
from tests.helpers import Outcome, assert_follows, rendered

Scaffold = Callable[..., Outcome]
NAME = "plant-classification"


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", *arguments], cwd=folder, check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture
def single(scaffold: Scaffold, tmp_path: Path) -> Path:
    """A single repository with its history."""
    line = ("--defaults", "-d", "project_name=Plant classification", "--layout", "single")
    assert scaffold("new", tmp_path, *line).code == 0
    return tmp_path / NAME


def test_it_is_found_from_everywhere_whatever_its_folder_is_called(single: Path) -> None:
    root = single.rename(single.with_name("a-clone"))
    found = module.find(root / "plant_classification" / "models")
    assert (found.root, found.model_root, found.container_root) == (root, root, root)
    assert (found.role, found.single, found.package) == ("single", True, "plant_classification")


@pytest.mark.parametrize("where", [".", "image", "plant_classification/models"])
@pytest.mark.parametrize("command", [("train",), ("predict", "x.png"), ("serve",)])
def test_what_runs_without_a_container_runs_in_it(
    scaffold: Scaffold,
    single: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: tuple[str, ...],
    where: str,
) -> None:
    monkeypatch.chdir(single / where)
    document = scaffold(*command, "--dry-run", "--json").document
    assert_follows(document, "dry-run-output")
    assert document["commands"][-1][0].startswith(f"{single}/.venv/bin/")


@pytest.mark.parametrize("version", BY_KEY["metadata_version"].choices)
@pytest.mark.parametrize("licence", ["MIT", "none"])
def test_its_metadata_is_valid_at_once(
    scaffold: Scaffold, tmp_path: Path, version: str, licence: str
) -> None:
    answers = {"layout": "single", "metadata_version": version, "open_source_license": licence}
    for name, tree in rendered(**answers).items():
        write_tree(tree, tmp_path / name)
    outcome = scaffold("validate", tmp_path / NAME, "--json", "--strict")
    (report,) = outcome.document["files"]
    assert report["path"] == f"{tmp_path}/{NAME}/ai4-metadata.yml"
    assert report["schema_version"] == version
    found = [(each["rule"], each["pointer"], each["severity"]) for each in report["errors"]]
    if version == "1.0.0":
        # the schema of 1.0.0 wants a licence, and "none" is none
        assert (outcome.code, found) == (
            (0, []) if licence == "MIT" else (1, [("licence", "/license", "error")])
        )
    else:
        assert outcome.code == 0
        assert found == [("format-uri", "/links/docker_image", "warning")]


def test_metadata_can_be_made_anew(scaffold: Scaffold, single: Path) -> None:
    path = single / "ai4-metadata.yml"
    written = yaml.safe_load(path.read_text(encoding="utf-8"))
    refused = scaffold("metadata", "new", single)
    assert (refused.code, refused.err.splitlines()[0]) == (4, f"error: {path} is there already")
    assert scaffold("metadata", "new", single, "--force").code == 0
    anew = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert {key: anew[key] for key in ("metadata_version", "title", "links", "license")} == {
        key: written[key] for key in ("metadata_version", "title", "links", "license")
    }
    assert scaffold("validate", single, "--strict").code == 0


@pytest.mark.parametrize(
    ("branch", "cpu", "gpu"),
    [
        ("main", ["cpu", "latest"], ["gpu"]),
        ("dev", ["dev-cpu", "dev"], ["dev-gpu"]),
        ("release/2.0", ["2.0-cpu", "2.0"], ["2.0-gpu"]),
    ],
)
def test_its_images_have_the_platforms_tags(
    scaffold: Scaffold, single: Path, branch: str, cpu: list[str], gpu: list[str]
) -> None:
    git(single, "checkout", "-qB", branch)
    document = scaffold("build", single, "--all", "--dry-run", "--json").document
    assert_follows(document, "build-plan-output")
    one, other = document["would_build"]
    assert one["tags"] == [f"ai4oshub/{NAME}:{tag}" for tag in cpu]
    assert other["tags"] == [f"ai4oshub/{NAME}:{tag}" for tag in gpu]
    assert (one["source"], one["base"], one["arguments"]["extra"]) == (
        *("local", "python:3.11-slim", "cpu"),
    )
    assert (other["base"], other["arguments"]["extra"]) == ("python:3.11-slim-trixie", "gpu")


def test_what_has_been_pushed_is_one_repository(
    scaffold: Scaffold, single: Path, tmp_path: Path
) -> None:
    git(tmp_path, "clone", "-q", "--bare", str(single), "ai4os-hub.git")
    address = f"https://github.com/ai4os-hub/{NAME}"
    there = f"url.file://{tmp_path}/ai4os-hub.git.insteadOf"
    git(tmp_path, "config", "--global", there, address)
    document = scaffold("build", single, "--source", "git", "--dry-run", "--json").document
    (image,) = document["would_build"]
    assert image["arguments"]["repository"] == address
    assert image["arguments"]["branch"] == "main"
    assert image["revision"] == git(single, "rev-parse", "HEAD")


def test_the_context_is_the_repository_itself(single: Path) -> None:
    (single / "data" / "raw" / "huge.bin").write_bytes(b"0" * 1000)
    (single / "notes.txt").write_text("not committed\n")
    (single / "models" / "weights.npz").write_bytes(b"0")
    git(single, "add", "--force", "models/weights.npz")
    found = module.find(single)
    (planned,) = plan.plan(found, plan.Wish(("cpu",)))
    packed = context.pack(planned.container, planned.model)
    with packed.archive, tarfile.open(fileobj=packed.archive) as tar:
        names = set(tar.getnames())
    # .dockerignore is for builds without scaffold
    assert names == {*git(single, "ls-files").splitlines(), "notes.txt"} - {".dockerignore"}
    assert {"Dockerfile", "image/steps.sh", "pyproject.toml"} <= names
    (single / "id_rsa").write_text("secret\n")
    with pytest.raises(RefusedError, match="id_rsa holds a password or a private key"):
        context.pack(planned.container, planned.model)


def test_plain_docker_ignores_what_git_ignores(single: Path) -> None:
    ignored = set((single / ".dockerignore").read_text(encoding="utf-8").splitlines())
    for pattern in (single / ".gitignore").read_text(encoding="utf-8").splitlines():
        wanted = pattern.strip("/").removeprefix("!")
        if pattern and not pattern.startswith("#"):
            assert {wanted, f"**/{wanted}", f"!**/{wanted}"} & ignored, pattern


def test_the_label_of_the_image_holds_the_metadata(single: Path) -> None:
    found = module.find(single)
    document = json.loads(build.metadata(found))
    assert document == yaml.safe_load((single / "ai4-metadata.yml").read_text(encoding="utf-8"))


def test_a_container_gets_its_folders(single: Path) -> None:
    found = module.find(single / "image")
    assert start.folders_of(found) == [single / "data", single / "reports", single / "models"]
    assert start.candidates(found, start.Wish()) == [
        f"ai4oshub/{NAME}:cpu",
        f"ai4oshub/{NAME}:latest",
    ]


def test_its_data_has_remotes(single: Path) -> None:
    marker = single / ".scaffold.yml"
    marker.write_text(marker.read_text() + 'sync:\n  pull: {data/raw: "rshare:plants"}\n')
    (place,) = places.find(single, None, "pull")
    assert (place.folder, place.remote) == (single / "data" / "raw", "rshare:plants")


def test_doctor_looks_at_it(
    scaffold: Scaffold, single: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(single)
    document = scaffold("doctor", "--json").document
    assert_follows(document, "doctor-output")


@pytest.mark.parametrize(
    ("extra", "tag", "gpu_tag", "meant"),
    [
        ("auto", "3.11-slim", "3.11-slim-trixie", "cpu"),
        ("auto", "3.11-slim-trixie", "3.11-slim-trixie", "gpu"),
        ("auto", "3.11-slim", "", "cpu"),
        ("gpu", "3.11-slim", "", "gpu"),
        ("", "2.21.0-gpu", "2.21.0-gpu", ""),
    ],
)
def test_the_tag_of_the_base_image_says_which_image_is_built(
    single: Path, extra: str, tag: str, gpu_tag: str, meant: str
) -> None:
    line = '. image/steps.sh; extra_of "$@"'
    result = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", line, "bash", extra, tag, gpu_tag],
        cwd=single,
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout == f"{meant}\n"


def test_the_build_server_and_the_dockerfile_agree_on_the_tags(single: Path) -> None:
    constants = dict(
        re.findall(r"def (\w+) = '([^']+)'", (single / "JenkinsConstants.groovy").read_text())
    )
    arguments = dict(re.findall(r"(?m)^ARG (\w+)=(.*)$", (single / "Dockerfile").read_text()))
    assert constants == {
        "base_cpu_tag": arguments["tag"],
        "base_gpu_tag": arguments["gpu_tag"],
        "dockerfile": "Dockerfile",
    }
    assert (arguments["source"], arguments["extra"]) == ("local", "auto")


def test_without_a_tag_of_its_own_there_is_no_gpu_image_on_the_build_server() -> None:
    ((_, tree),) = rendered(layout="single", baseimage_gpu_tag="3.11-slim").items()
    files = {str(path): file.content.decode() for path, file in tree.items()}
    assert re.findall(r"def (\w+)", files["JenkinsConstants.groovy"]) == ["dockerfile"]
    assert "\nARG gpu_tag=\n" in files["Dockerfile"]


def test_an_image_that_has_the_framework_gets_no_extra() -> None:
    ((_, tree),) = rendered(layout="single", docker_baseimage="tensorflow/tensorflow").items()
    (content,) = [file.content for path, file in tree.items() if str(path) == "Dockerfile"]
    assert b"\nARG extra=\n" in content


def test_the_build_server_runs_what_tox_has(single: Path) -> None:
    tox = configparser.ConfigParser(interpolation=None)
    tox.read(single / "tox.ini", encoding="utf-8")
    config = yaml.safe_load((single / ".sqa" / "config.yml").read_text())
    compose = yaml.safe_load((single / ".sqa" / "docker-compose.yml").read_text())
    criteria = config["sqa_criteria"]
    assert list(criteria) == ["qc_style", "qc_coverage", "qc_security"]
    for criterion in criteria.values():
        ((name, how),) = criterion["repos"].items()
        assert name == NAME
        assert how["container"] in compose["services"]
        assert (single / how["tox"]["tox_file"]).is_file()
        for environment in how["tox"]["testenv"]:
            assert f"testenv:{environment}" in tox
    command = tox["testenv:security"]["commands"].split()
    program = Path(sys.executable).with_name(command[0])
    result = subprocess.run([program, *command[1:], "--no-cache"], cwd=single, check=False)
    assert result.returncode == 0
