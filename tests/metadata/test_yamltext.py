"""YAML: the values of `safe_load`, their places, and one clear error for everything hostile."""

from __future__ import annotations

import datetime
import random
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from scaffold.metadata import yamltext
from scaffold.metadata.problems import UnreadableError
from tests.metadata.samples import V2, check, lines

PIECES = [
    " ",
    "  ",
    "\n",
    "- ",
    "-",
    ": ",
    ":",
    "#",
    " #",
    "'",
    '"',
    "[",
    "]",
    "{",
    "}",
    ",",
    "&a ",
    "*a",
    "!",
    "!!str ",
    "!!int ",
    "!!python/name:os ",
    "",
    "",
    ">",
    "",
    "-",
    "%",
    "@",
    "`",
    "? ",
    "<<: ",
    "=",
    "~\nnull",
    "yes",
    "no",
    "2024-01-31",
    "2024-13-45",
    "1e3",
    "1.5",
    "0x1F",
    "1:20",
    "1_000",
    "---\n",
    "...\n",
    "\\",
    "é",
    "a",
    "b: c",
    "{a: b}",
    "[a, b]",
    "\t",
    "\n  ",
    "a:\tb",
    "- \t\n",
    "#",
    ".inf",
    "-",
    "key: ",
    "\n    ",
    "text with words",
    '"quoted"',
    "'single'",
    "%YAML 1.1\n",
    "\u2028",
    "\x85",
    "\ufeff",
    "!!binary aGk=",
    " ! ",
]


@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
def test_values_are_those_of_safe_load(text: str) -> None:
    if text.startswith("\ufeff"):
        return  # the loader takes it away first
    assert read(text) == safe_load(text)


@pytest.mark.parametrize("seed", range(200))
def test_values_of_spoilt_files_are_those_of_safe_load(seed: int) -> None:
    chance = random.Random(seed)
    text = V2
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(text))
        text = text[:at] + chance.choice(PIECES) + text[at + chance.choice([0, 0, 0, 1, 5]) :]
    if not text.startswith("\ufeff"):
        assert read(text) == safe_load(text)


def read(text: str) -> Any:
    try:
        return yamltext.read(text)[0]
    except UnreadableError:
        return UnreadableError


def safe_load(text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, KeyError, IndexError):
        return UnreadableError


def test_every_value_is_where_it_is_said_to_be() -> None:
    text = "a: 'x'\n\"b\": [1, two,\n  {c: ~}]\nd:\n  - |\n    text\n  - e: 2024-01-31\n"
    data, marks, problems = yamltext.read(text)
    assert not problems
    day = datetime.date(2024, 1, 31)
    assert data == {"a": "x", "b": [1, "two", {"c": None}], "d": ["text\n", {"e": day}]}
    sources = {
        path: (text[slice(*marks.find(data, path).key)], text[slice(*marks.find(data, path).value)])
        for path in [("a",), ("b",), ("b", 1), ("b", 2, "c"), ("d", 0), ("d", 1, "e")]
    }
    assert sources == {
        ("a",): ("a", "'x'"),
        ("b",): ('"b"', "[1, two,\n  {c: ~}]"),
        ("b", 1): ("two", "two"),
        ("b", 2, "c"): ("c", "~"),
        ("d", 0): ("|\n    text\n", "|\n    text\n"),
        ("d", 1, "e"): ("e", "2024-01-31"),
    }


def test_an_alias_leads_to_its_anchor_and_merges_keep_their_places() -> None:
    text = "base: &b {x: 1, y: 2}\nall: [*b, {<<: *b, y: 3}]\n"
    data, marks, _ = yamltext.read(text)
    assert data["all"] == [{"x": 1, "y": 2}, {"x": 1, "y": 3}]
    assert data["all"][0] is data["base"]
    assert text[slice(*marks.find(data, ("all", 0, "x")).value)] == "1"
    assert text[slice(*marks.find(data, ("all", 0)).value)] == "*b"
    assert text[slice(*marks.find(data, ("all", 1, "y")).value)] == "3"


