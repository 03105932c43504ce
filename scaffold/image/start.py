"""Running a module's image: what is going to be started, as plain data, and starting it.

What `--dry-run` shows is what is run, word for word: containers are started with the engine's own
command line, which knows GPUs of podman and user namespaces that Docker's API does not. Values of
variables travel in the environment of that command, never on it.
"""

from __future__ import annotations

import os
import shlex
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scaffold.errors import ScaffoldError, UsageError
from scaffold.image import access, gpu, names, rclone
from scaffold.image.addresses import recordable
from scaffold.image.container import API_PORT, IDE_PORT, MONITOR_PORT
from scaffold.image.engine import Engine, last_line
from scaffold.module import Module

if TYPE_CHECKING:
    from scaffold.image.access import User

LABEL = "eu.ai4eosc.scaffold.run"
"""The label of every container that is started here; its value is the module's name."""
PASSWORD = "jupyterPASSWORD"  # noqa: S105 - the name of a variable
SHORTEST_PASSWORD = 9


@dataclass(frozen=True, slots=True)
class Wish:
    """What the user asks for.

    Attributes:
        gpu: whether it gets all NVIDIA GPUs.
        image: name of the image; empty for the module's own.
        tag: its tag; empty for that of the branch.
        pull: whether it is pulled from its registry first.
        host: address of this machine that the ports are published on.
        port: of the API, or of JupyterLab; 0 for a free one, None for the usual one.
        jupyter: JupyterLab instead of the API.
        user: `UID[:GID]` to run as; empty for a fitting one.
        volumes: whether data and models are kept in the engine's volumes, not in the folders.
        rclone: whether it gets rclone's configuration and the variables of the remote `rshare`.
        rclone_conf: the file; None for the one that rclone would read.
        environment: `NAME=VALUE`, or `NAME` for this process's variable of that name.
        command: instead of the image's own.
        detach: whether it goes on when scaffold has ended.
        password: of JupyterLab.
    """

    gpu: bool = False
    image: str = ""
    tag: str = ""
    pull: bool = False
    host: str = "127.0.0.1"
    port: int | None = None
    jupyter: bool = False
    user: str = ""
    volumes: bool = False
    rclone: bool = True
    rclone_conf: Path | None = None
    environment: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    detach: bool = False
    password: str = field(default="", repr=False)

    @property
    def variant(self) -> str:
        """Which image, "cpu" or "gpu"."""
        return "gpu" if self.gpu else "cpu"

    @property
    def service(self) -> int:
        """The port, inside, of what is asked for."""
        return IDE_PORT if self.jupyter else API_PORT


@dataclass(frozen=True, slots=True)
class Plan:
    """A container that is going to be started.

    Attributes:
        module: whose.
        wish: what was asked for.
        image: the image's name and tag.
        name: of the container.
        ports: for each port inside, the address and port of this machine; 0 for a free one.
        mounts: `FOLDER:PATH[:ro]`, or a volume's name instead of the folder.
        handed: rclone's configuration, when the container's user may not read the file itself.
        environment: variables; None as a value stands for the one in `values`.
        values: what must not be shown.
        user: whom it runs as.
        options: what else the engine is told.
        command: instead of the image's own.
        notes: what the user should know.
    """

    module: Module
    wish: Wish
    image: str
    name: str
    ports: Mapping[int, tuple[str, int]]
    mounts: tuple[str, ...]
    handed: Path | None
    environment: tuple[tuple[str, str | None], ...]
    values: Mapping[str, str] = field(repr=False)
    user: User
    options: tuple[str, ...]
    command: tuple[str, ...]
    notes: tuple[str, ...]

    def arguments(self, *how: str) -> list[str]:
        """Return the arguments of `docker run`; `how` says whether it is attached."""
        line = ["run", *how, "--pull=never", "--name", self.name]
        line += ["--label", f"{LABEL}={self.module.answers['repo_name']}"]
        if not self.wish.detach:
            line.append("--no-healthcheck")  # each check would be a line of the log
        for inside, (address, port) in self.ports.items():
            shown = f"[{address}]" if ":" in address else address
            line += ["--publish", f"{shown}:{port or ''}:{inside}"]
        for mount in self.mounts:
            line += ["--volume", mount]
        if self.handed:
            line += ["--tmpfs", f"{rclone.MEMORY}:mode=0777"]
            line += ["--env", f"{rclone.VARIABLE}={rclone.HANDED}"]
        for name, value in self.environment:
            line += ["--env", name if value is None else f"{name}={value}"]
        if self.user.option:
            line += ["--user", self.user.option]
        return [*line, *self.user.options, *self.options, self.image, *self.command]

    def commands(self, engine: Engine) -> list[list[str]]:
        """Return the command lines that do the same, for people to read."""
        attached = bool(self.wish.command) and not self.wish.detach
        lines = [[engine.name, *self.arguments(*(("--rm",) if attached else ("--detach",)))]]
        if self.handed:
            hand = [engine.name, *rclone.arguments(self.name)]
            lines.append(["sh", "-c", f"{shlex.join(hand)} < {shlex.quote(str(self.handed))}"])
        return lines


