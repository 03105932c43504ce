"""The newest Docker Engine, whose command builds with buildx and composes with `docker compose`."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.engines import Here
from tests.image import trial

pytestmark = pytest.mark.slow


def test_it_builds_tries_and_composes(newest_docker: Here, tmp_path: Path) -> None:
    with newest_docker.open() as engine:
        assert engine.builder == "buildx"
        assert int(engine.version.split(".")[0]) >= 26
    made = trial.make(tmp_path, newest_docker, "newest_digits")
    result = made.build("--tag", "tried", "--json")
    assert (result.returncode, result.stderr) == (0, "")
    (image,) = json.loads(result.stdout)["images"]
    assert image["smoke_test"]["passed"]
    assert image["id"] == made.image("tried")

    # the services that `docker compose` would start
    composed = _compose(made, "--profile", "*", "config")
    services = yaml.safe_load(composed)["services"]
    assert list(services) == ["newest_digits", "newest_digits-gpu", "rclone"]
    (device,) = services["newest_digits-gpu"]["deploy"]["resources"]["reservations"]["devices"]
    assert device == {"capabilities": ["gpu"], "count": 1, "driver": "nvidia"}
    trial.replace(made.pair.container / "docker-compose.yml", r'"127\.0\.0\.1:\d+:', '"127.0.0.1::')
    with newest_docker.open() as engine:
        engine.client.images.get(str(image["id"])).tag(made.pair.image, "cpu")
    try:
        _compose(made, "up", "--detach", "--no-build", "--wait", made.pair.package)
        address = _compose(made, "port", made.pair.package, "5000")
        assert re.fullmatch(r"127\.0\.0\.1:\d+\n", address)
    finally:
        _compose(made, "down", "--volumes", "--timeout", "5")


def _compose(made: trial.Trial, *arguments: str) -> str:
    result = subprocess.run(
        ["docker", "compose", "--project-name", "newest", *arguments],
        cwd=made.pair.container,
        env={**os.environ, **made.here.variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout
