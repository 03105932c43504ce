"""Container engines of the tests' own: a Docker Engine and podman, each in a folder that is removed.

They need root. A developer without it can name an engine that runs, in SCAFFOLD_TEST_DOCKER; it
needs the images in `NAMES`. Without either the tests are skipped, except under CI, where they fail.
"""

from __future__ import annotations

import ipaddress
import json
import os
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import pytest

from scaffold.image.engine import Engine, engine
from tests.conftest import REAL_HOME

CACHE = Path(REAL_HOME["HOME"]) / ".cache" / "scaffold-tests"
NAMES = (
    *(f"python:3.{minor}-slim" for minor in (10, 11, 12, 13)),
    "tensorflow/tensorflow:2.21.0",
    "tensorflow/tensorflow:2.21.0-gpu",
)
"""What the base image is called: Debian with Python stands in for what a registry would send."""
_SUITE = "bookworm"
_OURS = "sct-"  # how folders and bridges of the tests begin; the process's number follows
_START_SECONDS = 60.0


@dataclass(frozen=True)
class Here:
    """An engine, and how commands find it.

    Attributes:
        name: "docker" or "podman".
        folder: where it keeps everything; short, as the name of a socket has to be.
        variables: the environment that leads commands to it.
    """

    name: str
    folder: Path
    variables: Mapping[str, str]

    @contextmanager
    def open(self) -> Iterator[Engine]:
        """Open it as scaffold does."""
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.variables.items():
                patch.setenv(name, value)
            with engine(self.name) as found:
                yield found


@pytest.fixture(scope="session")
def docker_engine() -> Iterator[Here]:
    """A Docker Engine with the base image."""
    if given := os.environ.get("SCAFFOLD_TEST_DOCKER"):
        with tempfile.TemporaryDirectory(prefix="scaffold-") as empty:
            yield Here("docker", Path(empty), {"DOCKER_HOST": given})
        return
    _need("dockerd", "docker", "ip", "setpriv")
    with _docker({}) as here:
        yield here


@pytest.fixture(scope="session")
def newest_docker() -> Iterator[Here]:
    """The newest Docker Engine that Debian has, with buildx and compose, and the base image."""
    _need("dpkg", "apt-get", "runc", "ip", "setpriv")
    root = CACHE / "newest-docker"
    if not (root / "config" / "config.json").is_file():
        _made(Path(__file__).parent / "newest_docker.sh", root)
    paths = (root / "usr" / "bin", root / "usr" / "sbin")
    variables = {
        "PATH": os.pathsep.join([*map(str, paths), os.environ["PATH"]]),
        "DOCKER_CONFIG": str(root / "config"),
    }
    with _docker(variables) as here:
        yield here


@contextmanager
def _docker(variables: Mapping[str, str]) -> Iterator[Here]:
    """Start a Docker Engine of its own, with the base image; `variables` lead to its programs."""
    with _folder() as folder, _bridge() as bridge:
        host = f"unix://{folder}/docker.sock"
        line = ["setpriv", "--pdeathsig", "TERM", "dockerd", "--host", host]
        line += ["--data-root", f"{folder}/data", "--exec-root", f"{folder}/exec"]
        line += ["--pidfile", f"{folder}/pid", "--bridge", bridge]
        # this machine's own rules, and another engine's, stay as they are
        line += ["--iptables=false", "--ip6tables=false", "--ip-forward=false", "--ip-masq=false"]
        log = folder / "log"
        with log.open("wb") as output:
            daemon = subprocess.Popen(
                line, env={**os.environ, **variables}, stdin=subprocess.DEVNULL, stdout=output,
                stderr=output, start_new_session=True,
            )  # fmt: skip
        here = Here("docker", folder, {**variables, "DOCKER_HOST": host})
        try:
            _wait_for(folder / "docker.sock", daemon, log)
            with here.open() as opened:
                _import_base(opened)
            yield here
        finally:
            _stop_all(here)
            daemon.terminate()
            daemon.wait(60)


@pytest.fixture(scope="session")
def podman_engine() -> Iterator[Here]:
    """A podman of root with the base image."""
    _need("podman", "runc")
    with _folder() as folder:
        here = Here("podman", folder, _podman_files(folder))
        try:
            with here.open() as opened:
                _import_base(opened)
            yield here
        finally:
            _stop_all(here)


def copy_image(reference: str, source: Here, target: Here) -> None:
    """Copy an image from one engine to another."""
    with source.open() as one, target.open() as other:
        archive = target.folder / f"{uuid.uuid4().hex}.tar"
        _check(one.call("save", "--output", str(archive), reference))
        _check(other.call("load", "--input", str(archive)))
        archive.unlink()
        # podman calls what came without a registry localhost/…
        with suppress(Exception):
            other.client.images.get(f"localhost/{reference}").tag(*reference.rsplit(":", 1))


def _podman_files(folder: Path) -> dict[str, str]:
    (folder / "containers.conf").write_text(
        # a machine that is a container itself may not raise its limits
        '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]\n'
        '[engine]\nruntime = "runc"\n'
    )
    (folder / "storage.conf").write_text(
        f'[storage]\ndriver = "overlay"\ngraphroot = "{folder}/graph"\nrunroot = "{folder}/run"\n'
    )
    return {
        "CONTAINERS_CONF": str(folder / "containers.conf"),
        "CONTAINERS_STORAGE_CONF": str(folder / "storage.conf"),
    }


