"""From a module to an image: what is going to be built, then building it and saying what came out."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from scaffold.errors import ScaffoldError, UsageError
from scaffold.image import context, matrix, names, needs, network, revision
from scaffold.image.engine import Engine
from scaffold.module import Module

if TYPE_CHECKING:
    from scaffold.image import provenance
    from scaffold.image.buildevents import Event
    from scaffold.image.buildlog import Parser
    from scaffold.image.inventory import Inventory

FOLDER = "build"
"""Where in the container repository a build leaves its log and its records."""
_STEPS = "image/steps.sh"
_OLDEST_EPOCH = 315532800  # 1980-01-01: zip archives know no earlier date


@dataclass(frozen=True, slots=True)
class Wish:
    """What the user asks for.

    Attributes:
        variants: which images, of "cpu" and "gpu".
        source: "local" for the working tree, "git" for the branch of the repository.
        branch: whose tags and, from git, whose code; empty for the branch that is checked out.
        image: name of the image; empty for the module's own.
        tag: instead of the branch's tags; empty for those.
        base_tag: tag of the base image; empty for the answers'.
        jlab: whether JupyterLab is installed in it.
        no_cache: whether every step is built anew.
        platform: the machine it is for, "linux/arm64"; empty for the engine's own.
    """

    variants: tuple[str, ...]
    source: str = "local"
    branch: str = ""
    image: str = ""
    tag: str = ""
    base_tag: str = ""
    jlab: bool = False
    no_cache: bool = False
    platform: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """One image that is going to be built.

    Attributes:
        module: whose.
        container: the container repository.
        variant: "cpu" or "gpu".
        source: "local" or "git".
        name: the image's name, without a tag.
        tags: its tags, the most telling one first.
        base: the base image, with its tag.
        resolution: what the matrix says of it.
        arguments: the build arguments, but for the secret ones.
        model_revision: of the model repository: what is built.
        container_revision: of the container repository.
        branch: the branch that is built from git, and that decided the tags.
        epoch: the date of what is built, in seconds since 1970.
        folder: where the log and the records go.
        wish: what was asked for.
    """

    module: Module
    container: Path
    variant: str
    source: str
    name: str
    tags: tuple[str, ...]
    base: str
    resolution: matrix.Resolution
    arguments: Mapping[str, str]
    model_revision: revision.Revision
    container_revision: revision.Revision
    branch: str
    epoch: int
    folder: Path
    wish: Wish

    @property
    def references(self) -> tuple[str, ...]:
        """The image's names with their tags."""
        return tuple(f"{self.name}:{tag}" for tag in self.tags)


@dataclass(frozen=True, slots=True)
class Image:
    """An image that has been built.

    Attributes:
        plan: what was to be built.
        id: its identifier in the engine, `sha256:…`.
        size: its bytes, unpacked.
        seconds: what it took.
        steps: how many steps the Dockerfile has.
        cached: how many of them were there already.
        files: how many files the context has.
        sbom: digest of the bill of materials.
        base_digest: digest of the base image; its identifier if it never came from a registry.
        context_digest: digest of the context.
        started: when it began.
        invocation: an identifier of this build.
    """

    plan: Plan
    id: str
    size: int
    seconds: float
    steps: int
    cached: int
    files: int
    sbom: str
    base_digest: str
    context_digest: str
    started: datetime
    invocation: str


