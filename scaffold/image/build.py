"""Building an image: the base image, the engine's build with its log, and what came out."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scaffold.errors import ScaffoldError, UsageError
from scaffold.image import context, network, records
from scaffold.image.engine import Engine
from scaffold.image.plan import Plan
from scaffold.metadata import create
from scaffold.module import Module

if TYPE_CHECKING:
    from scaffold.image.buildevents import Event
    from scaffold.image.buildlog import Parser

_PATIENCE = {"docker": 2.0, "podman": 20.0}  # seconds
# BuildKit may say so of a build that follows upon one that was given up: their equal steps are one
_NO_SESSION = "no active session"
_EXIT = re.compile(r"exit (?:code|status):? (\d+)$")


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
    with records.writing(planned.folder):
        planned.folder.mkdir(parents=True, exist_ok=True)
    planned = with_reachable_index(planned, say)
    base_digest = _base(planned, engine, say)
    packed = context.pack(planned.container, planned.model)
    with packed.archive:
        if packed.size > context.LARGE:
            large = ", ".join(f"{name} ({size / 1e6:,.0f} MB)" for size, name in packed.largest)
            say(
                f"The image's source has {packed.size / 1e6:,.0f} MB; what it need not have belongs "
                f"into .gitignore. Largest: {large}"
            )
        described = metadata(planned.module)
        arguments: list[tuple[str, str | None]] = [
            *planned.arguments.items(),
            ("base_digest", base_digest),
            ("metadata", described),
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
            try:
                steps, cached = _run(planned, engine, line, packed, reach, observe)
            except _SessionError:
                say("The engine has not got over an earlier build; trying again")
                packed.archive.seek(0)
                steps, cached = _run(planned, engine, line, packed, reach, observe)
            first = id_file.read_text(encoding="ascii").strip()
    inventory = records.take_inventory(engine, first)
    last, sbom = records.bake_sbom(planned, engine, first, inventory)
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


class _SessionError(ScaffoldError):
    """The engine took another build's connection for this one's."""


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
                hint=f"probably {cause.message}: {cause.hint}" if cause else "is its name right?",
            )
        attributes = engine.image(planned.base) or {}
    digests = [digest.partition("@")[2] for digest in attributes.get("RepoDigests") or ()]
    return next(iter(digests), str(attributes.get("Id", "")))


def _run(
    planned: Plan,
    engine: Engine,
    line: list[str],
    packed: context.Context,
    reach: network.Network,
    observe: Callable[[Event], None],
) -> tuple[int, int]:
    """Run the engine's build; return how many steps it has and how many were cached."""
    from scaffold.image.buildlog import Parser, redacted

    hidden = reach.hidden()
    parser = Parser("podman" if engine.builder == "podman" else "buildkit", hidden)
    log = planned.folder / "build.log"
    with records.writing(log):
        kept = log.open("wb", buffering=0)  # what is printed is there to be read at once
    with (
        kept,
        subprocess.Popen(
            line,
            env={**engine.variables(), **reach.variables()},
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
                with records.writing(log):
                    kept.write(redacted(each, hidden).encode())
                for event in parser.feed(each):
                    observe(event)
            code = process.wait()
        except BaseException:
            _give_up(process, engine)
            raise
    for event in parser.close(code):
        observe(event)
    if code:
        raise _failed(planned, engine, parser, code, log)
    return len(parser.dockerfile_steps), parser.cache_hits


def _give_up(process: subprocess.Popen[str], engine: Engine) -> None:
    """End a build that nobody waits for any more, and what it runs.

    Docker's program may wait for ever after it has told its engine to stop; without it the engine
    stops too. podman's program is the engine, and cleans up before it ends.
    """
    process.send_signal(signal.SIGINT)
    try:
        process.wait(_PATIENCE[engine.name])
    except subprocess.TimeoutExpired:
        process.kill()


def with_reachable_index(planned: Plan, say: Callable[[str], None]) -> Plan:
    """Leave out an index of builds without CUDA that cannot be reached: pip asks it for each package.

    Args:
        planned: what will be built.
        say: gets a line if it is left out.
    """
    index = planned.arguments.get("extra_index")
    if planned.variant != "cpu" or not index or network.index_answers(index):
        return planned
    say(f"{index} does not answer: the usual index must do, perhaps with CUDA")
    return replace(planned, arguments={**planned.arguments, "extra_index": "none"})


def _failed(planned: Plan, engine: Engine, parser: Parser, code: int, log: Path) -> ScaffoldError:
    from scaffold.image import causes

    failure = parser.failure
    if failure is None:
        return ScaffoldError(
            f"{engine.title} ended with exit code {code}; its log is {log}",
            hint="the log may tell why",
        )
    cause = causes.probable(failure.printed, failure.said)
    where = (
        f"step `{failure.step.started.known_as}` of the {planned.variant} image"
        if failure.step
        else f"the build of the {planned.variant} image"
    )
    said = failure.said.strip().splitlines()[-1] if failure.said.strip() else f"exit code {code}"
    if ended := _EXIT.search(said):  # before it the engine repeats the step
        said = f"exit code {ended[1]}"
    shown = [f"  {each}" for each in failure.last_lines if each.strip()]
    kind = _SessionError if _NO_SESSION in failure.said else ScaffoldError
    return kind(
        "\n".join((f"{where} failed: {said}", *shown, f"its log: {log}")),
        hint=f"probably {cause.message}: {cause.hint}"
        if cause
        else "the lines above are the last ones that it printed"
        if shown
        else "the log may tell more",
    )


def metadata(module: Module) -> str:
    """Return the module's metadata on one line; empty without any.

    Raises:
        UsageError: it cannot be read.
    """
    path = create.home(module)
    try:
        text = path.read_text(encoding="utf-8")
        document = json.loads(text) if path.suffix == ".json" else _yaml(text)
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise UsageError(
            f"cannot read {path}: {error.strerror}", hint="make it readable, or take it away"
        ) from None
    except ValueError as error:
        syntax = "JSON" if path.suffix == ".json" else "YAML"
        raise UsageError(
            f"{path} is not {syntax}: {error}",
            hint=f"`scaffold validate {path}` says what is wrong",
        ) from None
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def _yaml(text: str) -> Any:
    import yaml

    from scaffold.metadata import writing

    try:
        return writing.plain(yaml.safe_load(text))
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from None
