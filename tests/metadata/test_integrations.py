"""The documentation's example, the pre-commit hook and the GitHub Action do what they say."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.metadata.conftest import Run
from tests.metadata.samples import V1, V2

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
PAGE = ROOT / "docs" / "how-to" / "validate-metadata.md"


def test_the_example_on_the_page_is_what_is_printed(run: Run) -> None:
    blocks = re.findall(r"```(\w+)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (_, metadata), (_, session) = blocks[:2]
    Path("ai4-metadata.yml").write_text(metadata)
    command, _, expected = session.partition("\n")
    result = run(*command.removeprefix("$ scaffold ").split())
    assert (result.code, result.out) == (1, expected)


def test_an_editor_may_have_its_schema_named_in_the_file(run: Run) -> None:
    Path("metadata.json").write_text(V1.replace("{", '{\n  "$schema": "./m.schema.json",', 1))
    Path("ai4-metadata.yml").write_text("# yaml-language-server: $schema=./a.schema.json\n" + V2)
    assert run("validate", "--strict", "--ignore", "format-uri", ".").code == 0


def test_the_pre_commit_hook_is_well_formed_and_knows_its_files() -> None:
    manifest = ROOT / ".pre-commit-hooks.yaml"
    subprocess.run([str(BIN / "pre-commit"), "validate-manifest", str(manifest)], check=True)
    hooks = yaml.safe_load(manifest.read_text(encoding="utf-8"))
    names = {
        "metadata.json": True,
        "ai4-metadata.yml": True,
        "sub/ai4-metadata.yaml": True,
        "metadata.py": False,
        "other-metadata.json": False,
    }
    for hook in hooks:
        assert {name: bool(re.search(hook["files"], name)) for name in names} == names


@pytest.mark.parametrize(
    ("inputs", "code", "commands"),
    [
        ({}, 0, ["::warning file=metadata.json,line=6"]),
        ({"STRICT": "true"}, 1, ["::error file=metadata.json,line=6"]),
        ({"SCHEMA_VERSION": "3.0.0"}, 2, []),
        ({"FILES": "a b/metadata.json\n"}, 1, ["::error file=a b/metadata.json,line=1"]),
        ({"FILES": "$(touch trace)\n; touch trace"}, 2, ["::error file=$(touch trace)"]),
    ],
)
def test_the_action_marks_lines(
    tmp_path: Path, inputs: dict[str, str], code: int, commands: list[str]
) -> None:
    (tmp_path / "metadata.json").write_text(V1.replace('"MIT"', '"Apache 2.0"'))
    (tmp_path / "a b").mkdir()
    (tmp_path / "a b" / "metadata.json").write_text("{")
    action = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    step = action["runs"]["steps"][1]
    defaults = {
        name.upper().replace("-", "_"): entry["default"] for name, entry in action["inputs"].items()
    }
    assert set(step["env"]) == set(defaults)
    result = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
        cwd=tmp_path,
        env={"PATH": f"{BIN}:{os.environ['PATH']}", **defaults, "FILES": "metadata.json", **inputs},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == code, result.stderr
    assert not (tmp_path / "trace").exists()
    for command in commands:
        assert command in result.stdout


def test_the_action_writes_sarif(tmp_path: Path) -> None:
    (tmp_path / "metadata.json").write_text("{")
    action = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    environment = {"PATH": f"{BIN}:{os.environ['PATH']}", "FILES": ".", "SARIF": "out.sarif"}
    environment |= {"SCHEMA_VERSION": "", "CHECK_FORMATS": "false", "STRICT": "false"}
    script = ["bash", "-eo", "pipefail", "-c", action["runs"]["steps"][1]["run"]]
    assert subprocess.run(script, cwd=tmp_path, env=environment, check=False).returncode == 1
    assert '"ruleId": "json-syntax"' in (tmp_path / "out.sarif").read_text()


def test_the_action_follows_the_schema_of_actions() -> None:
    command = [str(BIN / "check-jsonschema"), "--builtin-schema", "vendor.github-actions"]
    subprocess.run([*command, str(ROOT / "action.yml")], check=True, capture_output=True)
