"""`scaffold validate --fix`: what is repaired, what is left alone, and how files are written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scaffold.metadata import checks, licences, loading
from scaffold.metadata.fix import fix, respelt
from tests.metadata.conftest import Run
from tests.metadata.samples import V1, V2, replaced


def fixed(text: str, name: str = "ai4-metadata.yml") -> tuple[str, list[tuple[str, str, int, str]]]:
    """Repair a text; return the new one and rule, pointer, line and message of each repair."""
    document, fixes = fix(loading.parse(text.encode(), name))
    return document.text, [(each.rule, each.pointer, each.line, each.message) for each in fixes]


def test_everything_at_once_in_yaml_and_nothing_else_changes() -> None:
    before = """\
# yaml-language-server: $schema=metadata-2.3.0.schema.json
title:   Plants   # the title
summary: 2024
dates: {created: 2024-01-31, updated: "2024-06-30"}   # two days
links:
    source_code: https://github.com/ai4os-hub/plants

libraries:  ['pytorch', "scikit learn"]
tasks:
- Computer vision   # not Classification
- Audio Classification
categories: [ AI4  Trainable ]
tags: []
license: Apache 2.0
description: |
  Pytorch, 2024-01-31, Apache 2.0.
"""
    after, fixes = fixed(before)
    assert (
        after
        == """\
# yaml-language-server: $schema=metadata-2.3.0.schema.json
metadata_version: 2.3.0
title:   Plants   # the title
summary: '2024'
dates: {created: '2024-01-31', updated: "2024-06-30"}   # two days
links:
    source_code: https://github.com/ai4os-hub/plants

libraries:  ['PyTorch', "Scikit-learn"]
tasks:
- Computer Vision   # not Classification
- Audio Classification
categories: [ AI4 trainable ]
tags: []
license: Apache-2.0
description: |
  Pytorch, 2024-01-31, Apache 2.0.
