"""Every document that `--json` prints has a published schema, and follows it.

`train`, `predict`, `serve`, `build` and `run` take their time; tests/test_local.py and tests/image check
what they print, and tests/marketplace what `submit` does.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from scaffold.resources import resource
from scaffold.workspace import write_tree
from tests.helpers import assert_follows, published, rendered, run_in_process
from tests.metadata.samples import V1, V2, replaced

ROOT = Path(__file__).parent.parent
SCHEMAS = sorted(
    path.name.removesuffix(".schema.json") for path in resource("schema").glob("*.schema.json")
)
OUTPUTS = [name for name in SCHEMAS if name.endswith("-output")]
MODULES_OWN = {"predict-output", "train-output"}
"""What a module prints; its owner may add to it."""

MIGRATE = "metadata migrate v1.json"
SHOW = "metadata show"
EXPORT = "metadata export v2.yml --format"

# schema, command line, exit code
COMMANDS = [
    ("catalogue-list", "catalogue list --catalogue listed", 0),
    ("catalogue-list", "catalogue search nothing --catalogue listed", 1),
    ("catalogue-show", "catalogue show plants --catalogue listed", 0),
    ("catalogue-check", "catalogue check --catalogue listed", 0),
    ("new", "new there -d project_name=Plants", 0),
    ("new", "new there -d project_name=Plants --dry-run --only model", 0),
    ("new", "new there -d project_name=Plants --no-git --only container -q", 0),
    ("dry-run", "train plant_classification --dry-run --epochs 5", 0),
    ("dry-run", "predict plant_classification x.png --dry-run", 0),
    ("dry-run", "serve plant_classification --dry-run", 0),
    ("build-plan", "build plant_classification --all --dry-run", 0),
    ("error", "build plant_classification --tag not/a/tag --dry-run", 2),
    ("validate", "validate v1.json v2.yml", 0),
    ("validate", "validate bad.json gone.json --strict", 2),
    ("validate", "validate v1.json --schema own.json", 1),
    ("validate-fix", "validate --fix fixable.json v2.yml", 0),
    ("validate-fix", "validate --fix --dry-run fixable.json bad.json", 1),
    ("validate-fix", "validate --fix gone.json", 2),
    ("rules", "metadata rules", 0),
    ("rules", "metadata rules licence", 0),
    ("metadata-migrate", MIGRATE, 0),
    ("metadata-migrate", f"{MIGRATE} --to 2.0.0 -o new.yml", 0),
    ("metadata-migrate", "metadata migrate bad.json", 2),
    ("metadata-migrate", "metadata migrate v2.yml --to 2.0.0 --force", 0),
    ("metadata-new", "metadata new plant_classification -o new.json", 0),
    ("metadata-new", "metadata new plant_classification --dry-run --schema-version 2.3.0", 0),
    ("metadata-show", f"{SHOW} v1.json", 0),
    ("metadata-show", f"{SHOW} v2.yml", 0),
    ("metadata-show", f"{SHOW} v2.yml --html card.html", 0),
    ("metadata-export", f"{EXPORT} mldcat-ap", 0),
    ("metadata-export", f"{EXPORT} mldcat-ap -o card.ttl", 0),
    ("metadata-export", f"{EXPORT} cff", 0),
    ("metadata-schema", "metadata schema", 0),
    ("metadata-schema", "metadata schema 1.0.0", 0),
    ("sync", "sync pull pulled --remote ./far", 0),
    ("sync", "sync push far --remote ./pushed", 0),
    ("sync-plan", "sync pull pulled --remote ./far --dry-run", 0),
    ("sync-plan", "sync pull own --remote ./far --dry-run --mirror", 0),
    ("sync-check", "sync check pulled --remote ./far", 1),
    ("sync-ls", "sync ls --remote ./far", 0),
    ("sync-size", "sync size --remote ./far", 0),
    ("doctor", "doctor", 0),
    ("doctor", "sync doctor --remote ./far", 0),
    ("error", "sync pull pulled --remote nowhere:x", 2),
    ("error", "sync pull pulled --remote ./empty", 1),
    ("error", "sync pull own --remote ./far --mirror", 4),
    ("error", "new there -d project_nme=Plants", 2),
    ("error", "new . -d project_name=Plant_classification -d repo_name=plant_classification", 4),
    ("error", "train .", 2),
    ("error", "validate --no-such-option", 2),
    ("error", "validate --schema gone.json v1.json", 2),
    ("error", "metadata show gone.json", 2),
    ("error", "metadata show v2.yml --html v1.json", 4),
    ("error", "metadata migrate v2.yml --to 2.0.0", 4),
    ("error", "submit plant_classification --check", 2),
    ("error", "no-such-command", 2),
]


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A generated pair, and metadata that is right, wrong or to be repaired."""
    monkeypatch.chdir(tmp_path)
    for name, tree in rendered().items():
        write_tree(tree, tmp_path / name)
    for name, text in {
        "v1.json": V1,
        "v2.yml": V2,
        "bad.json": replaced(V1, '  "title": "Plant classification",\n', ""),
        "fixable.json": replaced(V1, '"MIT",', '"Apache 2.0",'),
        "own.json": '{"required": ["author"]}',
        "listed/MODULES.yml": "- module: https://github.com/deephdc/DEEP-OC-plants\n",
        "listed/DEEP-OC-plants/metadata.json": V1,
        "far/a.txt": "a",
        "own/b.txt": "b",
        "empty/.gitkeep": "",
    }.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text)


@pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated:DeprecationWarning")  # rdflib's
@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(
    ("schema", "line", "code"), COMMANDS, ids=lambda each: str(each).replace("plant_", "")
)
def test_what_a_command_prints_follows_its_schema(
    schema: str, line: str, code: int, capfd: pytest.CaptureFixture[str]
) -> None:
    result = run_in_process(capfd, [*line.split(), "--json"])
    assert result.code == code, result.err
    assert_follows(result.document, f"{schema}-output")
    if schema == "error":
        assert result.document["error"]["exit_code"] == code


def test_no_schema_goes_unchecked() -> None:
    elsewhere = {"build-output", "run-output", "serve-output", "submit-output", *MODULES_OWN}
    assert {f"{schema}-output" for schema, _, _ in COMMANDS} | elsewhere == {*OUTPUTS}


@pytest.mark.parametrize("name", OUTPUTS)
def test_a_schema_is_named_and_documented_and_its_examples_follow_it(name: str) -> None:
    schema = published(name)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"] == f"urn:scaffold:schema:{name}"
    assert schema["title"].startswith("What ")
    assert schema["description"].endswith(".")
    for example in schema["examples"]:
        assert_follows(example, name)
    for key, entry in keys(schema):
        if "$ref" in entry:
            continue
        assert entry["description"].endswith("."), key
        for example in entry.get("examples", ()):
            inner = {**entry, "$defs": schema.get("$defs", {})}
            assert jsonschema.Draft202012Validator(inner).is_valid(example), key


def keys(schema: Any) -> Iterator[tuple[str, Any]]:
    for part in parts(schema):
        if part.get("type") == "object":
            yield from part.get("properties", {}).items()


def parts(schema: Any) -> Iterator[Any]:
    """Yield a schema and all within it."""
    if isinstance(schema, dict):
        yield schema
        for key, value in schema.items():
            if key not in ("examples", "enum", "const"):
                yield from parts(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from parts(value)


@pytest.mark.parametrize("name", sorted({*OUTPUTS} - MODULES_OWN - {"metadata-schema-output"}))
def test_our_own_documents_have_no_key_more_and_none_less(name: str) -> None:
    for part in parts(published(name)):
        if isinstance(part.get("properties"), dict) and part.get("type") == "object":
            assert part["additionalProperties"] is False
            assert {*part["required"]} == {*part["properties"]}


def test_the_modules_own_documents_may_have_more_but_not_less() -> None:
    metrics, worker = published("train-output")["examples"]
    assert_follows({**metrics, "f1": 0.9}, "train-output")
    assert_follows(worker, "train-output")
    validator = jsonschema.Draft202012Validator(published("train-output"))
    assert not validator.is_valid({key: metrics[key] for key in metrics if key != "device"})
    (answers,) = published("predict-output")["examples"]
    assert_follows([{**answers[0], "boxes": []}], "predict-output")
    validator = jsonschema.Draft202012Validator(published("predict-output"))
    assert not validator.is_valid([{"source": "x.png", "class": "3"}])


def test_fix_prints_what_validate_prints_and_more() -> None:
    plain, fix = published("validate-output"), copy.deepcopy(published("validate-fix-output"))
    assert fix["$defs"].pop("fix")
    assert fix["$defs"] == plain["$defs"]
    (entry, more) = (each["properties"]["files"]["items"]["properties"] for each in (plain, fix))
    assert [key for key in more if key not in entry] == ["written", "fixes", "diff"]


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_is_listed_in_the_documentation(name: str) -> None:
    page = (ROOT / "docs" / "reference" / "outputs.md").read_text(encoding="utf-8")
    assert f"| [{name}](../../schema/{name}.schema.json) | " in page