def base_image() -> Path:
    """Return an archive of Debian with Python; made once and kept in the developer's cache."""
    archive = CACHE / f"{_SUITE}-python-1.tar"
    if archive.is_file():
        return archive
    _need("mmdebstrap")
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=CACHE, suffix=".tar") as made:
        line = ["mmdebstrap", "--quiet", "--variant=minbase"]
        line += ["--include=python3,python3-pip,python3-venv,ca-certificates"]
        hook = 'rm -f "$1"/usr/lib/python3*/EXTERNALLY-MANAGED; ln -s python3 "$1"/usr/bin/python'
        result = subprocess.run(
            [*line, f"--customize-hook={hook}", _SUITE, made.name],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert result.returncode == 0, result.stderr
        os.link(made.name, archive.with_suffix(".new"))
        archive.with_suffix(".new").replace(archive)
    return archive


def _import_base(opened: Engine) -> None:
    archive = base_image()
    _check(opened.call("import", str(archive), NAMES[0]))
    made = opened.client.images.get(NAMES[0])
    for reference in NAMES[1:]:
        made.tag(*reference.split(":"))


def _need(*programs: str) -> None:
    """Skip without root or a program, but fail under CI."""
    if os.geteuid():
        missing("an engine of the tests' own needs root; SCAFFOLD_TEST_DOCKER can name another")
    for program in programs:
        installed(program)


def installed(program: str) -> str:
    """Return where a program is; skip without it, but fail under CI."""
    found = shutil.which(program)
    return found or missing(f"no {program}; tests/prepare.sh installs it")


def missing(reason: str) -> NoReturn:
    """Skip, but fail under CI, where everything has to be there."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@contextmanager
def _folder() -> Iterator[Path]:
    for left in Path("/var/tmp").glob(f"{_OURS}*.*"):
        if _is_left(left.name):
            _remove(left)
    folder = Path(tempfile.mkdtemp(prefix=f"{_OURS}{os.getpid()}.", dir="/var/tmp"))
    try:
        yield folder
    finally:
        _remove(folder)


def _is_left(name: str) -> bool:
    """Whether the tests that made something have been killed: its name tells their process."""
    process = name.removeprefix(_OURS).partition(".")[0]
    return process.isdigit() and not Path("/proc", process).exists()


def _remove(folder: Path) -> None:
    mounts = [
        json.loads(f'"{line.split()[4]}"'.replace("\\040", " "))
        for line in Path("/proc/self/mountinfo").read_text().splitlines()
        if f" {folder}/" in line
    ]
    for mount in sorted(mounts, key=len, reverse=True):
        subprocess.run(["umount", "--lazy", mount], check=False)
    subprocess.run(["rm", "-rf", str(folder)], check=False)  # of tens of thousands of files


@contextmanager
def _bridge() -> Iterator[str]:
    """A bridge with a subnet that nothing on this machine has."""
    links = [each["ifname"] for each in json.loads(_ip("-json", "link", "show", "type", "bridge"))]
    for left in links:
        if left.startswith(_OURS) and _is_left(left):
            _ip("link", "delete", left)
    name = next(
        name for number in range(100) if (name := f"{_OURS}{os.getpid()}.{number}") not in links
    )
    routes = json.loads(_ip("-json", "-4", "route", "show", "table", "all"))
    taken = [
        ipaddress.ip_network(route["dst"], strict=False)
        for route in routes
        if route["dst"][0].isdigit()
    ]
    free = next(
        net
        for net in ipaddress.ip_network("172.16.0.0/12").subnets(new_prefix=24)
        if not any(net.overlaps(other) for other in taken if other.prefixlen)
    )
    _ip("link", "add", name, "type", "bridge")
    try:
        _ip("address", "add", f"{free[1]}/{free.prefixlen}", "dev", name)
        _ip("link", "set", name, "up")
        yield name
    finally:
        _ip("link", "delete", name)


def _ip(*arguments: str) -> str:
    result = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout


def _wait_for(socket: Path, daemon: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not socket.exists():
        assert daemon.poll() is None, log.read_text(errors="replace")
        assert time.monotonic() < deadline, log.read_text(errors="replace")
        time.sleep(0.1)


def _stop_all(here: Here) -> None:
    with suppress(Exception), here.open() as opened:
        for container in opened.client.containers.list(all=True):
            container.remove(force=True, v=True)


def _check(result: subprocess.CompletedProcess[str]) -> None:
    assert result.returncode == 0, result.stderr


@pytest.fixture(scope="session")
def udocker_place() -> Iterator[Here]:
    """A folder for udocker, and its tools, which it would download: PRoot and runc."""
    _need("runc", "setpriv", "docker-registry")
    with _folder() as folder:
        tools = folder / "tools"
        (tools / "udocker_dir" / "bin").mkdir(parents=True)
        (tools / "udocker_dir" / "lib").mkdir()
        (tools / "udocker_dir" / "lib" / "VERSION").write_text("1.2.11\n")
        for program in ("proot", "runc"):
            place = proot() if program == "proot" else Path(str(shutil.which(program)))
            shutil.copy(place, tools / "udocker_dir" / "bin" / f"{program}-{os.uname().machine}")
        archive = folder / "tools.tar.gz"
        subprocess.run(["tar", "-C", tools, "-czf", archive, "udocker_dir"], check=True)
        folder.chmod(0o755)
        variables = {
            "UDOCKER_DIR": str(folder / "udocker"),
            "UDOCKER_TARBALL": str(archive),
            "UDOCKER_INSTALLINFO": "",
        }
        yield Here("udocker", folder, variables)


def proot() -> Path:
    """Return PRoot as udocker ships it, which copes with today's kernels; tests/proot.sh builds it."""
    built = CACHE / "proot"
    if not built.is_file():
        _made(Path(__file__).parent / "proot.sh", built)
    return built


def _made(script: Path, target: Path) -> None:
    """Let a script make something in the developer's cache."""
    result = subprocess.run(
        [script, target], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if result.returncode:
        missing(f"{script.name} failed: {result.stderr[-1000:]}")
