"""From what the user gave to a complete, valid set of answers and the values derived from it."""

from __future__ import annotations

import datetime
import difflib
import json
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from scaffold.errors import UsageError
from scaffold.question import Question, broken_rule
from scaffold.questions import BY_KEY, DERIVED, QUESTIONS, TODAY

Answers = Mapping[str, str]


def parse_pairs(pairs: Iterable[str]) -> dict[str, str]:
    """Read `KEY=VALUE` arguments.

    Raises:
        UsageError: an argument has no `=`, or a key is unknown.
    """
    answers = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals:
            raise UsageError(f"--data {pair!r} is not KEY=VALUE", hint=_KEYS_HINT)
        answers[key.strip()] = value
    _refuse_unknown(answers, "--data")
    return answers


def load(path: Path) -> dict[str, str]:
    """Read answers from a JSON or YAML file, or from a generated `.scaffold.yml`.

    Scalars are read as they are written: `python_version: 3.10` is "3.10", not 3.1.

    Raises:
        UsageError: the file cannot be read or parsed, is no mapping of text, or has unknown keys.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise UsageError(f"cannot read the answers from {path}: {reason}") from None
    data = _parse(path, text)
    if not isinstance(data, dict):
        raise UsageError(f"{path}: expected a mapping of answers", hint=_KEYS_HINT)
    if isinstance(data.get("answers"), dict):
        data = data["answers"]
    _refuse_unknown(data, str(path))
    return {key: _text(path, key, value) for key, value in data.items()}


def _text(path: Path, key: str, value: Any) -> str:
    if isinstance(value, list) and key in ("author_name", "author_email"):
        return ", ".join(_text(path, key, each) for each in value)
    if not isinstance(value, str):
        raise UsageError(f"{path}: {key} must be text in quotes, one value")
    return value


def _parse(path: Path, text: str) -> Any:
    if path.suffix == ".json":
        try:
            return json.loads(text, parse_int=str, parse_float=str)
        except (ValueError, RecursionError) as error:
            raise UsageError(f"{path} is not JSON: {error}") from None
    import yaml

    try:
        return yaml.load(text, Loader=getattr(yaml, "CBaseLoader", yaml.BaseLoader))  # noqa: S506 - BaseLoader makes nothing but text, lists and mappings
    except (yaml.YAMLError, RecursionError) as error:
        raise UsageError(f"{path} is not YAML: {error}") from None


def complete(given: Answers) -> dict[str, str]:
    """Fill in the defaults and check every answer.

    Args:
        given: the answers that are known.

    Returns:
        An answer for every question, in the table's order.

    Raises:
        UsageError: unknown keys, missing or wrong answers; all of them in one message.
    """
    _refuse_unknown(given, "the answers")
    answers: dict[str, str] = {}
    problems = []
    missing = []
    unfit = []
    for question in QUESTIONS:
        if question.required and question.key not in given:
            missing.append(question.key)
            answers[question.key] = question.label
            continue
        derived = question.key not in given
        value = default(question, answers) if derived else given[question.key]
        answers[question.key] = value
        if problem := broken_rule(question, value, answers):
            source = " (derived)" if derived else ""
            unfit += [question.key] if derived else []
            problems.append(f"{question.key}={value!r}{source} {problem}")
    if missing:
        hint = " ".join(f'--data {key}="…"' for key in missing)
        raise UsageError(f"no answer for {', '.join(missing)}", hint=f"give it with {hint}")
    if problems:
        hint = f'give another with --data {unfit[0]}="…"' if unfit else _KEYS_HINT
        raise UsageError("; ".join(problems), hint=hint)
    return answers


def default(question: Question, answers: Answers) -> str:
    """Return the default answer, given the answers to the questions before it."""
    if question.choices and not question.default:
        return question.choices[0]
    return evaluate(question.default, answers)


def context(answers: Answers, *, today: str | None = None) -> dict[str, str]:
    """Return the answers and everything derived from them: what templates see as `cookiecutter`.

    Args:
        answers: a complete set, from `complete`.
        today: the day of generation as YYYY-MM-DD; the local day if not given.
    """
    values = dict(answers)
    values[TODAY] = today or datetime.date.today().isoformat()
    for derived in DERIVED:
        values[derived.key] = evaluate(derived.expression, values)
    return values


def account_url(git_base_url: str) -> str:
    """Return where a browser finds the account that git finds at `git_base_url`."""
    (expression,) = [item.expression for item in DERIVED if item.key == "__account_url"]
    return evaluate(expression, {"git_base_url": git_base_url.rstrip("/")})


def folders(values: Mapping[str, str]) -> dict[str, str]:
    """Return what becomes of the folders that cookiecutter renders under names of its own.

    Args:
        values: the answers, and the derived values as cookiecutter has them.

    Returns:
        the name that each ought to have, "" for none, by the name that it has there.
    """
    right = dict(values)
    for derived in DERIVED:
        right[derived.key] = evaluate(derived.expression, right)
    return {
        values[derived.key]: right[derived.key] for derived in DERIVED if derived.in_cookiecutter
    }


def evaluate(expression: str, values: Mapping[str, str]) -> str:
    """Render one Jinja expression of the questions table.

    The values are only ever data: what they hold is never rendered.
    """
    if "{" not in expression:
        return expression
    return str(_environment().from_string(expression).render(cookiecutter=values))


@cache
def _environment() -> Any:
    import jinja2

    return jinja2.Environment(
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - what is rendered is no HTML
    )


_KEYS_HINT = "`scaffold new --help` lists every key and what it may be"


def _refuse_unknown(answers: Iterable[str], source: str) -> None:
    unknown = [key for key in answers if key not in BY_KEY]
    if not unknown:
        return
    known = difflib.get_close_matches(unknown[0], BY_KEY, n=1)
    hint = f"did you mean {known[0]}?" if known else _KEYS_HINT
    raise UsageError(f"{source}: unknown key {', '.join(map(repr, unknown))}", hint=hint)
