"""`deep-start`, the start command of every image: its options, its signals, its health, its passwords."""

from __future__ import annotations

import http.cookiejar
import json
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from docker.models.containers import Container

from tests.engines import Here
from tests.image import light

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("engine")]

PASSWORD = "correct horse 1"  # noqa: S105
# in the container, whose small system has no pgrep: what to do with each process of that name
EACH = """
import os, pathlib, signal
for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
    number = int(path.parts[2])
    if b"{}" in path.read_bytes() and number not in (1, os.getpid()):
        {}
"""
SECONDS = 60.0
WANTED = (
    "set jupyterPASSWORD to a password of at least 9 characters (docker run -e jupyterPASSWORD …)"
)
NO_CODE_SERVER = (
    "this image has no code-server: use --jupyter, or add code-server to the Dockerfile"
)


@dataclass(frozen=True)
class Box:
    """A container that runs, with all its ports published."""

    container: Container
    ports: dict[int, int]

    def url(self, port: int, path: str = "") -> str:
        return f"http://127.0.0.1:{self.ports[port]}{path}"

    def get(self, port: int, path: str) -> str:
        """Ask a port until it answers."""

        def ask() -> str | None:
            try:
                with urllib.request.urlopen(self.url(port, path), timeout=5) as answer:
                    said: bytes = answer.read()
            except OSError:
                assert self.running, self.log
                return None
            return said.decode()

        return str(eventually(ask))

    def inside(self, *command: str) -> tuple[int, str]:
        """Run a command in the container: exit code and output."""
        result = self.container.exec_run(list(command))
        assert isinstance(result.output, bytes)
        return result.exit_code or 0, result.output.decode()

    @property
    def log(self) -> str:
        said: bytes = self.container.logs()
        return said.decode()

    @property
    def running(self) -> bool:
        self.container.reload()
        return bool(self.container.attrs["State"]["Running"])

    def processes(self) -> list[str]:
        """Return the command line of each process, as everybody on the machine can read it."""
        return [line[-1] for line in self.container.top(ps_args="-eo pid,args")["Processes"]]

    def open_ports(self) -> set[int]:
        """Return where something listens that is not for the container itself only."""
        _, listening = self.inside("cat", "/proc/net/tcp", "/proc/net/tcp6")
        sockets = re.findall(r": (\w+):(\w{4}) \w+:0000 0A", listening)
        return {int(port, 16) for address, port in sockets if int(address, 16) == 0}

    def stop(self) -> int:
        """Send SIGTERM; it has to end within 5 s."""
        self.container.kill(signal="SIGTERM")
        return int(self.container.wait(timeout=5)["StatusCode"])


def eventually(ask: Callable[[], Any], seconds: float = SECONDS) -> Any:
    """Ask until there is an answer."""
    deadline = time.monotonic() + seconds
    while (answer := ask()) is None or answer is False:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return answer


@dataclass(frozen=True)
class Image:
    """An image, and how to start containers of it."""

    here: Here
    name: str

    @contextmanager
    def started(
        self, *command: str, ports: Sequence[int] = (5000, 6006), **options: Any
    ) -> Iterator[Box]:
        with self.here.open() as engine:
            container = engine.client.containers.run(
                self.name,
                list(command) or None,
                detach=True,
                ports={f"{port}/tcp": ("127.0.0.1", 0) for port in ports},
                **options,
            )
            try:
                container.reload()
                found = container.attrs["NetworkSettings"]["Ports"]
                yield Box(
                    container,
                    {
                        port: int((found.get(f"{port}/tcp") or [{"HostPort": 0}])[0]["HostPort"])
                        for port in ports
                    },
                )
            finally:
                container.remove(force=True, v=True)

    def finished(self, *command: str, **options: Any) -> tuple[int, str, str]:
        """Run a command to its end: exit code, output and errors."""
        with self.started(*command, ports=(), **options) as box:
            code = int(box.container.wait(timeout=SECONDS)["StatusCode"])
            out: bytes = box.container.logs(stdout=True, stderr=False)
            err: bytes = box.container.logs(stdout=False, stderr=True)
        return code, out.decode(), err.decode()


@pytest.fixture(scope="module")
def image(docker_engine: Here, light_pair: light.Light) -> Image:
    return Image(docker_engine, f"{light_pair.image}:cpu")


