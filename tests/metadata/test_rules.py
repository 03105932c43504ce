"""Every rule does what its example says, and the page that lists them is fresh."""

from __future__ import annotations

import ast
import os
from pathlib import Path

import pytest

from scaffold.metadata import catalogue
from scaffold.metadata.rule import GROUPS, Example, Rule
from scaffold.metadata.rules import RULES
from tests.metadata.conftest import Run

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("rule", RULES)
def test_the_bad_example_breaks_the_rule(rule: str, run: Run) -> None:
    found = check(run, RULES[rule], RULES[rule].bad)
    assert found[rule] == RULES[rule].severity


@pytest.mark.parametrize("rule", RULES)
def test_the_good_example_does_not(rule: str, run: Run) -> None:
    assert rule not in check(run, RULES[rule], RULES[rule].good)


def check(run: Run, rule: Rule, example: Example) -> dict[str, str]:
    """Write an example's files and run the rule's command; return what was found, with severity."""
    here = Path("here")
    here.mkdir()
    os.chdir(here)
    for name, content in catalogue.example_bytes(example).items():
        if content:
            Path(name).parent.mkdir(exist_ok=True)
            Path(name).write_bytes(content)
    command = rule.command.format(file=next(iter(example))).split()
    assert command[0] == "scaffold"
    (report,) = run(*command[1:], "--json").document["files"]
    return {finding["rule"]: finding["severity"] for finding in report["errors"]}


def test_every_rule_is_used_and_every_used_rule_is_listed() -> None:
    used = set()
    for file in (ROOT / "scaffold" / "metadata").glob("*.py"):
        if file.name.startswith("rule"):
            continue
        used |= {
            node.value
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
    formats = {f"format-{name}" for name in ("date", "uri", "uri-reference", "doi")}
    assert set(RULES) <= used | formats
    assert {rule.group for rule in RULES.values()} == set(GROUPS)


def test_the_page_of_the_rules_has_them_all() -> None:
    for rule in RULES:
        assert f"### {rule}\n" in catalogue.page()


def test_metadata_rules_lists_them(run: Run) -> None:
    result = run("metadata", "rules")
    assert (result.code, result.err) == (0, "")
    lines = result.out.splitlines()
    assert [line.split()[0] for line in lines] == list(RULES)
    assert "licence               warning  The licence is an SPDX identifier" in lines
    rules = run("metadata", "rules", "--json").document["rules"]
    assert [rule["id"] for rule in rules] == list(RULES)
    assert set(rules[0]) == {"id", "group", "severity", "title", "explanation", "bad", "good"}


def test_metadata_rules_explains_one(run: Run) -> None:
    result = run("metadata", "rules", "licence")
    assert result.out == (
        "licence (warning): The licence is an SPDX identifier\n"
        "\n"
        "Packaging tools and GitHub know licences by it.\n"
        "\n"
        "Wrong (metadata.json):\n"
        "\n"
        '    {"license": "Apache 2.0"}\n'
        "\n"
        "Right (metadata.json):\n"
        "\n"
        '    {"license": "Apache-2.0"}\n'
    )


def test_an_unknown_rule_is_refused(run: Run) -> None:
    result = run("metadata", "rules", "license")
    assert (result.code, result.out) == (2, "")
    assert result.err == "error: there is no rule 'license'\nhint: did you mean licence?\n"
