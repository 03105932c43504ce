"""`scaffold catalogue` on real clones: git's own submodules, good ones and stale ones."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.helpers import Outcome
from tests.metadata.samples import V1, V2

Scaffold = Callable[..., Outcome]

# git clones submodules from folders only when it is told that this is meant
ALLOWED = {
    "GIT_CONFIG_COUNT": "1",
    "GIT_CONFIG_KEY_0": "protocol.file.allow",
    "GIT_CONFIG_VALUE_0": "always",
}


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", "-C", str(folder), *arguments],
        env={**os.environ, **ALLOWED},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()


def repository(folder: Path, files: dict[str, str]) -> Path:
    folder.mkdir(parents=True)
    git(folder, "init", "--quiet", "--initial-branch", "main")
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", "all")
    return folder


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Repositories of modules."""
    for name, value in ALLOWED.items():
        monkeypatch.setenv(name, value)
    place = tmp_path / "ai4os-hub"
    repository(place / "leaf-reader", {"ai4-metadata.yml": V2})
    repository(place / "old-reader", {"ai4-metadata.yml": V2.replace("summary:", "sumary:")})
    repository(place / "empty-reader", {"README.md": "nothing yet\n"})
    return place


@pytest.fixture
def catalogue(tmp_path: Path, modules: Path) -> Path:
    """A catalogue of AI4EOSC's kind, with submodules."""
    made = repository(tmp_path / "catalogue", {"README.md": "modules\n"})
    for name in ("leaf-reader", "old-reader", "empty-reader"):
        git(made, "submodule", "--quiet", "add", "--branch", "main", f"file://{modules / name}")
    git(made, "commit", "--quiet", "--message", "list")
    return made


def findings(outcome: Outcome) -> dict[tuple[str, str], str]:
    return {(each["module"], each["id"]): each["where"] for each in outcome.document["findings"]}


def public(catalogue: Path, modules: Path) -> None:
    """Write the addresses as they are in public."""
    path = catalogue / ".gitmodules"
    path.write_text(path.read_text().replace(f"file://{modules}", "https://github.com/ai4os-hub"))


def test_list_and_search(scaffold: Scaffold, catalogue: Path, modules: Path) -> None:
    document = scaffold("catalogue", "list", "--catalogue", catalogue, "--json").document
    assert document["catalogue"] == "ai4eosc"
    assert [each["name"] for each in document["modules"]] == [
        "leaf-reader",
        "old-reader",
        "empty-reader",
    ]
    assert document["modules"][0] == {
        "name": "leaf-reader",
        "url": f"file://{modules}/leaf-reader",
        "branch": "main",
        "commit": git(modules / "leaf-reader", "rev-parse", "HEAD"),
    }
    found = scaffold("catalogue", "search", "SUMMARY:", "leaf", "--catalogue", catalogue)
    assert (found.code, found.err) == (0, "")
    assert found.out == f"leaf-reader  file://{modules}/leaf-reader  (main)\n"
    nothing = scaffold("catalogue", "search", "orchids", "--catalogue", catalogue, "--json")
    assert (nothing.code, nothing.document["modules"]) == (1, [])


def test_it_is_cloned_with_its_modules(scaffold: Scaffold, catalogue: Path) -> None:
    url = f"file://{catalogue}"
    outcome = scaffold("catalogue", "search", "summary:", "--catalogue", url)
    assert outcome.code == 0
    assert outcome.err == f"Cloning {url} …\nCloning its modules …\n"
    assert outcome.out.startswith("leaf-reader ")
    lost = scaffold("catalogue", "list", "--catalogue", f"{url}-not-there")
    assert lost.code == 1
    assert "cannot clone" in lost.err


def test_show(scaffold: Scaffold, catalogue: Path) -> None:
    shown = scaffold("catalogue", "show", "Leaf_Reader", "--catalogue", catalogue)
    assert shown.code == 0
    assert "file://" in shown.out.splitlines()[-1]
    document = scaffold("catalogue", "show", "leaf-reader", "--catalogue", catalogue, "--json")
    assert document.document["card"]["version"] == "2.3.0"
    close = scaffold("catalogue", "show", "leaf-raeder", "--catalogue", catalogue)
    assert (close.code, "did you mean leaf-reader" in close.err) == (2, True)
    empty = scaffold("catalogue", "show", "empty-reader", "--catalogue", catalogue)
    assert (empty.code, "empty-reader holds no ai4-metadata.yml" in empty.err) == (1, True)


