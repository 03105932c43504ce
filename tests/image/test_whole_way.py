"""The whole way: from nothing to TensorFlow's images in a registry; with podman, scikit-learn's."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.engines import Here
from tests.helpers import assert_follows
from tests.image.servers import registry
from tests.image.test_build import ALL_WELL, built, in_image, scaffold, verdicts

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("engine"), pytest.mark.timeout(1800)]

# how much an image may hold besides what pip installs and what the base image has
_ALLOWANCE = 150_000_000


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A freshly generated model repository, its container repository beside it."""
    return generated(tmp_path_factory.mktemp("tensorflow"))


def generated(folder: Path, framework: str = "tensorflow") -> Path:
    answers = ("project_name=Digit reader", f"framework={framework}")
    pairs = [part for answer in answers for part in ("-d", answer)]
    result = scaffold(Here("docker", folder, {}), "new", folder, "--defaults", *pairs)
    assert result.returncode == 0, result.stderr
    return folder / "digit_reader"


def test_podman_builds_tries_and_runs_it(podman_engine: Here, tmp_path: Path) -> None:
    (image,) = built(podman_engine, generated(tmp_path, "scikit-learn"))
    assert verdicts(image) == ALL_WELL
    assert image["engine"].startswith("podman ")
    with podman_engine.open() as engine:  # what nobody needs any more
        engine.call("system", "prune", "--all", "--force")


@pytest.mark.parametrize(
    ("variant", "tags", "cuda"), [("cpu", ["cpu", "latest"], 0), ("gpu", ["gpu"], 1)]
)
def test_docker_builds_tries_and_pushes_it(
    variant: str, tags: list[str], cuda: int, docker_engine: Here, pair: Path, tmp_path: Path
) -> None:
    with registry(tmp_path, "") as address:
        name = f"{address}/deephdc/deep-oc-digit_reader"
        result = scaffold(
            docker_engine, "build", pair, f"--{variant}", "--push", "--image", name,
            "--network", "host", "--json", seconds=1700,
        )  # fmt: skip
        assert result.returncode == 0, result.stderr
        document = json.loads(result.stdout)
        assert_follows(document, "build-output")
        (image,) = document["images"]
        assert image["tags"] == [f"{name}:{tag}" for tag in tags]
        assert verdicts(image) == ALL_WELL
        assert image["smoke_test"]["device"] == "cpu"
        assert ("Trying the GPU image on the CPU" in result.stderr) is (variant == "gpu")
        assert sorted(image["pushed"]) == sorted(image["tags"])
        with docker_engine.open() as engine:
            for reference, digest in image["pushed"].items():
                assert f"{name}@{digest}" in (engine.image(reference) or {})["RepoDigests"]
            # what has been thrown away on the way takes twice the image's room on the disk
            engine.call("builder", "prune", "--all", "--force")
    # CUDA comes once, with the wheels of the GPU image
    libraries = found_libraries(docker_engine, image["id"]).split()
    assert len([each for each in libraries if re.match(r"libcudart\.so\.\d+$", each)]) == cuda
    wheels = installed(docker_engine, image["id"])
    assert content(docker_engine, image["id"]) < wheels + _ALLOWANCE


def found_libraries(here: Here, image: str) -> str:
    line = r"find / -xdev -name 'libcudart*.so*' -type f -printf '%f\n' 2>/dev/null; true"
    return in_image(here, image, "sh", "-c", line)


def content(here: Here, image: str) -> int:
    """Return the bytes that the image adds to its base."""
    with here.open() as engine:
        base = (engine.image("python:3.11-slim") or {})["Size"]
        return int((engine.image(image) or {})["Size"]) - int(base)


def installed(here: Here, image: str) -> int:
    """Return the bytes of what pip has installed, byte code included, as a plain install has it."""
    line = "import sysconfig; print(sysconfig.get_path('purelib'))"
    place = in_image(here, image, "python", "-c", line).strip()
    said = in_image(here, image, "du", "--summarize", "--bytes", place)
    return int(said.split()[0])
