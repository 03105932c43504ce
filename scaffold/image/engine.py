"""Container engines behind one small interface: Docker Engine (20.10 and newer) and podman (4 and newer).

Building and pushing go through the engine's own command line: BuildKit, build secrets and the user's
registry logins live there. Everything else (containers, images, health, logs, GPUs) goes through
Docker's API, which podman serves too, with the docker SDK.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scaffold.errors import MissingToolError, ScaffoldError

if TYPE_CHECKING:
    import docker

NAMES = ("docker", "podman")
LOWEST_DOCKER = (20, 10)
LOWEST_PODMAN = (4, 0)
_START_SECONDS = 20.0  # for podman's API service
_API_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Engine:
    """An engine that answers.

    Attributes:
        name: "docker" or "podman".
        version: of the engine, not of its command line.
        cli: its command line program.
        host: address of its API.
        builder: how its command line builds: "buildx", "buildkit" (built in) or "podman".
        environment: variables for its command line, besides this process's.
        client: Docker's API.
    """

    name: str
    version: str
    cli: str
    host: str
    builder: str
    client: docker.DockerClient = field(repr=False)
    environment: dict[str, str] = field(default_factory=dict, repr=False)

    @property
    def title(self) -> str:
        """How people call it, with its version."""
        return f"{'Docker Engine' if self.name == 'docker' else self.name} {self.version}"

    def command(self, *arguments: str) -> list[str]:
        """Return a command line of the engine's own program."""
        return [self.cli, *arguments]

    def variables(self) -> dict[str, str]:
        """Return the environment that its command line needs."""
        return {**os.environ, **self.environment}

    def call(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run its command line to the end; the caller looks at the exit code."""
        return subprocess.run(
            self.command(*arguments),
            env=self.variables(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )

    def build_command(
        self,
        *,
        arguments: Sequence[tuple[str, str | None]],
        secrets: Sequence[tuple[str, Path]],
        labels: Sequence[tuple[str, str]] = (),
        tag: str = "",
        id_file: Path,
        no_cache: bool = False,
        network: str = "",
        platform: str = "",
    ) -> list[str]:
        """Return the command that builds the context on its standard input.

        Args:
            arguments: build arguments; None as a value stands for this process's variable of that name.
            secrets: build secrets, by id.
            labels: labels of the image.
            tag: a name for the image.
            id_file: where its id is to be written.
            no_cache: build every step.
            network: of the build, "host" for one.
            platform: another one than the engine's own, "linux/arm64" for one.
        """
        line = ["buildx", "build", "--load"] if self.builder == "buildx" else ["build"]
        # HEALTHCHECK is of Docker's image format, and not of OCI's
        line += ["--format", "docker"] if self.builder == "podman" else ["--progress", "plain"]
        for name, value in arguments:
            line += ["--build-arg", name if value is None else f"{name}={value}"]
        for name, path in secrets:
            line += ["--secret", f"id={name},src={path}"]
        for name, value in labels:
            line += ["--label", f"{name}={value}"]
        line += ["--iidfile", str(id_file)]
        for option, value in (("--tag", tag), ("--network", network), ("--platform", platform)):
            if value:
                line += [option, value]
        return self.command(*line, *(["--no-cache"] if no_cache else []), "-")

    def image(self, reference: str) -> dict[str, Any] | None:
        """Return what the engine knows of an image; None if it has none of that name."""
        from docker.errors import ImageNotFound

        try:
            attributes: dict[str, Any] = self.client.images.get(reference).attrs
        except ImageNotFound:
            return None
        return attributes

    def close(self) -> None:
        """Give its connections back."""
        self.client.close()


@contextmanager
def engine(wanted: str = "") -> Iterator[Engine]:
    """Find an engine and keep its API at hand.

    Args:
        wanted: "docker" or "podman"; empty for the first that answers.

    Raises:
        MissingToolError: none answers; the message says of each why not.
    """
    reasons: list[str] = []
    installed = False
    for name in [wanted] if wanted else NAMES:
        opened = _docker() if name == "docker" else _podman()
        try:
            found = opened.__enter__()
        except _NotHereError as reason:
            reasons.append(f"{name}: {reason}")
            installed |= not isinstance(reason, _NotInstalledError)
            continue
        try:
            yield found
        finally:
            found.close()
            opened.__exit__(None, None, None)
        return
    raise MissingToolError(
        "no container engine is at hand:\n  " + "\n  ".join(reasons),
        hint="do what is said there, or point DOCKER_HOST at an engine that runs"
        if installed
        else "install Docker Engine (on Debian and Ubuntu `apt install docker.io`, from Docker 23 on "
        "`docker-buildx` too) or podman (`apt install podman`), or point DOCKER_HOST at one that runs",
    )


class _NotHereError(Exception):
    """Why an engine cannot be used."""


class _NotInstalledError(_NotHereError):
    """There is no program for it."""


@contextmanager
def _docker() -> Iterator[Engine]:
    programs = _programs("docker")
    if not programs:
        raise _NotInstalledError("not installed (no `docker` on the PATH)")
    cli, builder, why = "", "", ""
    for program in programs:
        builder, why = _docker_builder(program)
        if builder:
            cli = program
            break
    if not cli:
        raise _NotHereError(why)
    given = os.environ.get("DOCKER_HOST")
    host = given or _docker_context(cli)
    start = "start it (`sudo systemctl start docker`, or Docker Desktop)"
    client, version = _connect(host, f"; {'is DOCKER_HOST right?' if given else start}")
    if version.get("Components", [{}])[0].get("Name", "").startswith("Podman"):
        client.close()
        raise _NotHereError(f"{host} is podman's")
    number = str(version.get("Version", "0"))
    if _numbers(number) < LOWEST_DOCKER:
        client.close()
        raise _NotHereError(f"Docker Engine {number} is too old: 20.10 or newer is needed")
    # the context that was found is also the one that the command line is to use
    variables = {"DOCKER_HOST": host, "BUILDX_NO_DEFAULT_ATTESTATIONS": "1"}
    if builder == "buildkit":
        variables["DOCKER_BUILDKIT"] = "1"
    yield Engine("docker", number, cli, host, builder, client, variables)


def _docker_builder(program: str) -> tuple[str, str]:
    """Return how a `docker` program can build with BuildKit, or "" and why it cannot."""
    said = output(program, "--version")
    if "podman" in said.lower():
        return "", f"{program} is podman under another name"
    if succeeds(program, "buildx", "version"):
        return "buildx", ""
    if (18, 9) <= _numbers(said) < (23,):
        return "buildkit", ""
    return "", (
        f"{program} ({said.strip()}) cannot build without its buildx plugin; install it "
        "(`apt install docker-buildx`, or docker-buildx-plugin from Docker's own packages)"
    )


def _docker_context(program: str) -> str:
    said = output(program, "context", "inspect", "--format", "{{.Endpoints.docker.Host}}").strip()
    return said if "://" in said else "unix:///var/run/docker.sock"


@contextmanager
def _podman() -> Iterator[Engine]:
    cli = shutil.which("podman")
    if not cli:
        raise _NotInstalledError("not installed (no `podman` on the PATH)")
    number = output(cli, "--version").strip().removeprefix("podman version ")
    if _numbers(number) < LOWEST_PODMAN:
        raise _NotHereError(f"podman {number} is too old: 4.0 or newer is needed")
    given = os.environ.get("CONTAINER_HOST")
    if given:
        client, _ = _connect(given)
        yield Engine("podman", number, cli, given, "podman", client)
        return
    from scaffold.local import ENDS_WITH_US

    with tempfile.TemporaryDirectory(prefix="scaffold-") as folder:
        # podman has no daemon; its API lives as long as this command
        host = f"unix://{folder}/podman.sock"
        service = subprocess.Popen(
            [*ENDS_WITH_US, cli, "system", "service", "--time=0", host],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        try:
            yield Engine("podman", number, cli, host, "podman", _wait_for(host, service))
        finally:
            service.terminate()
            service.communicate()


def _wait_for(host: str, service: subprocess.Popen[bytes]) -> docker.DockerClient:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            return _connect(host)[0]
        except _NotHereError as reason:
            if service.poll() is not None:
                assert service.stderr
                said = service.stderr.read().decode(errors="replace").strip()
                raise _NotHereError(f"its API does not start: {said}") from None
            if time.monotonic() > deadline:
                raise _NotHereError(f"its API does not start: {reason}") from None
            time.sleep(0.05)


def _connect(host: str, advice: str = "") -> tuple[docker.DockerClient, dict[str, Any]]:
    import docker
    import docker.errors

    if host.startswith("unix://"):
        socket = Path(host.removeprefix("unix://"))
        if not socket.exists():
            raise _NotHereError(f"the engine does not run ({socket} is not there){advice}")
        if not os.access(socket, os.R_OK | os.W_OK):
            raise _NotHereError(
                f"you may not use {socket}; your administrator can add you to its group "
                "(`usermod -aG docker $USER`, then log in again), or use podman, which needs no rights"
            )
    client = None
    try:
        # ssh hosts by their own program: paramiko is not asked for
        client = docker.DockerClient(
            base_url=host, version="auto", timeout=_API_SECONDS, use_ssh_client=True,
            tls=_tls(host),
        )  # fmt: skip
        version: dict[str, Any] = client.version()
    except (docker.errors.DockerException, OSError) as error:
        if client is not None:
            client.close()
        raise _NotHereError(f"nothing answers at {host}: {_innermost(error)}") from None
    return client, version


def _tls(host: str) -> Any:
    """Return the TLS settings of the environment, as `docker.from_env` does; False for none."""
    folder = os.environ.get("DOCKER_CERT_PATH")
    if not (host.startswith("tcp://") and os.environ.get("DOCKER_TLS_VERIFY") and folder):
        return False
    from docker.tls import TLSConfig

    place = Path(folder)
    return TLSConfig(
        client_cert=(str(place / "cert.pem"), str(place / "key.pem")),
        ca_cert=str(place / "ca.pem"),
        verify=True,
    )


def tag(found: Engine, image_id: str, name: str, tags: Sequence[str]) -> None:
    """Give an image its names.

    Raises:
        ScaffoldError: the engine refuses.
    """
    from docker.errors import APIError

    for each in tags:
        try:
            found.client.api.tag(image_id, name, each)
        except APIError as error:
            raise ScaffoldError(
                f"cannot tag {image_id} as {name}:{each}: {error.explanation}",
                hint="see `docker images`",
            ) from None


def push(found: Engine, reference: str) -> str:
    """Push an image with the registry login that the engine's command line has.

    Args:
        found: the engine.
        reference: name and tag of the image.

    Returns:
        The digest that the registry gave it, "sha256:…".

    Raises:
        ScaffoldError: it could not be pushed; the message is the engine's.
    """
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / "digest"
        options = ["--digestfile", str(written)] if found.name == "podman" else []
        result = found.call("push", *options, reference)
        said = f"{result.stdout}\n{result.stderr}"
        if result.returncode:
            lines = [line for line in said.splitlines() if line.strip()]
            registry = reference.split("/")[0] if "/" in reference else ""
            login = (
                f"{found.name} login{f' {registry}' if '.' in registry or ':' in registry else ''}"
            )
            raise ScaffoldError(
                f"cannot push {reference}: {lines[-1] if lines else 'no reason given'}",
                hint=f"log in with `{login}`, and see that you may write to that repository",
            )
        if written.exists():
            return written.read_text(encoding="ascii").strip()
    digest = re.search(r"digest: (sha256:[0-9a-f]{64})", said)
    return digest[1] if digest else ""


def last_line(text: str) -> str:
    """Return the last line of what a program said that tells something."""
    lines = [line for line in text.splitlines() if line.strip() and "--help" not in line]
    return lines[-1].strip() if lines else "no reason given"


def _programs(name: str) -> list[str]:
    """Return all programs of that name on the PATH, in order."""
    found = [
        str(Path(folder, name))
        for folder in os.environ.get("PATH", os.defpath).split(os.pathsep)
        if folder and os.access(Path(folder, name), os.X_OK) and Path(folder, name).is_file()
    ]
    return list(dict.fromkeys(found))


def output(*line: str) -> str:
    """Return what a program prints; nothing if it cannot be started."""
    with suppress(OSError):
        return subprocess.run(
            line, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        ).stdout
    return ""


def succeeds(*line: str) -> bool:
    """Say whether a program runs and ends well."""
    try:
        return not subprocess.run(
            line, stdin=subprocess.DEVNULL, capture_output=True, check=False
        ).returncode
    except OSError:
        return False


def _numbers(text: str) -> tuple[int, ...]:
    match = re.search(r"(\d+)\.(\d+)", text)
    return (int(match[1]), int(match[2])) if match else (0,)


def _innermost(error: BaseException) -> str:
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__ or error
    return str(error)
