"""`scaffold build` where something is wrong: what the user is told, and what is left behind."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.engines import Here, installed, missing
from tests.helpers import Outcome
from tests.image import light, trial
from tests.image.servers import registry
from tests.image.trial import NAME, Trial, says
from tests.test_local import environment

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("engine")]

START = "start it (`sudo systemctl start docker`, or Docker Desktop)"
INSTALL = (
    "install Docker Engine (on Debian and Ubuntu `apt install docker.io`, from Docker 23 on "
    "`docker-buildx` too) or podman (`apt install podman`), or point DOCKER_HOST at one that runs"
)
MEND = "do what is said there, or point DOCKER_HOST at an engine that runs"
NO_PODMAN = "podman: not installed (no `podman` on the PATH)"
NO_TAG = (
    "at most 128 letters, digits, `_`, `.` and `-`, beginning with a letter, a digit or `_`; the "
    "image's name goes into --image"
)
NO_NAME = (
    "lower-case letters and digits, with a registry before it if need be and no tag: "
    "registry.example.org:5000/group/name"
)
NO_UTF8 = "'utf-8' codec can't decode byte 0xff in position 0: invalid start byte"
UNTESTED = ("--no-smoke-test", "--tag", "wrong")


@pytest.fixture(scope="module")
def made(
    docker_engine: Here, light_pair: light.Light, tmp_path_factory: pytest.TempPathFactory
) -> Trial:
    """A pair whose builds find what takes long in the cache."""
    assert light_pair.image  # it has been built
    return trial.make(tmp_path_factory.mktemp("errors"), docker_engine, "errors_digits")


@pytest.fixture
def pair(made: Trial) -> Iterator[Trial]:
    """The pair as it was made; what goes wrong gets no name and leaves no container."""
    yield made
    made.restore()
    shutil.rmtree(made.pair.container / "build", ignore_errors=True)
    left = made.image("wrong")
    made.forget("wrong")
    assert left is None
    assert _eventually(lambda: not made.containers())


def programs(folder: Path, **found: Path | str) -> str:
    """Return a PATH that leads to git and these programs, and to no others."""
    folder.mkdir()
    for name, content in {"git": Path(installed("git")), **found}.items():
        if isinstance(content, Path):
            (folder / name).symlink_to(content)
        else:
            (folder / name).write_text(content)
            (folder / name).chmod(0o755)
    return str(folder)


@pytest.fixture(scope="module")
def docker_program(docker_engine: Here) -> Path:
    """The program that the engine is used with."""
    with docker_engine.open() as engine:
        return Path(engine.cli)


# --- no engine


@pytest.fixture
def calls(made: Trial, scaffold: Callable[..., Outcome]) -> Callable[..., Outcome]:
    """Run `scaffold build` with only these programs on the PATH: `calls(path, *arguments)`."""

    def call(path: str, *arguments: str, host: str = "") -> Outcome:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PATH", path)
            patch.setenv("DOCKER_HOST", host)
            return scaffold("build", made.pair.model, "--quiet", *arguments)

    return call


def test_without_an_engine_it_says_how_to_get_one(
    calls: Callable[..., Outcome], tmp_path: Path
) -> None:
    path = programs(tmp_path / "bin")
    message = (
        "no container engine is at hand:\n"
        "  docker: not installed (no `docker` on the PATH)\n"
        f"  {NO_PODMAN}"
    )
    result = calls(path)
    assert (result.code, result.out, result.err) == (3, "", says(message, INSTALL))

    result = calls(path, "--json")
    error = {"message": message, "hint": INSTALL, "exit_code": 3}
    assert (result.code, result.document) == (3, {"error": error})

    result = calls(path, "--engine", "podman")
    only = f"no container engine is at hand:\n  {NO_PODMAN}"
    assert (result.code, result.err) == (3, says(only, INSTALL))


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        (
            "unix:///nowhere/docker.sock",
            "the engine does not run (/nowhere/docker.sock is not there); is DOCKER_HOST right?",
        ),
        (
            "tcp://127.0.0.1:9",
            "nothing answers at tcp://127.0.0.1:9: [Errno 111] Connection refused",
        ),
        (
            "somewhere",
            "nothing answers at somewhere: Invalid bind address format: port is required: somewhere",
        ),
    ],
)
def test_an_engine_that_does_not_answer(
    calls: Callable[..., Outcome],
    docker_program: Path,
    tmp_path: Path,
    host: str,
    reason: str,
) -> None:
    result = calls(programs(tmp_path / "bin", docker=docker_program), host=host)

    message = f"no container engine is at hand:\n  docker: {reason}\n  {NO_PODMAN}"
    assert (result.code, result.err) == (3, says(message, MEND))


@pytest.mark.skipif(
    Path("/var/run/docker.sock").exists(), reason="an engine has the usual socket here"
)
def test_an_engine_that_does_not_run(
    calls: Callable[..., Outcome], docker_program: Path, tmp_path: Path
) -> None:
    result = calls(programs(tmp_path / "bin", docker=docker_program))

    reason = f"the engine does not run (/var/run/docker.sock is not there); {START}"
    message = f"no container engine is at hand:\n  docker: {reason}\n  {NO_PODMAN}"
    assert (result.code, result.err) == (3, says(message, MEND))


def test_a_socket_that_the_user_may_not_use(
    made: Trial,
    scaffold: Callable[..., Outcome],
    docker_program: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    place = tmp_path / "docker.sock"
    monkeypatch.setenv("DOCKER_HOST", f"unix://{place}")
    monkeypatch.setenv("PATH", str(docker_program.parent))
    monkeypatch.chdir(made.pair.model)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(place))
        place.chmod(0)
        with _nobody():
            result = scaffold("build", "--engine", "docker")

    message = (
        f"no container engine is at hand:\n"
        f"  docker: you may not use {place}; your administrator can add you to its group (`usermod -aG "
        "docker $USER`, then log in again), or use podman, which needs no rights"
    )
    assert (result.code, result.err) == (3, says(message, MEND))


@contextmanager
def _nobody() -> Iterator[None]:
    """Be a user whom modes of files apply to, as far as access(2) is concerned."""
    if os.getuid():
        yield
        return
    os.setreuid(65534, 0)  # access(2) asks for the real user; all else goes by the effective one
    try:
        yield
    finally:
        os.setreuid(0, 0)


@pytest.fixture
def unable() -> Path | str:
    """A docker program that is too new to build without its plugin: a real one where there is one."""
    for folder in os.environ["PATH"].split(os.pathsep):
        program = Path(folder, "docker")
        if program.is_file() and _unable(str(program)):
            return program
    return (
        "#!/bin/sh\n"
        '[ "$1" != --version ] || { echo "Docker version 28.2.2, build e6534b4"; exit 0; }\n'
        "echo \"docker: unknown command: docker $1\" >&2; exit 1\n"
    )  # fmt: skip


def _unable(program: str) -> bool:
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    version = re.search(r"Docker version (\d+)", said.stdout)
    buildx = subprocess.run([program, "buildx", "version"], capture_output=True, check=False)
    return bool(version and int(version[1]) >= 23 and buildx.returncode)


def test_a_docker_program_that_cannot_build(
    calls: Callable[..., Outcome], docker_engine: Here, unable: Path | str, tmp_path: Path
) -> None:
    path = programs(tmp_path / "bin", docker=unable)
    version = subprocess.run(
        [f"{path}/docker", "--version"], capture_output=True, text=True, check=True
    )

    result = calls(path, host=docker_engine.variables["DOCKER_HOST"])

    message = (
        "no container engine is at hand:\n"
        f"  docker: {path}/docker ({version.stdout.strip()}) cannot build without its buildx plugin; "
        "install it (`apt install docker-buildx`, or docker-buildx-plugin from Docker's own packages)\n"
        f"  {NO_PODMAN}"
    )
    assert (result.code, result.err) == (3, says(message, MEND))


def test_of_two_docker_programs_the_one_that_can_build_is_taken(
    made: Trial, unable: Path | str, docker_program: Path, tmp_path: Path
) -> None:
    first = programs(tmp_path / "new", docker=unable)
    second = programs(tmp_path / "old", docker=docker_program)
    path = os.pathsep.join((first, second, os.environ["PATH"]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", path)
        with made.here.open() as engine:
            assert engine.cli == f"{second}/docker"


def test_podman_under_the_name_of_docker_is_not_taken_for_docker(
    calls: Callable[..., Outcome], tmp_path: Path
) -> None:
    podman = installed("podman")
    # what Debian's podman-docker installs
    path = programs(tmp_path / "bin", docker=f'#!/bin/sh\nexec {podman} "$@"\n')

    result = calls(path)

    message = (
        "no container engine is at hand:\n"
        f"  docker: {path}/docker is podman under another name\n"
        f"  {NO_PODMAN}"
    )
    assert (result.code, result.err) == (3, says(message, MEND))


# --- what is refused before an engine is asked


def test_an_impossible_combination_is_refused_before_an_engine_is_asked(
    made: Trial, calls: Callable[..., Outcome], tmp_path: Path
) -> None:
    path = programs(tmp_path / "bin")  # with no engine: asking for one would be exit code 3
    with trial.answers(made, docker_baseimage="python", baseimage_cpu_tag="3.14-slim"):
        result = calls(path)
    message = (
        "python:3.14-slim has Python 3.14, for which no release of TensorFlow fits "
        "`tensorflow-cpu<3,>=2.18`"
    )
    hint = (
        "nearest possible: python:3.13-slim (TensorFlow 2.21.0), python:3.12-slim (TensorFlow "
        "2.21.0), python:3.11-slim (TensorFlow 2.21.0)"
    )
    assert (result.code, result.out, result.err) == (2, "", says(message, hint))

    result = calls(path, "--gpu", "--base-tag", "2.21.0")
    hint = (
        "nearest possible: tensorflow/tensorflow:2.21.0-gpu, tensorflow/tensorflow:2.20.0-gpu, "
        "python:3.11-slim (TensorFlow 2.21.0)"
    )
    message = "tensorflow/tensorflow:2.21.0 has no GPU support"
    assert (result.code, result.err) == (2, says(message, hint))


@pytest.mark.parametrize(
    ("option", "value", "message", "hint"),
    [
        (
            "--tag",
            "a b",
            "'a b' is not a tag",
            NO_TAG,
        ),
        *(
            (
                "--image",
                name,
                f"{name!r} is not the name of an image",
                NO_NAME,
            )
            for name in ("group/name:tag", "Group/name", "name@sha256:0")
        ),
    ],
)
def test_names_that_no_image_may_have(
    calls: Callable[..., Outcome], tmp_path: Path, option: str, value: str, message: str, hint: str
) -> None:
    result = calls(programs(tmp_path / "bin"), option, value)
    assert (result.code, result.err) == (2, says(message, hint))


def test_a_container_repository_that_cannot_be_built(
    pair: Trial, calls: Callable[..., Outcome], tmp_path: Path
) -> None:
    path, container = programs(tmp_path / "bin"), pair.pair.container
    (container / "image").rename(container / "old")
    result = calls(path)
    message = f"{container} has no image/steps.sh: its Dockerfile is of an older template"
    hint = "bring image/, Dockerfile and .dockerignore over from a new module, `scaffold new`"
    assert (result.code, result.err) == (2, says(message, hint))

    away = container.rename(container.with_name("elsewhere"))
    try:
        result = calls(path)
    finally:
        away.rename(container)
    message = f"{pair.pair.model} is the model repository, and {container} is not there"
    hint = "clone the container repository beside it, or name its folder"
    assert (result.code, result.err) == (2, says(message, hint))


# --- what keeps a build from beginning


@pytest.mark.parametrize(
    ("content", "message", "hint"),
    [
        (
            b'{"title": broken}',
            "{path} is not JSON: Expecting value: line 1 column 11 (char 10)",
            "`scaffold validate {path}` says what is wrong",
        ),
        (
            b"\xff{}",
            f"{{path}} is not JSON: {NO_UTF8}",
            "`scaffold validate {path}` says what is wrong",
        ),
        (None, "cannot read {path}: Is a directory", "make it readable, or take it away"),
    ],
)
def test_metadata_that_cannot_be_read(
    pair: Trial, content: bytes | None, message: str, hint: str
) -> None:
    path = pair.pair.container / "metadata.json"
    path.unlink()
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    result = pair.build(*UNTESTED)
    expected = says(message.format(path=path), hint.format(path=path))
    assert (result.returncode, result.stdout, result.stderr) == (2, "", expected)


def test_a_secret_that_git_does_not_know_of_stays_out_of_the_image(pair: Trial) -> None:
    path = pair.pair.model / "remote.ini"
    path.write_text("[rshare]\npass = hunter2\n")
    result = pair.build(*UNTESTED)
    message = f"{path} holds a password or a private key, and would get into the image"
    hint = "let .gitignore name it, or move it out of the repository"
    assert (result.returncode, result.stderr) == (4, says(message, hint))


WRITABLE = (
    "a build leaves its log and records in build/ of the container repository; make room there, and "
    "see that you may write to it"
)


def test_a_file_where_the_records_go(pair: Trial) -> None:
    (pair.pair.container / "build").touch()
    result = pair.build(*UNTESTED)
    (pair.pair.container / "build").unlink()
    message = f"cannot write {pair.records}: Not a directory"
    assert (result.returncode, result.stderr) == (1, says(message, WRITABLE))


def test_a_folder_for_the_records_that_may_not_be_written(pair: Trial) -> None:
    build = pair.records.parent
    build.mkdir()
    build.chmod(0o555)
    if os.geteuid():
        result, why = pair.build(*UNTESTED), "Permission denied"
    else:  # modes are nothing to root
        script = f'mount -t tmpfs -o ro tmpfs "{build}"; exec "$@"'
        before = ("unshare", "--mount", "sh", "-ec", script, "sh")
        result, why = pair.build(*UNTESTED, before=before), "Read-only file system"
    message = f"cannot write {pair.records}: {why}"
    assert (result.returncode, result.stderr) == (1, says(message, WRITABLE))


@pytest.mark.parametrize("name", ["build.log", "sbom.cdx.json", "provenance.json"])
def test_no_room_for_a_record(pair: Trial, name: str) -> None:
    pair.records.mkdir(parents=True)
    (pair.records / name).symlink_to("/dev/full")
    result = pair.build(*UNTESTED)
    message = f"cannot write {pair.records / name}: No space left on device"
    assert (result.returncode, result.stderr) == (1, says(message, WRITABLE))


# --- what goes wrong while building

RCLONE = "step `RUN . /run/steps.sh; install_rclone /run/rclone.txt` of the cpu image"


def parts(result: subprocess.CompletedProcess[str]) -> tuple[str, list[str], str, str]:
    """Take apart what a failed step is reported with: its name, its lines, where its log is, the hint."""
    assert (result.returncode, result.stdout) == (1, "")
    first, *lines, log, hint = result.stderr.splitlines()
    assert all(line.startswith("  ") for line in lines), result.stderr
    return first, [line[2:] for line in lines], log, hint


def test_a_build_without_a_network(pair: Trial) -> None:
    # the compilers, which take a while and are in the cache of apt, are not what fails
    trial.replace(
        pair.pair.container / "Dockerfile",
        "apt_install build-essential ca-certificates git",
        "true",
    )
    result = pair.build(*UNTESTED, "--network", "none")

    first, lines, log, hint = parts(result)
    assert re.fullmatch(r"error: step `RUN .+` of the cpu image failed: exit code \d+", first)
    assert any("Temporary failure" in line for line in lines)
    assert log == f"its log: {pair.records / 'build.log'}"
    assert lines[-1] in (pair.records / "build.log").read_text()
    assert hint == (
        "hint: probably a command in the build cannot reach the network: check the network and the "
        "proxy; if only this machine itself has access, build with its network: --network host"
    )


def test_a_requirement_that_does_not_exist(pair: Trial) -> None:
    trial.replace(
        pair.pair.model / "pyproject.toml",
        r"(?m)^dependencies = \[$",
        'dependencies = [\n  "deep-no-such-package==7.1.4",',
    )
    first, lines, log, hint = parts(pair.build(*UNTESTED))
    assert first.startswith("error: step `RUN . /run/steps.sh; pip install --no-compile ")
    assert first.endswith("as_layer /opt/venv` of the cpu image failed: exit code 1")
    assert lines[-1] == "ERROR: No matching distribution found for deep-no-such-package==7.1.4"
    assert log == f"its log: {pair.records / 'build.log'}"
    assert hint == (
        "hint: probably the index has no such version of a package for the image's Python and "
        "processor: check the package's name and version, and which Pythons it was made for"
    )


def test_a_download_that_is_not_what_is_expected(pair: Trial) -> None:
    trial.replace(pair.pair.container / "image" / "rclone.txt", r"sha256:\w{8}", "sha256:00000000")
    first, lines, log, hint = parts(pair.build(*UNTESTED))
    assert first == f"error: {RCLONE} failed: exit code 1"
    assert any(line.startswith("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES") for line in lines)
    assert re.search(r"Expected\s+(or|sha256) 00000000", "\n".join(lines))
    assert log == f"its log: {pair.records / 'build.log'}"
    assert hint == (
        "hint: probably something that was downloaded is not what was expected: if its maker has "
        "replaced it, write the new hash down; otherwise do not trust it"
    )


# --- the base image


@contextmanager
def daemon(*line: str, port: int) -> Iterator[None]:
    """Run a server until it answers on a port of this machine, and end it afterwards."""
    process = subprocess.Popen(
        line, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 20
        while True:
            with suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
                break
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(20)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_base_image_that_its_registry_does_not_have(pair: Trial, tmp_path: Path) -> None:
    with registry(tmp_path, "") as name:
        base = f"{name}/deep/base"
        with trial.answers(pair, docker_baseimage=base):
            result = pair.build(*UNTESTED)
    assert result.returncode == 1
    assert re.fullmatch(
        re.escape(f"error: cannot fetch the base image {base}:2.21.0: ")
        + r"Error response from daemon: manifest for \S+ not found: manifest unknown.*\n"
        "hint: probably the registry has no such base image, or does not show it to everybody: check "
        "the base image's name and tag; if it is private, log in to its registry\n",
        result.stderr,
    ), result.stderr


def test_a_base_image_whose_registry_does_not_answer(pair: Trial) -> None:
    base = f"127.0.0.1:{free_port()}/deep/base"
    with trial.answers(pair, docker_baseimage=base):
        result = pair.build(*UNTESTED)
    assert result.returncode == 1
    assert re.fullmatch(
        re.escape(f"error: cannot fetch the base image {base}:2.21.0: ")
        + r"Error response from daemon: .* connection refused\n"
        "hint: probably the container engine cannot reach the base image's registry: check the "
        "network; behind a proxy, the engine itself has to be told about it\n",
        result.stderr,
    ), result.stderr


# --- from git

FROM_GIT = ("--source", "git", *UNTESTED[:1])
LOCAL = "or build from the working tree with --source local"


@pytest.fixture
def served(pair: Trial, tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A git server with the model repository, pushed; its address, and what it serves."""
    port, bare = free_port(), tmp_path / "served" / pair.pair.model.name
    clone = ["git", "clone", "--quiet", "--bare", str(pair.pair.model), str(bare)]
    subprocess.run(clone, check=True)
    # git's own commands are not on the PATH; `git daemon` would leave its child running
    core = subprocess.run(["git", "--exec-path"], capture_output=True, text=True, check=True)
    program = Path(core.stdout.strip(), "git-daemon")
    if not program.exists():
        missing("git has no daemon")
    line = (str(program), f"--base-path={bare.parent}", "--listen=127.0.0.1", f"--port={port}")
    with daemon(*line, "--export-all", "--reuseaddr", str(bare.parent), port=port):
        yield f"git://127.0.0.1:{port}", bare