def plan(module: Module, wish: Wish) -> list[Plan]:
    """Work out the images: names, base images, build arguments.

    Nothing is built here; only the repository whose branch is to be built is asked for its commit.

    Args:
        module: the module.
        wish: what the user asks for.

    Raises:
        UsageError: the container repository is not there or of an older template; the combination of
            base image, Python and framework is impossible; a name or tag is none.
        ScaffoldError: the repository to build from cannot be reached.
    """
    container = module.container_root
    if not (container / _STEPS).is_file():
        raise UsageError(
            f"{container} has no {_STEPS}: its Dockerfile is of an older template",
            hint="bring image/, Dockerfile and .dockerignore over from a new module, `scaffold new`",
        )
    model = module.model_root if wish.source == "local" else None
    asked = needs.read((model or module.model_root) / "pyproject.toml")
    model_revision = revision.of_working_tree(module.model_root)
    branch = wish.branch or model_revision.branch
    if wish.source == "git":
        branch = branch or module.answers["default_branch"]
        address = repository_url(module)
        model_revision = revision.Revision(revision.of_remote(address, branch), branch)
    name = names.repository(module, wish.image)
    framework = module.answers["framework"]
    container_revision = revision.of_working_tree(container)
    epoch = max(model_revision.epoch, container_revision.epoch, _OLDEST_EPOCH)
    plans = []
    for variant in wish.variants:
        tag = wish.base_tag or module.answers[f"baseimage_{variant}_tag"]
        base = module.answers["docker_baseimage"]
        resolution = matrix.resolve(
            framework, base, tag, variant, asked.framework(framework, variant), asked.python
        )
        tags = (
            names.chosen_tags(wish.tag, wish.variants, variant)
            if wish.tag
            else names.tags(module.answers["layout"], branch, variant)
        )
        plans.append(
            Plan(
                module=module,
                container=container,
                variant=variant,
                source=wish.source,
                name=name,
                tags=tags,
                base=f"{base}:{tag}",
                resolution=resolution,
                arguments=_arguments(
                    module, wish, base, tag, resolution, model_revision.label, branch
                ),
                model_revision=model_revision,
                container_revision=container_revision,
                branch=branch,
                epoch=epoch,
                folder=container / FOLDER / variant,
                wish=wish,
            )
        )
    return plans


def repository_url(module: Module) -> str:
    """Return the address that the module is cloned from."""
    return f"{module.answers['git_base_url'].rstrip('/')}/{module.answers['repo_name']}"


def _arguments(
    module: Module,
    wish: Wish,
    base: str,
    tag: str,
    resolution: matrix.Resolution,
    label: str,
    branch: str,
) -> dict[str, str]:
    arguments = {
        "base": base,
        "tag": tag,
        "extra": resolution.extra,
        "source": wish.source,
        "revision": label,
    }
    if wish.source == "git":
        arguments |= {"repository": repository_url(module), "branch": branch}
    if resolution.index:
        arguments["extra_index"] = resolution.index
    if wish.jlab:
        arguments["jlab"] = "true"
    return arguments


def execute(
    planned: Plan,
    engine: Engine,
    reach: network.Network,
    observe: Callable[[Event], None],
    say: Callable[[str], None],
) -> Image:
    """Build an image, without naming it.

    Args:
        planned: what to build.
        engine: with what.
        reach: how the build reaches the network.
        observe: gets every event of the build as it happens.
        say: gets a line where the user should know something.

    Raises:
        ScaffoldError: a step failed; the message has its last lines and the probable cause, and names the log.
        RefusedError: the context holds a secret.
    """
    started, clock = datetime.now(timezone.utc), time.monotonic()
    planned.folder.mkdir(parents=True, exist_ok=True)
    base_digest = _base(planned, engine, say)
    model = planned.module.model_root if planned.source == "local" else None
    packed = context.pack(planned.container, model)
    with packed.archive:
        if packed.size > context.LARGE:
            large = ", ".join(f"{name} ({size / 1e6:,.0f} MB)" for size, name in packed.largest)
            say(
                f"The image's source has {packed.size / 1e6:,.0f} MB; what it need not have belongs "
                f"into .gitignore. Largest: {large}"
            )
        metadata = _metadata(planned.container)
        arguments: list[tuple[str, str | None]] = [
            *planned.arguments.items(),
            ("base_digest", base_digest),
            ("metadata", metadata),
        ]
        if engine.builder == "buildx":
            arguments.append(("SOURCE_DATE_EPOCH", str(planned.epoch)))
        if engine.builder != "podman":  # podman passes them on by itself
            arguments += [(name, None) for name in reach.proxies]
        with network.secrets(reach) as secrets, tempfile.TemporaryDirectory() as scratch:
            id_file = Path(scratch) / "id"
            line = engine.build_command(
                arguments=arguments,
                secrets=secrets,
                id_file=id_file,
                no_cache=planned.wish.no_cache,
                network=reach.mode,
                platform=planned.wish.platform,
            )
            steps, cached = _run(planned, engine, line, packed, reach.hidden(), observe)
            first = id_file.read_text(encoding="ascii").strip()
    inventory = take_inventory(engine, first)
    last, sbom = _with_sbom(planned, engine, first, inventory)
    attributes = engine.image(last) or {}
    return Image(
        plan=planned,
        id=str(attributes.get("Id") or last),
        size=int(attributes.get("Size") or 0),
        seconds=time.monotonic() - clock,
        steps=steps,
        cached=cached,
        files=packed.files,
        sbom=sbom,
        base_digest=base_digest,
        context_digest=f"sha256:{packed.digest}",
        started=started,
        invocation=uuid.uuid4().urn,
    )


