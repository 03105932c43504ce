"""`scaffold metadata migrate`: what has a place is kept, the rest is listed, the result is valid."""

from __future__ import annotations

import datetime
import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pexpect
import pytest
import yaml

from scaffold.errors import RefusedError, UsageError
from scaffold.metadata import keywords, loading, migration, structure, versions, writing
from scaffold.metadata.migrated import Migration
from scaffold.metadata.positions import pointer
from tests.metadata.conftest import Run
from tests.metadata.samples import V1, V2, replaced

TODAY = datetime.date.today().isoformat()
OLD = """\
{
  "title": "Plant classification",
  "summary": "Tells plants apart.",
  "description": ["The model is", "a ResNet-50.\\n", "* one \\n", "* two"],
  "keywords": ["docker", "api-v2", "library/tensorflow", "Keras", "pre-trained", "trainable",
               "inference", "image classification", "botany", "vo.imagine-ai.eu"],
  "license": "Apache 2.0",
  "date_creation": "2019-01-31",
  "dataset_url": "https://data.example.org/plants",
  "cite_url": "https://doi.org/10.1000/182",
  "training_files_url": "https://data.example.org/logs",
  "doi": "https://doi.org/10.5281/zenodo.7654321",
  "homepage": "https://plants.example.org",
  "sources": {
    "dockerfile_repo": "https://github.com/deephdc/DEEP-OC-plants",
    "docker_registry_repo": " https://hub.docker.com/r/deephdc/deep-oc-plants ",
    "code": "https://github.com/deephdc/plants",
    "pre_trained_weights": "https://data.example.org/weights.h5",
    "ai4_template": "ai4-template/2.0.0"
  },
  "continuous_integration": {"build_status_url": "https://ci.example.org"},
  "tosca": []
}
"""
NEW = """\
metadata_version: 2.3.0
title: Plant classification
summary: Tells plants apart.
description: |-
  The model is
  a ResNet-50.

  * one

  * two
doi: 10.5281/zenodo.7654321
dates:
  created: '2019-01-31'
  updated: 'TODAY'
links:
  source_code: https://github.com/deephdc/plants
  docker_image: deephdc/deep-oc-plants
  weights: https://data.example.org/weights.h5
  dataset: https://data.example.org/plants
  citation: https://doi.org/10.1000/182
  ai4_template: ai4-template/2.0.0
  zenodo_doi: https://doi.org/10.5281/zenodo.7654321
license: Apache-2.0
tags:
  - docker
  - api-v2
  - image classification
  - botany
  - vo.imagine-ai.eu
tasks:
  - Computer Vision
  - Classification
categories:
  - AI4 pre trained
  - AI4 trainable
  - AI4 inference
libraries:
  - TensorFlow
  - Keras
data-type:
  - Image
homepage: https://plants.example.org
""".replace("TODAY", TODAY)
SAID = """\
note: license is Apache-2.0, the SPDX identifier of Apache 2.0
note: license stays as a note: metadata 2 has no key for it, the platform reads the LICENSE file
lost: training_files_url "https://data.example.org/logs": links.weights is \
https://data.example.org/weights.h5 already
lost: sources.dockerfile_repo "https://github.com/deephdc/DEEP-OC-plants": metadata 2 knows one \
repository, links.source_code
lost: continuous_integration {"build_status_url": "https://ci.example.org"}: the platform knows \
the state of the build itself
"""


def wrong(data: Any, version: str) -> list[tuple[str, str]]:
    """Return what keeps metadata from being valid."""
    return [
        (pointer(each.path), each.keyword)
        for each in structure.violations(data, versions.schema(version))
        if each.keyword != "format"
    ]


@pytest.fixture(autouse=True)
def files(tmp_path: Path) -> None:
    (tmp_path / "old.json").write_text(OLD)
    (tmp_path / "new.yml").write_text(V2)


def test_metadata_1_to_the_newest(run: Run) -> None:
    result = run("metadata", "migrate", "old.json")
    assert (result.code, result.err) == (0, SAID)
    # an empty list is no loss, so tosca is not worth a line
    assert result.out == NEW


