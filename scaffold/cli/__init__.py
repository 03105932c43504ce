"""The `scaffold` command: a group whose sub-commands are imported when they are called."""

from __future__ import annotations

import importlib
import os
import sys

import click

from scaffold import __version__
from scaffold.errors import EXIT_INTERRUPTED, ScaffoldError

# name: what `scaffold --help` says of it. The command is `command` in scaffold.cli.<name>.
COMMANDS = {
    "new": "Generate a module: a model and a container repository, or one that is both.",
    "train": "Train the module on this machine, in its own environment.",
    "predict": "Predict with the module on this machine, in its own environment.",
    "serve": "Serve the module's REST API on this machine.",
    "build": "Build the module's container image, for CPU or GPU, and try it.",
    "run": "Run the module's image: API, GPU, data and models wired.",
    "validate": "Check metadata files: every error, at its line.",
    "sync": "Copy data in and results out with rclone, and prove that all is there.",
    "catalogue": "Look into the marketplaces: list, search, show and check their modules.",
    "submit": "Check the module, publish it, and open the pull request on a catalogue.",
    "doctor": "Check this machine and this module, and mend what can be mended.",
    "metadata": "Schemas, rules, migration, cards and exports of module metadata.",
}


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"scaffold.cli.{cmd_name}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0] if args else ""
        if name and not name.startswith("-") and name not in COMMANDS:
            import difflib

            close = difflib.get_close_matches(name, COMMANDS, n=1)
            hint = f"Did you mean `scaffold {close[0]}`?" if close else "See `scaffold --help`."
            raise click.UsageError(f"There is no command {name!r}. {hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=_LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Every command takes --help, --json, -q and -v.",
)
@click.version_option(__version__, "-V", "--version", message="scaffold %(version)s")
def scaffold() -> None:
    """From a model idea to a catalogued, GPU-ready, deployable module.

    Start with `scaffold new`; then, in what it generated, `scaffold train`.
    """


def main(args: list[str] | None = None) -> None:
    """Run the command line and exit with the code that `scaffold.errors` documents."""
    arguments = sys.argv[1:] if args is None else args
    # https://no-color.org; without it click itself colours terminals only
    color = False if os.environ.get("NO_COLOR") else None
    try:
        code = scaffold.main(arguments, prog_name="scaffold", standalone_mode=False, color=color)
        sys.stdout.flush()
    except click.ClickException as error:
        code = error.exit_code
        if "--json" in arguments:
            _say_json(error.format_message(), "", code)
        error.show()
    except ScaffoldError as error:
        code = error.exit_code
        if "--json" in arguments:
            _say_json(error.message, error.hint, code)
        label = click.style("error:", fg="red", bold=True)
        click.echo(f"{label} {error.message}", err=True, color=color)
        if error.hint:
            label = click.style("hint:", fg="cyan", bold=True)
            click.echo(f"{label} {error.hint}", err=True, color=color)
    except (click.Abort, KeyboardInterrupt):
        code = EXIT_INTERRUPTED
        # a terminal has just shown ^C
        click.echo("\ninterrupted" if sys.stderr.isatty() else "interrupted", err=True)
    except BrokenPipeError:
        # whoever read our output has gone, `scaffold … | head` for one
        sys.stderr.close()
        code = 1
    sys.exit(code if isinstance(code, int) else 0)


def _say_json(message: str, hint: str, code: int) -> None:
    import json

    document = {"error": {"message": message, "hint": hint, "exit_code": code}}
    click.echo(json.dumps(document, ensure_ascii=False))