def plan(engine: Engine, module: Module, wish: Wish, say: Callable[[str], None]) -> Plan:
    """Work out a container.

    Nothing is started or written here; with `wish.pull` the image is pulled.

    Args:
        engine: what is going to run it.
        module: the module.
        wish: what the user asks for.
        say: gets a line when something takes its time.

    Raises:
        MissingToolError: a GPU is wanted and something is missing for it.
        UsageError: the engine runs elsewhere; a variable, name or user is none.
        ScaffoldError: the engine has no such image, or a port that was asked for is taken.
    """
    if not engine.host.startswith("unix://"):
        raise UsageError(
            f"{engine.title} runs on another machine ({engine.host}), which has not got these folders",
            hint="run scaffold there, or choose an engine of this machine with DOCKER_HOST or --engine",
        )
    devices = gpu.options(engine, module) if wish.gpu else ()
    notes: list[str] = []
    reference, attributes = _image(engine, module, wish, say, notes)
    repo_name = module.answers["repo_name"]
    inside = f"/srv/{repo_name}"
    folders = [] if wish.volumes else folders_of(module)
    user = access.choose(
        engine.name,
        rootless=rootless(engine),
        image_user=str((attributes.get("Config") or {}).get("User") or "0"),
        folders=folders,
        given=wish.user,
    )
    label = ":z" if engine.name == "podman" and _selinux() else ""
    mounts = [f"{folder}:{inside}/{folder.name}{label}" for folder in folders]
    if not folders:
        mounts = [f"{repo_name}-{name}:{inside}/{name}" for name in ("data", "models")]
    handed = rclone.configuration(wish.rclone_conf) if wish.rclone else None
    if handed and access.may_read(handed, user) and not _selinux():
        mounts.append(f"{handed}:{rclone.FILE}:ro")
        handed = None
    environment, values = variables(wish, root=user.option.partition(":")[0] == "0")
    command = wish.command or (("deep-start", "--jupyter") if wish.jupyter else ())
    if wish.command and handed:
        command = (*rclone.WAIT, *command)
    return Plan(
        module=module,
        wish=wish,
        image=reference,
        name=f"{repo_name}-{uuid.uuid4().hex[:6]}",
        ports=ports(wish),
        mounts=tuple(mounts),
        handed=handed,
        environment=environment,
        values=values,
        user=user,
        options=devices,
        command=tuple(command),
        notes=(*notes, *user.notes),
    )


def folders_of(module: Module) -> list[Path]:
    """Return the folders that a container works on, the most important one last.

    They are not all there in a fresh clone. There are none without the model repository.

    Raises:
        UsageError: their names cannot be given to an engine.
    """
    root = module.root if module.role == "model" else module.sibling
    if not root.is_dir():
        return []
    if ":" in str(root):
        raise UsageError(
            f"{root} has a `:` in its path, and engines take no such folder",
            hint="move the module, or use --volumes",
        )
    # training draws into reports
    reports = [root / "reports"] if (root / "reports").is_dir() else []
    return [root / "data", *reports, root / "models"]


def rootless(engine: Engine) -> bool:
    """Say whether an engine runs without root."""
    info = engine.client.info()
    # podman has a key of its own, Docker an option
    return bool(info.get("Rootless")) or "name=rootless" in (info.get("SecurityOptions") or ())


