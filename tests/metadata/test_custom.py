"""`--schema FILE`: any JSON Schema, nothing fetched."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.metadata.conftest import Run

DATA = """\
title: Plants
tags: [a, b, a]
size: small
link: not an address
"""


def write(schema: Any) -> None:
    Path("data.yml").write_text(DATA)
    Path("own.json").write_text(json.dumps(schema))


def found(run: Run) -> list[str]:
    result = run("validate", "--json", "--schema", "own.json", "data.yml")
    (report,) = result.document["files"]
    assert result.code == int(bool([e for e in report["errors"] if e["severity"] == "error"]))
    assert report["schema_version"] is None
    return [
        f"{e['line']}:{e['column']} {e['pointer']} {e['rule']}: {e['message']} | {e['hint']}"
        for e in report["errors"]
    ]


def test_all_errors_with_our_words_where_we_have_them(run: Run) -> None:
    write(
        {
            "required": ["title", "licence", "author"],
            "properties": {
                "title": {"minLength": 10},
                "tags": {"uniqueItems": True, "items": {"type": "string"}},
                "size": {"type": ["integer", "null"]},
                "link": {"format": "uri"},
            },
            "additionalProperties": False,
        }
    )
    assert found(run) == [
        "1:1  missing-key: `licence` is missing | add it, for example licence: …",
        "1:1  missing-key: `author` is missing | add it, for example author: …",
        "1:8 /title schema: `title`: 'Plants' is too short | ",
        '2:14 /tags/2 repeated: "a" is in `tags` already | delete one of the two',
        "3:7 /size wrong-type: `size` must be a whole number or null, not text | write a number",
        (
            '4:7 /link format-uri: "not an address" is not an address (URI) | a space cannot be part of '
            "one; write it percent-encoded"
        ),
    ]


def test_keywords_we_have_no_words_for(run: Run) -> None:
    write(
        {
            "not": {"required": ["title"]},
            "anyOf": [{"required": ["x"]}, {"properties": {"size": {"const": "big"}}}],
            "properties": {"tags": {"maxItems": 2}},
            "$defs": {"unused": {}},
        }
    )
    messages = found(run)
    assert [each.split(":")[1].split()[-1] for each in messages] == ["schema", "schema", "schema"]
    assert messages[0].startswith("1:1  schema: the document: it is what `not` rules out")
    assert messages[2].startswith("2:7 /tags schema: `tags`: ['a', 'b', 'a'] is too long")


def test_the_schema_may_be_yaml_and_the_published_ones_may_be_used(run: Run) -> None:
    Path("data.yml").write_text(DATA)
    Path("own.yml").write_text("properties:\n  title: {type: integer}\n")
    assert run("validate", "--schema", "own.yml", "data.yml").code == 1
    Path("v2.json").write_text(run("metadata", "schema", "2.0.0").out)
    result = run("validate", "--json", "--schema", "v2.json", "data.yml")
    theirs = {
        (e["pointer"], e["rule"])
        for e in result.document["files"][0]["errors"]
        if e["severity"] == "error"
    }
    result = run("validate", "--json", "--schema-version", "2.0.0", "data.yml")
    ours = {
        (e["pointer"], e["rule"])
        for e in result.document["files"][0]["errors"]
        if e["severity"] == "error"
    }
    assert theirs == ours


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ({"type": "strange"}, "own.json is no JSON Schema: /type: 'strange' is not valid"),
        ([], "own.json is no JSON Schema: it is not a mapping"),
        ({"$ref": "https://example.org/x.json"}, "which it does not contain"),
        ({"$ref": "other.json"}, "which it does not contain"),
        ({"$ref": "#/$defs/none"}, "which it does not contain"),
        ({"$ref": "#"}, "own.json refers to itself without end"),
        ({"properties": {"title": {"pattern": "("}}}, "own.json"),
    ],
)
def test_a_schema_that_cannot_be_used(run: Run, schema: Any, message: str) -> None:
    write(schema)
    result = run("validate", "--schema", "own.json", "data.yml")
    assert (result.code, result.out) == (2, "")
    assert message in result.err


def test_a_schema_that_cannot_be_read(run: Run) -> None:
    write({})
    Path("own.json").write_text('{"type": "object",}')
    result = run("validate", "--schema", "own.json", "data.yml")
    assert (result.code, result.err) == (
        2,
        (
            "error: own.json:1:18: cannot read the schema: a comma with nothing after it\n"
            "hint: delete the comma\n"
        ),
    )


@pytest.mark.timeout(20)
def test_a_long_list_takes_no_time(run: Run) -> None:
    write({"properties": {"tags": {"uniqueItems": True}}})
    values = [*range(2_400), *(str(number) for number in range(2_400)), True, None]
    Path("data.yml").write_text(json.dumps({"tags": values}))
    assert found(run) == []
