"""Asking for answers in a terminal: validated at once, asked again when wrong."""

from __future__ import annotations

import click

from scaffold import history
from scaffold.answers import default
from scaffold.question import Question, broken_rule
from scaffold.questions import QUESTIONS


def ask(given: dict[str, str]) -> dict[str, str]:
    """Ask for every answer that is not given and has more than one possibility.

    The questions with a sensible default are shown with it, together, and asked one by one only
    if the user wants to change some.

    Returns:
        The given answers and the new ones.
    """
    answers = dict(given)
    known: dict[str, str] = {}
    open_questions = []
    suggestions = dict(zip(("author_name", "author_email"), history.identity(), strict=True))
    for question in QUESTIONS:
        if question.key in given or len(question.choices) == 1:
            known[question.key] = given.get(question.key) or default(question, known)
        elif question.advanced:
            known[question.key] = default(question, known)
            open_questions.append(question)
        else:
            suggested = suggestions.get(question.key) or ""
            answers[question.key] = known[question.key] = _ask(question, known, suggested)
    if open_questions and _wants_to_change(open_questions, known):
        for question in open_questions:
            answers[question.key] = known[question.key] = _ask(question, known)
    return answers


def _wants_to_change(questions: list[Question], known: dict[str, str]) -> bool:
    click.echo("\nThe rest has defaults:", err=True)
    for question in questions:
        click.echo(f"  {question.label:<18} {known[question.key]}", err=True)
    return click.confirm("Change any of them?", default=False, err=True)


def _ask(question: Question, known: dict[str, str], suggested: str = "") -> str:
    click.echo(f"\n{click.style(question.label, bold=True)}: {question.help}", err=True)
    if question.choices:
        click.echo(f"  {' | '.join(question.choices)}", err=True)

    def checked(value: str) -> str:
        value = _tidied(question, value.strip())
        if problem := broken_rule(question, value, known):
            raise click.UsageError(f"{value!r} {problem}")
        return value

    fallback = None if question.required else suggested or default(question, known)
    if fallback is not None and (problem := broken_rule(question, fallback, known)):
        # derived from an unusual answer; the user must say
        click.echo(f"  no default: {fallback!r} {problem}", err=True)
        fallback = None
    answer: str = click.prompt(
        "  >", default=fallback, value_proc=checked, prompt_suffix=" ", err=True
    )
    return answer


def _tidied(question: Question, value: str) -> str:
    """Mend what a person types and there is no doubt about: case of a choice, a final slash."""
    same = [choice for choice in question.choices if choice.casefold() == value.casefold()]
    if same:
        return same[0]
    return value.rstrip("/") if question.key == "git_base_url" else value
