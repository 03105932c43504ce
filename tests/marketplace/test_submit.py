"""`scaffold submit`: from nothing to an open pull request, on real git and GitHub's own contract."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pexpect
import pytest

from tests.helpers import Outcome, assert_follows
from tests.marketplace.conftest import LISTED, SUBMODULES, World, git
from tests.marketplace.github_server import TOKEN, Failure

Scaffold = Callable[..., Outcome]
ROOT = Path(__file__).parents[2]
DEEP_LINE = b"- module: https://github.com/deephdc/UC-ann-DEEP-OC-leaf_reader\n"
STANZA = (
    b'[submodule "leaf-reader"]\n\tpath = leaf-reader\n'
    b"\turl = https://github.com/ai4os-hub/leaf-reader\n\tbranch = main\n"
)
PULL = "https://github.com/deephdc/deep-oc/pull/1"


def submitted(scaffold: Scaffold, *arguments: Any) -> Any:
    """Submit, without asking, and return the document."""
    outcome = scaffold("submit", *arguments, "--yes", "--json")
    assert outcome.code == 0, outcome
    assert_follows(outcome.document, "submit-output")
    return outcome.document


def states(document: Any) -> dict[str, str]:
    return {each["id"]: each["state"] for each in document["steps"]}


def writes(world: World) -> Counter[str]:
    return Counter(call for call in world.forge.calls if not call.startswith("GET"))


def verdicts(outcome: Outcome) -> dict[str, str]:
    """Return the checks that are not good."""
    return {
        f"{each['id']} {each['about']}".strip(): each["verdict"] + " mended" * each["mended"]
        for each in outcome.document["findings"]
        if each["verdict"] != "good"
    }


def test_a_pair_to_an_open_pull_request(world: World, pair: Path, scaffold: Scaffold) -> None:
    document = submitted(scaffold, pair)
    assert document["pull_request"] == PULL
    assert {*states(document).values()} == {"made"}
    branch = "submit-UC-ann-DEEP-OC-leaf_reader"
    assert world.file("ann/deep-oc", branch, "MODULES.yml") == LISTED.encode() + DEEP_LINE
    assert world.git("ann/deep-oc", "diff", "--name-only", "main", branch) == "MODULES.yml"
    for name in ("leaf_reader", "DEEP-OC-leaf_reader"):
        assert world.git(f"ann/{name}", "branch", "--format=%(refname:short)") == "master\ntest"
    (pull,) = world.forge.pulls
    assert (pull["title"], pull["head"]) == ("Add UC-ann-DEEP-OC-leaf_reader", f"ann:{branch}")
    assert pull["maintainer_can_modify"] is True
    assert "| code | https://github.com/ann/leaf_reader, branch `master` |" in pull["body"]
    assert "- [x] secrets (leaf_reader): " in pull["body"]
    assert "- [ ] image: " in pull["body"]
    before = writes(world)
    again = submitted(scaffold, pair)
    assert {*states(again).values()} == {"done"}
    assert again["pull_request"] == PULL
    assert writes(world) == before


def test_a_single_repository_to_an_open_pull_request(
    world: World, single: Path, scaffold: Scaffold
) -> None:
    document = submitted(scaffold, single)
    assert document["pull_request"] == "https://github.com/ai4os-hub/modules-catalog/pull/1"
    fork, branch = "ann/modules-catalog", "submit-leaf-reader"
    assert world.file(fork, branch, ".gitmodules") == SUBMODULES.encode() + STANZA
    commit = git(single, "rev-parse", "HEAD")
    raw = world.git(fork, "diff", "--raw", "--no-abbrev", "main", branch).splitlines()
    assert [line.split("\t")[1] for line in raw] == [".gitmodules", "leaf-reader"]
    assert f"{commit} A\tleaf-reader" in raw[1]
    assert writes(world)["POST /orgs/ai4os-hub/repos"] == 1


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["pair", "single"])
def test_killed_after_every_step(world: World, layout: str, request: pytest.FixtureRequest) -> None:
    module: Path = request.getfixturevalue(layout)
    line = [sys.executable, "-m", "tests.marketplace.killed", "submit", str(module), "--yes"]
    codes: list[int] = []
    while not codes or codes[-1]:
        assert len(codes) < 10
        result = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False)
        codes.append(result.returncode)
        assert result.returncode in (0, -9), result.stderr
        assert TOKEN not in result.stdout + result.stderr
    steps = {"pair": 7, "single": 5}[layout]
    assert codes == [-9] * steps + [0]
    assert {*writes(world).values()} <= {1, 2}
    assert sum(writes(world).values()) == {"pair": 4, "single": 3}[layout]
    assert len(world.forge.pulls) == 1
    assert result.stdout.splitlines()[-1].endswith("/pull/1")
    fork = {"pair": "ann/deep-oc", "single": "ann/modules-catalog"}[layout]
    assert world.git(fork, "rev-list", "--count", f"main..{branch_of(world)}") == "1"


@pytest.mark.slow
def test_the_real_lists(world: World, pair: Path, single: Path, scaffold: Scaffold) -> None:
    if "SCAFFOLD_CORPUS" not in os.environ:
        pytest.skip("SCAFFOLD_CORPUS does not name the folder with catalog/")
    root = Path(os.environ["SCAFFOLD_CORPUS"]) / "catalog"
    for module, repository, name, entry in (
        (pair, "deephdc/deep-oc", "MODULES.yml", DEEP_LINE),
        (single, "ai4os-hub/modules-catalog", ".gitmodules", STANZA),
    ):
        (kept,) = root.glob(f"*{name.lstrip('.')}")
        world.publish(repository, {name: kept.read_bytes().decode()}, {})
        branch = submitted(scaffold, module)["branch"]
        fork = f"ann/{repository.partition('/')[2]}"
        assert world.file(fork, branch, name) == kept.read_bytes() + entry


def test_check_says_all_at_once(world: World, pair: Path, scaffold: Scaffold) -> None:
    fresh = scaffold("submit", pair, "--check", "--json")
    assert fresh.code == 0
    assert_follows(fresh.document, "submit-output")
    mended = {
        f"{check} {name}": "failed mended"
        for check in ("remote", "pushed")
        for name in ("leaf_reader", "DEEP-OC-leaf_reader")
    }
    assert verdicts(fresh) == {**mended, "image": "warning"}
    container = pair.parent / "DEEP-OC-leaf_reader"
    (container / "metadata.json").write_text("{}")
    key = "ghp_" + "k3J9" * 9
    (pair / "notes.txt").write_text(f"{key}\n")
    git(pair, "add", "notes.txt")
    git(pair, "commit", "--quiet", "--message", "a note")
    git(pair, "rm", "--quiet", "notes.txt", "LICENSE")
    git(pair, "commit", "--quiet", "--message", "no note")
    git(pair, "switch", "--quiet", "test")
    git(pair, "remote", "set-url", "origin", "https://ann:pw@github.com/ann/leaf_reader")
    (container / "build/cpu/smoke-test.json").write_text('{"passed": false}')
    listed = LISTED + DEEP_LINE.decode()
    world.publish("deephdc/deep-oc", {"MODULES.yml": listed}, {})
    world.forge.add("ann/leaf_reader", private=True)
    outcome = scaffold("submit", pair, "--check", "--json")
    assert outcome.code == 1
    assert verdicts(outcome) == {
        "metadata DEEP-OC-leaf_reader": "failed",
        "branch leaf_reader": "failed",
        "clean DEEP-OC-leaf_reader": "failed",
        "license leaf_reader": "failed",
        "password leaf_reader": "failed",
        "remote leaf_reader": "failed",
        "remote DEEP-OC-leaf_reader": "failed mended",
        "pushed leaf_reader": "failed mended",
        "pushed DEEP-OC-leaf_reader": "failed mended",
        "listed": "failed",
        "image": "failed",
        "smoke-test cpu": "failed",
        "secrets leaf_reader": "failed",
    }
    shown = scaffold("submit", pair, "--check")
    assert "GitHub Token in notes.txt:1 of " in shown.out
    assert key not in shown.out + shown.err + outcome.out
    assert "ann:pw" not in shown.out + shown.err + outcome.out
    assert writes(world) == {}
    stopped = scaffold("submit", pair, "--yes")
    assert (stopped.code, writes(world)) == (1, {})


def test_the_other_catalogue_and_other_accounts(
    world: World, pair: Path, single: Path, scaffold: Scaffold
) -> None:
    outcome = scaffold("submit", pair, "--check", "--catalogue", "ai4eosc", "--json")
    found = verdicts(outcome)
    assert {key.split(" ")[0] for key, verdict in found.items() if verdict == "failed"} == {
        "metadata",
        "name",
        "account",
        "image",
    }
    git(single, "remote", "set-url", "origin", "git@gitlab.example.org:ann/leaf-reader.git")
    outcome = scaffold("submit", single, "--check", "--json")
    assert verdicts(outcome)["remote leaf-reader"] == "failed"
    assert world.forge.pulls == []


def test_modules_on_a_gitlab(world: World, scaffold: Scaffold) -> None:
    account = "https://gitlab.example.org/lab/plants"
    answers = ["-d", "project_name=Leaf reader", "-d", f"git_base_url={account}"]
    assert scaffold("new", world.folder, "--defaults", *answers, "-q").code == 0
    pair = world.folder / "leaf_reader"
    built = world.folder / "DEEP-OC-leaf_reader" / "build" / "cpu"
    built.mkdir(parents=True)
    (built / "smoke-test.json").write_text('{"passed": true}')
    names = ("leaf_reader", "DEEP-OC-leaf_reader")
    # scaffold cannot create repositories there, and says so before it does anything
    outcome = scaffold("submit", pair, "--yes", "--json")
    assert (outcome.code, writes(world)) == (1, {})
    assert {verdicts(outcome)[f"remote {name}"] for name in names} == {"failed"}
    folders = [world.forge.root / "gitlab" / "lab" / "plants" / f"{name}.git" for name in names]
    for folder in folders:
        folder.mkdir(parents=True)
        git(folder, "init", "--quiet", "--bare")
    document = submitted(scaffold, pair)
    assert document["pull_request"] == PULL
    assert [*states(document)] == [
        *("push-model", "push-container", "fork", "branch", "pull-request"),
    ]
    for folder in folders:
        assert git(folder, "branch", "--format=%(refname:short)") == "master\ntest"
    line = f"- module: {account}/DEEP-OC-leaf_reader\n"
    branch = document["branch"]
    assert world.file("ann/deep-oc", branch, "MODULES.yml") == (LISTED + line).encode()


def test_dry_run_shows_everything_and_does_nothing(
    world: World, single: Path, scaffold: Scaffold
) -> None:
    outcome = scaffold("submit", single, "--dry-run", "--json")
    assert outcome.code == 0
    assert_follows(outcome.document, "submit-output")
    assert {*states(outcome.document).values()} == {"planned"}
    said = [each["text"] for step in outcome.document["steps"] for each in step["operations"]]
    assert said[0].startswith('POST /orgs/ai4os-hub/repos {"name": "leaf-reader"')
    assert "+\turl = https://github.com/ai4os-hub/leaf-reader" in "\n".join(said)
    assert "+Subproject commit " + git(single, "rev-parse", "HEAD") in "\n".join(said)
    assert '"head": "ann:submit-leaf-reader"' in said[-1]
    assert TOKEN not in outcome.out + outcome.err
    assert writes(world) == {}
    assert world.forge.find("ai4os-hub/leaf-reader") is None
    plain = scaffold("submit", single, "--dry-run")
    assert "would: create ai4os-hub/leaf-reader\n    POST /orgs/" in plain.out
    assert plain.out.startswith(
        "✓ metadata leaf-reader: ai4-metadata.yml is valid at version 2.3.0"
    )
    refused = scaffold("submit", single)
    assert (refused.code, "--yes" in refused.err, writes(world)) == (4, True, {})


def test_it_asks_in_a_terminal(world: World, single: Path) -> None:
    line = ["-m", "scaffold", "submit", str(single)]
    with pexpect.spawn(sys.executable, line, cwd=str(ROOT), encoding="utf-8", timeout=60) as child:
        child.expect(r"This will, in public:\s+create ai4os-hub/leaf-reader\s")
        child.expect("Go on\\?")
        child.sendline("n")
        child.expect("nothing was done")
        child.expect(pexpect.EOF)
    assert (child.exitstatus, writes(world)) == (4, {})


def test_no_push_leaves_a_branch(
    world: World, pair: Path, scaffold: Scaffold, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GITHUB_TOKEN")
    outcome = scaffold("submit", pair, "--no-push", "--json")
    assert outcome.code == 0, outcome.err
    assert_follows(outcome.document, "submit-output")
    clone = pair.parent / "deep-oc"
    assert outcome.document["folder"] == str(clone)
    assert outcome.document["page"].startswith(
        "https://github.com/deephdc/deep-oc/compare/main...YOUR-ACCOUNT:submit-UC-ann-DEEP-OC"
    )
    assert (clone / "MODULES.yml").read_bytes() == LISTED.encode() + DEEP_LINE
    assert git(clone, "status", "--porcelain") == ""
    head = git(clone, "rev-parse", "HEAD")
    assert scaffold("submit", pair, "--no-push").code == 0
    assert git(clone, "rev-parse", "HEAD") == head
    assert writes(world) == {}
    missing = scaffold("submit", pair, "--yes")
    assert (missing.code, "public_repo" in missing.err) == (3, True)
    (clone / ".git").rename(pair.parent / "elsewhere")
    other = scaffold("submit", pair, "--no-push")
    assert (other.code, "no clone of" in other.err) == (4, True)


def test_more_is_pushed_and_the_catalogue_moves_on(
    world: World, single: Path, scaffold: Scaffold
) -> None:
    submitted(scaffold, single)
    (single / "README.md").write_text("# better\n")
    git(single, "commit", "--quiet", "--all", "--message", "better")
    owl = '[submodule "owl"]\n\tpath = owl\n\turl = https://github.com/ai4os-hub/owl\n\tbranch = main\n'
    world.publish("ai4os-hub/modules-catalog", {".gitmodules": SUBMODULES + owl}, {"owl": "2" * 40})
    world.forge.pulls[0]["body"] = "Please be quick.\r\n\r\n" + world.forge.pulls[0]["body"]
    document = submitted(scaffold, single)
    assert states(document) == {
        "create-single": "done",
        "push-single": "made",
        "fork": "done",
        "branch": "made",
        "pull-request": "done",
    }
    fork, branch = "ann/modules-catalog", "submit-leaf-reader"
    assert world.file(fork, branch, ".gitmodules") == (SUBMODULES + owl).encode() + STANZA
    commit = git(single, "rev-parse", "HEAD")
    assert commit in world.git(fork, "ls-tree", branch, "leaf-reader")
    assert len(world.forge.pulls) == 1
    assert world.forge.pulls[0]["body"].startswith("Please be quick.")


def test_update_and_withdraw(world: World, single: Path, scaffold: Scaffold) -> None:
    catalogue = "ai4os-hub/modules-catalog"
    for action in ("--update", "--withdraw"):
        outcome = scaffold("submit", single, action, "--yes")
        assert (outcome.code, "does not list" in outcome.out) == (1, True)
    first = git(single, "rev-parse", "HEAD")
    more = {".gitmodules": SUBMODULES + STANZA.decode()}
    world.publish(catalogue, more, {"leaf-reader": first})
    (single / "README.md").write_text("# better\n")
    git(single, "commit", "--quiet", "--all", "--message", "better")
    submitted(scaffold, single, "--update")
    fork = "ann/modules-catalog"
    diff = world.git(fork, "diff", "--raw", "--no-abbrev", f"{branch_of(world)}~", branch_of(world))
    assert diff.split() == [":160000", "160000", first, git(single, "rev-parse", "HEAD"), "M", "leaf-reader"]  # fmt: skip
    document = submitted(scaffold, single, "--withdraw")
    assert document["pull_request"].endswith("/pull/2")
    assert world.forge.pulls[1]["title"] == "Remove leaf-reader"
    assert world.file(fork, "withdraw-leaf-reader", ".gitmodules") == SUBMODULES.encode()
    assert world.git(fork, "ls-tree", "withdraw-leaf-reader", "leaf-reader") == ""


def test_a_module_listed_under_another_name(world: World, single: Path, scaffold: Scaffold) -> None:
    entry = (
        STANZA.decode().replace('leaf-reader"', 'old"').replace("path = leaf-reader", "path = old")
    )
    listed = SUBMODULES + entry.replace("leaf-reader\n", "leaf-reader.git/\n")
    world.publish("ai4os-hub/modules-catalog", {".gitmodules": listed}, {"old": "3" * 40})
    document = submitted(scaffold, single, "--update")
    assert world.file("ann/modules-catalog", document["branch"], ".gitmodules") == listed.encode()
    commit = git(single, "rev-parse", "HEAD")
    assert commit in world.git("ann/modules-catalog", "ls-tree", document["branch"], "old")


def branch_of(world: World) -> str:
    branch: str = world.forge.pulls[-1]["head"].partition(":")[2]
    return branch


def test_deep_needs_no_change_for_a_new_version(
    world: World, pair: Path, scaffold: Scaffold
) -> None:
    world.publish("deephdc/deep-oc", {"MODULES.yml": LISTED + DEEP_LINE.decode()}, {})
    outcome = scaffold("submit", pair, "--update", "--yes")
    assert outcome.code == 0, outcome.err
    assert outcome.out.endswith("needs no change: the platform follows the branch itself\n")
    assert world.forge.pulls == []
    document = submitted(scaffold, pair, "--withdraw")
    assert world.file("ann/deep-oc", document["branch"], "MODULES.yml") == LISTED.encode()


@pytest.mark.parametrize(
    ("failure", "code", "message"),
    [
        (Failure("POST .*/forks", 500, times=9), 1, "done before: create ai4os-hub/leaf-reader"),
        (Failure("POST .*/pulls", 502, after=True), 0, "/modules-catalog/pull/1"),
    ],
    ids=["before", "after"],
)
def test_a_failure_half_way(
    world: World, single: Path, scaffold: Scaffold, failure: Failure, code: int, message: str
) -> None:
    world.forge.failures.append(failure)
    outcome = scaffold("submit", single, "--yes")
    assert outcome.code == code, outcome.err
    assert message in outcome.err + outcome.out
    assert TOKEN not in outcome.err + outcome.out
    failure.times = 0
    submitted(scaffold, single)
    assert len(world.forge.pulls) == 1


def test_an_organisation_that_one_is_not_in(world: World, single: Path, scaffold: Scaffold) -> None:
    world.forge.organisations = ()
    outcome = scaffold("submit", single, "--yes")
    assert outcome.code == 1
    assert "you may not create repositories in ai4os-hub" in outcome.err
    assert "ask its maintainers" in outcome.err
