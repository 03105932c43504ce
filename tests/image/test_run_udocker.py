"""`scaffold run` with udocker: the real one, on a real image, in each of its modes that can be had here.

Its F modes need its own patchelf, which only its download has.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.engines import Here
from tests.helpers import assert_follows
from tests.image import light
from tests.image.running import CONF, SECRET, Place, Started, only, place_with
from tests.image.servers import registry

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("engine")]

# what udocker itself calls; no engine is among them
PROGRAMS = ("git", "sh", "env", "curl", "tar", "gzip", "find", "ldd", "uname", "ls", "id")


@pytest.fixture
def place(light_pair: light.Light, docker_engine: Here, udocker_place: Here, home: Path) -> Place:
    """A place with udocker, and a Docker Engine to get the image from."""
    variables = {**docker_engine.variables, **udocker_place.variables}
    here = Here("udocker", udocker_place.folder, variables)
    return place_with(light_pair, here, home / "place", 0)


def left(place: Place) -> list[str]:
    """Return the processes that still have something to do with a container of udocker."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
            variables = (folder / "environ").read_bytes().decode(errors="replace")
        except OSError:
            continue  # it has ended
        if f"container_root={place.engine.folder}" in variables or "udocker.maincmd" in words:
            found.append(" ".join(words))
    return found


@contextmanager
def running(place: Place, *arguments: object, **more: str) -> Iterator[Started]:
    process = subprocess.Popen(
        place.line("--json", "--port", "0", *arguments), env=place.variables(more),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout
    assert process.stderr
    try:
        document = json.loads(process.stdout.readline() or "null")
        assert document, process.stderr.read()
        assert_follows(document, "run-output")
        yield Started(process, document)
    finally:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=60)


@pytest.mark.parametrize("mode", ["P1", "R1"])
def test_the_module_answers_trains_and_predicts_in_its_own_folders(place: Place, mode: str) -> None:
    with running(place, "--execmode", mode) as started:
        document = started.document
        assert document["engine"] == "udocker"
        assert document["image"] == "deephdc/deep-oc-light_digits:cpu"
        assert [each["id"] for each in started.ask("/v2/models/")["models"]] == ["light_digits"]
        assert started.train()["status"] == "done"
        (answer,) = started.predict(place.pair.sample)
        assert answer["class"] == "3"
        assert b"tensorboard" in started.monitor().lower()
        # nobody else on a shared machine is to reach it
        listening = subprocess.run(["ss", "-ltnH"], capture_output=True, text=True, check=True)
        for port in document["ports"].values():
            (line,) = (line for line in listening.stdout.splitlines() if f":{port} " in line)
            assert f"127.0.0.1:{port}" in line
        began = time.monotonic()
        started.process.send_signal(signal.SIGINT)
        assert started.process.wait(30) == 130
        assert time.monotonic() - began < 10
    assert left(place) == []
    (run,) = (path for path in (place.pair.model / "models").iterdir() if path.is_dir())
    assert (run / "metrics.json").is_file()


def test_a_container_is_made_once(place: Place) -> None:
    with running(place) as started:
        name = started.document["container"]
    again = place.run("--dry-run", "--json", "--port", "0")
    setup, run = json.loads(again.stdout)["commands"]
    assert setup[-2:] == ["--execmode=P1", name]
    assert run[run.index("--nobanner") - 1] == "run"
    assert name in run


def test_a_killed_command_leaves_nothing_running(place: Place) -> None:
    with running(place) as started:
        started.process.kill()
        started.process.wait()
        deadline = time.monotonic() + 20
        while left(place) and time.monotonic() < deadline:
            time.sleep(0.2)
        assert left(place) == []