def _base(planned: Plan, engine: Engine, say: Callable[[str], None]) -> str:
    """Have the base image at hand, and return its digest."""
    from scaffold.image import causes

    attributes = None if planned.wish.platform else engine.image(planned.base)
    if attributes is None:
        say(f"Fetching {planned.base}")
        platform = ["--platform", planned.wish.platform] if planned.wish.platform else []
        result = engine.call("pull", *platform, planned.base)
        if result.returncode:
            said = f"{result.stdout}\n{result.stderr}"
            cause = causes.probable((), said)
            lines = [line for line in said.splitlines() if line.strip()]
            raise ScaffoldError(
                f"cannot fetch the base image {planned.base}: {lines[-1] if lines else 'no reason given'}",
                hint=f"{cause.message}: {cause.hint}" if cause else "is its name right?",
            )
        attributes = engine.image(planned.base) or {}
    digests = [digest.partition("@")[2] for digest in attributes.get("RepoDigests") or ()]
    return next(iter(digests), str(attributes.get("Id", "")))


def _run(
    planned: Plan,
    engine: Engine,
    line: list[str],
    packed: context.Context,
    hidden: tuple[str, ...],
    observe: Callable[[Event], None],
) -> tuple[int, int]:
    """Run the engine's build; return how many steps it has and how many were cached."""
    from scaffold.image.buildlog import Parser, redacted

    parser = Parser("podman" if engine.builder == "podman" else "buildkit", hidden)
    log = planned.folder / "build.log"
    with (
        log.open("w", encoding="utf-8") as kept,
        subprocess.Popen(
            line,
            env=engine.variables(),
            stdin=packed.archive,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
        ) as process,
    ):
        assert process.stdout
        try:
            for each in process.stdout:
                kept.write(redacted(each, hidden))
                for event in parser.feed(each):
                    observe(event)
            code = process.wait()
        except BaseException:
            process.terminate()
            raise
    for event in parser.close(code):
        observe(event)
    if code:
        raise _failed(planned, engine, parser, code, log)
    return len(parser.dockerfile_steps), parser.cache_hits


def _failed(planned: Plan, engine: Engine, parser: Parser, code: int, log: Path) -> ScaffoldError:
    from scaffold.image import causes

    failure = parser.failure
    if failure is None:
        return ScaffoldError(
            f"{engine.title} ended with exit code {code}; its log is {log}",
            hint="the log may tell why",
        )
    cause = causes.probable(failure.printed, failure.said)
    where = f"step {failure.step.started.name!r}" if failure.step else "the build"
    said = failure.said.strip().splitlines()[-1] if failure.said.strip() else f"exit code {code}"
    shown = "\n".join(f"  {each}" for each in failure.last_lines)
    return ScaffoldError(
        f"{where} of the {planned.variant} image failed: {said}\n{shown}\n  the whole log: {log}",
        hint=f"{cause.message}: {cause.hint}"
        if cause
        else "the lines above are the step's last ones",
    )


