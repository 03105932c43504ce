"""The schema's verdicts are those of the jsonschema package, and the formats' those of rfc3987."""

from __future__ import annotations

import copy
import json
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from scaffold.metadata import formats, structure, versions
from tests.metadata.samples import V1, V2

SAMPLES = [json.loads(V1), yaml.safe_load(V2)]
VALIDATORS: dict[str, Any] = {
    version: jsonschema.validators.validator_for(versions.schema(version))(versions.schema(version))
    for version in versions.VERSIONS
}
FORMATS: dict[str, Any] = {
    version: jsonschema.validators.validator_for(versions.schema(version))(
        versions.schema(version), format_checker=jsonschema.FormatChecker()
    )
    for version in versions.VERSIONS
}
KEYS = sorted(
    {*versions.schema("1.0.0")["properties"], *versions.schema("2.3.0")["properties"]}
    | {"created", "inference", "cpu", "code", "source_code", "url", "inputs", "other"}
)
VALUES: st.SearchStrategy[Any] = st.sampled_from(
    [
        None,
        True,
        False,
        0,
        1,
        1.0,
        -1,
        1.5,
        float("inf"),
        "",
        "a",
        "2.3.0",
        "2.3.0\n",
        "2024-01-31",
        "2024-02-30",
        "https://a.b/c",
        "a b",
        "PyTorch",
        "Classification",
        [],
        ["a", "a"],
        [1, 1.0],
        [True, 1],
        [[], []],
        [{"a": 1}, {"a": 1.0}],
        {},
        {"created": "2024-01-31"},
        {"cpu": True},
        ["PyTorch", "PyTorch"],
        ["PyTorch", 5],
        {"inference": {"cpu": 1.0}},
        {"training": {"gpu": -1}},
    ]
)


@st.composite
def spoilt(draw: st.DrawFn) -> Any:
    """A sample with a few values replaced, added or taken away, at any depth."""
    document = copy.deepcopy(draw(st.sampled_from(SAMPLES)))
    for _ in range(draw(st.integers(0, 4))):
        places = containers(document)
        place = draw(st.sampled_from(places))
        if isinstance(place, dict):
            key = draw(st.sampled_from([*place, *KEYS]))
            if draw(st.booleans()):
                place[key] = copy.deepcopy(draw(VALUES))
            else:
                place.pop(key, None)
        else:
            place.append(copy.deepcopy(draw(VALUES)))
    return document


def containers(value: Any) -> list[Any]:
    if not isinstance(value, dict | list):
        return []
    entries = value.values() if isinstance(value, dict) else value
    return [value, *(found for entry in entries for found in containers(entry))]


@pytest.mark.parametrize("version", versions.VERSIONS)
@given(document=spoilt() | VALUES)
def test_verdicts_are_those_of_jsonschema(version: str, document: Any) -> None:
    found = list(structure.violations(document, versions.schema(version)))
    no_formats = [each for each in found if each.keyword != "format"]
    assert (not no_formats) == VALIDATORS[version].is_valid(document)
    # jsonschema knows no doi, and reports a value of the wrong type by its other keywords, too
    theirs = {
        (tuple(error.absolute_path), error.validator)
        for error in FORMATS[version].iter_errors(document)
    }
    ours = {
        (each.path, each.keyword)
        for each in found
        if each.expected != "doi" and each.keyword not in ("uniqueItems", "not")
    }
    wrong_type = {path for path, keyword in theirs if keyword == "type"}
    assert ours == {
        (path, keyword)
        for path, keyword in theirs
        if keyword not in ("uniqueItems", "not") and (keyword == "type" or path not in wrong_type)
    }


URI_PIECES = [
    *("http", "https:", "//", "/", "a", "B9", "%41", "%4", "%", "::", "::1", "[", "]", "1.2.3.4"),
    *("[::1]", "[v1.a]", "[1:2:3:4:5:6:7:8]", "[1::8]", "@", ":", "80", "?", "#", "=", "&", "é"),
    *(" ", "\n", "..", "a/b", "doi:", "[1:2:3:4:5:6:1.2.3.4]", "[::1.2.3.4]", "_", "~", "+", "|"),
]


@given(st.lists(st.sampled_from(URI_PIECES), max_size=9).map("".join) | st.text(max_size=12))
def test_formats_are_those_of_jsonschema(text: str) -> None:
    checker = jsonschema.FormatChecker()
    for name in ("uri", "uri-reference", "date"):
        assert formats.CHECKS[name](text) == checker.conforms(text, name), name


@given(st.dates().map(str) | st.text("0123456789-", max_size=11))
def test_dates_are_those_of_jsonschema(text: str) -> None:
    assert formats.is_date(text) == jsonschema.FormatChecker().conforms(text, "date")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10.5281/zenodo.1234567", True),
        ("10.1000.10/123", True),
        ("https://doi.org/10.5281/zenodo.1234567", False),
        ("10.5281/", False),
        ("", False),
    ],
)
def test_a_doi_is_no_address(text: str, expected: bool) -> None:
    assert formats.is_doi(text) is expected


@pytest.mark.parametrize("text", ["a" * 10**6, "http://" + "%20" * 3 * 10**5, "[" * 10**6])
@pytest.mark.timeout(5)
def test_formats_take_no_time(text: str) -> None:
    for check in formats.CHECKS.values():
        check(text)
