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


DRAFT_7 = "http://json-schema.org/draft-07/schema#"
DRAFT_4 = "http://json-schema.org/draft-04/schema#"
DRAFT_3 = "http://json-schema.org/draft-03/schema#"
GONE = {"$ref": "#/$defs/gone"}
NOT_THERE = "own.json refers to '#/$defs/gone', which it does not contain"


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ({"properties": {"late": GONE}}, NOT_THERE),
        ({"$defs": {"unused": {"items": GONE}}}, NOT_THERE),
        ({"properties": {"late": {"$ref": "#/own/part"}}, "own": {"part": GONE}}, NOT_THERE),
        ({"$schema": DRAFT_7, "dependencies": {"a": ["b"], "late": GONE}}, NOT_THERE),
        ({"$schema": DRAFT_3, "type": ["object", GONE]}, NOT_THERE),
        ({"$schema": DRAFT_3, "extends": GONE}, NOT_THERE),
        ({"properties": {"late": {"$dynamicRef": "#gone"}}}, "refers to '#gone', which it does"),
        (
            {"properties": {"late": {"$ref": "#/title/x"}}, "title": "Own"},
            "own.json refers to '#/title/x', which it does not contain",
        ),
        (
            {"properties": {"late": {"$ref": "#/title"}}, "title": "Own"},
            "own.json refers to '#/title', which is no JSON Schema: it is not a mapping",
        ),
        (
            {"properties": {"late": {"$ref": "#/own"}}, "own": {"properties": 3}},
            "own.json refers to '#/own', which is no JSON Schema: 3 is not of type 'object'",
        ),
        (
            {"properties": {"late": {"$ref": "#/properties/late"}}},
            "own.json refers to itself without end: '#/properties/late' leads back",
        ),
        (
            {
                "properties": {"late": {"$ref": "#/$defs/a"}},
                "$defs": {
                    "a": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/b"}]},
                    "b": {"not": {"$ref": "#/$defs/a"}},
                },
            },
            "own.json refers to itself without end: '#/$defs/",
        ),
        (
            {"$schema": DRAFT_4, "properties": {"late": {"patternProperties": {"(": {}}}}},
            "own.json has a pattern that cannot be compiled: missing )",
        ),
        ({"$schema": 7}, "own.json is no JSON Schema: its $schema is no address"),
    ],
)
def test_what_only_a_later_file_would_need_is_looked_up_first(
    run: Run, schema: Any, message: str
) -> None:
    write(schema)
    Path("late.json").write_text('{"late": {}}')
    result = run("validate", "--json", "--schema", "own.json", "data.yml", "late.json")
    assert result.code == 2
    # the one document there is
    assert message in result.document["error"]["message"]


def test_a_reference_that_nothing_leads_to_may_stand_where_it_counts_for_nothing(run: Run) -> None:
    # beside another $ref up to draft 7, as a value, and as the name of a key
    write(
        {
            "$schema": DRAFT_7,
            "properties": {"title": {"$ref": "#/definitions/a"}, "$ref": {"type": "string"}},
            "definitions": {"a": {"$ref": "#/definitions/b", "properties": {"x": GONE}}, "b": {}},
            "default": GONE,
            "examples": [GONE],
        }
    )
    assert found(run) == []


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"part": {"$ref": "#"}, "title": {"$ref": "#/$defs/text"}}},
        {"properties": {"part": {"$dynamicRef": "#own"}}, "$dynamicAnchor": "own"},
        {"$id": "https://example.org/own", "properties": {"part": {"$ref": "/own"}}},
        {"properties": {"part": {"$ref": "urn:other#here"}}},
        {"properties": {"part": {"$ref": "https://json-schema.org/draft/2020-12/schema"}}},
    ],
)
def test_references_that_lead_somewhere(run: Run, schema: dict[str, Any]) -> None:
    other = {"$id": "urn:other", "$defs": {"deep": {"$anchor": "here", "type": "object"}}}
    write({**schema, "$defs": {"text": {"type": "string"}, "other": other}})
    Path("data.yml").write_text("title: Plants\npart:\n  part: {}\n")
    assert found(run) == []


def test_data_that_is_too_deep_for_a_schema_is_a_fault_of_that_file_alone(run: Run) -> None:
    step: dict[str, Any] = {"$ref": "#"}
    for _ in range(8):
        step = {"allOf": [step]}
    write({"properties": {"a": step}})
    Path("deep.json").write_text('{"a": ' * 95 + "{}" + "}" * 95)
    result = run("validate", "--json", "--schema", "own.json", "data.yml", "deep.json", "data.yml")
    assert result.code == 1
    first, deep, last = result.document["files"]
    assert (first["valid"], deep["valid"], last["valid"]) == (True, False, True)
    (fault,) = deep["errors"]
    assert fault["message"] == "the document: own.json leads too deep into it to be checked"


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
