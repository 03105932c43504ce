"""What the tests share: running the commands, and a real server to talk to."""

from __future__ import annotations

import csv
import json
import os
import signal
import socket
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

import requests

from {{ cookiecutter.__pkg }}.config import TrainConfig

PACKAGE = "{{ cookiecutter.__pkg }}"

#: Seconds after which anything counts as stuck; a busy machine may need a good part of it.
TIMEOUT = 180

#: The variables by which a process learns that it is one of several.
CLUSTER = ("TF_CONFIG", "RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")


def environment(root: Path, **extra: str) -> dict[str, str]:
    """The environment of a process whose data, models, reports and uploads lie below ``root``."""
    (root / "tmp").mkdir(parents=True, exist_ok=True)
    folders = {f"{PACKAGE.upper()}_{kind.upper()}_PATH": str(root / kind) for kind in KINDS}
    inherited = {name: value for name, value in os.environ.items() if name not in CLUSTER}
    scripts = sysconfig.get_path("scripts")
    path = os.pathsep.join([scripts, inherited.get("PATH", "")])
    return {**inherited, **folders, "PATH": path, "TMPDIR": str(root / "tmp"), **extra}


KINDS = ("data", "models", "reports")


def start(root: Path, *arguments: str, **extra: str) -> subprocess.Popen[str]:
    """Start a command of the package, as a user does, away from the repository."""
    return subprocess.Popen(
        [sys.executable, "-m", PACKAGE, *arguments],
        cwd=root,
        env=environment(root, **extra),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(root: Path, *arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the package to its end."""
    process = start(root, *arguments, **extra)
    try:
        out, err = process.communicate(timeout=TIMEOUT)
    finally:
        process.kill()
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def quick(home: Path, name: str, epochs: int = 2, precision: str = "auto", **options) -> dict:
    """Train in this process; the metrics less what may differ between equal trainings."""
    from {{ cookiecutter.__pkg }}.models import train

    settings = TrainConfig(epochs=epochs, **options)
    return comparable(train.train(settings, name=name, precision=precision, say=lambda line: None))


def comparable(metrics: dict) -> dict:
    return {key: value for key, value in metrics.items() if key not in ("run", "seconds")}


def read(path: Path) -> dict:
    return json.loads(path.read_text("utf-8"))


def history(run: Path) -> list[list[str]]:
    """The lines of ``history.csv`` less their seconds."""
    with (run / "history.csv").open() as file:
        return [line[:-1] for line in csv.reader(file)]


def free_port() -> int:
    """A port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(condition, what: str, timeout: float = TIMEOUT):
    """Call ``condition`` until what it returns is true, and return that."""
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        if result := condition():
            return result
        time.sleep(0.02)
    raise AssertionError(f"not within {timeout} s: {what}")


class Server:
    """A plain ``deepaas-run``, as the platform starts it."""

    def __init__(self, root: Path, *options: str, **extra: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.model = f"{self.url}/v2/models/{PACKAGE}"
        self.root = root
        self.log = root / "server.log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [
                    Path(sysconfig.get_path("scripts")) / "deepaas-run",
                    *("--listen-port", str(self.port), *options),
                ],
                cwd=root,
                env=environment(root, PYTHONUNBUFFERED="1", **extra),
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def __enter__(self) -> Server:
        try:
            wait_for(self._answers, "the server answers")
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *details: object) -> None:
        self.stop()

    def _answers(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        try:
            return requests.get(self.url, timeout=5).ok
        except requests.RequestException:
            return False

    def stop(self) -> int:
        """Ask the server to stop, as ``docker stop`` does; returns its exit status."""
        self.process.terminate()
        try:
            return self.process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            raise

    def ended(self) -> int:
        """Wait until the server stops by itself; returns its exit status."""
        try:
            return self.process.wait(TIMEOUT)
        finally:
            self.process.kill()

    def get(self, path: str = "", timeout: float = TIMEOUT) -> requests.Response:
        return requests.get(self.model + path, timeout=timeout)

    def post(self, path: str, timeout: float = TIMEOUT, **details) -> requests.Response:
        return requests.post(self.model + path, timeout=timeout, **details)

    def delete(self, path: str, timeout: float = TIMEOUT) -> requests.Response:
        return requests.delete(self.model + path, timeout=timeout)

    def training(self, identifier: str, *statuses: str, timeout: float = TIMEOUT) -> dict:
        """Wait until a training has one of these statuses; returns what the server says of it."""

        def reached() -> dict | None:
            answer = self.get(f"/train/{identifier}")
            assert answer.status_code == 200, answer.text
            return answer.json() if answer.json()["status"] in statuses else None

        return wait_for(reached, f"training is {statuses}", timeout)
