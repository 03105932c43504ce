"""`scaffold run` with Docker and podman, on real containers of a real image."""

from __future__ import annotations

import base64
import json
import os
import shlex
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from scaffold.image.container import STOP_SECONDS
from tests.conftest import ROOT
from tests.engines import Here
from tests.helpers import assert_follows
from tests.image import light
from tests.image.running import CONF, SECRET, Place, only, place_with
from tests.image.servers import registry

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("engine")]


@pytest.fixture
def docker(light_pair: light.Light, docker_engine: Here, home: Path) -> Iterator[Place]:
    """A place with Docker whose folders belong to root, as in a container or on a server."""
    place = place_with(light_pair, docker_engine, home / "docker", 0)
    yield place
    place.clear()


@pytest.fixture(params=["docker", "podman"])
def place(request: pytest.FixtureRequest, light_pair: light.Light, home: Path) -> Iterator[Place]:
    """A place with each engine, whose folders belong to an ordinary user."""
    if request.param == "podman":
        request.getfixturevalue("light_podman")
    engine: Here = request.getfixturevalue(f"{request.param}_engine")
    place = place_with(light_pair, engine, home / "place", 12345)
    yield place
    place.clear()


def conf(folder: Path, owner: int) -> Path:
    path = folder / "rclone.conf"
    path.write_text(CONF)
    path.chmod(0o600)
    os.chown(path, owner, owner)
    return path


def test_the_module_answers_trains_and_predicts_in_its_own_folders(place: Place) -> None:
    with place.running() as started:
        document = started.document
        assert document["engine"] == place.engine.name
        assert document["image"].endswith("deephdc/deep-oc-light_digits:cpu")
        assert document["device"] == "cpu"
        assert document["url"] == f"http://127.0.0.1:{document['ports']['5000']}"
        assert document["swagger"] == f"{document['url']}/api"
        assert [each["id"] for each in started.ask("/v2/models/")["models"]] == ["light_digits"]
        assert started.train()["status"] == "done"
        (answer,) = started.predict(place.pair.sample)
        assert answer["class"] == "3"
        assert b"tensorboard" in started.monitor().lower()
    (run,) = (path for path in (place.pair.model / "models").iterdir() if path.is_dir())
    made = [run / "metrics.json", place.pair.sample]
    made += (place.pair.model / "reports" / "figures").glob("*.png")
    assert len(made) == 4
    assert {path.stat().st_uid for path in made} == {12345}


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_and_removes_the_container(place: Place, number: int, code: int) -> None:
    with place.running() as started:
        began = time.monotonic()
        started.process.send_signal(number)
        assert started.process.wait(30) == code
        assert time.monotonic() - began < STOP_SECONDS + 2
        assert place.containers() == []
        assert started.process.stderr
        assert started.process.stderr.read().endswith("Stopped.\n")


def podmans_api_of(parent: int) -> int | None:
    """Return the process that serves podman's API to a command."""
    line = ["pgrep", "--parent", str(parent), "--full", "system service"]
    found = subprocess.run(line, capture_output=True, text=True, check=False).stdout.split()
    return int(found[0]) if found else None


def test_a_killed_command_leaves_no_container(place: Place) -> None:
    with place.running() as started:
        api = podmans_api_of(started.process.pid)
        assert bool(api) == (place.engine.name == "podman")
        started.process.kill()
        started.process.wait()
        deadline = time.monotonic() + 20
        while place.containers() and time.monotonic() < deadline:
            time.sleep(0.2)
        assert place.containers() == []
        service = Path("/proc") / str(api) / "cmdline" if api else None
        assert service is None or not service.exists()