def _metadata(container: Path) -> str:
    """Return the module's metadata on one line; empty without any."""
    path = container / "metadata.json"
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return ""
    except (OSError, ValueError) as error:
        raise UsageError(
            f"{path} cannot be read: {error}", hint=f"`scaffold validate {path}` says what is wrong"
        ) from None
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def take_inventory(engine: Engine, image_id: str) -> Inventory:
    """Ask an image what is installed in it.

    Raises:
        ScaffoldError: it cannot be run.
    """
    from scaffold.image import inventory

    line = engine.command(
        "run", "--rm", "--interactive", "--network", "none", "--entrypoint", "python", image_id, "-"
    )
    result = subprocess.run(
        line, env=engine.variables(), input=inventory.probe(), capture_output=True, check=False
    )
    if result.returncode:
        said = result.stderr.decode(errors="replace").strip().splitlines()
        raise ScaffoldError(
            f"the image {image_id} was built, but its Python does not run: {said[-1] if said else ''}",
            hint=f"try it: `{engine.name} run --rm -it --entrypoint bash {image_id}`",
        )
    return inventory.parse(result.stdout)


def _with_sbom(
    planned: Plan, engine: Engine, image_id: str, inventory: Inventory
) -> tuple[str, str]:
    """Put the bill of materials into the image and beside its log; return the new id and its digest."""
    from scaffold.image import inventory as listing
    from scaffold.image import sbom

    content = sbom.document(
        inventory,
        name=planned.name,
        version=planned.module.answers["app_version"],
        module=planned.module.answers["repo_name"],
        epoch=planned.epoch,
    )
    digest = sbom.digest(content)
    (planned.folder / "sbom.cdx.json").write_bytes(content)
    (planned.folder / "constraints.txt").write_text(
        listing.constraints(inventory, planned.module.answers["repo_name"]), encoding="utf-8"
    )
    # a local image can be built upon by a name, not by its id
    name = f"scaffold-build/{uuid.uuid4().hex}"
    engine.client.api.tag(image_id, name, "latest")
    dockerfile = f"FROM {name}\nCOPY sbom {sbom.SBOM_PATH}\nLABEL {sbom.SBOM_LABEL}={digest}\n"
    try:
        with tempfile.TemporaryDirectory() as scratch:
            id_file = Path(scratch) / "id"
            arguments: list[tuple[str, str | None]] = []
            if engine.builder == "buildx":
                arguments.append(("SOURCE_DATE_EPOCH", str(planned.epoch)))
            line = engine.build_command(arguments=arguments, secrets=(), id_file=id_file)
            packed = context.archive({"Dockerfile": dockerfile.encode(), "sbom": content})
            result = subprocess.run(
                line, env=engine.variables(), input=packed, capture_output=True, check=False
            )
            if result.returncode:
                raise ScaffoldError(
                    "the bill of materials cannot be put into the image:\n"
                    + result.stderr.decode(errors="replace").strip(),
                    hint="the engine's disk may be full: `docker system df`",
                )
            return id_file.read_text(encoding="ascii").strip(), digest
    finally:
        engine.client.api.remove_image(name, noprune=True)


def _recorded(name: str, state: revision.Revision, address: str) -> provenance.Revision:
    from scaffold.image import provenance

    return provenance.Revision(name, state.commit, address, state.branch, state.dirty)


def record(image: Image, engine: Engine, digests: tuple[str, ...] = ()) -> Path:
    """Write the provenance of an image beside its log.

    Args:
        image: the image.
        engine: what built it.
        digests: what registries call it, `name@sha256:…`, after it has been pushed.

    Returns:
        The file.
    """
    from scaffold.image import provenance, sbom

    planned = image.plan
    attributes = engine.image(image.id) or {}
    platform = (
        f"{attributes.get('Os', 'linux')}/{attributes.get('Architecture', os.uname().machine)}"
    )
    statement = provenance.document(
        provenance.Build(
            product=provenance.Product(
                planned.references, image.id, digests, image.sbom, sbom.SBOM_PATH
            ),
            source="local" if planned.source == "local" else "git",
            variant=planned.variant,
            revisions=(
                _recorded("model", planned.model_revision, repository_url(planned.module)),
                _recorded("container", planned.container_revision, ""),
            ),
            base=provenance.Base(planned.base, image.base_digest),
            context=image.context_digest,
            arguments=dict(planned.arguments),
            engine=engine.name,
            engine_version=engine.version,
            platform=platform,
            epoch=planned.epoch,
            invocation=image.invocation,
            started=image.started,
            finished=datetime.now(timezone.utc),
        )
    )
    path = planned.folder / "provenance.json"
    path.write_bytes(statement)
    return path
