"""The generated docker-compose.yml, read and run by docker-compose."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.engines import Here, installed
from tests.helpers import rendered
from tests.image import light, trial

SECONDS = 60.0


def test_it_follows_the_compose_specification(tmp_path: Path) -> None:
    path = written(tmp_path)
    check = Path(sys.executable).with_name("check-jsonschema")
    line = [str(check), "--builtin-schema", "vendor.compose-spec", str(path)]
    result = subprocess.run(line, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout.strip()) == (0, "ok -- validation done")


def test_docker_compose_reads_it(tmp_path: Path) -> None:
    path = written(tmp_path)
    result = subprocess.run(
        [installed("docker-compose"), "--file", str(path), "config"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, "")
    document = yaml.safe_load(result.stdout)
    services = document["services"]
    assert list(services) == ["plants", "plants-gpu", "rclone"]
    for name, variant in (("plants", "cpu"), ("plants-gpu", "gpu"), ("rclone", "cpu")):
        assert services[name]["image"] == f"deephdc/deep-oc-plants:{variant}"
        assert services[name]["volumes"] == [
            "data:/srv/plants/data:rw",
            "models:/srv/plants/models:rw",
            f"{os.environ['HOME']}/.config/rclone:/srv/.rclone:ro",
        ]
    assert services["plants"]["ports"] == ["127.0.0.1:5000:5000/tcp", "127.0.0.1:6006:6006/tcp"]
    assert set(document["volumes"]) == {"data", "models"}


def written(folder: Path) -> Path:
    (content,) = (
        file.content
        for path, file in rendered(repo_name="plants")["DEEP-OC-plants"].items()
        if path.name == "docker-compose.yml"
    )
    path = folder / "docker-compose.yml"
    path.write_bytes(content)
    return path


@dataclass(frozen=True)
class Composed:
    """A project of docker-compose."""

    pair: light.Light
    here: Here
    name: str

    def call(self, *arguments: str) -> str:
        """Run docker-compose; return what it prints."""
        line = [installed("docker-compose"), "--project-name", self.name, "--no-ansi", *arguments]
        result = subprocess.run(
            line,
            cwd=self.pair.container,
            env={**os.environ, **self.here.variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert result.returncode == 0, result.stderr
        return result.stdout


@pytest.fixture
def composed(docker_engine: Here, light_pair: light.Light, tmp_path: Path) -> Iterator[Composed]:
    """The light pair's project; its ports are free ones, as 5000 may be taken on this machine."""
    pair = light.write_pair(tmp_path, light_pair.package)
    path = pair.container / "docker-compose.yml"
    trial.replace(path, r'"127\.0\.0\.1:(5000|6006):', r'"127.0.0.1::')
    made = Composed(pair, docker_engine, f"sct{uuid.uuid4().hex[:8]}")
    try:
        yield made
    finally:
        made.call("down", "--volumes", "--timeout", "5")


@pytest.mark.slow
@pytest.mark.xdist_group("engine")
def test_it_brings_the_module_up(composed: Composed) -> None:
    service = composed.pair.package
    composed.call("up", "--detach", "--no-build", service)
    address = composed.call("port", service, "5000").strip()
    assert address.startswith("127.0.0.1:")
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            with urllib.request.urlopen(f"http://{address}/v2/models/", timeout=5) as answer:
                (model,) = json.load(answer)["models"]
            break
        except OSError:
            assert time.monotonic() < deadline, composed.call("logs", service)
            time.sleep(0.1)
    assert model["id"] == service

    # the volumes belong to the image's user, who is not root, and hold what the container leaves
    assert composed.call("exec", "-T", service, "id", "-u") == "1000\n"
    composed.call("exec", "-T", service, "touch", "data/mine", "models/mine")
    composed.call("rm", "--force", "--stop", service)
    kept = composed.call(
        "run", "--rm", "-T", "--no-deps", "--entrypoint", "ls", service, "data/mine", "models/mine"
    )
    assert kept.split() == ["data/mine", "models/mine"]

    # rclone for copying from and to the same volumes
    assert composed.call("run", "--rm", "-T", "rclone").startswith("rclone v1.")
    listed = composed.call("run", "--rm", "-T", "rclone", "lsf", f"/srv/{service}/models")
    assert "mine" in listed.split()