@pytest.fixture(scope="module")
def jlab(docker_engine: Here, light_pair: light.Light) -> Image:
    """The image that `scaffold build --jlab` makes."""
    with docker_engine.open() as engine:
        light.build(light_pair, engine, ("jlab",), jlab=True)
    return Image(docker_engine, f"{light_pair.image}:jlab")


def serves(box: Box, port: int = 5000) -> str:
    """Wait for the API; return the name of what it serves."""
    (model,) = json.loads(box.get(port, "/v2/models/"))["models"]
    return str(model["id"])


# --- the API


def test_without_a_word_it_starts_the_api_with_tensorboard_beside_it(
    image: Image, light_pair: light.Light
) -> None:
    with image.started() as box:
        assert serves(box) == light_pair.package
        assert "tensorboard" in box.get(6006, "/").lower()
        assert box.inside("id", "-u") == (0, "1000\n")
        # process 1 hands signals on, and no shell stands between it and the server
        assert box.inside("cat", "/proc/1/comm") == (0, "tini\n")
        assert not any("deep-start" in line for line in box.processes() if "tini" not in line)
        assert box.stop() in (0, 143)


@pytest.mark.parametrize(
    ("options", "variables", "api", "monitor"),
    [
        (["-d"], {}, 5000, 6006),
        (["--deepaas", "--cpu"], {"PORT0": "5100"}, 5000, 6006),
        (["-g"], {"PORT0": "5100", "PORT1": "6100", "PORT2": "8100"}, 5100, 6100),
        (["--gpu"], {"DEEPAAS_PORT": "5100", "monitorPORT": "6100"}, 5100, 6100),
        (["-d", "-j", "-c"], {"monitorPORT": "0"}, 5000, None),  # the API wins, as it came first
    ],
)
def test_options_and_variables_choose_the_ports(
    image: Image,
    light_pair: light.Light,
    options: list[str],
    variables: dict[str, str],
    api: int,
    monitor: int | None,
) -> None:
    ports = (5000, 5100, 6006, 6100)
    with image.started("deep-start", *options, ports=ports, environment=variables) as box:
        assert serves(box, api) == light_pair.package
        if monitor:
            assert "tensorboard" in box.get(monitor, "/").lower()
        else:
            assert not any("tensorboard" in line for line in box.processes())
        assert box.inside("deep-start", "--health") == (0, "")
        # nothing else can be reached from outside
        assert box.open_ports() == {api} | ({monitor} if monitor else set())
        assert box.stop() in (0, 143)


def test_mounting_at_the_start_is_only_spoken_of(image: Image, light_pair: light.Light) -> None:
    with image.started("deep-start", "--onedata", "-r", environment={"monitorPORT": "0"}) as box:
        assert serves(box) == light_pair.package
        for option in ("--onedata", "-r"):
            warning = (
                f"deep-start: {option}: nothing is mounted at start-up; copy data with rclone\n"
            )
            assert warning in box.log


# --- what cannot be started


def test_an_unknown_option(image: Image) -> None:
    code, out, err = image.finished("deep-start", "--jupiter")
    assert (code, out) == (2, "")
    assert err.startswith("usage: deep-start [options]\n")
    assert err.endswith("deep-start: unknown option --jupiter\n")


def test_help_and_version(image: Image) -> None:
    code, out, err = image.finished("deep-start", "--help")
    assert (code, err) == (0, "")
    assert out.startswith("usage: deep-start [options]\n")
    code, out, _ = image.finished("deep-start", "--version")
    assert code == 0
    assert re.search(r"\d+\.\d+", out)


@pytest.mark.parametrize("variables", [{}, {"jupyterPASSWORD": "12345678"}])
def test_jupyterlab_without_a_good_password(image: Image, variables: dict[str, str]) -> None:
    assert image.finished("deep-start", "--jupyter", environment=variables) == (
        2,
        "",
        f"deep-start: {WANTED}\n",
    )


def test_code_server_where_there_is_none(image: Image) -> None:
    assert image.finished("deep-start", "--vscode", environment={"idePASSWORD": PASSWORD}) == (
        3,
        "",
        f"deep-start: {NO_CODE_SERVER}\n",
    )


# --- health


