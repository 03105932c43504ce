"""The published schemas: valid, documented, and their examples pass."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest

from scaffold.metadata import structure, versions
from scaffold.resources import resource
from tests.metadata.conftest import Run

FILES = sorted(path.name for path in resource("schema").glob("*.json"))
DRAFT_7 = "http://json-schema.org/draft-07/schema#"
DRAFT_2020 = "https://json-schema.org/draft/2020-12/schema"


def load(name: str) -> Any:
    return json.loads((resource("schema") / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", FILES)
def test_a_schema_names_its_dialect_and_follows_it(name: str) -> None:
    schema = load(name)
    assert schema["$schema"] == (DRAFT_7 if "1.0.0" in name else DRAFT_2020)
    jsonschema.validators.validator_for(schema).check_schema(schema)


@pytest.mark.parametrize("version", versions.VERSIONS)
def test_everything_in_a_metadata_schema_is_documented_with_an_example(version: str) -> None:
    schema = versions.schema(version)
    assert schema["$id"] == f"urn:scaffold:schema:metadata:{version}"
    for key, entry in properties(schema):
        assert entry["title"], key
        assert entry["description"].endswith("."), key
        entry = structure.resolve(entry, schema)
        assert entry.get("examples") or entry["type"] == "object", key
        for example in entry.get("examples", ()):
            found = structure.violations(example, {**schema, **entry, "required": []})
            faults = [each for each in found if each.keyword != "format" and not each.path]
            assert not faults, key
    for example in schema["examples"]:
        violations = structure.violations(example, schema)
        assert [each.path for each in violations if each.keyword != "format"] == []


def properties(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for key, entry in schema.get("properties", {}).items():
        yield key, entry
        yield from properties(entry)
    for entry in {**schema.get("definitions", {}), **schema.get("$defs", {})}.values():
        yield from properties(entry)


def test_what_each_version_added() -> None:
    def keys(version: str) -> set[str]:
        return {key for key, _ in properties(versions.schema(version))}

    amounts = {"cpu", "gpu", "memory_MB", "gpu_memory_MB", "gpu_compute_capability", "storage_MB"}
    assert keys("2.1.0") - keys("2.0.0") == {"resources", "inference", *amounts}
    assert keys("2.2.0") - keys("2.1.0") == {"self"}
    assert keys("2.3.0") - keys("2.2.0") == {"training"}
    assert keys("2.0.0") < keys("2.1.0") < keys("2.2.0") < keys("2.3.0")


@pytest.mark.parametrize("version", versions.VERSIONS)
def test_metadata_schema_prints_it(run: Run, version: str) -> None:
    result = run("metadata", "schema", version)
    assert (result.code, result.err) == (0, "")
    assert result.out == versions.schema_file(version).read_text(encoding="utf-8")
    assert run("metadata", "schema", version, "--json").out == result.out


def test_metadata_schema_without_a_version_prints_the_newest(run: Run) -> None:
    assert run("metadata", "schema").document["$id"].endswith(":2.3.0")


def test_there_is_no_other_version(run: Run) -> None:
    result = run("metadata", "schema", "3.0.0")
    assert (result.code, result.out) == (2, "")
    assert result.err == (
        "error: there is no metadata version '3.0.0'\n"
        "hint: known: 1.0.0, 2.0.0, 2.1.0, 2.2.0, 2.3.0\n"
    )
