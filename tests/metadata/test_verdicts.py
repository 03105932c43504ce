"""The verdicts of the original validators on real files, every one of them."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from tests.metadata.conftest import Run

JUDGES = [
    *(("ai4-metadata", version) for version in ("1.0.0", "2.0.0", "2.1.0", "2.2.0", "2.3.0")),
    ("schema4apps", "1.0.0"),
]


@pytest.mark.parametrize(("validator", "version"), JUDGES)
def test_verdicts_agree(run: Run, corpus: Path, validator: str, version: str) -> None:
    expected = verdicts(corpus, validator, version)
    formats = ["--check-formats"] if validator == "schema4apps" else []
    result = run("validate", "--json", "--schema-version", version, *formats, *expected)
    ours = {file["path"]: file["valid"] for file in result.document["files"]}
    assert ours == expected
    assert result.code == 1


def verdicts(corpus: Path, validator: str, version: str) -> dict[str, bool]:
    """Return what the validator said of each file.

    schema4apps reads nothing but JSON, so it has a say on .json files only. A .json file that is
    not JSON is never valid, even where ai4-metadata reads it as YAML.
    """
    with (corpus / "verdicts.tsv").open(encoding="utf-8") as table:
        rows = [
            (str(corpus / "metadata" / row["file"]), row["verdict"] == "accept")
            for row in csv.DictReader(table, delimiter="\t")
            if (row["validator"], row["schema_version"]) == (validator, version)
        ]
    assert rows
    found = {}
    for path, accepted in rows:
        if path.endswith(".json"):
            found[path] = accepted and is_json(Path(path))
        elif validator != "schema4apps":
            found[path] = accepted
    return found


def is_json(path: Path) -> bool:
    try:
        json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return False
    return True
