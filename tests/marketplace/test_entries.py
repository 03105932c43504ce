"""Entries of the catalogues' lists: what is added, changed or removed, and nothing else."""

from __future__ import annotations

import difflib
import os
import subprocess
from pathlib import Path

import pytest

from scaffold.errors import ScaffoldError
from scaffold.marketplace import entries

OWL = "https://github.com/deephdc/DEEP-OC-owl"
DEEP = [
    "---\n- module: https://github.com/deephdc/DEEP-OC-mods\n",
    "# all\n- module: https://github.com/a/b  # mind this\n\n# two blank lines follow\n\n\n",
    "  - module: https://github.com/a/b\r\n  - module: https://github.com/a/c/\r\n",
    "- module: https://github.com/a/b",
    "- module: 'https://github.com/a/b'\n",
    "---\n",
    "",
]
HUB = "https://github.com/ai4os-hub"
STANZA = f'[submodule "owl"]\n\tpath = owl\n\turl = {HUB}/owl\n\tbranch = main\n'
MODULES = [
    f'[submodule "a"]\n\tpath = a\n\turl = {HUB}/a.git\n\tbranch = main\n[submodule "b"]\n\tpath = b\n\turl = {HUB}/b/\n',
    f'# first\n[core]\n  x = 1\n[submodule "a"]\n    path = a # not a comment of ours\n    url = {HUB}/a\n\n; last\n',
    f'[submodule "a"]\r\n\tpath = a\r\n\turl = {HUB}/a\r\n',
    f'[submodule "other name"]\n\tpath = a\n\turl = {HUB}/a',
    "",
]


def added_and_removed(before: str, after: str) -> tuple[list[str], list[str]]:
    lines = [*difflib.ndiff(before.splitlines(), after.splitlines())]
    return (
        [each[2:] for each in lines if each[0] == "+"],
        [each[2:] for each in lines if each[0] == "-"],
    )


@pytest.mark.parametrize("text", DEEP)
def test_a_line_is_added_and_taken_out_again(text: str) -> None:
    after = entries.list_module(text, OWL)
    added, removed = added_and_removed(text, after)
    assert (len(added), removed) == (1, [])
    assert added[0].strip().replace("'", "") == f"- module: {OWL}"
    assert ("\r" in after) is ("\r" in text)
    assert entries.listed(after, f"{OWL}.git/")
    assert not entries.listed(text, OWL)
    assert entries.list_module(after, OWL) == after
    assert entries.unlist_module(after, OWL) == text
    assert entries.unlist_module(text, OWL) == text


def test_a_line_is_taken_out_of_the_middle() -> None:
    text = f"---\n- module: https://x.org/a/b\n- module: {OWL}/  # soon\n# end\n"
    assert entries.unlist_module(text, OWL) == "---\n- module: https://x.org/a/b\n# end\n"


def test_what_is_no_plain_line_is_left_to_people() -> None:
    with pytest.raises(ScaffoldError, match="begins and ends"):
        entries.unlist_module(f"- {{module: {OWL}}}\n", OWL)


@pytest.mark.parametrize("text", MODULES)
def test_a_stanza_is_added_and_taken_out_again(text: str) -> None:
    after = entries.add_stanza(text, "owl", f"{HUB}/owl", "main")
    added, removed = added_and_removed(text, after)
    assert removed == []
    assert [each.strip() for each in added] == [each.strip() for each in STANZA.splitlines()]
    assert ("\r" in after) is ("\r" in text)
    assert entries.add_stanza(after, "owl", f"{HUB}/owl", "main") == after
    assert (entries.path_of(text, f"{HUB}/owl"), entries.path_of(after, f"{HUB}/owl.git")) == (
        None,
        "owl",
    )
    assert entries.remove_stanza(after, "owl") == text
    assert entries.remove_stanza(text, "owl") == text


def read_by_git(folder: Path, text: str) -> dict[str, str]:
    (folder / "f").write_bytes(text.encode())
    listed = subprocess.run(
        ["git", "config", "--file", "f", "--null", "--list"],
        cwd=folder, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    return dict(each.split("\n", 1) for each in listed.split("\0") if each)


@pytest.mark.parametrize("text", MODULES)
def test_git_reads_what_is_written(tmp_path: Path, text: str) -> None:
    before = read_by_git(tmp_path, text)
    after = read_by_git(tmp_path, entries.add_stanza(text, "owl", f"{HUB}/owl", "main"))
    assert after == {
        **before,
        "submodule.owl.path": "owl",
        "submodule.owl.url": f"{HUB}/owl",
        "submodule.owl.branch": "main",
    }


def test_a_stanza_is_changed_where_it_differs() -> None:
    text = f'# top\n[submodule "a"]\n  path = a\n  url = {HUB}/a.git\n  branch = main\n# end\n'
    assert entries.change_stanza(text, "a", f"{HUB}/a", "main") == text
    assert entries.change_stanza(text, "a", f"{HUB}/a", "dev") == text.replace("main", "dev")
    assert entries.change_stanza(text, "b", f"{HUB}/b", "main") == text
    for ending in ("\n", "\r\n"):
        for last in (ending, ""):
            bare = f'[submodule "a"]{ending}\tpath = a{ending}\turl = {HUB}/a'
            changed = entries.change_stanza(bare + last, "a", f"{HUB}/a", "main")
            assert changed == f"{bare}{ending}\tbranch = main{last}"


def test_the_real_lists() -> None:
    if "SCAFFOLD_CORPUS" not in os.environ:
        pytest.skip("SCAFFOLD_CORPUS does not name the folder with catalog/")
    root = Path(os.environ["SCAFFOLD_CORPUS"]) / "catalog"
    (deep,) = root.glob("*MODULES.yml")
    text = deep.read_bytes().decode()
    after = entries.list_module(text, OWL)
    assert added_and_removed(text, after) == ([f"- module: {OWL}"], [])
    assert entries.unlist_module(after, OWL) == text
    (modules,) = root.glob("*gitmodules")
    text = modules.read_bytes().decode()
    after = entries.add_stanza(text, "owl", f"{HUB}/owl", "main")
    assert added_and_removed(text, after) == (STANZA.splitlines(), [])
    assert entries.remove_stanza(after, "owl") == text
