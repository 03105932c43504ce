"""What a rule is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Group = Literal["reading", "schema", "formats", "suspicion", "platform"]

GROUPS: Mapping[Group, str] = {
    "reading": "Can the file be read at all?",
    "schema": "Does it follow the schema of its version?",
    "formats": "Are dates, addresses and DOIs written as the schema says? "
    "Warnings, because the marketplace itself does not check them; errors with `--check-formats`.",
    "suspicion": "Does it say what was meant?",
    "platform": "Will the marketplace take it?",
}

USUAL_COMMAND = "scaffold validate {file}"

Example = Mapping[str, str]
"""File names and their text; the first one is checked."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    Attributes:
        id: never changes and is never used again for something else.
        group: what kind of rule it is.
        severity: "error" or "warning"; `--strict` makes warnings errors.
        title: what it asks for.
        why: why, and what happens otherwise.
        bad: a file that breaks it.
        good: a file that does not.
        command: how to run it on the examples, where `{file}` is the first one.
    """

    id: str
    group: Group
    severity: Literal["error", "warning"]
    title: str
    why: str
    bad: Example
    good: Example
    command: str = USUAL_COMMAND


def yaml_example(text: str) -> Example:
    """Return an example that is a YAML file."""
    return {"ai4-metadata.yml": text}


def json_example(text: str) -> Example:
    """Return an example that is a JSON file."""
    return {"metadata.json": text}
