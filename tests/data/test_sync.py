"""`scaffold sync` where nothing goes wrong: in, out, again, mirrored, listed, counted, checked."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pexpect
import pytest

from scaffold.data import manifest
from tests.data.conftest import NAMES, Sync, content, fill
from tests.data.servers import Server

pytestmark = pytest.mark.xdist_group("data")

EVERY_KIND = pytest.mark.parametrize(
    "kind",
    [
        "webdav",
        "s3",
        pytest.param("wsgidav", marks=pytest.mark.slow),
        pytest.param("sftp", marks=pytest.mark.slow),
    ],
)
WITH_CHECKSUMS = {"s3", "sftp"}


@EVERY_KIND
def test_out_and_in_again(sync: Sync, server: Server, kind: str, name: str, tmp_path: Path) -> None:
    source, target = fill(tmp_path / "source"), tmp_path / "target"
    remote = server.remote(name)
    (out,) = sync.good("push", source, "--remote", remote)["copies"]
    assert (out["files"], out["bytes"]) == (len(NAMES), sum(map(len, NAMES.values())))
    assert out["unchanged"] == 0
    assert out["errors"] == []
    if server.root:
        there = content(server.root / name)
        assert there == NAMES  # under their own names, and nothing else
        assert not [each for each in server.root.iterdir() if "scaffold" in each.name]
    (into,) = sync.good("pull", target, "--remote", remote)["copies"]
    assert content(target) == NAMES
    assert into["files"] == len(NAMES)
    # what was pushed left a manifest, so that what arrives is known even without checksums there
    assert (into["checked"], into["checked_by_size"]) == (len(NAMES), 0)
    if kind in WITH_CHECKSUMS:
        assert (out["checked"], out["checked_by_size"]) == (len(NAMES), 0)
    else:
        assert "states no checksums" in out["notes"][0]
        assert out["checked_by_size"] == len(NAMES)
    recorded = manifest.read(target)
    assert recorded.digest == into["digest"]
    assert set(recorded.files) == set(NAMES)
    for path, record in recorded.files.items():
        assert manifest.checksum(target / path, record.kind) == record.checksum
    (again,) = sync.good("pull", target, "--remote", remote)["copies"]
    assert (again["files"], again["unchanged"]) == (0, len(NAMES))
    assert again["digest"] == into["digest"]


@EVERY_KIND
def test_only_what_has_changed_is_copied(
    sync: Sync, server: Server, name: str, tmp_path: Path
) -> None:
    source = fill(tmp_path / "source", {"a": b"a", "b": b"b", "sub/c": b"c"})
    remote = server.remote(name)
    sync.good("push", source, "--remote", remote)
    (source / "sub" / "c").write_bytes(b"changed")
    (source / "new").write_bytes(b"new")
    (dry,) = sync.good("push", source, "--remote", remote, "--dry-run")["plans"]
    assert dry["copy"] == [{"path": "new", "bytes": 3}, {"path": "sub/c", "bytes": 7}]
    assert (dry["unchanged"], dry["bytes"], dry["delete"]) == (2, 10, [])
    (done,) = sync.good("push", source, "--remote", remote)["copies"]
    assert (done["files"], done["bytes"], done["unchanged"]) == (2, 10, 2)
    sync.good("pull", tmp_path / "target", "--remote", remote)
    assert content(tmp_path / "target") == content(source)


def test_nothing_is_deleted_unless_asked_for_and_shown(
    sync: Sync, server: Server, name: str, tmp_path: Path
) -> None:
    source = fill(tmp_path / "source", {"a": b"a"})
    remote = server.remote(name)
    sync.good("push", source, "--remote", remote)
    target = fill(tmp_path / "target", {"mine": b"mine", "sub/too": b"too"})
    sync.good("pull", target, "--remote", remote)
    assert set(content(target)) == {"a", "mine", "sub/too"}
    (dry,) = sync.good("pull", target, "--remote", remote, "--mirror", "--dry-run")["plans"]
    assert [each["path"] for each in dry["delete"]] == ["mine", "sub/too"]
    refused = sync.failed("pull", target, "--remote", remote, "--mirror", code=4)
    assert "--mirror would delete 2 files in" in refused
    assert "\n  mine\n  sub/too\n" in refused
    assert "add --yes" in refused
    assert set(content(target)) == {"a", "mine", "sub/too"}
    (done,) = sync.good("pull", target, "--remote", remote, "--mirror", "--yes")["copies"]
    assert done["deleted"] == ["mine", "sub/too"]
    assert content(target) == {"a": b"a"}
    assert set(manifest.read(target).files) == {"a"}


def test_an_empty_source_never_mirrors(
    sync: Sync, server: Server, name: str, tmp_path: Path
) -> None:
    remote = server.remote(name)
    sync.good("push", fill(tmp_path / "source"), "--remote", remote)
    (tmp_path / "empty").mkdir()
    said = sync.failed("push", tmp_path / "empty", "--remote", remote, "--mirror", "--yes", code=4)
    assert "mirroring it would delete everything" in said
    (count,) = sync.good("size", "--remote", remote)["remotes"]
    assert count == {
        "remote": remote, "files": len(NAMES), "bytes": sum(map(len, NAMES.values()))
    }  # fmt: skip


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--include", "*.png"], {"a.png", "sub/b.png"}),
        (["--exclude", "sub/**"], {"a.png", "a.txt"}),
        (["--include", "*.png", "--exclude", "sub/**"], {"a.png"}),
    ],
)
def test_filters(
    sync: Sync,
    server: Server,
    name: str,
    tmp_path: Path,
    options: list[str],
    expected: set[str],
) -> None:
    files = {"a.png": b"1", "a.txt": b"2", "sub/b.png": b"3", "sub/b.txt": b"4"}
    remote = server.remote(name)
    sync.good("push", fill(tmp_path / "source", files), "--remote", remote, *options)
    (found,) = sync.good("ls", "--remote", remote)["remotes"]
    assert {each["path"] for each in found["files"]} == expected
    assert {each["path"]: each["bytes"] for each in found["files"]} == dict.fromkeys(expected, 1)


@EVERY_KIND
def test_check_says_what_differs(
    sync: Sync, server: Server, kind: str, name: str, tmp_path: Path
) -> None:
    remote = server.remote(name)
    source = fill(tmp_path / "source", {"a": b"aaaa", "b": b"bbbb", "c": b"cccc"})
    sync.good("push", source, "--remote", remote)
    assert sync.good("check", source, "--remote", remote)["good"] is True
    # the same size and time: only the content tells
    before = (source / "b").stat()
    (source / "b").write_bytes(b"bxbb")
    os.utime(source / "b", ns=(before.st_atime_ns, before.st_mtime_ns))
    (source / "c").unlink()
    (source / "mine").write_bytes(b"mine")
    for options in [[], ["--download"]]:
        outcome = sync("check", source, "--remote", remote, "--json", *options)
        assert outcome.code == 1, outcome
        (found,) = outcome.document["checks"]
        assert found["different"] == ["b"]
        assert found["missing"] == ["c"]
        assert found["extra"] == ["mine"]
        known = kind in WITH_CHECKSUMS or bool(options)
        assert found["checked"] == (1 if known else 0)
        assert found["checked_by_size"] == (0 if known else 1)


def test_a_second_copy_of_the_same_folder_is_refused(
    sync: Sync, server: Server, name: str, tmp_path: Path
) -> None:
    from scaffold.data.transfer import locked

    source = fill(tmp_path / "source")
    with locked(source):
        said = sync.failed("push", source, "--remote", server.remote(name), code=4)
    assert "another process is copying" in said


def test_links_are_named_and_not_followed(
    sync: Sync, server: Server, name: str, tmp_path: Path
) -> None:
    source = fill(tmp_path / "source", {"a": b"a"})
    (source / "link").symlink_to("a")
    (done,) = sync.good("push", source, "--remote", server.remote(name))["copies"]
    assert done["skipped"] == ["link"]
    assert "symbolic links are not copied: link" in done["notes"]


def test_names_that_would_be_one_there_are_refused(
    sync: Sync, server: Server, name: str, tmp_path: Path
) -> None:
    source = fill(tmp_path / "source", {"caf\u00e9": b"1", "cafe\u0301": b"2"})
    said = sync.failed("push", source, "--remote", server.remote(name), code=2)
    assert "would take different files for the same" in said


def test_names_that_differ_in_case_where_case_does_not_count(tmp_path: Path) -> None:
    """As Windows shares are, and some hosts; rclone can treat any folder so."""
    (tmp_path / "there").mkdir()
    where = f":local,case_insensitive:{tmp_path / 'there'}"
    sync = Sync({"RCLONE_CONFIG_RSHARE_TYPE": "alias", "RCLONE_CONFIG_RSHARE_REMOTE": where})
    source = fill(tmp_path / "source", {"Leaf.png": b"1", "leaf.png": b"2"})
    said = sync.failed("push", source, "--remote", "rshare:x", code=2)
    assert "would take different files for the same: 'Leaf.png' and 'leaf.png'" in said
    assert not (tmp_path / "there/x").exists()
    sync.good("push", source, "--remote", "rshare:x", "--exclude", "Leaf.png")
    assert [path.name for path in (tmp_path / "there/x").iterdir()] == ["leaf.png"]


def test_a_module_knows_its_remotes(sync: Sync, server: Server, name: str, tmp_path: Path) -> None:
    module = tmp_path / "plants"
    fill(module, {"models/run/model.bin": b"weights", "data/raw/.gitkeep": b""})
    places = {"pull": {"data/raw": server.remote(f"{name}/data")},
              "push": {"models": server.remote(f"{name}/models")}}  # fmt: skip
    marker = {
        "role": "model",
        "sibling": "x",
        "template_version": "1",
        "answers": {"repo_name": "plants"},
    }
    (module / ".scaffold.yml").write_text(json.dumps({**marker, "sync": places}))
    sync.good(
        "push", fill(tmp_path / "data", {"x": b"x"}), "--remote", server.remote(f"{name}/data")
    )
    (pulled,) = sync.good("pull", module)["copies"]
    assert pulled["folder"] == str(module / "data" / "raw")
    assert (module / "data" / "raw" / "x").read_bytes() == b"x"
    (pushed,) = sync.good("push", module / "models" / "run")["copies"]
    assert pushed["remote"] == server.remote(f"{name}/models/run")
    checks = sync.good("check", module)["checks"]
    assert [(each["source"], each["checked_by_size"]) for each in checks] == [
        ("remote", 1), ("folder", 1)
    ]  # fmt: skip
    said = sync.failed("pull", tmp_path / "data", code=2)
    assert "no remote is named" in said
    assert "sync:\n  pull: {data/raw:" in said


def test_a_progress_bar_on_a_terminal(
    sync: Sync, server: Server, name: str, tmp_path: Path
) -> None:
    source = fill(tmp_path / "source", {"a": b"a" * 3_000_000, "b": b"b" * 1_000_000})
    command, *arguments = sync.command("push", source, "--remote", server.remote(name))
    child = pexpect.spawn(
        command,
        arguments,
        env=sync.environment(RCLONE_BWLIMIT="2M"),
        encoding="utf-8",
        timeout=60,
        dimensions=(40, 120),
    )
    child.expect(r"\[=* +\] [\d.]+ MB of 4 MB  [\d.]+ [kM]B/s  \d:\d\d to go  \d of 2 files")
    child.expect("2 files copied")
    child.read()
    child.close()
    assert child.exitstatus == 0


def test_a_folder_is_a_remote_too(sync: Sync, tmp_path: Path) -> None:
    """What oneclient has mounted, for one."""
    space = fill(tmp_path / "space")
    (done,) = sync.good("pull", tmp_path / "here", "--remote", space)["copies"]
    assert content(tmp_path / "here") == NAMES
    assert (done["files"], done["checked"]) == (len(NAMES), len(NAMES))
    made = f"{tmp_path / 'here'} was not there: it has been made"  # or was it misspelt?
    assert made in done["notes"]
    (again,) = sync.good("pull", tmp_path / "here", "--remote", space)["copies"]
    assert made not in again["notes"]
    assert sync.good("check", tmp_path / "here", "--remote", space)["checks"][0]["checked"] == len(
        NAMES
    )
    (tmp_path / "unmounted").mkdir()
    said = sync.failed("pull", tmp_path / "here", "--remote", tmp_path / "unmounted")
    assert "there is no file in" in said
    assert "is it mounted" in said
