"""The module on this machine, without a container: train, predict, serve."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import FrameType

from scaffold.environment import Environment
from scaffold.errors import ScaffoldError
from scaffold.module import Module

START_SECONDS = 180.0
"""How long a server may take to answer: TensorFlow's first import on a cold disk is slow."""
_PROBE = "scaffold-probe"
# past HTTP_PROXY, which many institutes set and which knows nothing of this machine's own ports
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
STOP_SECONDS = 10.0
"""How long a server may take to stop before it is killed."""


def command(environment: Environment, module: Module, arguments: tuple[str, ...]) -> list[str]:
    """Return the command line that runs the module's own command, `train` for one."""
    return [environment.program("python"), "-m", module.package, *arguments]


def run(arguments: list[str], *, quiet: bool = False) -> int:
    """Run a command of the module with this process's input and output.

    The working directory stays the user's, so that file arguments mean what they say.

    Args:
        arguments: the command line, from `command`.
        quiet: throw its standard output away; errors are still shown.

    Returns:
        Its exit code; 128 + N if signal N ended it.
    """
    output = subprocess.DEVNULL if quiet else None
    line = [*ENDS_WITH_US, *arguments]
    with subprocess.Popen(line, env=variables(), stdout=output) as process:
        while True:
            try:
                code = process.wait()
                return code if code >= 0 else 128 - code
            except KeyboardInterrupt:
                # the terminal has sent the signal to the module too; it decides how to end
                continue


def variables() -> dict[str, str]:
    """Return the environment variables for the module: ours, but its own modules and no others."""
    hidden = {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__"}
    kept = {name: value for name, value in os.environ.items() if name not in hidden}
    # nothing in the working directory may stand in for a library (Python 3.11 and newer)
    return {**kept, "PYTHONSAFEPATH": "1"}


@dataclass
class Server:
    """A DEEPaaS server that is running.

    Attributes:
        url: its address, without a slash at the end.
        process: the server.
    """

    url: str
    process: subprocess.Popen[str]
    _log: list[str] = field(default_factory=list)
    _forward: threading.Event = field(default_factory=threading.Event)
    _read_all: threading.Event = field(default_factory=threading.Event)

    @property
    def swagger(self) -> str:
        """Address of the page on which the API can be tried."""
        return f"{self.url}/api"

    def forward_output(self) -> None:
        """From now on, copy what the server prints to standard error."""
        self._forward.set()

    def read(self) -> None:
        """Read the server's output until it ends; keep it until it is wanted."""
        assert self.process.stdout
        for line in self.process.stdout:
            if _PROBE in line:
                continue  # our own question whether it is up
            if self._forward.is_set():
                sys.stderr.write(shown(line))
                sys.stderr.flush()
            else:
                self._log.append(line)
        self._read_all.set()

    def log(self) -> str:
        """Return what the server has printed and nobody has seen; all of it if it has ended."""
        if self.process.poll() is not None:
            self._read_all.wait(STOP_SECONDS)
        return "".join(self._log)


def shown(line: str) -> str:
    """Return a line of a server as standard error takes it: in colour on a terminal only."""
    return line if sys.stderr.isatty() else _COLOUR.sub("", line)


@contextmanager
def server(environment: Environment, module: Module, host: str, port: int) -> Iterator[Server]:
    """Start the module's API, wait until it answers with this module, and stop it at the end.

    Args:
        environment: the module's environment, made.
        module: the module.
        host: address to listen on.
        port: port to listen on; 0 for a free one.

    Raises:
        ScaffoldError: the port is taken, the server ended, answered for another model, or did not answer in time.
    """
    port = free_port(host, port)
    arguments = ["--listen-ip", host, "--listen-port", str(port)]
    deepaas_run = environment.program("deepaas-run")
    process = subprocess.Popen(
        [*ENDS_WITH_US, environment.program("python"), deepaas_run, *arguments],
        env={**variables(), "PYTHONUNBUFFERED": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
        # a group of its own: Ctrl-C must reach the server through us, not all its workers at once
        start_new_session=True,
    )
    address = f"[{host}]" if ":" in host else host
    started = Server(f"http://{address}:{port}", process)
    reader = threading.Thread(target=started.read, daemon=True)
    reader.start()
    try:
        _wait_until_it_answers(started, module)
        yield started
    finally:
        _stop(process)
        reader.join(timeout=STOP_SECONDS)
        assert process.stdout
        process.stdout.close()


# Replaces itself by the program that follows, after asking Linux to send it SIGTERM when the
# process that started it has gone, in whatever way: prctl(2), PR_SET_PDEATHSIG. Elsewhere a
# training or a server outlives a `kill -9` of the command.
ENDS_WITH_US = [
    sys.executable,
    "-ISc",
    (
        "import os, signal, sys\n"
        "if sys.platform == 'linux':\n"
        "    import ctypes\n"
        "    ctypes.CDLL(None).prctl(1, int(signal.SIGTERM))\n"
        "os.execv(sys.argv[1], sys.argv[1:])"
    ),
]


def free_port(host: str, port: int) -> int:
    """Return a port that can be listened on.

    Args:
        host: address of this machine.
        port: the one that is wanted; 0 for any.

    Raises:
        ScaffoldError: it is taken, or the address is not one of this machine's.
    """
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ScaffoldError(
                f"cannot listen on {host}:{port}: {error.strerror}",
                hint="choose another with --port, or --port 0 for any free one",
            ) from None
        bound: int = probe.getsockname()[1]
        return bound


def _wait_until_it_answers(started: Server, module: Module) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if started.process.poll() is not None:
            log = started.log()
            # the model's traceback is what matters, not the banner before it
            log = log[max(log.find("Traceback (most recent call last)"), 0) :]
            raise ScaffoldError(
                f"the server ended with exit code {started.process.returncode}:\n{log.rstrip()}",
                hint="the traceback above says why the module could not be loaded",
            )
        try:
            request = urllib.request.Request(  # noqa: S310 - our own http address
                f"{started.url}/v2/models/", headers={"User-Agent": _PROBE}
            )
            with _direct.open(request, timeout=5) as answer:
                names = [model["id"] for model in json.load(answer)["models"]]
        except (OSError, ValueError, urllib.error.URLError):
            time.sleep(0.1)
            continue
        if names != [module.package]:
            raise ScaffoldError(
                f"the server answers for {names}, not for {module.package}",
                hint="is another DEEPaaS module installed in the module's environment?",
            )
        return
    raise ScaffoldError(
        f"the server has not answered within {START_SECONDS:.0f} s:\n{started.log()}"
    )


def _stop(process: subprocess.Popen[str]) -> None:
    """End the server: gently, then with its whole process group."""
    if process.poll() is None:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # workers that outlived it, or all of it
    process.wait()


class Terminated(BaseException):
    """SIGTERM has come."""


@contextmanager
def sigterm_raises() -> Iterator[None]:
    """Turn SIGTERM into an exception, so that what was started is stopped first."""

    def raise_it(_number: int, _frame: FrameType | None) -> None:
        raise Terminated

    previous = signal.signal(signal.SIGTERM, raise_it)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)