def candidates(module: Module, wish: Wish) -> list[str]:
    """Return the names that the module's image may have, the most fitting one first.

    Raises:
        UsageError: what was given is no name or no tag.
    """
    from scaffold.image.revision import of_working_tree

    name, variant = names.repository(module, wish.image), wish.variant
    if wish.tag:
        tags = [
            *names.chosen_tags(wish.tag, (variant,), variant),
            *names.chosen_tags(wish.tag, names.VARIANTS, variant),
        ]
    else:
        layout, default = module.answers["layout"], module.answers["default_branch"]
        branch = of_working_tree(module.root).branch
        tags = [*names.tags(layout, branch, variant), *names.tags(layout, default, variant)]
    return [f"{name}:{tag}" for tag in dict.fromkeys(tags)]


def _image(
    engine: Engine, module: Module, wish: Wish, say: Callable[[str], None], notes: list[str]
) -> tuple[str, dict[str, Any]]:
    wanted = candidates(module, wish)
    if wish.pull:
        say(f"Pulling {wanted[0]} …")
        result = engine.call("pull", "--quiet", wanted[0])
        if result.returncode:
            raise ScaffoldError(
                f"cannot pull {wanted[0]}: {last_line(result.stderr)}",
                hint=f"is its name right? A private one needs `{engine.name} login`",
            )
    for reference in wanted:
        if found := local_image(engine, reference):
            if reference != wanted[0]:
                notes.append(f"there is no {wanted[0]}; this is {reference}")
            return found
    option = f"--{wish.variant}" + (f" --tag {wish.tag}" if wish.tag else "")
    raise ScaffoldError(
        f"{engine.title} has no image {' or '.join(wanted)}",
        hint=f"build it with `scaffold build {option}`, or get it from its registry with --pull",
    )


def local_image(engine: Engine, reference: str) -> tuple[str, dict[str, Any]] | None:
    """Look for an image in an engine; return what the engine calls it, and what it knows of it."""
    # podman calls what has never been in a registry localhost/…
    for prefix in ("", "localhost/") if engine.name == "podman" else ("",):
        if attributes := engine.image(f"{prefix}{reference}"):
            return f"{prefix}{reference}", attributes
    return None


def variables(
    wish: Wish, *, root: bool
) -> tuple[tuple[tuple[str, str | None], ...], dict[str, str]]:
    """Return the variables for the container, and the values that must not be shown.

    Args:
        wish: what the user asks for.
        root: whether the container's user is root.

    Raises:
        UsageError: one that is given by its name alone is not set, or a name is none.
    """
    shown: dict[str, str | None] = {}
    hidden: dict[str, str] = {}
    for given in wish.environment:
        name, equals, value = given.partition("=")
        if not name.replace("_", "a").isalnum() or name[0].isdigit():
            raise UsageError(f"{given!r} is no variable", hint="give -e NAME=VALUE or -e NAME")
        if not equals and name not in os.environ:
            raise UsageError(
                f"the variable {name} is not set here", hint=f"set it, or give -e {name}=VALUE"
            )
        shown[name] = value if equals else None
        if equals and recordable(name, value) != value:
            shown[name], hidden[name] = None, value
    hidden |= rclone.variables() if wish.rclone else {}
    if wish.jupyter:
        hidden[PASSWORD] = wish.password
        if root:
            shown.setdefault("jupyterOPTS", "--allow-root")
    shown |= dict.fromkeys(hidden)
    return tuple(shown.items()), hidden


def ports(wish: Wish) -> dict[int, tuple[str, int]]:
    """Return where the ports inside are published: address and port, 0 for a free one.

    Raises:
        ScaffoldError: the port that is wanted is taken.
    """
    wanted = wish.service if wish.port is None else wish.port
    if wish.command and wish.port is None:
        # a command may not serve anything: nothing to be told about ports then
        return {}
    if wanted:
        require_free(wish.host, wanted)
    published = {wish.service: (wish.host, wanted)}
    if not wish.jupyter and not wish.command:
        taken = wanted == MONITOR_PORT or not is_free(wish.host, MONITOR_PORT)
        published[MONITOR_PORT] = (wish.host, 0 if taken else MONITOR_PORT)
    return published


def require_free(host: str, port: int) -> None:
    """Refuse a port that is taken.

    Raises:
        ScaffoldError: it is, or the address is not one of this machine's.
    """
    from scaffold.local import free_port

    free_port(host, port)


def is_free(host: str, port: int) -> bool:
    """Say whether nothing listens on a port."""
    try:
        require_free(host, port)
    except ScaffoldError:
        return False
    return True


def _selinux() -> bool:
    try:
        return Path("/sys/fs/selinux/enforce").read_text(encoding="ascii").strip() == "1"
    except OSError:
        return False
