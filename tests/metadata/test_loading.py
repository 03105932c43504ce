"""What can be wrong with a file before it is JSON or YAML."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scaffold.metadata import loading
from scaffold.metadata.limits import MAX_BYTES
from scaffold.metadata.report import Tally, as_text
from tests.metadata.samples import V1, V2, check, lines

FAULTS: dict[str, tuple[bytes, str, list[str]]] = {
    "Latin-1": (
        '{\n  "title": "Forêt"\n}'.encode("latin-1"),
        "metadata.json",
        [
            (
                "2:16 (root) error encoding: the byte 0xEA is not UTF-8; in Latin-1 it would be 'ê' "
                "| save the file as UTF-8"
            )
        ],
    ),
    "UTF-16": (
        V2.encode("utf-16"),
        "ai4-metadata.yml",
        [
            (
                "1:1 (root) error encoding: the file is not UTF-8 text; it looks like UTF-16 "
                "| save the file as UTF-8"
            )
        ],
    ),
    "BOM in JSON": (
        b"\xef\xbb\xbf" + V1.encode(),
        "metadata.json",
        [
            (
                "1:1 (root) error byte-order-mark: the file begins with a byte order mark (BOM), which is "
                "invisible | save it as UTF-8 without BOM"
            )
        ],
    ),
    "BOM in YAML": (
        b"\xef\xbb\xbf" + V2.encode(),
        "ai4-metadata.yml",
        [
            (
                "1:1 (root) error byte-order-mark: the file begins with a byte order mark (BOM), which is "
                "invisible | save it as UTF-8 without BOM"
            )
        ],
    ),
    "empty": (
        b"",
        "metadata.json",
        [
            (
                "1:1 (root) error empty-file: the file is empty | `scaffold metadata schema 2.3.0` says "
                "what a metadata file holds"
            )
        ],
    ),
    "nothing but comments": (
        b"# to be written\n",
        "ai4-metadata.yml",
        [
            (
                "1:1 (root) error empty-file: the file is empty | `scaffold metadata schema 2.3.0` says "
                "what a metadata file holds"
            )
        ],
    ),
    "too large": (
        b" " * (MAX_BYTES + 1),
        "ai4-metadata.yml",
        [
            (
                "1:1 (root) error too-large: the file is larger than 1024 KiB; it was not read | metadata "
                "is a few kilobytes of text: is it the right file?"
            )
        ],
    ),
    "deep": (
        b"[" * 10_000,
        "metadata.json",
        [
            (
                "1:101 (root) error too-deep: more than 100 levels of lists and objects | is it a "
                "metadata file at all? Real ones have under a hundred values"
            )
        ],
    ),
    "many values": (
        b"[" + b"1," * 30_000 + b"1]",
        "metadata.json",
        [
            (
                "1:10000 (root) error too-many-values: the file holds more than 5,000 values | is it a "
                "metadata file at all? Real ones have under a hundred values"
            )
        ],
    ),
    "zeros": (
        b"\x00" * 99,
        "metadata.json",
        ['1:1 (root) error json-syntax: text without quotes | put it in quotes: "…"'],
    ),
    "a digit string": (
        b"9" * 100_000,
        "metadata.json",
        ["1:1 (root) error json-syntax: this number has too many digits | is it text? Quote it"],
    ),
}


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.timeout(10)
def test_a_file_that_is_no_text_gets_one_error(name: str) -> None:
    raw, file, expected = FAULTS[name]
    assert lines(check(raw, file)) == expected


@pytest.mark.parametrize("text", [V1, V2])
@pytest.mark.parametrize("line_break", ["\r\n", "\r"])
def test_line_breaks_of_other_systems_change_nothing(text: str, line_break: str) -> None:
    name = "metadata.json" if text == V1 else "ai4-metadata.yml"
    spoilt = text.replace("Plant classification", "FILL ME")
    assert check(spoilt.replace("\n", line_break), name) == check(spoilt, name)


def test_a_file_with_another_name_may_be_json_too() -> None:
    document = loading.parse(V1.encode(), "metadata")
    assert (document.syntax, document.readable) == ("json", True)
    document = loading.parse(b'{"a": [1, 2,], b: c}', "ai4-metadata.yml")
    assert (document.syntax, document.data) == ("yaml", {"a": [1, 2], "b": "c"})


def test_no_more_is_read_than_is_needed(tmp_path: Path) -> None:
    assert [each.rule for each in loading.load("/dev/zero").problems] == ["too-large"]
    with pytest.raises(IsADirectoryError):
        loading.load(tmp_path)


FLOODS = {
    "wrong values": json.dumps({"metadata_version": "2.3.0", "libraries": list(range(4_900))}),
    "wrong words": json.dumps(
        {"metadata_version": "2.3.0", "tasks": [f"Optimizations {n}" for n in range(4_900)]}
    ),
    "repeated values": json.dumps({"metadata_version": "2.3.0", "tags": ["x"] * 4_900}),
    "unknown keys": json.dumps({f"tag{number}": 1 for number in range(4_900)}),
    "one long line": json.dumps({"keywords": [1] * 4_000, "x": "y" * 900_000}),
    "one long key": json.dumps({"k" * 900_000: ["FILL ME"] * 4_000}),
    "a long text again and again": f'a: &a "{"x" * 5_000}"\ntags: [' + "*a, " * 40 + "]",
    "long text for every pattern": json.dumps(
        {
            "cite_url": "a." * 100_000,
            "doi": "10." + "1." * 100_000,
            "license": "MIT " * 50_000,
            "metadata_version": "9" * 200_000,
            "sources": {"docker_registry_repo": "hub.docker.com/r/" * 10_000 + "!"},
        }
    ),
    "a placeholder almost": json.dumps({"k": ["<" + "a_" * 900] * 400}),
}


@pytest.mark.parametrize("name", FLOODS)
@pytest.mark.timeout(10)
def test_a_flood_of_faults_is_told_in_bounded_time_and_space(name: str) -> None:
    report = check(FLOODS[name], "ai4-metadata.yml")
    assert not report.valid
    tally = Tally()
    assert len("".join(as_text([report], tally))) < 5_000_000