def test_check_finds_what_is_stale(scaffold: Scaffold, catalogue: Path, modules: Path) -> None:
    public(catalogue, modules)
    path = catalogue / ".gitmodules"
    text = path.read_text().replace("\tbranch = main\n", "", 1)
    more = (
        '[submodule "twice"]\n\tpath = twice\n\turl = https://github.com/ai4os-hub/leaf-reader.git/\n'
        "\tbranch = main\n"
        '[submodule "mine"]\n\tpath = mine\n\turl = https://github.com/ann/mine\n\tbranch = main\n'
        '[submodule "ssh"]\n\tpath = ssh\n\turl = git@github.com:ai4os-hub/ssh\n\tbranch = main\n'
    )
    path.write_text(text + more)
    git(catalogue, "config", "--file", ".gitmodules", "--remove-section", "submodule.empty-reader")
    outcome = scaffold("catalogue", "check", "--catalogue", catalogue, "--json")
    assert outcome.code == 1
    assert outcome.document["modules"] == 5
    assert outcome.document["not_cloned"] == 3
    assert findings(outcome) == {
        ("leaf-reader", "no-branch"): ".gitmodules:1",
        ("leaf-reader", "listed-twice"): ".gitmodules:8",
        ("leaf-reader", "no-link"): ".gitmodules:8",
        ("mine", "account"): ".gitmodules:12",
        ("mine", "no-link"): ".gitmodules:12",
        ("ssh", "address"): ".gitmodules:16",
        ("ssh", "no-link"): ".gitmodules:16",
        ("empty-reader", "not-listed"): "empty-reader",
        ("old-reader", "metadata/missing-key"): "old-reader/ai4-metadata.yml:1:1",
    }
    said = scaffold("catalogue", "check", "--catalogue", catalogue)
    assert ".gitmodules:1: leaf-reader: names no branch" in said.out
    assert said.out.endswith("5 modules: 9 findings\n")
    assert "3 of 5 modules are not cloned" in said.err


def test_a_catalogue_in_order(scaffold: Scaffold, catalogue: Path, modules: Path) -> None:
    public(catalogue, modules)
    for name in ("old-reader", "empty-reader"):
        (catalogue / name / "ai4-metadata.yml").write_text(V2, encoding="utf-8")
    outcome = scaffold("catalogue", "check", "--catalogue", catalogue)
    assert (outcome.code, outcome.out, outcome.err) == (0, "3 modules: nothing wrong\n", "")


def test_deeps_list(scaffold: Scaffold, tmp_path: Path) -> None:
    line = "- module: https://github.com/deephdc/"
    text = f"---\n{line}DEEP-OC-leaf_reader\n{line}UC-ann-DEEP-OC-owl/\n"
    made = repository(tmp_path / "deep", {"MODULES.yml": text})
    for name, content in (("DEEP-OC-leaf_reader", V1), ("UC-ann-DEEP-OC-owl", "{}")):
        (made / name).mkdir()
        (made / name / "metadata.json").write_text(content, encoding="utf-8")
    shown = scaffold("catalogue", "show", "leaf-reader", "--catalogue", made, "--json").document
    assert shown["url"].endswith("DEEP-OC-leaf_reader")
    outcome = scaffold("catalogue", "check", "--catalogue", made, "--json")
    assert outcome.code == 1
    assert {module for module, _ in findings(outcome)} == {"UC-ann-DEEP-OC-owl"}


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"README.md": ""}, "is no catalogue"),
        ({"MODULES.yml": "- modul: x\n"}, "MODULES.yml:1: not an entry"),
        ({"MODULES.yml": "- [\n"}, "is no YAML"),
        ({".gitmodules": "[submodule\n"}, "git cannot read"),
    ],
)
def test_what_is_none(
    scaffold: Scaffold, tmp_path: Path, files: dict[str, str], message: str
) -> None:
    made = repository(tmp_path / "none", {})
    for name, text in files.items():
        (made / name).write_text(text)
    outcome = scaffold("catalogue", "list", "--catalogue", made)
    assert outcome.code in (1, 2)
    assert message in outcome.err
    assert "Traceback" not in outcome.err
