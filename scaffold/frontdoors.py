"""The files that are made from the code: what copier and cookiecutter read, and reference pages.

Run `python -m scaffold.frontdoors` in a checkout after a change to the questions, the commands, the
metadata rules, the image matrix or the schemas; a test fails when a file is stale.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from scaffold import outputs
from scaffold.image import page as image_matrix
from scaffold.metadata import catalogue, tables
from scaffold.question import Question, Rule, reserved_names
from scaffold.questions import (
    DERIVED,
    QUESTIONS,
    TODAY,
    TODAY_IN_COOKIECUTTER,
    TODAY_IN_COPIER,
)
from scaffold.reference import reference

TREE = "template/{{cookiecutter.__pair}}"


def cookiecutter_json() -> str:
    """Return `template/cookiecutter.json`."""
    document: dict[str, Any] = {
        # in a list the first is the default, whatever the other answers are: so a choice whose
        # default follows from them is free text there, and the hook knows what is allowed
        question.key: question.default if question.default else list(question.choices) or ""
        for question in QUESTIONS
    }
    document[TODAY] = TODAY_IN_COOKIECUTTER
    document |= {item.key: item.in_cookiecutter or item.expression for item in DERIVED}
    document["__prompts__"] = {
        question.key: _cookiecutter_prompt(question) for question in QUESTIONS
    }
    return _json(document)


def _cookiecutter_prompt(question: Question) -> str:
    listed = question.choices if question.choices and question.default else ()
    return f"{question.label}. {question.help}" + (
        f" One of: {', '.join(listed)}." if listed else ""
    )


def cookiecutter_root_json() -> str:
    """Return the `cookiecutter.json` of the repository's root, which leads to the template."""
    entry = {
        "path": "./template",
        "title": "module",
        "description": "A model repository and its container repository, or both in one",
    }
    return _json({"templates": {"module": entry}})


def copier_yml() -> str:
    """Return `copier.yml`."""
    document: dict[str, Any] = {
        "_min_copier_version": "9.4.0",
        # the folder is called so literally
        "_subdirectory": "{% raw %}" + TREE + "{% endraw %}",
        "_templates_suffix": "",
        "_exclude": ["__pycache__", "*.pyc"],
        "_message_after_copy": (
            "Written. copier runs no code here, so begin the git histories yourself:\n"
            "  git init -b {{ default_branch }} {{ repo_name }}"
            "{% if layout == 'pair' %}\n"
            "  git init -b {{ default_branch }} DEEP-OC-{{ repo_name }}{% endif %}"
        ),
    }
    for question in QUESTIONS:
        entry: dict[str, Any] = {"type": "str", "help": f"{question.label}. {question.help}"}
        if question.choices:
            entry["choices"] = list(question.choices)
            entry["default"] = question.default.replace("cookiecutter.", "") or question.choices[0]
            if len(question.choices) == 1:
                entry["when"] = False
        else:
            entry["default"] = question.default.replace("cookiecutter.", "")
            entry["validator"] = _copier_validator(question)
        if question.multiline:
            entry["multiline"] = True
        document[question.key] = entry
    document["cookiecutter"] = {"type": "json", "when": False, "default": _copier_namespace()}
    note = "# Made from scaffold/questions.py by `python -m scaffold.frontdoors`; do not edit.\n"
    return note + yaml.dump(document, sort_keys=False, allow_unicode=True, width=1000)


def _copier_namespace() -> str:
    """Jinja that builds, from copier's flat answers, what cookiecutter calls `cookiecutter`."""
    answers = ", ".join(f'"{question.key}": {question.key}' for question in QUESTIONS)
    lines = [f"{{%- set cookiecutter = {{{answers}}} -%}}"]
    derived = [(TODAY, TODAY_IN_COPIER), *((item.key, item.expression) for item in DERIVED)]
    for key, expression in derived:
        lines.append(
            f"{{% set value %}}{expression}{{% endset %}}"
            f"{{%- set cookiecutter = dict(cookiecutter, {key}=value) -%}}"
        )
    return "".join([*lines, "{{ cookiecutter | tojson }}"])


def _copier_validator(question: Question) -> str:
    """Jinja that says what is wrong with an answer, or nothing."""
    key = question.key
    tests = [(f"not {key}", "must not be empty")]
    for rule in question.rules:
        test = _copier_test(key, rule)
        other, value = rule.when
        tests.append((f"{other} == '{value}' and ({test})" if other else test, rule.message))
    branches = [
        f"{{% {'elif' if position else 'if'} {test} %}}{message}"
        for position, (test, message) in enumerate(tests)
    ]
    return "".join([*branches, "{% endif %}"])


def _copier_test(key: str, rule: Rule) -> str:
    if rule.unreserved:
        names = _jinja_string(" ".join(sorted(reserved_names())))
        return f"{key} | replace('-', '_') in {names}.split()"
    if rule.as_many_as:
        return f"{key}.split(',') | length != {rule.as_many_as}.split(',') | length"
    pattern = rf"\A(?:{rule.pattern})\Z"
    if rule.each:
        parts = f"{key}.split(',')"
        right = f"{parts} | map('regex_search', {_jinja_string(pattern)}) | select | list | length"
        return f"({right}) != ({parts} | length)"
    return f"not ({key} | regex_search({_jinja_string(pattern)}))"


def _jinja_string(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def answers_schema() -> str:
    """Return the JSON Schema of an answers file."""
    properties: dict[str, Any] = {}
    for question in QUESTIONS:
        entry: dict[str, Any] = {"type": "string", "description": question.help}
        if question.choices:
            entry["enum"] = list(question.choices)
        if question.choices and not question.default:
            entry["default"] = question.choices[0]
        elif question.default and "{" not in question.default:
            entry["default"] = question.default
        properties[question.key] = entry
    return _json(
        {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": "Answers to scaffold new",
            "description": "What `scaffold new --answers FILE` reads.",
            "type": "object",
            "properties": properties,
            "required": [question.key for question in QUESTIONS if question.required],
            "additionalProperties": False,
        }
    )


def _json(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


FILES = {
    "copier.yml": copier_yml,
    "cookiecutter.json": cookiecutter_root_json,
    "template/cookiecutter.json": cookiecutter_json,
    "schema/answers.schema.json": answers_schema,
    "docs/reference/commands.md": reference,
    "docs/reference/image-matrix.md": image_matrix.page,
    "docs/reference/metadata-rules.md": catalogue.page,
    "docs/reference/metadata-migration.md": tables.page,
    "docs/reference/outputs.md": outputs.page,
}
"""What is generated: path in the repository, and what makes its text."""


def main() -> None:
    """Write the files into the checkout that this module belongs to."""
    root = Path(__file__).parent.parent
    for path, text in FILES.items():
        (root / path).write_text(text(), encoding="utf-8")


if __name__ == "__main__":
    main()
