"""What the tests of images share: the engines, and a pair whose image is built in seconds."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engines import (
    Here,
    copy_image,
    docker_engine,
    newest_docker,
    podman_engine,
    udocker_place,
)
from tests.image import light

__all__ = [
    "docker_engine",
    "light_pair",
    "light_podman",
    "newest_docker",
    "podman_engine",
    "udocker_place",
]


@pytest.fixture(scope="session")
def light_pair(docker_engine: Here, tmp_path_factory: pytest.TempPathFactory) -> light.Light:
    """The light pair, its image built with Docker as `cpu`."""
    pair = light.write_pair(tmp_path_factory.mktemp("light"))
    with docker_engine.open() as engine:
        light.build(pair, engine)
    return pair


@pytest.fixture(scope="session")
def light_podman(light_pair: light.Light, docker_engine: Here, podman_engine: Here) -> light.Light:
    """The light pair, its image in podman too."""
    copy_image(f"{light_pair.image}:cpu", docker_engine, podman_engine)
    return light_pair


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder that other users may go into, as into a home; pytest keeps its own to itself."""
    with tempfile.TemporaryDirectory(prefix="sct-", dir="/var/tmp") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)
