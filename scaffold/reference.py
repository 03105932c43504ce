"""`docs/reference/commands.md`, made from the commands and the questions so that it cannot go stale."""

from __future__ import annotations

from collections.abc import Iterator

import click

from scaffold.cli import COMMANDS, scaffold
from scaffold.errors import (
    EXIT_INTERRUPTED,
    MissingToolError,
    RefusedError,
    ScaffoldError,
    UsageError,
)
from scaffold.questions import QUESTIONS


def reference() -> str:
    """Return the text of `docs/reference/commands.md`."""
    parts = [
        "# Reference",
        "<!-- Made by `python -m scaffold.frontdoors`; do not edit. -->",
        "## Questions",
        "Keys of `--data KEY=VALUE` and of answers files.",
        _questions(),
        "## Exit codes",
        _exit_codes(),
        "## Commands",
        *_commands(),
    ]
    return "\n\n".join(parts) + "\n"


def _questions() -> str:
    rows = ["| key | what it is | default | allowed |", "| --- | --- | --- | --- |"]
    for question in QUESTIONS:
        if question.choices:
            default, allowed = f"`{question.choices[0]}`", ", ".join(question.choices)
        else:
            allowed = "; ".join(rule.message for rule in question.rules)
            default = f"`{question.default}`" if question.default else "(required)"
            if question.key == "repo_name":
                default = "made from the project name"
        rows.append(f"| `{question.key}` | {question.help} | {default} | {allowed} |")
    return "\n".join(rows).replace("{{ cookiecutter.", "{{").replace(" }}", "}}")


def _exit_codes() -> str:
    meanings = {
        0: "done",
        ScaffoldError.exit_code: "what was checked or tried failed",
        UsageError.exit_code: "wrong usage, or an input that cannot be read",
        MissingToolError.exit_code: "a tool or service is missing; the hint says how to get it",
        RefusedError.exit_code: "refused, because something would be overwritten",
        EXIT_INTERRUPTED: "interrupted with Ctrl-C",
    }
    rows = [f"| {code} | {meaning} |" for code, meaning in meanings.items()]
    return "\n".join(["| code | meaning |", "| --- | --- |", *rows])


def _commands() -> Iterator[str]:
    with click.Context(scaffold, info_name="scaffold", **scaffold.context_settings) as root:
        for name in COMMANDS:
            command = scaffold.get_command(root, name)
            assert command
            yield from _command(command, name, root)


def _command(command: click.Command, name: str, parent: click.Context) -> Iterator[str]:
    with click.Context(command, info_name=name, parent=parent, terminal_width=90) as context:
        text = command.get_help(context)
        if name == "new" and parent.info_name == "scaffold":
            text = text[: text.index("  Keys for --data")].rstrip()  # they have their own table
        yield f"### {context.command_path}\n\n```text\n{text}\n```"
        if isinstance(command, click.Group):
            for each in command.list_commands(context):
                inner = command.get_command(context, each)
                assert inner
                yield from _command(inner, each, context)
