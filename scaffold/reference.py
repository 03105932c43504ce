"""`docs/reference/commands.md`, made from the commands and the questions so that it cannot go stale."""

from __future__ import annotations

from collections.abc import Iterator

import click

from scaffold.answers import default
from scaffold.cli import COMMANDS, scaffold
from scaffold.errors import (
    EXIT_INTERRUPTED,
    MissingToolError,
    RefusedError,
    ScaffoldError,
    UsageError,
)
from scaffold.question import Question
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
        allowed = question.choices or [rule.message for rule in question.rules]
        joined = (", " if question.choices else "; ").join(allowed)
        rows.append(f"| `{question.key}` | {question.help} | {_default(question)} | {joined} |")
    return "\n".join(rows)


def _default(question: Question) -> str:
    """Return the default as a reader may see it; where it follows from another answer, how."""
    if question.required:
        return "(required)"
    if question.key == "repo_name":
        return "made from the project name"
    others = {each.key: f"{{{{{each.key}}}}}" for each in QUESTIONS}
    pair, single = (default(question, {**others, "layout": each}) for each in ("pair", "single"))
    return f"`{pair}`" if pair == single else f"`{pair}`; of a single repository `{single}`"


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