def test_a_detached_one_goes_on_until_it_is_ended(place: Place) -> None:
    result = place.run("--detach", "--port", "0")
    assert result.returncode == 0, result.stderr
    url = result.stdout.split()[3]
    stop = result.stdout.rpartition("Stop it with `")[2].removesuffix("`.\n")
    assert b"light_digits" in urllib.request.urlopen(f"{url}/v2/models/", timeout=10).read()
    subprocess.run(["bash", "-c", stop], check=True)
    deadline = time.monotonic() + 20
    while left(place) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert left(place) == []
    log = Path(result.stderr.rpartition("Its log: ")[2].strip())
    assert "Running on" in log.read_text()
    log.unlink()


def test_rclone_and_variables_are_handed_over_and_not_shown(place: Place, tmp_path: Path) -> None:
    path = tmp_path / "rclone.conf"
    path.write_text(CONF)
    path.chmod(0o600)
    given = ("--rclone-conf", path, "-e", "API_TOKEN=abc123")
    remote = {"RCLONE_CONFIG_RSHARE_USER": "berta"}
    show = "rclone config show; echo $API_TOKEN $RCLONE_CONFIG_RSHARE_USER; exit 7"
    result = place.run(*given, "--", "sh", "-c", show, **remote)
    assert result.returncode == 7, result.stderr
    assert SECRET in result.stdout
    assert "abc123 berta\n" in result.stdout
    planned = place.run("--dry-run", "--port", "0", *given, **remote)
    assert "--env=API_TOKEN " in planned.stdout
    assert "--env=RCLONE_CONFIG_RSHARE_USER " in planned.stdout
    for secret in (SECRET, "abc123", "berta"):
        assert secret not in planned.stdout + planned.stderr


def test_without_root_and_without_an_engine_the_image_is_pulled(
    place: Place, docker_engine: Here, home: Path, tmp_path: Path
) -> None:
    with registry(tmp_path, "") as address, docker_engine.open() as engine:
        name = f"{address}/{place.pair.image}"
        engine.client.images.get(f"{place.pair.image}:cpu").tag(name, "cpu")
        engine.client.images.push(name, "cpu")
        for path in (place.pair.model, *place.pair.model.rglob("*")):
            os.chown(path, 12345, 12345, follow_symlinks=False)
        os.chown(home, 12345, 12345)
        # this Python lies in root's home, where others may not read
        line = [str(shutil.which("setpriv")), "--reuid=12345", "--regid=12345", "--clear-groups"]
        line += ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
        variables = {
            "DOCKER_HOST": "unix:///nowhere",
            "HOME": str(home),
            "XDG_CONFIG_HOME": str(home),
            "UDOCKER_DIR": str(home / "udocker"),
            "UDOCKER_REGISTRY": f"http://{address}",  # in place of Docker Hub
            "PATH": only(home / "bin", *PROGRAMS),
        }
        process = subprocess.Popen(
            [*line, *place.line("--json", "--port", "0")],
            env=place.variables(variables), cwd=home, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            assert process.stdout
            document = json.loads(process.stdout.readline())
            assert document.get("image") == f"{place.pair.image}:cpu", document
            started = Started(process, document)
            assert started.train()["status"] == "done"
            assert started.predict(place.pair.sample)[0]["class"] == "3"
        finally:
            process.terminate()
            process.communicate(timeout=60)
    assert place.pair.sample.stat().st_uid == 12345
    assert left(place) == []


def test_without_a_gpu_the_driver_is_named(place: Place) -> None:
    result = place.run("--gpu")
    assert result.returncode == 3
    assert "this machine has no NVIDIA driver" in result.stderr
    assert "Container Toolkit" not in result.stderr


def test_without_udocker_it_says_how_to_get_it(place: Place, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.modules['udocker'] = None")
    variables = {"PATH": only(tmp_path / "bin", "git"), "PYTHONPATH": f"{tmp_path}:{ROOT}"}
    result = place.run(**variables)
    assert result.returncode == 3
    assert "udocker: not installed (no `udocker` on the PATH)" in result.stderr
    assert "pip install udocker" in result.stderr