def test_to_a_json_file(run: Run, tmp_path: Path) -> None:
    result = run("metadata", "migrate", "old.json", "-o", "out.json", "--to", "2.0.0")
    assert (result.code, result.out, result.err) == (0, "", SAID + "wrote out.json\n")
    written = json.loads((tmp_path / "out.json").read_text())
    assert written == {**yaml.safe_load(NEW), "metadata_version": "2.0.0"}
    assert list(written) == list(yaml.safe_load(NEW))
    again = run("metadata", "migrate", "old.json", "-o", "out.json")
    assert (again.code, again.err.splitlines()[-2:]) == (
        4,
        [
            "error: out.json is there already",
            "hint: choose another name, or replace it with --force",
        ],
    )
    assert run("metadata", "migrate", "old.json", "-o", "out.json", "--force").code == 0
    assert json.loads((tmp_path / "out.json").read_text())["metadata_version"] == "2.3.0"


def test_dry_run_writes_nothing(run: Run, tmp_path: Path) -> None:
    result = run("metadata", "migrate", "old.json", "-o", "out.yml", "--dry-run")
    assert (result.code, result.out, result.err) == (0, "", SAID + "would write out.yml\n")
    assert not (tmp_path / "out.yml").exists()


def test_a_folder_that_is_not_there(run: Run, tmp_path: Path) -> None:
    result = run("metadata", "migrate", "old.json", "-o", "missing/out.yml")
    assert (result.code, result.err) == (
        1,
        """\
error: cannot write missing/out.yml: No such file or directory
hint: is the folder there, and may you write in it?
""",
    )
    assert sorted(each.name for each in tmp_path.iterdir()) == ["new.yml", "old.json"]


def test_a_name_that_says_no_format(run: Run) -> None:
    result = run("metadata", "migrate", "old.json", "-o", "out.txt")
    assert (result.code, result.err) == (
        2,
        """\
error: out.txt: metadata is JSON or YAML, and the name does not say which
hint: end it in .json, .yml or .yaml
""",
    )


def test_machine_output(run: Run, tmp_path: Path) -> None:
    document = run("metadata", "migrate", "old.json", "-o", "out.yml", "--json").document
    assert {key: document[key] for key in ("from", "to", "valid", "output", "needed")} == {
        "from": "1.0.0",
        "to": "2.3.0",
        "valid": True,
        "output": "out.yml",
        "needed": [],
    }
    assert document["metadata"] == yaml.safe_load((tmp_path / "out.yml").read_text())
    assert [each["pointer"] for each in document["lost"]] == [
        "/training_files_url",
        "/sources/dockerfile_repo",
        "/continuous_integration",
    ]
    assert document["lost"][1] == {
        "pointer": "/sources/dockerfile_repo",
        "value": "https://github.com/deephdc/DEEP-OC-plants",
        "reason": "metadata 2 knows one repository, links.source_code",
    }


def test_what_only_a_person_can_answer_is_listed(run: Run, tmp_path: Path) -> None:
    data = json.loads(OLD)
    del data["summary"], data["sources"]
    (tmp_path / "old.json").write_text(json.dumps(data))
    result = run("metadata", "migrate", "old.json", "-o", "out.yml")
    assert result.code == 2
    assert result.err.endswith("""\
needed: summary: One sentence for the card: what the module is good for. (metadata 2.3.0 requires it)
needed: links.source_code: Address of the repository. The marketplace lists repositories of the \
organisations ai4os, ai4os-hub and deephdc. (metadata 2.3.0 requires it)
error: old.json: 2 answers missing, nothing written
hint: --set summary="…" --set links.source_code="…"
""")
    assert not (tmp_path / "out.yml").exists()
    listed = run("metadata", "migrate", "old.json", "--json")
    assert (listed.code, listed.document["valid"]) == (2, False)
    assert [each["key"] for each in listed.document["needed"]] == ["summary", "links.source_code"]
    answers = ("--set", "summary=Yes.", "--set", "links.source_code=https://github.com/a/b")
    assert run("metadata", "migrate", "old.json", *answers, "-q").code == 0


def test_a_terminal_is_asked(tmp_path: Path) -> None:
    data = json.loads(OLD)
    del data["summary"]
    (tmp_path / "old.json").write_text(json.dumps(data))
    command = ["-m", "scaffold", "metadata", "migrate", "old.json", "-o", "out.yml"]
    child = pexpect.spawn(sys.executable, command, cwd=str(tmp_path), encoding="utf-8", timeout=30)
    child.expect("One sentence for the card")
    child.sendline("Tells plants apart at last.")
    child.expect("wrote out.yml")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    written = yaml.safe_load((tmp_path / "out.yml").read_text())
    assert written["summary"] == "Tells plants apart at last."
    assert wrong(written, "2.3.0") == []


