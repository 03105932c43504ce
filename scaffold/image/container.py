"""A container of a module's image: started as users start it, waited for, asked, stopped."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from scaffold.errors import ScaffoldError
from scaffold.image.engine import Engine, last_line

if TYPE_CHECKING:
    from docker.models.containers import Container

API_PORT, MONITOR_PORT, IDE_PORT = 5000, 6006, 8888
START_SECONDS = 180.0
"""How long an API may take to answer: a first import from a cold disk is slow."""
STOP_SECONDS = 5
"""How long a container may take to end after SIGTERM."""
LOG_LINES = 20
"""How many of its last lines a failure shows."""
# past HTTP_PROXY, which knows nothing of this machine's own ports
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True, slots=True)
class Running:
    """A container that has been started.

    Attributes:
        engine: what runs it.
        container: the docker SDK's handle.
        ports: for each port in the container that is published, where it is: (address, port).
    """

    engine: Engine
    container: Container
    ports: Mapping[int, tuple[str, int]]

    @property
    def name(self) -> str:
        """The container's name."""
        return str(self.container.name)

    def url(self, port: int = API_PORT) -> str:
        """Return the address of one of its services, without a slash at the end."""
        return address(*self.ports[port])

    def ask(
        self,
        path: str,
        *,
        port: int = API_PORT,
        data: bytes | None = None,
        content_type: str = "",
        method: str = "",
        seconds: float = 60.0,
    ) -> Any:
        """Ask the API, or what answers on another of its ports, and return its JSON document.

        Raises:
            OSError: it does not answer, or answers with an error (urllib.error.HTTPError).
            ValueError: what it answers is no JSON.
        """
        headers = {"Accept": "application/json"}
        if content_type:
            headers["Content-Type"] = content_type
        request = urllib.request.Request(  # noqa: S310 - our own http address
            f"{self.url(port)}{path}", data=data, headers=headers, method=method or None
        )
        with _direct.open(request, timeout=seconds) as answer:
            return json.load(answer)

    def log(self, lines: int | Literal["all"] = "all") -> str:
        """Return what the container has printed, its last lines or all."""
        output: bytes = self.container.logs(tail=lines)
        return output.decode(errors="replace")

    def ended(self) -> int | None:
        """Return the exit code if it has ended."""
        self.container.reload()
        state = self.container.attrs["State"]
        return None if state.get("Running") else int(state.get("ExitCode") or 0)

    def wait_until_it_answers(
        self, seconds: float = START_SECONDS, *, port: int = API_PORT, path: str = "/v2/models/"
    ) -> float:
        """Wait for the API, or for what answers on another port; return how many seconds it took.

        Raises:
            ScaffoldError: the container ended, or did not answer in time; its last lines are in the message.
        """
        start = time.monotonic()
        while True:
            try:
                self.ask(path, port=port, seconds=5)
            except (OSError, ValueError) as error:
                code, passed = self.ended(), time.monotonic() - start
                if code is not None or passed > seconds:
                    how = (
                        f"ended with exit code {code}"
                        if code is not None
                        else f"did not answer within {seconds:.0f} s ({error})"
                    )
                    shown = "\n".join(f"  {line}" for line in self.log(LOG_LINES).splitlines())
                    raise ScaffoldError(
                        f"the container {how}:\n{shown}",
                        hint="the lines above are the last ones it printed",
                    ) from None
                time.sleep(0.1)
            else:
                return time.monotonic() - start

    def stop(self, seconds: float = STOP_SECONDS) -> tuple[int | None, float]:
        """Send SIGTERM and wait.

        Returns:
            its exit code and how many seconds it took; None as the code if it had to be killed.
        """
        import requests
        from docker.errors import APIError

        start = time.monotonic()
        try:
            self.container.kill(signal="SIGTERM")
        except APIError:  # it has ended by itself
            return self.ended(), 0.0
        try:
            code = int(self.container.wait(timeout=seconds)["StatusCode"])
        except (requests.exceptions.RequestException, APIError):
            self.container.kill()
            return None, time.monotonic() - start
        return code, time.monotonic() - start

    def remove(self) -> None:
        """Take the container away, whatever it does."""
        self.container.remove(force=True, v=True)


def address(host: str, port: int) -> str:
    """Return the address of a service, without a slash at the end."""
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def direct(url: str, seconds: float) -> Any:
    """Open an address of this machine, past any proxy; the answer is a context manager.

    Raises:
        OSError: nothing answers there.
    """
    return _direct.open(url, timeout=seconds)


def published(
    container: Container, ports: Mapping[int, tuple[str, int]]
) -> dict[int, tuple[str, int]]:
    """Return where the ports of a container are published.

    Args:
        container: a container that has been started. One that has ended has no ports any more.
        ports: for each port in it, the address and port that were asked for.
    """
    found = container.attrs["NetworkSettings"].get("Ports") or {}
    return {
        inside: (host, int(found[f"{inside}/tcp"][0]["HostPort"]))
        if found.get(f"{inside}/tcp")
        else (host, port)
        for inside, (host, port) in ports.items()
    }


def start(
    engine: Engine, image: str, *, ports: Mapping[int, tuple[str, int]], gpu: bool = False
) -> Running:
    """Start a container in the background, with the engine's command line as users do.

    Args:
        engine: with what.
        image: id or name of the image.
        ports: for each port in the container, the address and port of this machine; 0 for a free one.
        gpu: whether it gets all NVIDIA GPUs.

    Raises:
        ScaffoldError: the engine refuses.
    """
    from scaffold.image.gpu import gpu_options

    name = f"scaffold-{uuid.uuid4().hex[:12]}"
    published_at = [
        f"--publish={address}:{port or ''}:{inside}" for inside, (address, port) in ports.items()
    ]
    options = gpu_options(engine) if gpu else ()
    try:
        result = engine.call("run", "--detach", "--name", name, *options, *published_at, image)
        if result.returncode:
            raise ScaffoldError(
                f"{engine.title} cannot start {image}: {last_line(result.stderr)}",
                hint="`scaffold doctor` checks the engine; --no-smoke-test builds without starting it",
            )
        container = engine.client.containers.get(name)
        return Running(engine, container, published(container, ports))
    except BaseException:
        engine.call("rm", "--force", "--volumes", name)
        raise
