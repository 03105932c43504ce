"""`scaffold build --push` and a registry that asks for a login."""

from __future__ import annotations

import io
import json
import re
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from scaffold.errors import ScaffoldError
from scaffold.image.engine import Engine, push, tag
from tests.engines import Here
from tests.image import servers
from tests.image.builds import build, needing, write_pair

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("engine")]

LOGIN = servers.Login("ann", "r3gistry/Leviathan")
# crypt.crypt(LOGIN.password, crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=16))
HTPASSWD = "ann:$2b$04$IcgSNPfH7FSgQqn35Og.Te4ZfqxLkUD64yHnhb19K7hZxqDc7ZrCO"


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[str]:
    """A registry for LOGIN alone."""
    folder = tmp_path / "registry"
    folder.mkdir()
    with servers.registry(folder, HTPASSWD) as name:
        yield name


def log_in(engine: Engine, registry: str) -> None:
    """Log in as the user would, on standard input."""
    options = ["--tls-verify=false"] if engine.name == "podman" else []
    line = ["login", *options, "--username", LOGIN.user, "--password-stdin", registry]
    result = subprocess.run(
        engine.command(*line),
        env=engine.variables(),
        input=LOGIN.password,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr


def test_docker_pushes_all_tags_with_the_users_login_and_says_the_digest(
    docker_engine: Here, registry: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    pair = write_pair(tmp_path, "supply_pushed")
    needing(pair, "packaging")
    name = f"{registry}/group/pushed"
    line = (docker_engine, pair, tmp_path, "--image", name, "--push")
    refused = build(*line, "--json")
    assert refused.code == 1
    assert refused.error["message"].startswith(f"cannot push {name}:cpu: ")
    assert refused.error["hint"] == (
        f"log in with `docker login {registry}`, and see that you may write to that repository"
    )
    provenance = json.loads((refused.folder / "provenance.json").read_text())
    (image_id,) = {each["digest"]["sha256"] for each in provenance["subject"]}

    with docker_engine.open() as engine:
        log_in(engine, registry)
        pushed = build(*line, "--json")
        assert pushed.code == 0, pushed.err
        image = pushed.image
        digests = image["pushed"]
        assert list(digests) == [f"{name}:cpu", f"{name}:latest"]
        (digest,) = set(digests.values())
        assert re.fullmatch("sha256:[0-9a-f]{64}", digest)
        subjects = json.loads((pushed.folder / "provenance.json").read_text())["subject"]
        assert {each["name"]: each["digest"]["sha256"] for each in subjects} == {
            f"{name}:cpu": image["id"][7:],
            f"{name}:latest": image["id"][7:],
            name: digest[7:],
        }
        assert image["id"] == f"sha256:{image_id}"  # nothing has changed in between

        shown = build(*line)
        assert shown.out.splitlines()[1:] == [
            f"pushed {name}:cpu {digest}",
            f"pushed {name}:latest {digest}",
        ]
        engine.client.images.remove(image["id"], force=True)
        assert engine.image(image["id"]) is None
        for reference in (f"{name}@{digest}", f"{name}:cpu", f"{name}:latest"):
            assert engine.call("pull", reference).returncode == 0
            assert (engine.image(reference) or {})["Id"] == image["id"]
        engine.client.images.remove(image["id"], force=True)
    for result in (refused, pushed, shown):
        assert [trace for trace in LOGIN.traces if trace in result.text] == []


def test_podman_pushes_with_the_users_login_too(
    podman_engine: Here, registry: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trusted = tmp_path / "registries.conf"
    trusted.write_text(f'[[registry]]\nlocation = "{registry}"\ninsecure = true\n')
    monkeypatch.setenv("CONTAINERS_REGISTRIES_CONF", str(trusted))
    monkeypatch.setenv("REGISTRY_AUTH_FILE", str(tmp_path / "auth.json"))
    archive = tmp_path / "small.tar"
    with tarfile.open(archive, "w") as files:
        info = tarfile.TarInfo("hello")
        info.size = 5
        files.addfile(info, io.BytesIO(b"hello"))
    name = f"{registry}/group/small"
    with podman_engine.open() as engine:
        image_id = engine.call("import", str(archive)).stdout.strip().removeprefix("sha256:")
        tag(engine, image_id, name, ("cpu", "latest"))
        with pytest.raises(ScaffoldError) as refused:
            push(engine, f"{name}:cpu")
        assert refused.value.message.startswith(f"cannot push {name}:cpu: ")
        assert f"log in with `podman login {registry}`" in (refused.value.hint or "")

        log_in(engine, registry)
        (digest,) = {push(engine, f"{name}:{each}") for each in ("cpu", "latest")}
        assert re.fullmatch("sha256:[0-9a-f]{64}", digest)
        engine.client.images.remove(image_id, force=True)
        for reference in (f"{name}@{digest}", f"{name}:latest"):
            assert engine.call("pull", reference).returncode == 0
            assert (engine.image(reference) or {})["Id"].endswith(image_id)
        engine.client.images.remove(image_id, force=True)
