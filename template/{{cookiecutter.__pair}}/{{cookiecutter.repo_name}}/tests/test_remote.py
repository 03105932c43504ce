"""Data from a remote storage and runs to it, against a real WebDAV server."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from {{ cookiecutter.__pkg }} import config, remote
from {{ cookiecutter.__pkg }}.dataset import (
    make_dataset as data,
)
from {{ cookiecutter.__pkg }}.dataset import (
    manifest,
)

from helpers import PACKAGE, Server, environment, free_port, run, wait_for

USER, PASSWORD = "ann", "s3cret-Passw0rd"  # pragma: allowlist secret


@dataclass(frozen=True)
class Storage:
    """A WebDAV server: the folder that it serves, and what makes it ``rshare:`` for rclone."""

    folder: Path
    variables: dict[str, str]


@pytest.fixture
def storage(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Storage]:
    """A server that ``rshare:`` means in this test."""
    folder, port = home / "served", free_port()
    folder.mkdir()
    program = shutil.which("rclone", path=environment(home)["PATH"])
    assert program
    variables = {
        "RCLONE_CONFIG": "/dev/null",
        "RCLONE_CONFIG_RSHARE_TYPE": "webdav",
        "RCLONE_CONFIG_RSHARE_URL": f"http://127.0.0.1:{port}/remote.php/webdav/",
        "RCLONE_CONFIG_RSHARE_VENDOR": "other",
        "RCLONE_CONFIG_RSHARE_USER": USER,
        "RCLONE_CONFIG_RSHARE_PASS": obscured(program, PASSWORD),
        "RCLONE_WEBDAV_PACER_MIN_SLEEP": "0",
    }
    options = ["--baseurl", "/remote.php/webdav", "--user", USER, "--pass", PASSWORD]
    server = subprocess.Popen(
        [program, "serve", "webdav", str(folder), "--addr", f"127.0.0.1:{port}", *options],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    try:
        wait_for(lambda: listens(port), "the server listens")
        yield Storage(folder, variables)
    finally:
        server.kill()
        server.wait()


def obscured(program: str, password: str) -> str:
    """A password as rclone wants it; through a pipe, as everybody can see arguments."""
    command = [program, "obscure", "-"]
    result = subprocess.run(command, input=password, capture_output=True, text=True, check=True)
    return result.stdout.strip()


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_from_data_there_to_a_run_there(storage: Storage, home: Path) -> None:
    """Pull, train, push, check: the whole way, as a user goes it."""
    elsewhere = home / "elsewhere"
    assert run(elsewhere, "data").returncode == 0
    shutil.copytree(elsewhere / "data" / "raw", storage.folder / "digits")
    arguments = ("--epochs", "1", "--data", "rshare:digits", "--push", "rshare:runs", "--json")
    result = run(home, "train", "--name", "first", *arguments, **storage.variables)
    assert result.returncode == 0, result.stderr
    assert PASSWORD not in result.stdout + result.stderr
    metrics = json.loads(result.stdout)
    assert metrics["pushed"] == "rshare:runs/first"
    assert metrics["data"]["source"] == "rshare:digits"
    assert metrics["data"]["files"] == 12
    here, there = home / "models" / "first", storage.folder / "runs" / "first"
    assert contents(there) == contents(here)
    assert [path.name for path in (storage.folder / "runs").iterdir()] == ["first"]
    used = json.loads((there / "data.json").read_text("utf-8"))
    assert used["digest"] == metrics["data"]["digest"]
    # once more, after a change: what is there is replaced
    (here / "notes.txt").write_text("a good one")
    again = run(home, "push", "--remote", "rshare:runs", **storage.variables)
    assert again.returncode == 0, again.stderr
    assert again.stdout == "rshare:runs/first\n"
    assert contents(there) == contents(here)


def test_the_same_over_http(storage: Storage, home: Path) -> None:
    """The API's training brings the data and takes the run away too."""
    elsewhere = home / "elsewhere"
    assert run(elsewhere, "data").returncode == 0
    shutil.copytree(elsewhere / "data" / "raw", storage.folder / "digits")
    wanted = {"epochs": 1, "name": "web", "data": "rshare:digits", "push": "rshare:runs"}
    with Server(home, **storage.variables) as server:
        started = server.post("/train/", params=wanted).json()
        ended = server.training(started["uuid"], "done", "error")
    assert ended["status"] == "done", ended
    assert ended["result"]["output"]["metrics"]["pushed"] == "rshare:runs/web"
    assert contents(storage.folder / "runs" / "web") == contents(home / "models" / "web")
    assert PASSWORD not in server.log.read_text("utf-8")