FAULTS = {
    "summary: Plants: told apart\n": "1:16 (root) error yaml-syntax: a `: ` here, inside text "
    "without quotes, would begin a second value | put quotes around the whole text, or write it "
    "below `key: >-`, indented",
    "links:\n\tcode: x\n": "2:1 (root) error yaml-tab: a tab stands where YAML only allows spaces "
    "| indent with spaces",
    "title: **Plants**\n": "1:8 (root) error yaml-alias: text without quotes cannot start with * "
    "| put quotes around the whole text",
    "title: *plants\n": "1:8 (root) error yaml-alias: *plants refers to nothing "
    "| *plants repeats what &plants marks; put quotes around it if it is text",
    "title: &a [*a]\n": "1:12 (root) error yaml-alias: &a contains itself "
    "| write the values out instead of using & and *",
    "title: @plants\n": "1:8 (root) error yaml-syntax: text cannot start with @ "
    "| put quotes around the text",
    "title: 'Plants\ntags: []\n": "1:8 (root) error yaml-syntax: a quote is opened and never closed "
    "| close it where the text ends",
    "title: Plants\nthis goes on\ntags: []\n": "2:1 (root) error yaml-syntax: this line is neither "
    "`key: value` nor part of the text above | indent it if it goes on with the text above; "
    "otherwise a colon is missing",
    "tags: [a, b\ntitle: x\n": "2:6 (root) error yaml-syntax: a list or mapping in brackets goes "
    "on without a comma, or is not closed | separate its entries with commas and close it",
    "tags:\n  - a\n - b\n": "3:2 (root) error yaml-syntax: a list begins where none can "
    "| begin the list on its own lines, each entry with `- `, indented alike",
    'title: "Plants" of all kinds\n': "1:17 (root) error yaml-syntax: this does not fit what stands "
    "before it | check that lines of one level are indented alike and that quotes stand around "
    "whole texts",
    'title: "a\\d"\n': "1:11 (root) error yaml-syntax: unknown escape after \\ in text with double "
    "quotes | write \\\\ for a backslash, or use single quotes",
    "title: a\n---\ntitle: b\n": "2:1 (root) error yaml-syntax: a second YAML document begins here "
    "| a metadata file holds one document: remove everything from `---` on",
    "title: !!python/object/apply:os.system [ls]\n": "1:8 (root) error yaml-tag: the tag "
    "!!python/object/apply:os.system asks for code to be run; nothing was | remove the tag, or "
    "put quotes around text with !",
    "title: !plants x\n": "1:8 (root) error yaml-tag: the tag !plants stands for no plain value "
    "| remove the tag, or put quotes around text with !",
    "created: 2024-13-45\n": "1:10 (root) error yaml-syntax: YAML reads 2024-13-45 as a date, but it "
    "is none | put quotes around it",
    "a: &x 1\nb: &x 2\n": "2:4 (root) error yaml-syntax: the anchor &x is defined twice | ",
    "title: =\n": "1:8 (root) error yaml-syntax: = has a special meaning in YAML that does not fit "
    "here | put quotes around it: '='",
    "{a: b}: c\n": "1:1 (root) error yaml-syntax: a list or mapping cannot be a key "
    "| text that starts with { or [ must be in quotes",
    "<<: 1\n": "1:5 (root) error yaml-syntax: << merges mappings, and this is none | ",
    "title: a\x07b\n": "1:9 (root) error yaml-syntax: the character U+0007 is not allowed in YAML "
    "| delete it",
    "a: " + "1" * 5000 + "\n": "1:4 (root) error yaml-syntax: a number of 5,000 digits "
    "| put quotes around it",
}


@pytest.mark.parametrize("text", FAULTS, ids=lambda text: text[:30])
def test_a_fault_is_told_with_its_place_and_what_would_be_right(text: str) -> None:
    assert lines(check(text)) == [FAULTS[text]]


def test_a_duplicate_key_is_told_where_it_is_again_and_the_last_one_counts() -> None:
    report = check(
        V2 + "links:\n  source_code: https://github.com/ai4os/plants\n  source_code: 5\n"
    )
    assert [each for each in lines(report) if "duplicate" in each] == [
        (
            "28:1 /links warning duplicate-key: the key `links` is given twice; only this last one "
            "counts | keep one of them"
        ),
        (
            "30:3 /links/source_code warning duplicate-key: the key `source_code` is given twice; only "
            "this last one counts | keep one of them"
        ),
    ]
    assert [each.pointer for each in report.findings if each.rule == "wrong-type"] == [
        "/links/source_code"
    ]


LEVELS = 10_000
BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{key}: &{key} [{', '.join([f'*{before}'] * 9)}]\n"
    for before, key in zip("abcdefgh", "bcdefghi", strict=True)
)
HOSTILE = {
    "deep flow": ("[" * LEVELS + "]" * LEVELS, "too-deep"),
    "deep mapping": ("{a: " * LEVELS, "too-deep"),
    "deep list": ("- " * LEVELS + "x", "too-deep"),
    "deep keys": ("? " * LEVELS + "x", "too-deep"),
    "deep indentation": ("\n".join(" " * level + "a:" for level in range(500)), "too-deep"),
    "alias bomb": (BOMB, "yaml-alias"),
    "merge bomb": (
        BOMB.replace("[x, x, x, x, x, x, x, x, x]", "{k: v}"),
        "yaml-alias",
    ),
    "many values": ("\n".join(f"k{index}: v" for index in range(30_000)), "too-many-values"),
    "many aliases": ("a: &a x\nb: [" + "*a, " * 30_000 + "]", "too-many-values"),
    "brackets": ("[" * 500_000, "too-deep"),
    "base 60": ("a: 1" + ":1" * 300_000, "yaml-syntax"),
    "anchors": (
        "".join(f"&a{index} x{index}: *a{index}\n" for index in range(20_000)),
        "too-many-values",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.timeout(10)
def test_what_is_hostile_gets_one_error(name: str) -> None:
    text, rule = HOSTILE[name]
    report = check(text)
    assert [each.rule for each in report.findings] == [rule]


def test_python_tags_run_nothing(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    for tag in ("object/apply:pathlib.Path.touch", "object/new:pathlib.Path", "name:os.system"):
        report = check(f"title: !!python/{tag} ['{trace}']\n")
        assert [each.rule for each in report.findings] == ["yaml-tag"]
    assert not trace.exists()


def test_without_libyaml_the_findings_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [V2, *FAULTS]
    expected = [check(text) for text in texts]
    monkeypatch.setattr(yamltext, "_EVENTS", yaml.SafeLoader)
    assert [check(text) for text in texts] == expected


@pytest.mark.parametrize(
    "text",
    [
        "a:\tb\n",
        "[a, b?]\n",
        "{a: {b: 2?, c: 1}}\n",
        "a: |# b\n  c\n",
        "a: \ufeffb\n",
        "a: !\n",
        "[\n\ta]",
    ],
)
def test_where_libyaml_differs_the_parser_of_the_marketplace_decides(text: str) -> None:
    assert read(text) == safe_load(text)