"""
    )
    assert fixes == [
        ("missing-key", "", 2, "added metadata_version 2.3.0"),
        ("wrong-type", "/summary", 3, "put quotes around 2024"),
        ("yaml-date", "/dates/created", 4, "put quotes around a date"),
        ("not-allowed", "/libraries/0", 8, "wrote PyTorch for pytorch"),
        ("not-allowed", "/libraries/1", 8, "wrote Scikit-learn for scikit learn"),
        ("not-allowed", "/tasks/0", 10, "wrote Computer Vision for Computer vision"),
        ("not-allowed", "/categories/0", 12, "wrote AI4 trainable for AI4  Trainable"),
        ("licence", "/license", 14, "wrote Apache-2.0 for Apache 2.0"),
    ]


def test_everything_at_once_in_json_and_nothing_else_changes() -> None:
    before = """\
{
    "title" : 'Plants',
    "summary": "one
two	three",,
    "description": ["a"
                    "b", ],
    keywords: ["docker",],
    "license": "Apache License, Version 2.0"
    "cite_url": None,
}
"""
    after, fixes = fixed(before, "metadata.json")
    assert (
        after
        == """\
{
    "title" : "Plants",
    "summary": "one\\ntwo\\tthree",
    "description": ["a",
                    "b" ],
    "keywords": ["docker"],
    "license": "Apache-2.0",
    "cite_url": null
}
"""
    )
    assert fixes == [
        ("json-syntax", "", 2, "wrote double quotes for single ones"),
        ("json-syntax", "", 3, "wrote \\n for a line break inside text"),
        ("json-syntax", "", 4, "wrote \\t for a tab inside text"),
        ("json-syntax", "", 4, "deleted a comma with nothing after it"),
        ("json-syntax", "/description", 5, "put a comma before the next line"),
        ("json-syntax", "/description", 6, "deleted a comma with nothing after it"),
        ("json-syntax", "", 7, "put quotes around the key keywords"),
        ("json-syntax", "/keywords", 7, "deleted a comma with nothing after it"),
        ("json-syntax", "", 8, "put a comma before the next key"),
        ("licence", "/license", 8, "wrote Apache-2.0 for Apache License, Version 2.0"),
        ("json-syntax", "", 9, "wrote null for None"),
        ("json-syntax", "", 9, "deleted a comma with nothing after it"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "metadata_version: 2.3.0\ntasks: [Audio Classification]\n",
        "metadata_version: 2.3.0\nlibraries: [PyTorch, Pytorch]\n",
        "metadata_version: 2.3.0\nlibraries: [&a Pytorch, *a]\n",
        "metadata_version: 2.3.0\nlibraries:\n  - |\n    Pytorch\n",
        "metadata_version: 2.0\nlinks: {}\n",
        "metadata_version: 2.3.0\nlicense: GPLv3\n",
        "metadata_version: 2.3.0\nlicense: Apache\n",
        "title: only YAML\nlinks: [\n",
        "",
        "[]",
        "{}",
        "just text",
    ],
    ids=lambda text: text.replace("metadata_version: 2.3.0\n", "")[:40] or "empty",
)
def test_what_has_no_one_right_way_is_left_alone(text: str) -> None:
    assert fixed(text) == (text, [])


@pytest.mark.parametrize(
    "text", ['{"title": "T" // comment\n}', '{"a": ["one" "two"]}', '{"a": "x"y"}', '{"a": [1}']
)
def test_json_that_may_mean_two_things_is_left_alone(text: str) -> None:
    assert fixed(text, "metadata.json") == (text, [])


def test_valid_files_are_left_alone() -> None:
    assert fixed(V2) == (V2, [])
    assert fixed(V1, "metadata.json") == (V1, [])


@pytest.mark.parametrize(
    ("written", "identifier"),
    [
        ("Apache 2.0", "Apache-2.0"),
        ("apache-2.0", "Apache-2.0"),
        ("Apache License 2.0", "Apache-2.0"),
        ("Apache v2", "Apache-2.0"),
        ("The MIT License", "MIT"),
        ("BSD 3-Clause", "BSD-3-Clause"),
        ("MPL 2.0", "MPL-2.0"),
        ("CC BY 4.0", "CC-BY-4.0"),
        ("GPL-3.0-only", "GPL-3.0-only"),
        ("GPLv3", ""),
        ("AGPL-3.0", ""),
        ("BSD", ""),
        ("No license file", ""),
        ("", ""),
    ],
)
def test_spellings_of_licences(written: str, identifier: str) -> None:
    assert licences.respelt(written) == identifier


def test_words_are_the_same_but_for_case_spaces_and_punctuation() -> None:
    words = ["Time Series", "Scikit-learn"]
    assert [respelt(word, words) for word in ("time-series", "SCIKIT LEARN", "series", "")] == [
        "Time Series",
        "Scikit-learn",
        "",
        "",
    ]


def test_fixing_a_file_shows_what_changes_and_what_is_left(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "metadata.json"
    path.write_bytes(b'{\r\n  "title": "T",\r\n  "keywords": ["a",],\n  "license": "MIT"\r\n}')
    path.chmod(0o640)
    result = run("validate", "metadata.json", "--fix", "--ignore", "licence")
    assert result.code == 1
    assert result.out.startswith("""\
--- metadata.json
+++ metadata.json (fixed)
@@ -1,5 +1,5 @@
 {
   "title": "T",
-  "keywords": ["a",],
+  "keywords": ["a"],
   "license": "MIT"
 }
