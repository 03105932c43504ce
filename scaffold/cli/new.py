"""`scaffold new`: from the answers to the repositories of a module."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from scaffold.cli.output import Output, common_options
from scaffold.questions import BY_KEY, QUESTIONS

if TYPE_CHECKING:
    from scaffold.generate import Plan


def _questions_help() -> str:
    lines = []
    for question in QUESTIONS:
        lines.append(f"\b\n{question.key}\n    {question.help}")
        if question.choices:
            lines[-1] += f"\n    One of: {', '.join(question.choices)}."
        lines[-1] += "".join(f"\n    It {rule.message}." for rule in question.rules)
    return "\n\n".join(["Keys for --data and for the answers file:", *lines])


@click.command("new", epilog=_questions_help())
@click.argument("dest", default=".", type=click.Path(path_type=Path, file_okay=False))
@click.option("--defaults", is_flag=True, help="Ask nothing; take the defaults.")
@click.option(
    "-d", "--data", "pairs", multiple=True, metavar="KEY=VALUE", help="An answer; repeatable."
)
@click.option(
    "--answers",
    "answers_file",
    type=click.Path(path_type=Path),
    help="Read answers from a JSON or YAML file, or from another module's .scaffold.yml.",
)
@click.option(
    "--only", type=click.Choice(["model", "container"]), help="Generate one repository of a pair."
)
@click.option("--layout", type=click.Choice(BY_KEY["layout"].choices), help="Same as a --data.")
@click.option("--no-git", is_flag=True, help="Do not begin a git history.")
@click.option("--dry-run", is_flag=True, help="Show what would be generated; write nothing.")
@common_options
def command(
    out: Output,
    dest: Path,
    defaults: bool,
    pairs: tuple[str, ...],
    answers_file: Path | None,
    only: str | None,
    layout: str | None,
    no_git: bool,
    dry_run: bool,
) -> None:
    """Generate a model repository and its container repository, or both in one, in DEST.

    What is not given is asked, or with --defaults (or without a terminal) taken from the defaults;
    only project_name has none:

        scaffold new --defaults --data project_name="Plant classification"
    """
    from scaffold import answers, generate

    given = answers.load(answers_file) if answers_file else {}
    given |= answers.parse_pairs(pairs)
    if layout:
        given["layout"] = layout
    if not defaults and sys.stdin.isatty():
        from scaffold import history
        from scaffold.cli.ask import ask

        if not (no_git or dry_run):
            history.check()  # before the questions, so that no answer is lost
        given = ask(given)
    plan = generate.plan(answers.complete(given), dest, only=only, git=not no_git)
    if not dry_run:
        generate.execute(plan)
    out.result(_text(plan, dry_run=dry_run, verbose=out.verbose), plan.document())


def _text(plan: Plan, *, dry_run: bool, verbose: bool) -> str:
    done = "Would write" if dry_run else "Wrote"
    lines = []
    for path, tree in plan.folders().items():
        begun = plan.histories.get(path.name)
        history = f", on branch {begun.branch}" if begun else ", without git history"
        lines.append(f"{done} {path} ({len(tree)} files{history})")
        if dry_run or verbose:
            lines += [f"  {name}" for name in tree]
    if not dry_run and plan.model:
        folder = shlex.quote(str(plan.model))
        lines += ["", "Next:", f"  cd {folder}", "  scaffold train", "  scaffold serve"]
    return "\n".join(lines)
