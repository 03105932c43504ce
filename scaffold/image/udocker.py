"""udocker: the module's image without root and without an engine, as on the nodes of a cluster.

udocker unpacks an image into a folder and runs programs in it: with PRoot (its modes P1, P2), with
patched programs and fakechroot (F1 to F4), with runc (R1 to R3) or with Singularity (S1). There is no
network of the container's own: what listens in it, listens on this machine.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field

from scaffold.errors import MissingToolError
from scaffold.image import gpu, rclone, start
from scaffold.image.container import (
    API_PORT,
    IDE_PORT,
    MONITOR_PORT,
)
from scaffold.image.engine import engine
from scaffold.image.start import Wish
from scaffold.local import free_port
from scaffold.module import Module

MODES = ("P1", "P2", "F1", "F2", "F3", "F4", "R1", "R2", "R3", "S1")
"""Its ways to run a container, the usual one first."""
_GET = "get udocker, which needs no root: `pip install udocker`, then `udocker install`"
_PORTS = {API_PORT: "DEEPAAS_PORT", MONITOR_PORT: "monitorPORT", IDE_PORT: "jupyterPORT"}


@dataclass(frozen=True, slots=True)
class Udocker:
    """An udocker that is installed.

    Attributes:
        program: how it is called.
        version: its version.
    """

    program: tuple[str, ...]
    version: str

    @property
    def title(self) -> str:
        """How people call it, with its version."""
        return f"udocker {self.version}"

    def call(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run it to the end; the caller looks at the exit code."""
        return subprocess.run(
            [*self.program, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """A container that is going to be run.

    Attributes:
        module: whose.
        wish: what was asked for.
        udocker: what runs it.
        mode: how, "P1" for one.
        image: the image's name and tag.
        name: of the container; it is made once and kept for the next run.
        obtain: what brings the image and unpacks it; nothing if the container is there.
        setup: what prepares the container.
        line: what runs it.
        mounts: `FOLDER:PATH`.
        ports: for each service, its address and port on this machine.
        values: what must not be shown.
        notes: what the user should know.
    """

    module: Module
    wish: Wish
    udocker: Udocker
    mode: str
    image: str
    name: str
    obtain: tuple[tuple[str, ...], ...]
    setup: tuple[tuple[str, ...], ...]
    line: tuple[str, ...]
    mounts: tuple[str, ...]
    ports: Mapping[int, tuple[str, int]]
    values: Mapping[str, str] = field(repr=False)
    notes: tuple[str, ...]

    @property
    def commands(self) -> list[list[str]]:
        """What is run, in order."""
        return [list(each) for each in (*self.obtain, *self.setup, self.line)]


def find() -> Udocker:
    """Find udocker on the PATH, or beside this Python.

    Raises:
        MissingToolError: it is not installed.
    """
    program: tuple[str, ...]
    if found := shutil.which("udocker"):
        program = (found,)
    elif importlib.util.find_spec("udocker"):
        program = (sys.executable, "-m", "udocker.maincmd")
    else:
        raise MissingToolError("udocker: not installed (no `udocker` on the PATH)", hint=_GET)
    if not os.geteuid():
        program += ("--allow-root",)  # it refuses root otherwise
    said = subprocess.run(
        [*program, "version"], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    version = re.search(r"^version: (\S+)", said.stdout, re.MULTILINE)
    if not version:
        raise MissingToolError(f"udocker: `{program[0]} version` fails", hint=_GET)
    return Udocker(program, version[1])


def plan(module: Module, wish: Wish, mode: str) -> Plan:
    """Work out a container; nothing is started or written.

    Args:
        module: the module.
        wish: what the user asks for.
        mode: how udocker is to run it, one of `MODES`.

    Raises:
        MissingToolError: udocker is not installed, or a GPU is wanted and there is no fitting driver.
        UsageError: a variable or name is none.
        ScaffoldError: a port that was asked for is taken.
    """
    used = find()
    if wish.gpu:
        gpu.refuse(gpu.problems(module))
    ports = start.ports(wish)
    if ports:
        # there is no port of the container's own: a free one has to be found now
        ports = {each: (host, free_port(host, port)) for each, (host, port) in ports.items()}
    notes: list[str] = []
    image, name, obtain = _image(used, module, wish, notes)
    program = used.program
    setup = [(*program, "setup", f"--execmode={mode}", name)]
    # this machine's driver may be another one than last time; what the F modes have patched stays
    if wish.gpu and (not mode.startswith("F") or _without_driver(used, name)):
        setup.insert(0, (*program, "setup", "--nvidia", "--force", name))
    repo_name = module.answers["repo_name"]
    folders = [] if wish.volumes else start.folders_of(module)
    mounts = [f"{folder}:/srv/{repo_name}/{folder.name}" for folder in folders]
    if wish.volumes:
        notes.append("udocker has no volumes: data and models stay in the container's own folder")
    environment, values = start.variables(wish, root=not os.geteuid())
    given = dict(environment)
    given |= {_PORTS[inside]: str(port) for inside, (_, port) in ports.items()}
    if MONITOR_PORT not in ports:
        given[_PORTS[MONITOR_PORT]] = "0"
    given["LISTEN_IP"] = wish.host
    conf = rclone.configuration(wish.rclone_conf) if wish.rclone else None
    if conf:
        mounts.append(f"{conf}:{rclone.FILE}")
    if wish.user:
        notes.append("udocker runs as the user who calls it; --user is not heeded")
    # tini waits for processes in a way that PRoot does not know
    command = wish.command or ("deep-start", "--jupyter" if wish.jupyter else "--deepaas")
    line = [*program, "run", "--nobanner", "--entrypoint="]
    # engines write it for each container; images have it empty, and then there is no `localhost`
    line.append("--volume=/etc/hosts:/etc/hosts")
    line += [f"--volume={mount}" for mount in mounts]
    line += [
        f"--env={key}" if value is None else f"--env={key}={value}" for key, value in given.items()
    ]
    return Plan(
        module=module,
        wish=wish,
        udocker=used,
        mode=mode,
        image=image,
        name=name,
        obtain=obtain,
        setup=tuple(setup),
        line=(*line, name, *command),
        mounts=tuple(mounts),
        ports=ports,
        values=values,
        notes=tuple(notes),
    )


def _image(
    used: Udocker, module: Module, wish: Wish, notes: list[str]
) -> tuple[str, str, tuple[tuple[str, ...], ...]]:
    """Return the image, the container that is made of it, and what makes that."""
    wanted = start.candidates(module, wish)
    program = used.program
    with ExitStack() as stack:
        try:
            other = stack.enter_context(engine()) if not wish.pull else None
        except MissingToolError:
            other = None
        for reference in wanted if other else ():
            assert other
            found = start.local_image(other, reference)
            if not found:
                continue
            _note_another(reference, wanted, notes)
            name = _name(module, wish, str(found[1]["Id"]).removeprefix("sha256:"))
            if name in _containers(used):
                return reference, name, ()
            form = ("--format", "oci-archive") if other.name == "podman" else ()
            save = shlex.join([other.name, "save", *form, found[0]])
            load = shlex.join([*program, "load", "-i", "-", reference.rpartition(":")[0]])
            return reference, name, (
                ("sh", "-c", f"{save} | {load}"),
                (*program, "create", f"--name={name}", reference),
                (*program, "rmi", reference),  # what it was made of is no longer needed
            )  # fmt: skip
    there, names = used.call("images").stdout, _containers(used)
    for reference in wanted if not wish.pull else ():
        name = _name(module, wish, hashlib.sha256(reference.encode()).hexdigest())
        create = (*program, "create", f"--name={name}", reference)
        if name in names or re.search(rf"^{re.escape(reference)}\s", there, re.MULTILINE):
            _note_another(reference, wanted, notes)
            return reference, name, () if name in names else (create,)
    name = _name(module, wish, hashlib.sha256(wanted[0].encode()).hexdigest())
    remove = ((*program, "rm", name),) if name in names else ()
    create = (*program, "create", f"--name={name}", wanted[0])
    return wanted[0], name, ((*program, "pull", wanted[0]), *remove, create)


def _name(module: Module, wish: Wish, made_of: str) -> str:
    """Return what a container is called that is made of an image with an identifier."""
    return f"{module.answers['repo_name']}-{wish.variant}-{made_of[:12]}"


def _without_driver(used: Udocker, name: str) -> bool:
    return "nvidiamode: True" not in used.call("setup", name).stdout


def _note_another(reference: str, wanted: list[str], notes: list[str]) -> None:
    if reference != wanted[0]:
        notes.append(f"there is no {wanted[0]}; this is {reference}")


def _containers(used: Udocker) -> set[str]:
    """Return the names of the containers that there are."""
    return set(re.findall(r"'([^']+)'", used.call("ps").stdout))
