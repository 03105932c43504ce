"""`scaffold build` on real engines: what comes out, what is cached, and how it is tried."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.engines import Here
from tests.helpers import assert_follows
from tests.image import light
from tests.test_local import environment

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("engine")]


def scaffold(
    here: Here, *arguments: object, cwd: Path = ROOT, seconds: float = 580
) -> subprocess.CompletedProcess[str]:
    """Run scaffold as users do, with an engine at hand."""
    return subprocess.run(
        [sys.executable, "-m", "scaffold", *map(str, arguments)],
        cwd=cwd,
        env=environment(**here.variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds,
    )


def built(here: Here, *arguments: object) -> list[dict[str, Any]]:
    """Build, and return what `--json` says of the images."""
    line = ("build", *arguments, "--engine", here.name, "--network", "host", "--json")
    result = scaffold(here, *line)
    assert result.returncode == 0, result.stdout + result.stderr
    document = json.loads(result.stdout)
    assert_follows(document, "build-output")
    images: list[dict[str, Any]] = document["images"]
    return images


def in_image(here: Here, image: str, *command: str) -> str:
    """Return what a command prints in a fresh container."""
    with here.open() as engine:
        output: bytes = engine.client.containers.run(
            image, list(command[1:]), entrypoint=command[0], remove=True, network_mode="none"
        )
    return output.decode()


def verdicts(image: dict[str, Any]) -> dict[str, bool | None]:
    return {each["id"]: each["passed"] for each in image["smoke_test"]["checks"]}


ALL_WELL = dict.fromkeys(
    (
        *("answers", "names-the-model", "describes-itself", "not-root", "no-rclone-config"),
        *("tensorboard", "trains", "predicts", "same-as-without", "stops"),
    ),
    True,
)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> light.Light:
    """The light pair, with a commit in both repositories."""
    made = light.write_pair(tmp_path_factory.mktemp("build"), "small_digits")
    for folder in (made.model, made.container):
        light.commit(folder)
    return made


def commit(folder: Path) -> str:
    line = ["git", "rev-parse", "HEAD"]
    return subprocess.run(line, cwd=folder, capture_output=True, text=True, check=True).stdout[:-1]


def not_cached(image: dict[str, Any]) -> int:
    return int(image["steps"]) - int(image["cached_steps"])


@pytest.fixture(params=["docker", "podman"], scope="module")
def here(request: pytest.FixtureRequest) -> Here:
    """Each engine in turn."""
    found: Here = request.getfixturevalue(f"{request.param}_engine")
    return found


def test_an_image_is_built_tried_named_and_recorded(here: Here, pair: light.Light) -> None:
    (image,) = built(here, pair.container)  # from either repository
    assert image["tags"] == [f"{pair.image}:cpu", f"{pair.image}:latest"]
    assert verdicts(image) == ALL_WELL
    assert image["smoke_test"]["device"] == "cpu"
    assert image["revision"] == commit(pair.model)
    with here.open() as engine:
        for reference in image["tags"]:
            assert (engine.image(reference) or {})["Id"].endswith(image["id"][-64:])
        attributes = engine.image(image["id"]) or {}
    labels = attributes["Config"]["Labels"]
    metadata = json.loads((pair.container / "metadata.json").read_text())
    assert json.loads(labels["eu.ai4eosc.metadata"]) == metadata
    assert labels["eu.ai4eosc.scaffold.sbom"] == image["sbom_digest"]
    folder = pair.container / "build" / "cpu"
    assert sorted(path.name for path in folder.iterdir()) == [
        "build.log",
        "constraints.txt",
        "container.log",
        "provenance.json",
        "sbom.cdx.json",
        "smoke-test.json",
    ]
    status = subprocess.run(
        ["git", "status", "--porcelain"], cwd=pair.container, capture_output=True, check=True
    )
    assert status.stdout == b""  # what a build leaves behind is ignored


def test_a_change_of_the_code_leaves_the_dependencies_alone(here: Here, pair: light.Light) -> None:
    built(here, pair.model, "--no-smoke-test")
    (again,) = built(here, pair.model, "--no-smoke-test")
    # podman 4 builds the last stage anew, which copies what the others have made
    assert not_cached(again) == 0 or here.name == "podman"
    config = pair.model / pair.package / "config.py"
    original = config.read_text()
    config.write_text(f"{original}\n# {here.name}\n")  # not committed
    (pair.model / "data" / "raw" / "ignored.bin").write_bytes(b"0" * 1000)
    try:
        (changed,) = built(here, pair.model, "--no-smoke-test")
    finally:
        config.write_text(original)
    # the code is copied, made readable, asked for its requirements, installed and copied again
    assert 0 < not_cached(changed) <= 9 or here.name == "podman"
    log = Path(changed["log"]).read_text()
    assert "Collecting deepaas" not in log
    assert changed["revision"] == f"{commit(pair.model)}-dirty"
    said = in_image(
        here,
        changed["id"],
        "sh",
        "-c",
        f"tail -n 1 {pair.package}/config.py; ls data/raw; wc -c < $RCLONE_CONFIG",
    )
    assert f"# {here.name}" in said
    assert "ignored.bin" not in said
    assert said.splitlines()[-1] == "0"


def test_a_gpu_image_needs_no_gpu_and_is_tried_on_the_cpu(
    docker_engine: Here, pair: light.Light
) -> None:
    line: Sequence[object] = ("build", pair.model, "--gpu", "--tag", "mine", "--network", "host")
    result = scaffold(docker_engine, *line)
    assert result.returncode == 0, result.stderr
    assert "Trying the GPU image on the CPU: no NVIDIA driver on this machine" in result.stderr
    assert result.stdout.startswith(f"{pair.image}:mine  ")
    assert "tried on the CPU" in result.stdout


def test_a_dry_run_touches_nothing(pair: light.Light, tmp_path: Path) -> None:
    without = Here("docker", tmp_path, {"DOCKER_HOST": "unix:///nowhere"})
    result = scaffold(without, "build", pair.model, "--all", "--dry-run")
    assert result.returncode == 0, result.stderr
    revision = commit(pair.model)
    expected = []
    for tag, references in (
        (light.CPU_TAG, f"{pair.image}:cpu, {pair.image}:latest"),
        (light.GPU_TAG, f"{pair.image}:gpu"),
    ):
        arguments = f"base={light.BASE} tag={tag} extra= source=local revision={revision}"
        expected += [f"Would build {references}"]
        expected += [f"  from {light.BASE}:{tag} and the working tree, revision {revision}"]
        expected += [f"  build arguments: {arguments}"]
    assert result.stdout.splitlines() == expected
