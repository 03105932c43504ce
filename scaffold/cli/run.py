"""`scaffold run`: the module's image on this machine, wired up."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from scaffold.cli.output import Output, common_options
from scaffold.errors import EXIT_INTERRUPTED, MissingToolError, UsageError

if TYPE_CHECKING:
    from scaffold.image.engine import Engine
    from scaffold.image.start import Plan, Wish
    from scaffold.module import Module


class _Command(click.Command):
    """A command whose last arguments, after `--`, are for somebody else."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        place = args.index("--") if "--" in args else len(args)
        ctx.meta[_REPLACED] = tuple(args[place + 1 :])
        return super().parse_args(ctx, args[:place])


_REPLACED = "scaffold.run.command"


@click.command("run", cls=_Command, options_metavar="[OPTIONS] [-- COMMAND...]")
@click.argument("path", default=".", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--gpu", is_flag=True, help="Run the GPU image, on all NVIDIA GPUs.")
@click.option(
    "--engine",
    "wanted",
    type=click.Choice(["docker", "podman", "udocker"]),
    help="Run it with this; without it, with the first that is at hand.",
)
@click.option("--image", default="", metavar="NAME", help="Name of the image, without a tag.")
@click.option("--tag", default="", help="Tag of the image instead of the branch's.")
@click.option("--pull", is_flag=True, help="Pull the image from its registry first.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help="Port of the API (default 5000) or of JupyterLab (8888); 0 for any free one.",
)
@click.option("--jupyter", is_flag=True, help="JupyterLab; jupyterPASSWORD holds its password.")
@click.option("--user", default="", metavar="UID[:GID]", help="Run as this user.")
@click.option(
    "--volumes", is_flag=True, help="Keep data and models in volumes, not in the folders."
)
@click.option(
    "--rclone-conf",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="rclone's configuration (default: the one that rclone reads).",
)
@click.option("--no-rclone", is_flag=True, help="Do not hand over rclone's configuration.")
@click.option(
    "-e", "--env", "environment", multiple=True, metavar="NAME[=VALUE]", help="Set a variable."
)
@click.option(
    "--execmode",
    default="P1",
    show_default=True,
    type=click.Choice(["P1", "P2", "F1", "F2", "F3", "F4", "R1", "R2", "R3", "S1"]),
    help="How udocker runs it.",
)
@click.option("-d", "--detach", is_flag=True, help="Leave it running and return.")
@click.option("--dry-run", is_flag=True, help="Show what would be run.")
@common_options
def command(
    out: Output,
    path: Path,
    wanted: str | None,
    dry_run: bool,
    execmode: str,
    rclone_conf: Path | None,
    no_rclone: bool,
    **options: Any,
) -> None:
    """Run the image of the module that PATH lies in, until Ctrl-C.

    Its API and TensorBoard get ports of this machine; the folders data and models of the model
    repository and rclone's configuration are there inside. What follows -- is run instead of the API.
    """
    from scaffold import local, module
    from scaffold.image import start

    found = module.find(path)
    options["rclone"] = not no_rclone
    wish = start.Wish(
        **options,
        rclone_conf=rclone_conf,
        command=click.get_current_context().meta[_REPLACED],
        password=_password() if options["jupyter"] and not dry_run else "",
    )
    with ExitStack() as stack:
        code = 0
        stack.enter_context(local.sigterm_raises())
        try:
            used = _engine(stack, wanted or "")
            if used is None:
                code = _udocker(out, found, wish, execmode, dry_run=dry_run)
            else:
                code = _run(out, used, start.plan(used, found, wish, out.progress), dry_run=dry_run)
        except KeyboardInterrupt:
            out.progress("Stopped.")
            code = EXIT_INTERRUPTED
        except local.Terminated:
            out.progress("Stopped.")
            code = 143
    sys.exit(code)


def _engine(stack: ExitStack, wanted: str) -> Engine | None:
    """Open an engine; None for udocker."""
    from scaffold.image import engine, udocker

    if wanted == "udocker":
        return None
    try:
        return stack.enter_context(engine.engine(wanted))
    except MissingToolError as error:
        if wanted:
            raise
        try:
            udocker.find()
        except MissingToolError as other:
            raise MissingToolError(
                f"{error.message}\n  {other.message}",
                hint=f"{error.hint}; or {other.hint}",
            ) from None
        return None


def _run(out: Output, used: Engine, planned: Plan, *, dry_run: bool) -> int:
    from scaffold.image import launch

    wish = planned.wish
    _say_notes(out, planned.notes)
    if dry_run:
        return _say_commands(out, planned.commands(used))
    document = _Document(planned.module, wish, planned.image, used.name, planned.name)
    if wish.command and not wish.detach:
        if out.as_json:
            document.say(out, {}, "")
        return launch.attached(used, planned, quiet=out.as_json)
    out.progress(f"Starting {planned.image} with {used.title} …")
    with launch.started(used, planned) as running:
        if not wish.command:
            launch.wait_until_it_answers(running, planned)
        document.say(out, running.ports, f"{used.name} rm --force {planned.name}")
        return 0 if wish.detach else launch.follow(running)


def _udocker(out: Output, found: Module, wish: Wish, mode: str, *, dry_run: bool) -> int:
    from scaffold.image import udocker, udocker_launch

    planned = udocker.plan(found, wish, mode)
    _say_notes(out, planned.notes)
    if dry_run:
        return _say_commands(out, planned.commands)
    udocker_launch.prepare(planned, out.progress, out.detail)
    document = _Document(found, wish, planned.image, "udocker", planned.name)
    if wish.command and not wish.detach:
        if out.as_json:
            document.say(out, {}, "")
        return udocker_launch.attached(planned, quiet=out.as_json)
    out.progress(f"Starting {planned.image} with {planned.udocker.title}, mode {mode} …")
    with udocker_launch.running(planned) as running:
        if not wish.command:
            running.wait_until_it_answers()
        document.say(out, planned.ports, f"kill -- -{running.process.pid}")
        if wish.detach:
            out.progress(f"Its log: {running.log}")
            return 0
        return running.follow()


def _say_notes(out: Output, notes: tuple[str, ...]) -> None:
    for note in notes:
        out.progress(f"note: {note}")


def _say_commands(out: Output, commands: list[list[str]]) -> int:
    text = "\n".join(shlex.join(each) for each in commands)
    out.result(f"Would run:\n{text}", {"commands": commands})
    return 0


@dataclass(frozen=True, slots=True)
class _Document:
    """What is told of a container when it runs."""

    module: Module
    wish: Wish
    image: str
    engine: str
    container: str

    def say(self, out: Output, ports: Mapping[int, tuple[str, int]], stop: str) -> None:
        from scaffold.image.container import MONITOR_PORT, address

        wish, package = self.wish, self.module.package
        url = None if wish.command else address(*ports[wish.service])
        swagger = None if wish.jupyter or url is None else f"{url}/api"
        if url is None:
            lines = [f"{self.container} runs {shlex.join(wish.command)}"]
        elif swagger is None:
            lines = [f"JupyterLab of {package} answers on {url}"]
        else:
            lines = [f"{package} answers on {url}", f"Swagger page: {swagger}"]
        if MONITOR_PORT in ports:
            lines.append(f"TensorBoard: {address(*ports[MONITOR_PORT])}")
        lines.append(f"Stop it with `{stop}`." if wish.detach else "Stop it with Ctrl-C.")
        out.result(
            "\n".join(lines),
            {
                "url": url,
                "swagger": swagger,
                "model": package,
                "image": self.image,
                "engine": self.engine,
                "container": self.container,
                "ports": {str(inside): port for inside, (_, port) in ports.items()},
                "device": wish.variant,
            },
        )
        sys.stdout.flush()


def _password() -> str:
    """Return JupyterLab's password: from the environment, or asked for at a terminal.

    Raises:
        UsageError: there is none, or it is too short.
    """
    from scaffold.image.start import PASSWORD, SHORTEST_PASSWORD

    password = os.environ.get(PASSWORD, "")
    if not password and sys.stdin.isatty():
        password = click.prompt("Password for JupyterLab", hide_input=True, err=True)
    if len(password) < SHORTEST_PASSWORD:
        raise UsageError(
            f"JupyterLab wants a password of at least {SHORTEST_PASSWORD} characters",
            hint=f"put it into the variable {PASSWORD}",
        )
    return password
