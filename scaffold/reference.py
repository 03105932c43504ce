"""`docs/reference.md`, made from the commands and the questions so that it cannot go stale."""

from __future__ import annotations

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
    """Return the text of `docs/reference.md`."""
    parts = [
        "# Reference",
        "<!-- Made by `python -m scaffold.frontdoors`; do not edit. -->",
        "## Questions",
        "Keys of `--data KEY=VALUE` and of answers files.",
        _questions(),
        "## Exit codes",
        _exit_codes(),
        "## Commands",
        *(_command(name) for name in COMMANDS),
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


def _command(name: str) -> str:
    with click.Context(scaffold, info_name="scaffold", **scaffold.context_settings) as parent:
        command = scaffold.get_command(parent, name)
        assert command
        with click.Context(command, info_name=name, parent=parent, max_content_width=90) as context:
            context.terminal_width = 90
            text = command.get_help(context)
    if name == "new":
        text = text[: text.index("  Keys for --data")].rstrip()
    return f"### scaffold {name}\n\n```text\n{text}\n```"
