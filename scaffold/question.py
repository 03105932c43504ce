"""One question: what it asks, and what an answer to it must satisfy.

Only the standard library is imported here: the hooks that cookiecutter runs read it from any Python.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

# Characters that no text answer may hold: control characters (YAML and TOML refuse them), line
# and paragraph separators (YAML folds them), byte order marks, bidirectional overrides (they make
# a source file read otherwise than it runs, CVE-2021-42574) and halves of surrogate pairs.
_UNPRINTABLE = (
    r"\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff"
    r"\ud800-\udfff"
)


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing an answer must satisfy: one of `pattern`, `unreserved` and `as_many_as`.

    Attributes:
        message: what is wanted, shown to the user when the rule is broken.
        pattern: a regular expression that the whole answer must match.
        each: apply `pattern` to each part of a comma-separated answer instead.
        unreserved: the answer, as a package name, must not be in `reserved_names()`.
        as_many_as: key of another comma-separated answer with as many parts.
        when: an earlier answer, as (key, value), without which the rule does not apply.
    """

    message: str
    pattern: str = ""
    each: bool = False
    unreserved: bool = False
    as_many_as: str = ""
    when: tuple[str, str] = ("", "")


@dataclass(frozen=True, slots=True)
class Question:
    """One question of the table.

    Attributes:
        key: the answer's name, as `--data KEY=VALUE` and the templates use it.
        label: two or three words for the prompt.
        help: one line that says what the answer is used for.
        default: Jinja expression; "" when the user must answer, or the first choice is it.
        choices: the allowed answers, the default first; empty for free text.
        rules: what a free-text answer must satisfy.
        advanced: a sensible default exists, so the prompts ask for it only on request.
        multiline: line breaks are allowed.
    """

    key: str
    label: str
    help: str
    default: str = ""
    choices: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()
    advanced: bool = False
    multiline: bool = False

    @property
    def required(self) -> bool:
        """Whether there is no default to fall back to."""
        return not self.default and not self.choices


LINE = Rule(
    "must be one line of printable text without surrounding spaces, at most 200 characters",
    rf"(?=.{{1,200}}\Z)[^\s{_UNPRINTABLE}]([^\t\n{_UNPRINTABLE}]*[^\s{_UNPRINTABLE}])?",
)
TEXT = Rule(
    "must be printable text without surrounding spaces, at most 4000 characters",
    rf"(?=[\s\S]{{1,4000}}\Z)[^\s{_UNPRINTABLE}]([^{_UNPRINTABLE}]*[^\s{_UNPRINTABLE}])?",
)

TAG = Rule("must be an image tag, like 3.11-slim", r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")


@cache
def reserved_names() -> frozenset[str]:
    """Return the package names that a module must not take (`reserved_names.txt`)."""
    text = (Path(__file__).parent / "reserved_names.txt").read_text(encoding="utf-8")
    return frozenset(line for line in text.splitlines() if line and not line.startswith("#"))


def broken_rule(question: Question, value: str, answers: Mapping[str, str]) -> str:
    """Say what is wrong with an answer.

    Args:
        question: the question that was asked.
        value: the answer.
        answers: the answers to the questions before it.

    Returns:
        What the answer must be, ready to follow the key and the value in a message; "" if it is
        right.
    """
    if question.choices:
        if value in question.choices:
            return ""
        return f"must be one of: {', '.join(question.choices)}"
    if not value:
        return "must not be empty"
    for rule in question.rules:
        key, wanted_value = rule.when
        if key and answers.get(key) != wanted_value:
            continue
        parts = value.split(",") if rule.each else [value]
        if rule.pattern and not all(re.fullmatch(rule.pattern, part) for part in parts):
            return rule.message
        if rule.unreserved and value.replace("-", "_") in reserved_names():
            return rule.message
        if rule.as_many_as:
            wanted = len(answers[rule.as_many_as].split(","))
            if len(value.split(",")) != wanted:
                return f"{rule.message} ({wanted})"
    return ""
