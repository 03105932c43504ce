"""Kill, cut, full disk, bad password, wrong address, flipped byte: nothing lost, nothing leaked."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from scaffold.data.engine import PARTIAL
from tests.data.conftest import NAMES, Sync, content, digests, fill, noise
from tests.data.servers import (
    PASSWORD,
    SERVERS,
    Relay,
    Server,
    free_port,
    limited,
    obscured,
    seaweedfs,
    wsgidav,
)

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("data-faults")]

# two servers that are not rclone's own
REAL = pytest.mark.parametrize("kind", ["wsgidav", "seaweedfs"])
BIG = 24_000_000
QUICK = ("--timeout", "8")
SLOW_LINE = {"RCLONE_BWLIMIT": "6M"}


def some_files(folder: Path) -> Path:
    files = {f"small/{number:03}.txt": noise(2000, number) for number in range(40)}
    return fill(folder, {**files, "big.bin": noise(BIG, 7)})


def names_at(sync: Sync, remote: str) -> dict[str, int]:
    """Return what is there under its final name: bytes by file."""
    outcome = sync("ls", "--remote", remote, "--json")
    if outcome.code:
        assert "is not there" in outcome.out
        return {}
    (found,) = outcome.document["remotes"]
    return {each["path"]: each["bytes"] for each in found["files"]}


def assert_nothing_half(found: dict[str, int], source: Path) -> None:
    for name, size in found.items():
        assert size == (source / name).stat().st_size, name


@REAL
@pytest.mark.parametrize("seconds", [1.2, 2.5])
def test_a_killed_push(
    sync: Sync, server: Server, name: str, tmp_path: Path, seconds: float
) -> None:
    source, remote = some_files(tmp_path / "source"), server.remote(name)
    process = sync.start("push", source, "--remote", remote, **SLOW_LINE)
    time.sleep(seconds)
    process.kill()
    process.communicate()
    wait_until_no_rclone(source)
    assert_nothing_half(names_at(sync, remote), source)
    (done,) = sync.good("push", source, "--remote", remote)["copies"]
    assert done["files"] + done["unchanged"] == 41
    assert sync.good("check", source, "--remote", remote, "--source", "folder", "--download")[
        "good"
    ]
    if server.root:
        assert not [each.name for each in server.root.iterdir() if "scaffold" in each.name]


def wait_until_no_rclone(folder: Path, seconds: float = 10) -> None:
    """What the killed command had started must not go on."""
    end = time.monotonic() + seconds
    while str(folder) in (lines := subprocess.check_output(["ps", "-eo", "args="], text=True)):
        assert time.monotonic() < end, lines
        time.sleep(0.1)


@REAL
def test_a_killed_pull(sync: Sync, server: Server, name: str, tmp_path: Path) -> None:
    source, remote = some_files(tmp_path / "source"), server.remote(name)
    sync.good("push", source, "--remote", remote)
    target = tmp_path / "target"
    process = sync.start("pull", target, "--remote", remote, **SLOW_LINE)
    time.sleep(2.5)
    process.kill()
    process.communicate()
    wait_until_no_rclone(target)
    before = {k: v for k, v in content(target).items() if not k.endswith(PARTIAL)}
    assert before.items() <= content(source).items()
    assert "big.bin" not in before  # it had not arrived
    (done,) = sync.good("pull", target, "--remote", remote)["copies"]
    assert done["files"] == 41 - len(before)  # what is missing only
    assert digests(target) == digests(source)  # and no other file, half ones included


@REAL
@pytest.mark.parametrize("direction", ["push", "pull"])
def test_a_cut_connection(
    sync: Sync, server: Server, name: str, tmp_path: Path, direction: str
) -> None:
    source, remote = some_files(tmp_path / "source"), server.remote(name)
    target = tmp_path / "target"
    if direction == "pull":
        sync.good("push", source, "--remote", remote)
    folder = source if direction == "push" else target
    with Relay(server.port, cut_after=BIG // 2).run() as relay:
        cut = Sync(server.at(relay.port).variables)
        started = time.monotonic()
        said = cut.failed(direction, folder, "--remote", remote, *QUICK, "--retries", "2")
        assert time.monotonic() - started < 60
    assert "failed: " in said
    assert "copies what is missing only" in said
    if direction == "push":
        assert_nothing_half(names_at(sync, remote), source)
    else:
        assert content(target).keys() <= content(source).keys()
        assert_nothing_half({k: len(v) for k, v in content(target).items()}, source)
    sync.good(direction, folder, "--remote", remote)
    sync.good("pull", target, "--remote", remote)
    assert digests(target) == digests(source)


@REAL
def test_a_connection_that_breaks_once_is_no_failure(
    sync: Sync, server: Server, name: str, tmp_path: Path
) -> None:
    """The first connections break, the later ones do not."""
    source, remote = some_files(tmp_path / "source"), server.remote(name)
    sync.good("push", source, "--remote", remote)

    with Relay(server.port, break_first=6, break_after=1_000).run() as relay:
        (done,) = Sync(server.at(relay.port).variables).good(
            "pull", tmp_path / "target", "--remote", remote
        )["copies"]
        assert relay.break_first == 0
    assert done["files"] == 41
    assert digests(tmp_path / "target") == digests(source)


@REAL
def test_a_full_disk_here(
    sync: Sync, server: Server, name: str, tmp_path: Path, disk: Callable[[str], Path]
) -> None:
    source, remote = some_files(tmp_path / "source"), server.remote(name)
    sync.good("push", source, "--remote", remote)
    small = disk("8m")
    said = sync.failed("pull", small / "data", "--remote", remote)
    assert "a disk is full" in said
    assert "make room" in said
    assert content(small / "data").items() <= content(source).items()
    subprocess.run(["mount", "-o", "remount,size=64m", str(small)], check=True)
    (done,) = sync.good("pull", small / "data", "--remote", remote)["copies"]
    assert done["files"] >= 1
    assert digests(small / "data") == digests(source)


@pytest.mark.parametrize("start", [wsgidav, seaweedfs])
def test_a_full_disk_there(
    start: Callable[..., object], tmp_path: Path, disk: Callable[[str], Path]
) -> None:
    """Quota-exceeded, in effect: the server has no more room."""
    small = disk("12m" if start is wsgidav else "64m")
    root = small / "served"
    root.mkdir()
    source = fill(tmp_path / "source", {"a.txt": b"a", "big.bin": noise(80_000_000, 3)})
    with SERVERS[start.__name__](root) as server:
        sync = Sync(server.variables)
        limits = ("--timeout", "20", "--retries", "1")
        said = sync.failed("push", source, "--remote", server.remote("x"), *limits)
        assert "failed: " in said
        assert_nothing_half(names_at(sync, server.remote("x")), source)
        if start is wsgidav:
            subprocess.run(["mount", "-o", "remount,size=200m", str(small)], check=True)
            sync.good("push", source, "--remote", server.remote("x"))
            assert_nothing_half(names_at(sync, server.remote("x")), source)
            assert names_at(sync, server.remote("x"))["big.bin"] == 80_000_000


def test_a_server_that_takes_no_more(server: Server, name: str, tmp_path: Path) -> None:
    """Too large at once, and no quota left, as a proxy and a Nextcloud say it."""
    source = fill(tmp_path / "source", {"a.txt": b"a", "big.bin": noise(3_000_000, 3)})
    quick = (*QUICK, "--retries", "1")
    with limited(server) as before:
        sync = Sync(before.variables)
        said = sync.failed("push", source, "--remote", before.remote(name), *quick)
        assert "a file is larger than the server of" in said
        assert "it takes chunks" in said
        assert names_at(sync, before.remote(name)) == {}
        said = sync.failed("push", source, "--remote", before.remote(f"full/{name}"), *quick)
        assert "is full: its quota is used up" in said
        assert names_at(sync, before.remote(f"full/{name}")) == {}
        sync.good("push", source, "--remote", before.remote(name), "--exclude", "big.bin")
    sync = Sync(server.variables)
    sync.good("push", source, "--remote", server.remote(name))
    assert names_at(sync, server.remote(name)) == {"a.txt": 1, "big.bin": 3_000_000}


@REAL
@pytest.mark.parametrize("verb", ["push", "pull", "check", "ls", "size"])
def test_a_wrong_password(server: Server, kind: str, name: str, tmp_path: Path, verb: str) -> None:
    secret = "wrong-but-secret"  # noqa: S105
    key = "PASS" if kind == "wsgidav" else "SECRET_ACCESS_KEY"
    value = obscured(secret) if kind == "wsgidav" else secret
    sync = Sync({**server.variables, f"RCLONE_CONFIG_RSHARE_{key}": value})
    folder = [fill(tmp_path / "source")] if verb not in ("ls", "size") else []
    started = time.monotonic()
    outcome = sync(verb, *folder, "--remote", server.remote(name), "-v")
    assert outcome.code == 1
    assert time.monotonic() - started < 30
    assert "does not accept the user name or the password" in outcome.err
    for text in (secret, value):
        assert text not in outcome.err + outcome.out


def test_a_password_that_is_not_obscured(server: Server) -> None:
    sync = Sync({**server.variables, "RCLONE_CONFIG_RSHARE_PASS": "plain-text"})
    said = sync.failed("ls", "--remote", "rshare:", "-v", code=2)
    assert "is not in rclone's obscured form" in said
    assert "plain-text" not in said


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://127.0.0.1:{free}/", "nothing answers at the address"),
        ("http://no-such-host.invalid/", "there is no server at the address"),
        ("http://127.0.0.1:{port}/nowhere/at/all/", "is not there"),
        ("https://127.0.0.1:{port}/", "failed: "),
    ],
)
@pytest.mark.parametrize("kind", ["wsgidav"])
def test_a_wrong_address(server: Server, url: str, message: str) -> None:
    address = url.format(free=free_port(), port=server.port)
    sync = Sync({**server.variables, "RCLONE_CONFIG_RSHARE_URL": address})
    started = time.monotonic()
    said = sync.failed("ls", "--remote", "rshare:x", *QUICK)
    assert message in said
    assert time.monotonic() - started < 40


def test_a_wrong_s3_address_and_bucket(servers: Callable[[str], Server]) -> None:
    server = servers("seaweedfs")
    nowhere = server.at(free_port())
    said = Sync(nowhere.variables).failed("ls", "--remote", server.remote("x"))
    assert "nothing answers at the address" in said
    assert "is not there" in Sync(server.variables).failed("ls", "--remote", "rshare:nobucket/x")


@REAL
def test_a_server_that_accepts_and_never_answers(server: Server, tmp_path: Path) -> None:
    with Relay(server.port, silent=True).run() as relay:
        sync = Sync(server.at(relay.port).variables)
        for arguments in (["pull", tmp_path / "t"], ["ls"], ["push", fill(tmp_path / "source")]):
            started = time.monotonic()
            said = sync.failed(*arguments, "--remote", server.remote("x"), "--timeout", "3")
            assert time.monotonic() - started < 25
            assert "no progress for 3 s" in said or "does not answer in time" in said


def test_a_time_limit(sync: Sync, server: Server, name: str, tmp_path: Path) -> None:
    source = fill(tmp_path / "source", {"big.bin": noise(BIG)})
    started = time.monotonic()
    said = sync.failed(
        *("push", source, "--remote", server.remote(name), "--time-limit", "2"),
        RCLONE_BWLIMIT="1M",
    )
    assert "not done within 2 s" in said
    assert time.monotonic() - started < 15


@REAL
@pytest.mark.parametrize("always", [False, True], ids=["once", "always"])
def test_a_byte_that_is_flipped_on_its_way_here(
    sync: Sync, server: Server, name: str, tmp_path: Path, always: bool
) -> None:
    source = fill(tmp_path / "source", {"big.bin": noise(6_000_000, 5)})
    remote, target = server.remote(name), tmp_path / "target"
    sync.good("push", source, "--remote", remote)
    with Relay(server.port, flip_at=3_000_000, flip_always=always).run() as relay:
        spoilt = Sync(server.at(relay.port).variables)
        outcome = spoilt("pull", target, "--remote", remote, "--json", *QUICK)
    if always:
        assert outcome.code == 1, outcome
        assert content(target) == {}
    else:
        assert outcome.code == 0, outcome
    sync.good("pull", target, "--remote", remote)
    assert digests(target) == digests(source)


def test_a_byte_that_is_flipped_on_its_way_there(
    servers: Callable[[str], Server], name: str, tmp_path: Path
) -> None:
    """Where the storage has checksums; where it has none, only a download can tell."""
    server = servers("seaweedfs")
    source = fill(tmp_path / "source", {"big.bin": noise(6_000_000, 5)})
    sync, remote = Sync(server.variables), server.remote(name)
    with Relay(
        server.port, flip_at=3_000_000, flip_always=True, towards_server=True
    ).run() as relay:
        spoilt = Sync(server.at(relay.port).variables)
        assert spoilt("push", source, "--remote", remote, *QUICK).code == 1
    assert "big.bin" not in names_at(sync, remote)
    sync.good("push", source, "--remote", remote)
    assert sync.good("check", source, "--remote", remote, "--download")["good"]


@REAL
def test_a_byte_that_flips_on_a_disk(sync: Sync, server: Server, name: str, tmp_path: Path) -> None:
    source, remote, target = fill(tmp_path / "source"), server.remote(name), tmp_path / "target"
    sync.good("push", source, "--remote", remote)
    sync.good("pull", target, "--remote", remote)
    victim = target / "plain.txt"
    status = victim.stat()
    victim.write_bytes(b"plaim")
    os.utime(victim, ns=(status.st_atime_ns, status.st_mtime_ns))
    outcome = sync("check", target, "--remote", remote, "--json")
    assert outcome.code == 1
    assert outcome.document["checks"][0]["different"] == ["plain.txt"]
    if server.root:  # the other side's disk: what was pushed is recorded beside it
        (server.root / name / "empty").write_bytes(b"")
        (server.root / name / "case.txt").write_bytes(b"lowes")
        said = sync.failed("pull", tmp_path / "fresh", "--remote", remote)
        assert "1 are different: case.txt" in said
        assert not (tmp_path / "fresh" / "case.txt").exists()


@REAL
def test_secrets_are_seen_nowhere(server: Server, name: str, tmp_path: Path) -> None:
    """Not in arguments, at any moment of a copy; not in what is printed or written."""
    source = some_files(tmp_path / "source")
    values = [
        value
        for key, value in server.variables.items()
        if key.endswith(("_PASS", "SECRET_ACCESS_KEY"))
    ]
    secrets = {PASSWORD, *values}
    sync, printed = Sync(server.variables), tmp_path / "printed.log"
    with printed.open("w") as output:
        process = subprocess.Popen(
            sync.command("push", source, "--remote", server.remote(name), "-v"),
            env=sync.environment(**SLOW_LINE),
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )
    seen, end = "", time.monotonic() + 100
    while process.poll() is None and time.monotonic() < end:
        for entry in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):
                line = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
                if "rclone" in line and "serve" not in line:
                    seen += line
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.05)
    assert process.returncode == 0, printed.read_text()
    assert "rclone copy" in seen
    assert "41 files copied" in printed.read_text()
    for secret in secrets:
        assert secret not in seen
        assert secret not in printed.read_text()
        assert secret not in (source / ".data-manifest.json").read_text()


def test_ctrl_c(sync: Sync, server: Server, name: str, tmp_path: Path) -> None:
    source = some_files(tmp_path / "source")
    process = sync.start("push", source, "--remote", server.remote(name), RCLONE_BWLIMIT="2M")
    time.sleep(2.5)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "Traceback" not in err
    wait_until_no_rclone(source)
    assert_nothing_half(names_at(sync, server.remote(name)), source)


def test_names_survive_in_a_bucket(
    servers: Callable[[str], Server], name: str, tmp_path: Path
) -> None:
    server = servers("seaweedfs")
    sync = Sync(server.variables)
    sync.good("push", fill(tmp_path / "source"), "--remote", server.remote(name))
    (done,) = sync.good("pull", tmp_path / "target", "--remote", server.remote(name))["copies"]
    assert content(tmp_path / "target") == NAMES
    assert done["checked"] == len(NAMES)