def test_what_has_been_pushed_is_built_and_nothing_else(
    pair: Trial, served: tuple[str, Path]
) -> None:
    address, bare = served
    model = pair.pair.model
    with trial.answers(pair, git_base_url=address):
        (model / "uncommitted.txt").write_text("not yet")
        first = pair.build(*FROM_GIT, "--tag", "git")
        assert (first.returncode, first.stderr) == (0, "")
        one = _files(pair, "git")
        assert "README.md" in one
        assert "uncommitted.txt" not in one
        assert ".git" not in one

        (model / "uncommitted.txt").unlink()
        (model / "second.txt").write_text("a new commit")
        subprocess.run(["git", "add", "second.txt"], cwd=model, check=True)
        identity = ["-c", "user.name=Ann", "-c", "user.email=ann@example.org"]
        subprocess.run(
            ["git", *identity, "commit", "-qm", "2", "second.txt"], cwd=model, check=True
        )
        try:
            not_pushed = pair.build(*FROM_GIT, "--tag", "git")
            assert not_pushed.returncode == 0, not_pushed.stderr
            assert _files(pair, "git") == one

            subprocess.run(["git", "push", "--quiet", str(bare), "master"], cwd=model, check=True)
            pushed = pair.build(*FROM_GIT, "--tag", "git")
            assert pushed.returncode == 0, pushed.stderr
            assert _files(pair, "git") == sorted([*one, "second.txt"])
            head = ["git", "rev-parse", "HEAD"]
            revision = subprocess.run(head, cwd=model, capture_output=True, text=True, check=True)
            with pair.here.open() as engine:
                labels = (engine.image(f"{NAME}:git") or {})["Config"]["Labels"]
            assert labels["org.opencontainers.image.revision"] == revision.stdout.strip()
        finally:
            subprocess.run(["git", "reset", "--quiet", "--hard", "HEAD~1"], cwd=model, check=True)