\\ No newline at end of file
metadata.json:3: fixed: deleted a comma with nothing after it
metadata.json:1:1: error: `summary` is missing [missing-key]
""")
    assert result.out.endswith("1 file: not valid, 4 errors, 0 warnings\n")
    # every line keeps its own line break, the last line its lack of one
    written = b'{\r\n  "title": "T",\r\n  "keywords": ["a"],\r\n  "license": "MIT"\r\n}'
    assert path.read_bytes() == written
    assert path.stat().st_mode & 0o777 == 0o640
    assert [each.name for each in tmp_path.iterdir()] == ["metadata.json"]


def test_a_file_that_becomes_valid(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text(replaced(V2, "PyTorch", "Pytorch"))
    result = run("validate", "a.yml", "--fix")
    assert (result.code, result.err) == (0, "")
    assert (tmp_path / "a.yml").read_text() == V2
    assert "a.yml: valid (metadata 2.3.0)\n" in result.out
    assert run("validate", "a.yml", "--fix").out == run("validate", "a.yml").out


def test_dry_run_shows_and_changes_nothing(run: Run, tmp_path: Path) -> None:
    before = replaced(V2, "'2024-01-31'", "2024-01-31")
    (tmp_path / "a.yml").write_text(before)
    result = run("validate", "a.yml", "--fix", "--dry-run")
    assert result.code == 1  # the file as it is on disk is not valid
    assert "a.yml:9: would fix: put quotes around a date\n" in result.out
    assert "-  created: 2024-01-31\n+  created: '2024-01-31'\n" in result.out
    assert (tmp_path / "a.yml").read_text() == before


def test_json_output(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text(replaced(V2, "PyTorch", "Pytorch"))
    (tmp_path / "b.yml").write_text(V2)
    dry = run("validate", "a.yml", "b.yml", "missing.yml", "--fix", "--dry-run", "--json")
    assert dry.code == 2
    assert dry.document["valid"] is False
    first, second, third = dry.document["files"]
    assert (first["valid"], first["written"], first["errors"]) == (False, False, second["errors"])
    assert first["fixes"] == [
        {
            "rule": "not-allowed",
            "pointer": "/libraries/0",
            "line": 21,
            "message": "wrote PyTorch for Pytorch",
        }
    ]
    assert first["diff"].startswith("--- a.yml\n+++ a.yml (fixed)\n@@ ")
    assert (second["valid"], second["fixes"], second["diff"]) == (True, [], "")
    assert (third["valid"], third["errors"][0]["rule"]) == (False, "unreadable")
    done = run("validate", "a.yml", "b.yml", "--fix", "--json")
    assert (done.code, done.document["valid"]) == (0, True)
    assert [each["written"] for each in done.document["files"]] == [True, False]


def test_a_byte_order_mark_goes(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_bytes(b"\xef\xbb\xbf" + V2.encode())
    result = run("validate", "a.yml", "--fix")
    assert result.code == 0
    assert "a.yml:1: fixed: removed the byte order mark\n" in result.out
    assert (tmp_path / "a.yml").read_bytes() == V2.encode()


def test_a_link_stays_a_link(run: Run, tmp_path: Path) -> None:
    (tmp_path / "real.yml").write_text(replaced(V2, "PyTorch", "Pytorch"))
    (tmp_path / "link.yml").symlink_to("real.yml")
    assert run("validate", "link.yml", "--fix").code == 0
    assert (tmp_path / "link.yml").is_symlink()
    assert (tmp_path / "real.yml").read_text() == V2


def test_a_file_that_cannot_be_written_is_as_before(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = replaced(V2, "PyTorch", "Pytorch")
    (tmp_path / "a.yml").write_text(before)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    result = run("validate", "a.yml", "--fix")
    assert result.code == 1
    assert (
        result.err
        == """\
error: cannot write a.yml: No space left on device
hint: is the folder there, and may you write in it?
"""
    )
    assert (tmp_path / "a.yml").read_text() == before
    assert [each.name for each in tmp_path.iterdir()] == ["a.yml"]
    (tmp_path / "0.yml").write_text(V2)
    result = run("validate", "0.yml", "a.yml", "--fix", "--json")
    assert result.code == 1
    assert list(result.document) == ["error"]  # and no half of another document before it


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--dry-run"], "--dry-run goes with --fix; without it nothing is changed anyway"),
        (["--fix", "-"], "--fix changes files, and - is none"),
        (["--fix", "--schema", "s.json"], "--fix goes with neither --schema nor --format"),
        (["--fix", "--format", "sarif"], "--fix goes with neither --schema nor --format"),
    ],
)
def test_what_does_not_go_together(run: Run, arguments: list[str], message: str) -> None:
    result = run("validate", *arguments)
    assert result.code == 2
    assert message in result.err


def test_no_valid_corpus_file_gets_worse_and_repairing_twice_changes_nothing(corpus: Path) -> None:
    mended = 0
    for path in sorted((corpus / "metadata").iterdir()):
        before = loading.load(path)
        after, fixes = fix(before)
        valid = checks.check(before).valid
        now = checks.check(loading.parse(after.text.encode(), str(path))).valid
        assert now or not valid, path.name
        assert fix(after) == (after, []), path.name
        assert bool(fixes) == (after.text != before.text), path.name
        mended += now and not valid
    assert mended >= 39


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_whatever_is_in_a_file_repairing_ends_and_keeps_its_values(data: st.DataObject) -> None:
    sample, name = data.draw(st.sampled_from([(V1, "a.json"), (V2, "a.yml")]))
    at = data.draw(st.integers(0, len(sample)))
    new = data.draw(st.text(alphabet=",'\"{}[]:\n\t Nonetru0-#&*|", max_size=5))
    text = sample[:at] + new + sample[at + data.draw(st.integers(0, 4)) :]
    before = loading.parse(text.encode(), name)
    after, fixes = fix(before)
    if not fixes:
        assert after is before
        return
    assert after.readable
    if all(each.rule == "json-syntax" for each in fixes):
        assert json.dumps(after.data, default=str) == json.dumps(before.data, default=str)