@pytest.mark.parametrize(
    ("pair", "message", "hint"),
    [
        ("summary", "--set 'summary' is not KEY=VALUE", "--set links.dataset=https://…"),
        ("sumary=x", "metadata 2.3.0 has no key sumary", "did you mean summary?"),
        ("summary=", "summary must not be empty", "leave --set out to keep what is there"),
        (
            "libraries=Pytorch",
            "'Pytorch' is no allowed value of libraries",
            "did you mean 'PyTorch'?",
        ),
        (
            "resources.inference.cpu=many",
            "resources.inference.cpu must be a whole number, not 'many'",
            "",
        ),
    ],
)
def test_wrong_answers(run: Run, pair: str, message: str, hint: str) -> None:
    result = run("metadata", "migrate", "old.json", "--set", pair)
    expected = f"error: {message}\n" + (f"hint: {hint}\n" if hint else "")
    assert (result.code, result.out, result.err) == (2, "", expected)


def test_answers_go_before_what_the_file_says(run: Run) -> None:
    pairs = ["tags=one, two", "resources.inference.cpu=2", "license=MIT", "title=New"]
    arguments = [part for pair in pairs for part in ("--set", pair)]
    written = yaml.safe_load(run("metadata", "migrate", "old.json", *arguments).out)
    assert (written["tags"], written["resources"]) == (["one", "two"], {"inference": {"cpu": 2}})
    assert (written["license"], written["title"]) == ("MIT", "New")


def test_from_2_to_2_keeps_the_text_but_for_the_version(run: Run, tmp_path: Path) -> None:
    text = "# ours\n" + replaced(V2, "metadata_version: 2.3.0", "metadata_version: 2.0.0  # old")
    (tmp_path / "new.yml").write_text(text)
    result = run("metadata", "migrate", "new.yml")
    assert (result.code, result.err) == (0, "")
    assert result.out == text.replace("2.0.0", "2.3.0")


def test_back_to_an_older_version_only_if_nothing_is_lost(run: Run) -> None:
    assert run("metadata", "migrate", "new.yml", "--to", "2.1.0").out == V2.replace(
        "2.3.0", "2.1.0"
    )
    refused = run("metadata", "migrate", "new.yml", "--to", "2.0.0")
    assert (refused.code, refused.out, refused.err) == (
        4,
        "",
        """\
error: metadata 2.0.0 has no place for resources
hint: leave it out with --force, or keep the newer version
""",
    )
    forced = run("metadata", "migrate", "new.yml", "--to", "2.0.0", "--force")
    assert forced.code == 0
    assert forced.err == (
        'lost: resources {"inference": {"cpu": 2, "gpu_compute_capability": 6.1}}: '
        "it came with metadata 2.1.0\n"
    )
    assert wrong(yaml.safe_load(forced.out), "2.0.0") == []


def test_there_is_no_way_back_to_1(run: Run) -> None:
    result = run("metadata", "migrate", "new.yml", "--to", "1.0.0")
    assert (result.code, result.err.splitlines()[0]) == (
        2,
        "error: metadata 2.3.0 cannot become 1.0.0: there is no way back to metadata 1",
    )
    assert run("metadata", "migrate", "old.json", "--to", "3.0.0").code == 2