def _files(pair: Trial, tag: str) -> list[str]:
    with pair.here.open() as engine:
        said: bytes = engine.client.containers.run(
            f"{NAME}:{tag}", ["-A", f"/srv/{pair.pair.package}"], entrypoint="ls", remove=True
        )
    return sorted(said.decode().split())


def test_a_branch_that_has_not_been_pushed(pair: Trial, served: tuple[str, Path]) -> None:
    address, _ = served
    with trial.answers(pair, git_base_url=address):
        result = pair.build(*FROM_GIT, "--branch", "new/loss", "--tag", "wrong")
    message = f"{address}/{pair.pair.model.name} has no branch 'new/loss'"
    hint = f"push it, name another with --branch, {LOCAL}"
    assert (result.returncode, result.stderr) == (2, says(message, hint))


def test_a_repository_that_is_not_there(pair: Trial, served: tuple[str, Path]) -> None:
    address, bare = served
    bare.rename(bare.with_name("other"))
    with trial.answers(pair, git_base_url=address):
        result = pair.build(*FROM_GIT, "--tag", "wrong")
    name = pair.pair.model.name
    message = (
        f"cannot clone {address}/{name}: fatal: remote error: access denied or repository not "
        f"exported: /{name}"
    )
    assert (result.returncode, result.stderr) == (
        1,
        says(message, f"push the module there first, {LOCAL}"),
    )


