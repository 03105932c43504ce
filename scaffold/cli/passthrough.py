"""What `scaffold train` and `scaffold predict` share: the module's own command, in its environment."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import click

from scaffold.cli.output import Output, common_options

VARIANT = click.option(
    "--variant",
    type=click.Choice(["auto", "cpu", "gpu"]),
    default="auto",
    help="Which wheels its environment gets; auto: gpu where an NVIDIA driver answers.",
)


def passthrough(name: str, about: str) -> click.Command:
    """Make the command `scaffold <name>`, which runs `python -m <package> <name>`.

    Args:
        name: the module's command.
        about: the help text.
    """

    @click.command(
        name,
        help=about,
        context_settings={"ignore_unknown_options": True, "help_option_names": ["-h", "--help"]},
        epilog=f"The module's own arguments: scaffold {name} -- --help",
    )
    @click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[PATH] [ARGUMENTS]...")
    @VARIANT
    @click.option("--dry-run", is_flag=True, help="Show what would be run.")
    @common_options
    def command(out: Output, arguments: tuple[str, ...], variant: str, dry_run: bool) -> None:
        from scaffold import environment, local, module

        path, rest = split_path(arguments)
        found = module.find(path)
        planned = environment.plan(found, variant)
        flags = ("--json",) if out.as_json else ()
        line = local.command(planned, found, (name, *flags, *rest))
        if dry_run:
            steps = [*([] if planned.ready else planned.commands), tuple(line)]
            text = "\n".join(shlex.join(step) for step in steps)
            out.result(f"Would run:\n{text}", {"commands": [list(step) for step in steps]})
            return
        environment.make(planned, out.progress, out.detail)
        out.detail(shlex.join(line))
        code = local.run(line, quiet=out.quiet and not out.as_json)
        if code and out.as_json:
            # the module has said why on standard error, and printed no document
            message = f"the module's {name} ended with exit code {code}"
            hint = "its own message is on standard error"
            out.result("", {"error": {"message": message, "hint": hint, "exit_code": code}})
        sys.exit(code)

    return command


def split_path(arguments: tuple[str, ...]) -> tuple[Path, tuple[str, ...]]:
    """Take the module's folder off the front of the arguments, if it is there.

    Returns:
        The folder (the working directory if none was given) and the other arguments.
    """
    if arguments and Path(arguments[0]).is_dir():
        return Path(arguments[0]), arguments[1:]
    return Path(), arguments