def test_what_people_read_is_what_serve_says(docker: Place) -> None:
    process = subprocess.Popen(
        docker.line("--port", "0"), env=docker.variables({}), stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    lines = [process.stdout.readline() for _ in range(4)]
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130
    process.stdout.close()
    url = lines[0].split()[-1]
    assert lines[:2] == [f"light_digits answers on {url}\n", f"Swagger page: {url}/api\n"]
    assert lines[2].startswith("TensorBoard: http://127.0.0.1:")
    assert lines[3] == "Stop it with Ctrl-C.\n"


def test_in_roots_folders_it_is_root_without_any_privilege(docker: Place) -> None:
    with docker.running() as started:
        assert started.train()["status"] == "done"
        (answer,) = started.predict(docker.pair.sample)
        assert answer["class"] == "3"
        status = started.inside(docker, "grep", "-E", "^(Uid|CapEff|NoNewPrivs)", "/proc/1/status")
    values = dict(line.split(":\t") for line in status.splitlines())
    assert values["Uid"].split()[0] == "0"
    assert (values["CapEff"], values["NoNewPrivs"]) == ("0000000000000000", "1")
    planned = docker.run("--dry-run", "--port", "0")
    assert f"note: {docker.pair.model}/models belongs to root" in planned.stderr


def test_volumes_keep_data_and_models_of_the_images_own_user(docker: Place) -> None:
    try:
        with docker.running("--volumes") as started:
            assert started.inside(docker, "id", "-u").strip() == "1000"
            assert started.train()["status"] == "done"
        with docker.running("--volumes") as started:  # what was trained is still there
            picture = docker.pair.model / "digit.png"
            encoded = started.inside(
                docker, "base64", "/srv/light_digits/data/raw/samples/digit-3.png"
            )
            picture.write_bytes(base64.b64decode(encoded))
            assert started.predict(picture)[0]["class"] == "3"
    finally:
        with docker.engine.open() as engine:
            for name in ("data", "models"):
                engine.client.volumes.get(f"light_digits-{name}").remove()
    assert not list((docker.pair.model / "models").glob("*/"))


def test_a_user_who_may_not_write_is_warned_of(docker: Place) -> None:
    planned = docker.run("--dry-run", "--user", "4711", "--port", "0")
    assert planned.returncode == 0
    assert (
        f"note: user 4711 of the container may not write to {docker.pair.model}/models: "
        "make it theirs with `chown -R`, name another with --user, or use --volumes"
    ) in planned.stderr


def test_rclones_configuration_is_read_where_it_lies_by_its_owner(
    place: Place, tmp_path: Path
) -> None:
    path = conf(tmp_path, 12345)
    with place.running("--rclone-conf", path) as started:
        (attributes,) = place.containers()
        (mount,) = (each for each in attributes["Mounts"] if each["Source"] == str(path))
        assert (mount["Destination"], mount["RW"]) == ("/srv/.rclone/rclone.conf", False)
        assert started.inside(place, "rclone", "listremotes").strip() == "rshare:"


def test_rclones_configuration_of_another_user_stays_in_memory(
    place: Place, tmp_path: Path
) -> None:
    path = conf(tmp_path, 0)
    with place.running("--rclone-conf", path) as started:
        assert started.inside(place, "rclone", "listremotes").strip() == "rshare:"
        path_inside = started.inside(place, "printenv", "RCLONE_CONFIG").strip()
        assert started.inside(place, "stat", "-c", "%a %u", path_inside) == "600 12345\n"
        assert "tmpfs" in started.inside(place, "df", path_inside)
        (attributes,) = place.containers()
        assert SECRET not in json.dumps(attributes)
        with place.engine.open() as engine:
            archive = tmp_path / "container.tar"
            engine.call("export", "--output", str(archive), attributes["Id"])
            stored = archive.read_bytes()
        assert SECRET.encode() not in stored
    # a command starts only when it is there
    result = place.run("--rclone-conf", path, "--", "rclone", "config", "show")
    assert (result.returncode, SECRET in result.stdout) == (0, True), result.stderr


def test_the_usual_configuration_and_the_remotes_variables_are_handed_over(docker: Place) -> None:
    usual = Path(os.environ["XDG_CONFIG_HOME"]) / "rclone" / "rclone.conf"
    usual.parent.mkdir(parents=True)
    usual.write_text(CONF.replace("rshare", "mine"))
    remote = {"RCLONE_CONFIG_RSHARE_TYPE": "webdav", "RCLONE_CONFIG_RSHARE_PASS": SECRET}
    show = ("--", "sh", "-c", "rclone listremotes; env | grep RSHARE")
    result = docker.run(*show, **remote)
    expected = {"mine:", "rshare:", *(f"{key}={value}" for key, value in remote.items())}
    assert {*result.stdout.split()} == expected, result.stderr
    assert docker.run("--no-rclone", *show, **remote).stdout == ""
    planned = docker.run("--dry-run", "--port", "0", **remote)
    assert "--env RCLONE_CONFIG_RSHARE_PASS " in planned.stdout
    assert SECRET not in planned.stdout + planned.stderr


def test_variables_are_set_and_secret_ones_not_shown(docker: Place) -> None:
    given = ("-e", "COLOUR=red green", "-e", "API_TOKEN=abc123", "-e", "FROM_HERE")
    result = docker.run(*given, "--", "env", FROM_HERE="there")
    assert {"COLOUR=red green", "API_TOKEN=abc123", "FROM_HERE=there"} <= {
        *result.stdout.splitlines()
    }
    planned = docker.run("--dry-run", "--port", "0", *given, FROM_HERE="there").stdout
    assert "--env 'COLOUR=red green' --env API_TOKEN --env FROM_HERE" in planned
    assert "abc123" not in planned
    unset = docker.run("-e", "NOT_SET")
    assert (unset.returncode, "the variable NOT_SET is not set here" in unset.stderr) == (2, True)


def test_a_command_replaces_the_api(docker: Place) -> None:
    result = docker.run("--", "sh", "-c", "pwd; echo oops >&2; exit 7")
    assert (result.returncode, result.stdout) == (7, "/srv/light_digits\n")
    assert "oops" in result.stderr
    told = docker.run("--json", "--", "python", "-m", "light_digits", "--help")
    assert_follows(json.loads(told.stdout), "run-output")
    assert json.loads(told.stdout)["url"] is None
    assert "usage: " in told.stderr
    assert docker.containers() == []


def test_a_detached_container_goes_on(place: Place) -> None:
    result = place.run("--detach", "--port", "0")
    assert result.returncode == 0, result.stderr
    (attributes,) = place.containers()
    name = attributes["Name"].lstrip("/")
    stop = f"{place.engine.name} rm --force {name}"
    assert result.stdout.endswith(f"Stop it with `{stop}`.\n")
    url = result.stdout.split()[3]
    assert b"light_digits" in urllib.request.urlopen(f"{url}/v2/models/", timeout=10).read()
    with place.engine.open() as engine:
        assert engine.call(*shlex.split(stop)[1:]).returncode == 0
    assert place.containers() == []


def test_what_dry_run_shows_does_the_same(docker: Place, tmp_path: Path) -> None:
    os.chown(docker.pair.model / "models", 12345, 12345)
    path = conf(tmp_path, 0)
    planned = docker.run("--dry-run", "--json", "--port", "0", "--rclone-conf", path)
    document = json.loads(planned.stdout)
    assert_follows(document, "dry-run-output")
    run, hand = document["commands"]
    with docker.engine.open() as engine:
        variables = {
            **docker.variables({}),
            "PATH": f"{Path(engine.cli).parent}:{os.environ['PATH']}",
        }
    subprocess.run(run, env=variables, check=True, capture_output=True)
    subprocess.run(hand, env=variables, check=True)
    name = run[run.index("--name") + 1]
    try:
        with docker.engine.open() as engine:
            assert engine.call("exec", name, "rclone", "listremotes").stdout == "rshare:\n"
    finally:
        subprocess.run(["docker", "rm", "--force", name], env=variables, check=True, stdout=-3)


def test_a_port_that_is_taken_is_named(docker: Place) -> None:
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
        result = docker.run("--port", port)
        assert result.returncode == 1
        assert f"cannot listen on 127.0.0.1:{port}" in result.stderr
        assert "hint: choose another with --port, or --port 0 for any free one" in result.stderr
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", 6006))
        other.listen()
        with docker.running() as started:  # TensorBoard is not worth an error
            assert started.document["ports"]["6006"] not in (6006, 0)


def test_the_image_is_that_of_the_branch_or_of_the_default_one(docker: Place) -> None:
    git = ["git", "-C", str(docker.pair.model), "symbolic-ref", "HEAD", "refs/heads/test"]
    subprocess.run(git, check=True)
    name = docker.pair.image
    planned = docker.run("--dry-run", "--port", "0")
    assert f"note: there is no {name}:cpu-test; this is {name}:cpu\n" in planned.stderr
    missing = docker.run("--tag", "v9", "--json")
    assert missing.returncode == 1
    error = json.loads(missing.stdout)["error"]
    assert error["message"].endswith(f"has no image {name}:v9 or {name}:v9-cpu")
    assert error["hint"].startswith("build it with `scaffold build --cpu --tag v9`")


def test_an_image_is_pulled_if_that_is_asked_for(docker: Place, tmp_path: Path) -> None:
    with registry(tmp_path, "") as address, docker.engine.open() as engine:
        name = f"{address}/{docker.pair.image}"
        engine.client.images.get(f"{docker.pair.image}:cpu").tag(name, "cpu")
        engine.client.images.push(name, "cpu")
        engine.client.images.remove(f"{name}:cpu")
        options = ("--image", name, "--", "python", "-c", "import light_digits")
        assert docker.run(*options).returncode == 1
        pulled = docker.run("--pull", *options)
        assert pulled.returncode == 0, pulled.stderr
        assert f"Pulling {name}:cpu …" in pulled.stderr
        engine.client.images.remove(f"{name}:cpu")
        gone = docker.run("--pull", "--tag", "v9", *options)
    assert gone.returncode == 1
    assert f"cannot pull {name}:v9: " in gone.stderr
    assert "A private one needs `docker login`" in gone.stderr


def test_an_image_that_does_not_start_says_why(docker: Place) -> None:
    with docker.engine.open() as engine:
        base = engine.client.containers.create("python:3.11-slim", ["true"])
        lines = "sh -c 'echo the weights are missing; exit 3'"
        base.commit("scaffold-test/broken", "cpu", changes=f"CMD {lines}")
        base.remove()
    try:
        result = docker.run("--image", "scaffold-test/broken", "--port", "0")
    finally:
        with docker.engine.open() as engine:
            engine.client.images.remove("scaffold-test/broken:cpu")
    assert result.returncode == 1
    assert "the container ended with exit code 3:\n  the weights are missing\n" in result.stderr
    assert docker.containers() == []


def test_jupyterlab_wants_its_password(docker: Place) -> None:
    with docker.engine.open() as engine:
        light.build(docker.pair, engine, ("jlab",), jlab=True)
    short = docker.run("--jupyter", jupyterPASSWORD="12345678")
    assert short.returncode == 2
    assert "JupyterLab wants a password of at least 9 characters" in short.stderr
    with docker.running("--jupyter", "--tag", "jlab", jupyterPASSWORD=SECRET) as started:
        assert started.document["swagger"] is None
        assert [*started.document["ports"]] == ["8888"]
        page = urllib.request.urlopen(f"{started.document['url']}/lab", timeout=30)
        assert "login" in page.url
        assert b"password" in page.read().lower()
    planned = docker.run("--jupyter", "--dry-run", "--port", "0", jupyterPASSWORD=SECRET)
    assert "--env jupyterPASSWORD" in planned.stdout
    assert "deep-start --jupyter" in planned.stdout
    assert SECRET not in planned.stdout + planned.stderr


def test_without_a_gpu_all_that_is_missing_is_named(place: Place, tmp_path: Path) -> None:
    path = only(tmp_path / "bin", "docker", "podman", "git", "runc", "conmon", "newuidmap")
    with place.engine.open() as engine:
        (tmp_path / "bin" / place.engine.name).unlink()
        (tmp_path / "bin" / place.engine.name).symlink_to(engine.cli)
    result = place.run("--gpu", PATH=path)
    assert result.returncode == 3
    assert "the GPU image cannot run here:" in result.stderr
    assert "\n  - this machine has no NVIDIA driver, and the image needs one " in result.stderr
    assert "\n  - the NVIDIA Container Toolkit is not installed" in result.stderr
    assert "apt install nvidia-driver" in result.stderr
    assert "nvidia-ctk" in result.stderr


def test_a_driver_that_is_too_old_for_the_image_is_named(docker: Place, tmp_path: Path) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho 450.80.02\n")
    program.chmod(0o755)
    result = docker.run("--gpu", PATH=f"{tmp_path}:{os.environ['PATH']}")
    assert result.returncode == 3
    problem = "this machine's NVIDIA driver is 450.80.02, and the image needs 525.60.13 or newer"
    assert f"\n  - {problem}\n" in result.stderr
    assert "install a newer NVIDIA driver" in result.stderr


def test_without_an_engine_it_says_how_to_get_one(docker: Place, tmp_path: Path) -> None:
    line: Sequence[str] = [*docker.line()[:5], "--json"]
    # this Python has it for other tests
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.modules['udocker'] = None")
    variables = {"PATH": only(tmp_path / "bin", "git"), "PYTHONPATH": f"{tmp_path}:{ROOT}"}
    result = subprocess.run(
        line, env=docker.variables(variables), capture_output=True, text=True, check=False
    )
    assert result.returncode == 3
    error = json.loads(result.stdout)["error"]
    for name in ("docker", "podman", "udocker"):
        assert f"\n  {name}: not installed" in error["message"]
    assert "apt install podman" in error["hint"]
    assert "pip install udocker" in error["hint"]