def test_a_server_that_does_not_answer(pair: Trial) -> None:
    address = f"git://127.0.0.1:{free_port()}"
    with trial.answers(pair, git_base_url=address):
        result = pair.build(*FROM_GIT, "--tag", "wrong")
    message = (
        f"cannot clone {address}/{pair.pair.model.name}: 127.0.0.1[0: 127.0.0.1]: errno=Connection "
        "refused"
    )
    hint = f"check the network and the address (git_base_url in .scaffold.yml), {LOCAL}"
    assert (result.returncode, result.stderr) == (1, says(message, hint))


# --- stopped by the user


@pytest.mark.parametrize(
    ("number", "code", "said"),
    [(signal.SIGINT, 130, "\ninterrupted\n"), (signal.SIGTERM, 143, "")],
)
def test_a_build_that_is_stopped_leaves_nothing(
    pair: Trial, number: int, code: int, said: str
) -> None:
    seconds = f"{714100 + number}"  # nothing else sleeps so long
    trial.replace(
        pair.pair.container / "Dockerfile", "(?m)^USER 1000$", rf"RUN sleep {seconds}\n\g<0>"
    )
    images = _image_ids(pair)
    process = _start(pair, *UNTESTED)
    try:
        assert _eventually(lambda: _sleeps(seconds)), process.communicate()
        # a terminal signals the whole group; a service manager the one process
        if number == signal.SIGINT:
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)
        out, err = process.communicate(timeout=30)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    assert (process.returncode, out, err) == (code, "", said)
    assert _eventually(lambda: not _sleeps(seconds))
    assert _image_ids(pair) == images


def test_an_image_whose_trial_is_stopped_leaves_no_container(pair: Trial) -> None:
    trial.replace(pair.pair.container / "Dockerfile", "(?m)^CMD .*$", 'CMD ["sleep", "1000"]')
    process = _start(pair, "--tag", "wrong")
    try:
        assert _eventually(lambda: "sleep" in pair.containers().values()), process.communicate()
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=30)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    assert (process.returncode, out, err) == (130, "", "\ninterrupted\n")
    assert _eventually(lambda: not pair.containers())


def _start(pair: Trial, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        pair.command(*arguments),
        cwd=ROOT,
        env=environment(**pair.here.variables),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def _sleeps(seconds: str) -> bool:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if path.read_bytes() == f"sleep\0{seconds}\0".encode():
                return True
    return False


def _image_ids(pair: Trial) -> set[str]:
    with pair.here.open() as engine:
        return {str(each.id) for each in engine.client.images.list() if each.tags}


def _eventually(true: Callable[[], bool], seconds: float = 60) -> bool:
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True
