"""JSON: every value has its place, and every slip is told where it is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaffold.metadata import jsontext, loading
from scaffold.metadata.problems import UnreadableError
from tests.metadata.samples import check, line, lines

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(JSON, st.sampled_from([None, 0, 2]), st.booleans())
def test_every_value_is_where_it_is_said_to_be(
    value: Any, indent: int | None, ascii_: bool
) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_, allow_nan=False)
    read, marks, problems = jsontext.read(text)
    assert read == value
    assert not problems
    for path, entry in walk(read):
        mark = marks.find(read, path)
        assert json.loads(text[slice(*mark.value)]) == entry
        if path and isinstance(path[-1], str):
            assert json.loads(text[slice(*mark.key)]) == path[-1]


@given(
    st.text(st.sampled_from(" \n\t{}[]\",:0123456789eE+-.truefalsn\\ué/#'x\x00\x7f"), max_size=40)
)
def test_it_takes_what_the_standard_library_takes(text: str) -> None:
    try:
        expected = json.loads(text, parse_constant=float.fromhex)
    except ValueError:
        expected = ValueError
    try:
        value, _, problems = jsontext.read(text)
    except UnreadableError:
        value, problems = ValueError, []
    if any(problem.rule == "json-syntax" for problem in problems):
        value = ValueError
    assert value == expected


def walk(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[tuple[Any, ...], Any]]:
    if not isinstance(value, dict | list):
        return [(path, value)]
    entries = value.items() if isinstance(value, dict) else enumerate(value)
    below = [found for key, entry in entries for found in walk(entry, (*path, key))]
    return [(path, value), *below]


FAULTS = {
    '{"a": 1,}': "1:8 (root) error json-syntax: a comma with nothing after it | delete the comma",
    '{"k": [1, 2,]}': "1:12 /k error json-syntax: a comma with nothing after it | delete the comma",
    '{"a": 1,, "b": 2}': "1:9 (root) error json-syntax: a comma too many | delete one",
    '{"a": "x"\n "b": 2}': "1:9 (root) error json-syntax: a comma is missing after this | put one here",
    '{"k": ["x"\n "y"]}': "1:10 /k error json-syntax: a comma is missing after this | put one here",
    '{"a": 1} // so': "1:10 (root) error json-syntax: JSON has no comments | delete it",
    '{"a": /* so */ 1}': "1:7 (root) error json-syntax: JSON has no comments | delete it",
    "{'a': 1}": '1:2 (root) error json-syntax: JSON knows double quotes only | "a"',
    "{\"a\": 'b'}": '1:7 (root) error json-syntax: JSON knows double quotes only | "b"',
    "{a: 1}": '1:2 (root) error json-syntax: a key must be in quotes | "a"',
    '{"a": True}': "1:7 (root) error json-syntax: JSON has no True | write true",
    '{"a": None}': "1:7 (root) error json-syntax: JSON has no None | write null",
    '{"a": NaN}': "1:7 (root) error json-syntax: JSON has no NaN | write null",
    '{"a": "b\tc"}': "1:9 (root) error json-syntax: a tab inside text | write \\t or a space",
    '{"a": "b\nc"}': "1:9 (root) error json-syntax: a line break inside text "
    "| write \\n, or close the text",
    '{"a": "b\x07c"}': "1:9 (root) error json-syntax: a control character in text | write \\u0007",
    '{"a": "b,\n "c": 1}': "1:7 (root) error json-syntax: this text is not closed on its line "
    '| close it with ", or write \\n for a line break inside it',
    '{"a": "b"c"}': "1:10 (root) error json-syntax: neither a comma nor the end follows the value "
    '| a quote inside text must be written \\"',
    '{"a" 1}': '1:2 (root) error json-syntax: a colon is missing after the key "a" '
    '| write "key": value',
    '{"a": 1': "1:1 (root) error json-syntax: this object is not closed | add }",
    '{"a": [1': "1:7 /a error json-syntax: this list is not closed | add ]",
    '{"a": [1}': "1:9 /a error json-syntax: the list ends with } instead of ] "
    "| is a bracket missing before this?",
    '{"a": }': '1:7 (root) error json-syntax: a value is missing here | write one, or "", or null',
    '{"a": 2024-01-31}': "1:7 (root) error json-syntax: text without quotes "
    '| put it in quotes: "…"',
    '{"a": 01}': '1:7 (root) error json-syntax: text without quotes | put it in quotes: "…"',
    '{"a": "\\d"}': "1:8 (root) error json-syntax: unknown escape after \\ "
    "| write \\\\ for a backslash",
    '{"a": "\\u12"}': "1:9 (root) error json-syntax: unknown escape after \\ "
    "| \\u is followed by four hexadecimal digits",
    '{"a": 1} {"b": 2}': "1:10 (root) error json-syntax: text after the end of the document "
    "| delete it, or is a bracket misplaced?",
    '{"a": 1, "a": 2}': "1:10 /a warning duplicate-key: the key `a` is given twice; only this "
    "last one counts | keep one of them",
}


@pytest.mark.parametrize("text", FAULTS)
def test_a_fault_is_told_with_its_place_and_what_would_be_right(text: str) -> None:
    findings = check(text, "metadata.json").findings
    reading = [each for each in findings if each.rule in ("json-syntax", "duplicate-key")]
    assert [line(each) for each in reading] == [FAULTS[text]]


def test_all_slips_are_listed_and_the_rest_is_checked_all_the_same() -> None:
    text = """{
  // draft
  "title": "Plants",
  "summary": "Tells plants apart."
  "description": ["one" "two",],
  "keywords": "botany",
}"""
    wanted = [
        (
            "1:1 (root) error missing-key: `date_creation` is missing | add it, for example "
            '"date_creation": "2024-01-31"'
        ),
        '1:1 (root) error missing-key: `license` is missing | add it, for example "license": "MIT"',
        "2:3 (root) error json-syntax: JSON has no comments | delete it",
        "4:34 (root) error json-syntax: a comma is missing after this | put one here",
        "5:23 /description error json-syntax: a comma is missing after this | put one here",
        "5:30 /description error json-syntax: a comma with nothing after it | delete the comma",
        (
            "6:15 /keywords error wrong-type: `keywords` must be a list, not text | make it a list: "
            '["botany"]'
        ),
        "6:23 (root) error json-syntax: a comma with nothing after it | delete the comma",
    ]
    found = [each for each in lines(check(text, "metadata.json")) if "`sources`" not in each]
    assert found == wanted


def test_a_file_full_of_slips_is_given_up() -> None:
    findings = check(
        "{" + "".join(f"'k{index}': 1," for index in range(100)) + "}", "metadata.json"
    ).findings
    assert [each.rule for each in findings].count("json-syntax") == 52
    assert findings[-1].message == "so many faults that the rest was not read"


@pytest.mark.parametrize("name", ["m.json", "M.JSON", "ai4-metadata.json"])
def test_a_json_file_must_be_json(name: str) -> None:
    assert not loading.parse(b"title: Plants\n", name).readable
    assert loading.parse(b"title: Plants\n", "m.yml").readable
