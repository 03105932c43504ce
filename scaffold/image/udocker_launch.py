"""What has been planned for udocker: unpacked, started, waited for, and ended whatever happens."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from scaffold.errors import ScaffoldError
from scaffold.image import launch
from scaffold.image.container import (
    LOG_LINES,
    START_SECONDS,
    STOP_SECONDS,
    address,
    direct,
)
from scaffold.image.udocker import Plan
from scaffold.local import shown


@dataclass(frozen=True, slots=True)
class Running:
    """A container that has been started.

    Attributes:
        planned: what was planned.
        process: udocker's process, which leads the group of all that runs in the container.
        log: what it prints.
    """

    planned: Plan
    process: subprocess.Popen[bytes]
    log: Path

    def url(self, port: int) -> str:
        """Return the address of one of its services, without a slash at the end."""
        return address(*self.planned.ports[port])

    def wait_until_it_answers(self) -> None:
        """Wait for the API, or for JupyterLab.

        Raises:
            ScaffoldError: it ended, did not answer in time, or is another module's.
        """
        wish = self.planned.wish
        url = f"{self.url(wish.service)}{'/api' if wish.jupyter else '/v2/models/'}"
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                with direct(url, 5) as answer:
                    document = json.load(answer)
                break
            except (OSError, ValueError) as error:
                code = self.process.poll()
                if code is not None or time.monotonic() > deadline:
                    how = f"did not answer ({error})" if code is None else f"ended with code {code}"
                    lines = self.log.read_text(errors="replace").splitlines()[-LOG_LINES:]
                    raise ScaffoldError(
                        "\n  ".join([f"the container {how}:", *lines]),
                        hint="the lines above are the last ones it printed; another --execmode may do",
                    ) from None
                time.sleep(0.1)
        if not wish.jupyter:
            launch.require_model(document, self.planned.module)

    def follow(self) -> int:
        """Copy what it prints from now on to standard error until it ends; return its exit code."""
        with self.log.open(encoding="utf-8", errors="replace") as file:
            file.seek(0, os.SEEK_END)
            while True:
                ended = self.process.poll()
                for line in file:
                    sys.stderr.write(shown(line))
                sys.stderr.flush()
                if ended is not None:
                    return ended if ended >= 0 else 128 - ended
                time.sleep(0.1)

    def stop(self) -> None:
        """End all that runs in it, gently first."""
        _signal(self.process.pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while _signal(self.process.pid, 0) and time.monotonic() < deadline:
            self.process.poll()
            time.sleep(0.05)
        _signal(self.process.pid, signal.SIGKILL)
        self.process.wait()


def _signal(group: int, number: int) -> bool:
    """Send a signal to a group of processes; return whether there is any."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    return True


def prepare(planned: Plan, say: Callable[[str], None], detail: Callable[[str], None]) -> None:
    """Bring the image into udocker and unpack it, unless that has been done.

    Raises:
        ScaffoldError: a step of it failed; udocker's own words are in the message.
    """
    if planned.obtain:
        say(f"Unpacking {planned.image} for udocker (once for each image) …")
    for line in (*planned.obtain, *planned.setup):
        detail("  " + shlex.join(line))
        result = subprocess.run(
            line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, errors="replace", check=False,
        )  # fmt: skip
        # without NVIDIA's libraries it ends as if all were well
        if result.returncode or ("--nvidia" in line and "nvidia mode set" not in result.stdout):
            said = [each for each in result.stdout.splitlines() if each.strip()]
            raise ScaffoldError(
                f"`{shlex.join(line)}` failed: {said[-1] if said else result.returncode}",
                hint=f"`scaffold build --{planned.wish.variant}` makes the image where Docker or podman "
                "is; --image and --tag name another; --execmode another way to run it",
            )


@contextmanager
def running(planned: Plan) -> Iterator[Running]:
    """Run a prepared container in the background, and stop it at the end.

    It is stopped even if this process is killed. A detached one is left, unless an exception comes.
    """
    launch.make_folders(planned.mounts)
    log = _log(planned)
    with log.open("wb") as output, ExitStack() as stack:
        process = subprocess.Popen(
            planned.line,
            env={**os.environ, **planned.values},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C must reach it through us
        )
        stack.enter_context(launch.guarded([sys.executable, "-ISc", _END, str(process.pid)]))
        kept = False
        started = Running(planned, process, log)
        try:
            yield started
            kept = planned.wish.detach
        finally:
            if not kept:
                started.stop()
                log.unlink(missing_ok=True)


# what ends a group of processes: gently, then for good
_END = (
    "import os, signal, sys, time\n"
    "for number in (signal.SIGTERM, signal.SIGKILL):\n"
    "    try:\n"
    "        os.killpg(int(sys.argv[1]), number)\n"
    "    except ProcessLookupError:\n"
    "        break\n"
    f"    time.sleep({STOP_SECONDS})"
)


def _log(planned: Plan) -> Path:
    descriptor, path = tempfile.mkstemp(prefix=f"{planned.name}-", suffix=".log")
    os.close(descriptor)
    return Path(path)


def attached(planned: Plan, *, quiet: bool) -> int:
    """Run a command in a container with this process's input and output; return its exit code.

    Args:
        planned: the container.
        quiet: send what it prints to standard error, since standard output is wanted for a document.
    """
    launch.make_folders(planned.mounts)
    # a terminal's Ctrl-C reaches what runs there; elsewhere it has to be told
    alone = not sys.stdin.isatty()
    with subprocess.Popen(
        planned.line,
        env={**os.environ, **planned.values},
        stdout=sys.stderr if quiet else None,
        start_new_session=alone,
    ) as process:
        try:
            code = launch.wait_for(process)
        except BaseException:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM) if alone else process.terminate()
            raise
    return code if code >= 0 else 128 - code