def contents(folder: Path) -> dict[str, bytes]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_the_older_address_of_nextcloud(
    storage: Storage, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """rclone refuses it since 1.63, unless it is told not to send chunks."""
    monkeypatch.setenv("RCLONE_CONFIG_RSHARE_VENDOR", "nextcloud")
    monkeypatch.delenv("RCLONE_CONFIG_RSHARE_NEXTCLOUD_CHUNK_SIZE", raising=False)
    (storage.folder / "some").mkdir()
    (storage.folder / "some" / "file").write_text("x")
    remote.pull("rshare:some", home / "here")
    assert contents(home / "here") == {"file": b"x"}


def test_push_needs_a_remote(storage: Storage, home: Path) -> None:
    result = run(home, "train", "--push")
    assert result.returncode == 2
    assert f"--push: name a remote, or set {PACKAGE.upper()}_MODELS_REMOTE" in result.stderr
    assert not (home / "models").exists()


def test_wrong_password(storage: Storage, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = shutil.which("rclone", path=environment(home)["PATH"])
    assert program
    monkeypatch.setenv("RCLONE_CONFIG_RSHARE_PASS", obscured(program, "wrong-but-secret"))
    (home / "run").mkdir()
    (home / "run" / "file").write_text("x")
    for task in (
        lambda: data.make_dataset("rshare:digits"),
        lambda: remote.push(home / "run", "rshare:runs"),
    ):
        with pytest.raises(config.TaskError, match="401 Unauthorized") as error:
            task()
        assert "wrong-but-secret" not in str(error.value)


def test_what_does_not_arrive_is_noticed(
    storage: Storage, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """rclone itself says nothing when a file is lost after its upload."""
    from rclone_python import rclone

    folder = home / "run"
    folder.mkdir()
    (folder / "file").write_text("x")
    move = rclone.move

    def lose(*arguments: object, **options: object) -> None:
        move(*arguments, **options)
        (storage.folder / "runs" / "run" / "file").unlink()

    monkeypatch.setattr(rclone, "move", lose)
    with pytest.raises(config.TaskError, match=r"rshare:runs/run is not the same as .*: file"):
        remote.push(folder, "rshare:runs")


def test_a_server_that_never_answers(
    storage: Storage, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        monkeypatch.setenv("RCLONE_CONFIG_RSHARE_URL", url)
        monkeypatch.setenv("RCLONE_CONFIG_RSHARE_VENDOR", "other")
        monkeypatch.setattr(remote, "PATIENCE", [*remote.PATIENCE, "--timeout 1s", "--retries 1"])
        start = time.monotonic()
        with pytest.raises(config.TaskError, match="timeout"):
            data.make_dataset("rshare:digits")
        assert time.monotonic() - start < 60


def test_manifest(home: Path) -> None:
    folder = data.make_dataset()
    first = manifest.take(folder)
    assert first.source == ""
    assert set(first.files) == {"dataset.npz", "classes.json"} | {
        f"samples/digit-{digit}.png" for digit in range(10)
    }
    assert manifest.take(folder) == first
    assert first.digest == json.loads((folder / manifest.NAME).read_text("utf-8"))["digest"]
    (folder / "classes.json").write_text('["other"]')
    changed = manifest.take(folder)
    assert changed.digest != first.digest
    (folder / manifest.NAME).write_text("damaged")
    assert manifest.take(folder).digest == changed.digest
