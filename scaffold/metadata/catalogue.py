"""The rules as text, as JSON and as the page docs/reference/metadata-rules.md."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from scaffold.errors import UsageError
from scaffold.metadata.nearest import nearest
from scaffold.metadata.report import printable
from scaffold.metadata.rule import GROUPS, USUAL_COMMAND, Example, Rule
from scaffold.metadata.rules import RULES


def select(rule: str | None) -> list[Rule]:
    """Return one rule, or all.

    Raises:
        UsageError: there is no such rule.
    """
    if rule is None:
        return list(RULES.values())
    if rule not in RULES:
        close = nearest(rule, RULES)
        hint = f"did you mean {close}?" if close else "`scaffold metadata rules` lists them"
        raise UsageError(f"there is no rule {rule!r}", hint=hint)
    return [RULES[rule]]


def document(rule: Rule) -> dict[str, Any]:
    """Return what `--json` says of a rule."""
    return {
        "id": rule.id,
        "group": rule.group,
        "severity": rule.severity,
        "title": rule.title,
        "explanation": rule.why,
        "bad": {name: _shown(text) for name, text in rule.bad.items()},
        "good": {name: _shown(text) for name, text in rule.good.items()},
    }


def listing(rules: Iterable[Rule]) -> str:
    """Return a table of rules."""
    rows = list(rules)
    width = max(len(rule.id) for rule in rows)
    return "\n".join(f"{rule.id:<{width}}  {rule.severity:<7}  {rule.title}" for rule in rows)


def explanation(rule: Rule) -> str:
    """Return all there is to say about a rule."""
    parts = [f"{rule.id} ({rule.severity}): {rule.title}", "", rule.why]
    if command := _command(rule):
        parts += ["", f"Run as: {command}"]
    for title, example in (("Wrong", rule.bad), ("Right", rule.good)):
        for name, text in example.items():
            indented = "\n".join(f"    {line}" for line in _shown(text).splitlines())
            parts += ["", f"{title} ({name}):", "", indented]
    return "\n".join(parts)


def page() -> str:
    """Return docs/reference/metadata-rules.md."""
    parts = [_HEAD]
    for group, question in GROUPS.items():
        parts.append(f"## {group.capitalize()}\n\n{question}\n")
        parts += [_section(rule) for rule in RULES.values() if rule.group == group]
    return "\n".join(parts)


def _section(rule: Rule) -> str:
    parts = [f"### {rule.id}\n\n**{rule.title}** ({rule.severity}). {rule.why}\n"]
    if command := _command(rule):
        parts.append(f"Run as `{command}`.\n")
    for title, example in (("Wrong", rule.bad), ("Right", rule.good)):
        parts += [_block(title, name, text) for name, text in example.items()]
    return "\n".join(parts)


def _command(rule: Rule) -> str:
    """Return the command for a rule's example, or "" if it is the usual one."""
    if rule.command == USUAL_COMMAND:
        return ""
    return rule.command.format(file=next(iter(rule.good)))


def _block(title: str, name: str, text: str) -> str:
    language = {"json": "json", "toml": "toml"}.get(name.rpartition(".")[2], "yaml")
    if not text:
        return f"{title}: `{name}`, which does not exist.\n"
    return f"{title}, `{name}`:\n\n```{language}\n{_shown(text).rstrip()}\n```\n"


def _shown(text: str) -> str:
    """Make what cannot be seen visible, and what is endless short."""
    text = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    lines = [line.replace("\t", "→   ") for line in text.splitlines()]
    return "\n".join(printable(line if len(line) <= 200 else f"{line[:40]}…") for line in lines)


def example_bytes(example: Example) -> dict[str, bytes]:
    """Return an example's files as they are on disk."""
    return {name: text.encode("utf-8", "surrogateescape") for name, text in example.items()}


_HEAD = """# The rules of `scaffold validate`

<!-- Made from scaffold/metadata/rules.py by `python -m scaffold.frontdoors`. -->

`scaffold validate FILE…` checks metadata by these rules and tells each fault with its place, its
rule and what would be right. An error makes a file invalid (exit code 1). A warning does not,
unless `--strict` is given; `--ignore RULE` drops it. `scaffold metadata rules RULE` shows one rule
in the terminal.
"""