def test_files_that_cannot_be_read(run: Run, tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text('{"title": "x"y"}')
    (tmp_path / "list.yml").write_text("- a\n")
    assert run("metadata", "migrate", "missing.json").err == (
        "error: cannot read missing.json: No such file or directory\n"
    )
    bad = run("metadata", "migrate", "bad.json")
    assert (bad.code, bad.err.splitlines()[0]) == (
        2,
        "error: bad.json:1:14: neither a comma nor the end follows the value",
    )
    assert run("metadata", "migrate", "list.yml").code == 2


def migrated(data: dict[str, Any], target: str = "2.3.0") -> Migration:
    return migration.migrate(data, target, today="2024-12-31")


@pytest.mark.parametrize(
    ("change", "expected", "lost"),
    [
        ({"date_creation": "2019/1/5"}, {"dates": {"created": "2019-01-05"}}, []),
        ({"date_creation": datetime.date(2019, 1, 5)}, {"dates": {"created": "2019-01-05"}}, []),
        ({"date_creation": "YYYY-MM-DD"}, {"dates": None}, ["/date_creation"]),
        ({"description": "one text"}, {"description": "one text"}, []),
        ({"title": 3}, {"title": "3"}, []),
        ({"keywords": "nlp"}, {"tags": ["nlp"], "data-type": ["Text"]}, []),
        ({"dataset_url": "http://add-some-url-pointing-to-your-dataset.com"}, {}, ["/dataset_url"]),
        ({"cite_url": ""}, {"links": {"citation": None}}, []),
    ],
)
def test_odd_values_of_metadata_1(
    change: dict[str, Any], expected: dict[str, Any], lost: list[str]
) -> None:
    data = {key: value for key, value in json.loads(V1).items() if key != "tosca"}
    del data["sources"]["dockerfile_repo"]
    result = migrated({**data, **change})
    assert wrong(result.data, "2.3.0") == []
    assert [pointer(each.path) for each in result.lost] == lost
    for key, value in expected.items():
        if isinstance(value, dict):
            assert {name: result.data[key].get(name) for name in value} == value
        else:
            assert result.data.get(key) == value


@pytest.mark.parametrize(
    ("change", "expected", "lost"),
    [
        ({"libraries": ["Pytorch"]}, {"libraries": ["PyTorch"], "tags": ["botany"]}, []),
        (
            {"libraries": ["ultralytics"]},
            {"libraries": ["Other"], "tags": ["botany", "ultralytics"]},
            [],
        ),
        (
            {"tasks": ["Object Detection"]},
            {"tasks": ["Computer Vision"], "tags": ["botany", "Object Detection"]},
            [],
        ),
        ({"tasks": None}, {"tasks": []}, []),
        ({"tags": ["a", "a", 1]}, {"tags": ["a", "1"]}, []),
        (
            {"resources": {"inference": {"memory_MB": "1000-2000", "cpu": "2", "gpu": -1}}},
            {"resources": {"inference": {"cpu": 2}}},
            ["/resources/inference/gpu", "/resources/inference/memory_MB"],
        ),
        ({"doi": None}, {"doi": None}, []),
        ({"keywords": ["keras"]}, {"libraries": ["PyTorch", "Keras"]}, []),
        (
            {"dates": {"created": "2024-01-31"}},
            {"dates": {"created": "2024-01-31", "updated": "2024-12-31"}},
            [],
        ),
        ({"dates": {"updated": "2024-01-31"}}, {"dates": None}, ["/dates"]),
    ],
)
def test_wrong_metadata_2_becomes_valid(
    change: dict[str, Any], expected: dict[str, Any], lost: list[str]
) -> None:
    result = migrated({**yaml.safe_load(V2), **change})
    assert wrong(result.data, "2.3.0") == []
    assert {key: result.data.get(key) for key in expected} == expected
    assert sorted(pointer(each.path) for each in result.lost) == lost


def test_links_that_the_original_migration_misnames_get_their_names() -> None:
    data = yaml.safe_load(V2)
    data["links"]["dataset_url"] = "https://data.example.org"
    data["links"]["cite_url"] = "https://doi.org/10.1000/182"
    links = migrated(data).data["links"]
    assert (links["dataset"], links["citation"]) == (
        "https://data.example.org",
        "https://doi.org/10.1000/182",
    )
    assert "dataset_url" not in links


def test_errors_of_the_library() -> None:
    with pytest.raises(UsageError, match="no mapping"):
        migration.migrate([])
    with pytest.raises(UsageError, match=r"no metadata version '9\.9\.9'"):
        migration.migrate({}, "9.9.9")
    with pytest.raises(RefusedError, match=r"no place for links\.self"):
        data = yaml.safe_load(V2)
        data["links"]["self"] = "https://github.com/a/b"
        migration.migrate(data, "2.1.0")


def test_the_table_of_keywords_knows_every_word_of_the_schema() -> None:
    properties = versions.schema("2.3.0")["properties"]
    for name in keywords.LISTS:
        allowed = set(properties[name]["items"]["enum"]) - {"Other"}
        found = {word for row in keywords.table().values() for word in row.words[name]}
        assert found == allowed, name


def test_keywords_are_sorted_however_they_are_spelt() -> None:
    assert keywords.sort(["Library/PyTorch", "Time  Series", "AI", "Pre-Trained", "AI"]) == {
        "tags": ["Time  Series", "AI"],
        "libraries": ["PyTorch"],
        "tasks": ["Time Series"],
        "categories": ["AI4 pre trained"],
        "data-type": ["Time Series"],
    }


def test_every_readable_corpus_file_of_metadata_1_becomes_valid(corpus: Path) -> None:
    theirs = originally_migrated(corpus / "metadata")
    counts: Counter[str] = Counter()
    for path in sorted((corpus / "metadata").glob("*.json")):
        document = loading.load(path)
        if not document.readable:
            counts["not readable"] += 1
            continue
        for target in versions.VERSIONS[1:]:
            result = migrated(document.data, target)
            assert result.needed == [], path.name
            assert wrong(result.data, target) == [], path.name
            text = writing.dump(result.data, "yaml")
            again = loading.parse(text.encode(), "a.yml")
            assert (again.data, again.problems) == (result.data, []), path.name
        counts["valid"] += 1
        _assert_kept(document.data, result)
        counts["the original fails"] += theirs[path.name] is None
        counts["the original is not valid"] += bool(
            theirs[path.name] and wrong(theirs[path.name], "2.3.0")
        )
    assert counts["not readable"] <= 1
    assert counts["valid"] >= 290
    assert counts["the original fails"] + counts["the original is not valid"] > 20


def originally_migrated(folder: Path) -> dict[str, Any]:
    """Return what `ai4-metadata migrate` makes of each JSON file; None where it fails."""
    code = """
import json, pathlib, sys
from ai4_metadata.migrate import migrate
made = {}
for path in pathlib.Path(sys.argv[1]).glob("*.json"):
    try:
        made[path.name] = migrate(path)
    except Exception:
        made[path.name] = None
print(json.dumps(made))
"""
    command = [sys.executable, "-W", "ignore", "-c", code, str(folder)]
    made: dict[str, Any] = json.loads(
        subprocess.run(command, capture_output=True, check=True).stdout
    )
    return made


def _assert_kept(old: dict[str, Any], result: Migration) -> None:
    """Assert that each text of the old metadata is in the new one or listed as lost."""
    new = json.dumps([result.data, [each.value for each in result.lost]], ensure_ascii=False)
    said = " ".join(result.notes)
    for key in ("title", "summary", "cite_url", "dataset_url", "training_files_url"):
        text = old.get(key)
        assert not text or json.dumps(text.strip(), ensure_ascii=False)[1:-1] in new, key
    for text in old.get("sources", {}).values():
        text = re.sub(r"^https?://hub.docker.com/r/", "", text.strip())
        assert json.dumps(text)[1:-1] in new, text
    assert not old.get("license") or old["license"] in new + said
    for keyword in old.get("keywords", ()):
        row = keywords.look_up(keyword)
        words = (
            [keyword]
            if row is None or row.stays
            else [word for name in keywords.LISTS for word in row.words[name]]
        )
        assert all(f'"{word}"' in new for word in words), keyword
    lines = old.get("description") or []
    words = " ".join(lines if isinstance(lines, list) else [lines]).split()
    assert " ".join(words) == " ".join(result.data["description"].split())


def test_every_readable_corpus_file_of_metadata_2_becomes_valid_or_says_why(corpus: Path) -> None:
    needed = {}
    for path in sorted((corpus / "metadata").glob("*.yml")):
        document = loading.load(path)
        if document.readable:
            result = migrated(document.data)
            assert bool(wrong(result.data, "2.3.0")) == bool(result.needed), path.name
            if result.needed:
                needed[path.name] = [pointer(each.path) for each in result.needed]
    assert len(needed) <= 1
    assert list(needed.values()) in ([], [["/summary"]])


def test_start_up_imports_nothing_of_this() -> None:
    code = "import sys, scaffold.cli.metadata; print({'yaml', 'rich', 'rdflib'} & set(sys.modules))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout == "set()\n"
