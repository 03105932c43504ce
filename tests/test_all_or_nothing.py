"""Whatever goes wrong: both repositories, complete, or no trace."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.helpers import NAME, Outcome, files_below, rendered

ROOT = Path(__file__).parent.parent
ARGUMENTS = ["--defaults", "--data", f"project_name={NAME}"]
COMPLETE = {name: {str(path) for path in tree} for name, tree in rendered().items()}


def start(destination: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "scaffold", "new", str(destination), *ARGUMENTS],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def settle(folder: Path) -> None:
    """Wait for the janitor of a killed run to finish: it is a process of its own."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if not folder.exists() or not any(path.name[0] == "." for path in folder.iterdir()):
            return
        time.sleep(0.02)


def assert_both_or_neither(folder: Path) -> bool:
    """Return whether both are there; fail on anything between."""
    if not folder.exists():
        return False
    names = {path.name for path in folder.iterdir()}
    assert names == set(COMPLETE), names
    for name, files in COMPLETE.items():
        assert set(files_below(folder / name)) == files
        log = ["git", "-C", str(folder / name), "log", "--oneline", "master", "test"]
        assert len(subprocess.check_output(log).splitlines()) == 1
    return True


@pytest.mark.parametrize("whole_group", [False, True], ids=["the process", "its process group"])
@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_a_signal_at_any_moment(sent: signal.Signals, whole_group: bool, tmp_path: Path) -> None:
    started = time.monotonic()
    reference = start(tmp_path / "reference")
    reference.communicate()
    assert reference.returncode == 0
    duration = time.monotonic() - started
    moments = random.Random(7)
    seen = set()
    for attempt in range(14):
        destination = tmp_path / f"try-{attempt}"
        process = start(destination)
        # the first third is Python starting; the last moments are when the folders move
        time.sleep(moments.uniform(0.2, 1.1) * duration)
        if whole_group:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, sent)
        else:
            process.send_signal(sent)
        errors = process.communicate()[1].decode()
        assert "Traceback" not in errors or sent == signal.SIGINT, errors
        settle(destination)
        seen.add(assert_both_or_neither(destination))
    assert False in seen  # the moments chosen did interrupt something


def test_a_signal_while_the_folders_move(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The generating process dies right after it has said `commit`."""
    from scaffold import workspace

    class Killed(BaseException):
        pass

    def die(_process: object) -> None:
        raise Killed

    with pytest.raises(Killed), workspace.transaction(tmp_path) as staged:
        for name in ("a", "b"):
            (staged.staging / name).mkdir()
        monkeypatch.setattr(workspace, "_hear", die)
        staged.commit(["a", "b"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def test_one_that_cannot_move_brings_the_other_back(tmp_path: Path) -> None:
    from scaffold import workspace
    from scaffold.errors import ScaffoldError

    with (
        pytest.raises(ScaffoldError, match=f"File exists: {tmp_path}/b"),
        workspace.transaction(tmp_path) as staged,
    ):
        for name in ("a", "b"):
            (staged.staging / name).mkdir()
        (tmp_path / "b").mkdir()  # somebody else is quicker
        staged.commit(["a", "b"])
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


@pytest.mark.parametrize("arguments", [[], ["--no-git"]], ids=["git", "no git"])
def test_a_full_disk(
    scaffold: Callable[..., Outcome], small_disk: Path, arguments: list[str]
) -> None:
    (small_disk / "mine").write_text("kept")
    outcome = scaffold("new", small_disk / "deep" / "er", *ARGUMENTS, *arguments)
    assert outcome.code == 1
    assert "No space left on device" in outcome.err
    assert "Traceback" not in outcome.err
    assert [path.name for path in small_disk.rglob("*")] == ["mine"]


def test_a_read_only_disk(scaffold: Callable[..., Outcome], small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    outcome = scaffold("new", small_disk, *ARGUMENTS)
    assert outcome.code == 1
    assert f"error: cannot write to {small_disk}: Read-only file system" in outcome.err


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 60 KB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=60k", "tmpfs", str(disk)]
    mounted = subprocess.run(mount, capture_output=True, text=True, check=False)
    if mounted.returncode and not os.environ.get("CI"):
        pytest.skip(f"mounting a small disk needs root: {mounted.stderr.strip()}")
    assert mounted.returncode == 0, mounted.stderr
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_destination_that_is_a_file(scaffold: Callable[..., Outcome], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    outcome = scaffold("new", tmp_path / "file" / "below", *ARGUMENTS)
    assert outcome.code == 1
    assert f"Not a directory: {tmp_path}/file" in outcome.err


def test_without_a_git_identity(scaffold: Callable[..., Outcome], tmp_path: Path) -> None:
    Path(os.environ["GIT_CONFIG_GLOBAL"]).write_text("")
    outcome = scaffold("new", tmp_path / "new", *ARGUMENTS)
    assert outcome == Outcome(
        3,
        "",
        "error: git does not know who you are (user.name is not set)\n"
        'hint: set it once with `git config --global user.name "Ann Lee"` and '
        "`git config --global user.email ann@example.org`, "
        "or generate without git history: --no-git\n",
    )
    assert not (tmp_path / "new").exists()
    assert scaffold("new", tmp_path / "new", *ARGUMENTS, "--no-git").code == 0


def test_without_git(tmp_path: Path) -> None:
    path = tmp_path / "bin"
    path.mkdir()
    result = subprocess.run(
        [sys.executable, "-m", "scaffold", "new", str(tmp_path / "new"), *ARGUMENTS],
        env={**os.environ, "PATH": str(path), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 3
    assert result.stderr.startswith("error: git is not installed\nhint: install it")
    assert not (tmp_path / "new").exists()


def test_a_commit_that_fails_is_no_success(
    scaffold: Callable[..., Outcome], tmp_path: Path
) -> None:
    with Path(os.environ["GIT_CONFIG_GLOBAL"]).open("a") as config:
        config.write("[commit]\n\tgpgsign = true\n[gpg]\n\tprogram = /bin/false\n")
    outcome = scaffold("new", tmp_path / "new", *ARGUMENTS)
    assert outcome.code == 1
    assert outcome.out == ""
    assert outcome.err.startswith("error: git could not make the first commit: error: gpg failed")
    assert not (tmp_path / "new").exists()


def test_a_variable_of_a_calling_git_is_not_obeyed(
    scaffold: Callable[..., Outcome], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    subprocess.run(["git", "init", "-q", str(other)], check=True)
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other / ".git" / "index"))
    scaffold("new", tmp_path / "new", *ARGUMENTS)
    monkeypatch.delenv("GIT_DIR")
    monkeypatch.delenv("GIT_INDEX_FILE")
    assert assert_both_or_neither(tmp_path / "new")
    shutil.rmtree(other)