def test_the_engine_knows_whether_it_is_well(image: Image) -> None:
    with image.started("sleep", "1000") as box:
        assert box.inside("deep-start", "--health") == (
            1,
            "deep-start: nothing has been started yet\n",
        )
    with image.started(environment={"monitorPORT": "0"}) as box:
        state = box.container.attrs["State"]["Health"]["Status"]
        assert state == "starting"
        serves(box)
        assert box.inside("deep-start", "--health") == (0, "")

        def healthy() -> bool:
            box.container.reload()
            return bool(box.container.attrs["State"]["Health"]["Status"] == "healthy")

        eventually(healthy)
        with image.here.open() as engine:
            listed = engine.call(
                "ps", "--format", "{{.Status}}", "--filter", f"id={box.container.id}"
            )
        assert listed.stdout.strip().endswith("(healthy)")
        # it was well, and is not any more
        stop = EACH.format("deepaas-run", "os.kill(number, signal.SIGSTOP)")
        assert box.inside("python", "-c", stop) == (0, "")
        code, _ = box.inside("deep-start", "--health")
        assert code == 1


# --- JupyterLab


def test_jupyterlab_lets_in_who_knows_the_password(jlab: Image) -> None:
    with jlab.started(
        "deep-start", "--jupyter", ports=(8888,), environment={"jupyterPASSWORD": PASSWORD}
    ) as box:
        assert "version" in json.loads(box.get(8888, "/api"))
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(box.url(8888, "/api/contents"), timeout=10)
        assert refused.value.code == 403
        refused.value.close()

        assert _log_in(box, "correct horse 2") is None
        content = _log_in(box, PASSWORD)
        assert content is not None
        assert [each["name"] for each in content["content"]] == [light_name(jlab)]

        # nobody reads it from a command line, nor who works in JupyterLab from its environment
        assert any("jupyter-lab" in line for line in box.processes())
        assert not any(PASSWORD in line for line in box.processes())
        show = EACH.format("jupyter-lab", 'print(path.with_name("environ").read_text())')
        code, variables = box.inside("python", "-c", show)
        assert code == 0
        assert "JUPYTER_CONFIG_DIR=" in variables
        assert PASSWORD not in variables
        # the engine's own record has what the user gave, as a variable and nowhere else
        box.container.reload()
        record = box.container.attrs
        assert f"jupyterPASSWORD={PASSWORD}" in record["Config"].pop("Env")
        assert PASSWORD not in json.dumps(record)

        assert box.inside("deep-start", "--health") == (0, "")
        assert PASSWORD not in box.log
        assert box.stop() in (0, 143)


def light_name(image: Image) -> str:
    return image.name.rpartition("deep-oc-")[2].partition(":")[0]


def _log_in(box: Box, password: str) -> Any:
    """Log in as a browser does; return what is in the top folder, None if it is not let in."""
    jar = http.cookiejar.CookieJar()
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
    opener.open(box.url(8888, "/login"), timeout=10).close()
    token = next(cookie.value for cookie in jar if cookie.name == "_xsrf")
    form = urllib.parse.urlencode({"_xsrf": token, "password": password}).encode()
    try:
        opener.open(box.url(8888, "/login"), form, timeout=10).close()
        with opener.open(box.url(8888, "/api/contents"), timeout=10) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as refused:
        refused.close()
        return None if refused.code in (401, 403) else refused.code


# --- other commands, other users


def test_any_command_can_be_run_instead(image: Image, light_pair: light.Light) -> None:
    script = f"import {light_pair.package}; print({light_pair.package}.__name__)"
    code, out, err = image.finished("bash", "-c", f"id -un; pwd; echo $HOME; python -c '{script}'")
    assert (code, err) == (0, "")
    assert out.split() == ["deep", f"/srv/{light_pair.package}", "/home/deep", light_pair.package]


def test_any_user_can_train_into_folders_that_are_his(
    image: Image, light_pair: light.Light, tmp_path: Path
) -> None:
    top = f"/srv/{light_pair.package}"
    mounts = {}
    for name in ("data", "models"):
        folder = tmp_path / name
        folder.mkdir()
        folder.chmod(0o777)
        mounts[str(folder)] = {"bind": f"{top}/{name}", "mode": "rw"}
    tmp_path.chmod(0o755)
    line = ("python", "-m", light_pair.package, "train", "--epochs", "1", "--json")
    code, out, err = image.finished(*line, user="12345", volumes=mounts)
    assert code == 0, err
    run = tmp_path / "models" / json.loads(out)["run"]
    assert {path.stat().st_uid for path in [run, *run.rglob("*")]} == {12345}

    with image.started(user="12345", volumes=mounts, ports=(5000,)) as box:
        assert serves(box) == light_pair.package
        assert box.stop() in (0, 143)
