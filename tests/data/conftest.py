"""Servers, folders of files, and `scaffold sync` as a process of its own."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.data.servers import SERVERS, Server
from tests.helpers import Outcome

SECONDS = 120.0

NAMES = {
    "plain.txt": b"plain",
    "empty": b"",
    "Case.txt": b"upper",
    "case.txt": b"lower",
    "with space/and more/file (1).txt": b"spaces",
    "accents/d\u00e9j\u00e0 vu \u2014 \u732b.txt": "\u732b".encode(),
    "emoji/\U0001f9ea.bin": bytes(range(256)),
    "odd/100%_#&+;'$(x)`y`.txt": b"odd",
    "deep/1/2/3/4/5/6/7/file": b"deep",
}


def fill(folder: Path, files: dict[str, bytes] | None = None) -> Path:
    """Write files, by default with names that have broken copies before."""
    for name, content in (NAMES if files is None else files).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def content(folder: Path) -> dict[str, bytes]:
    """Return all files below a folder but the manifest."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != ".data-manifest.json"
    }


def digests(folder: Path) -> dict[str, str]:
    return {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in content(folder)
    }


def noise(size: int, seed: int = 0) -> bytes:
    """Return bytes that do not repeat."""
    block = hashlib.shake_256(str(seed).encode()).digest(min(size, 1 << 20))
    return (block * (size // len(block) + 1))[:size] if size else b""


@dataclass(frozen=True)
class Sync:
    """Runs `scaffold sync` with the settings of a server."""

    variables: dict[str, str]

    def environment(self, **more: str) -> dict[str, str]:
        return {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "RCLONE_CONFIG": os.devnull,
            **self.variables,
            **more,
        }

    def command(self, *arguments: object) -> list[str]:
        return [sys.executable, "-m", "scaffold", "sync", *map(str, arguments)]

    def start(self, *arguments: object, **more: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.command(*arguments),
            env=self.environment(**more),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def __call__(self, *arguments: object, **more: str) -> Outcome:
        result = subprocess.run(
            self.command(*arguments),
            env=self.environment(**more),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
        )
        assert "Traceback" not in result.stderr, result.stderr
        return Outcome(result.returncode, result.stdout, result.stderr)

    def good(self, *arguments: object, **more: str) -> Any:
        """Run it with --json, insist on success, and return the document."""
        outcome = self(*arguments, "--json", **more)
        assert outcome.code == 0, outcome.err + outcome.out
        return outcome.document

    def failed(self, *arguments: object, code: int = 1, **more: str) -> str:
        """Run it, insist on this exit code, and return what it said."""
        outcome = self(*arguments, **more)
        assert outcome.code == code, outcome
        return outcome.err


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Server]]:
    """Give the server of a kind, started when it is first asked for."""
    from contextlib import ExitStack

    started: dict[str, Server] = {}
    with ExitStack() as stack:

        def get(kind: str) -> Server:
            if kind not in started:
                root = tmp_path_factory.mktemp(kind) / "served"
                root.mkdir()
                started[kind] = stack.enter_context(SERVERS[kind](root))
            return started[kind]

        yield get


@pytest.fixture
def kind() -> str:
    """The kind of server; tests parametrize it."""
    return "webdav"


@pytest.fixture
def server(servers: Callable[[str], Server], kind: str) -> Server:
    return servers(kind)


@pytest.fixture
def sync(server: Server) -> Sync:
    return Sync(server.variables)


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A folder of the server for this test alone."""
    return hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:12]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mount small disks: `disk("8m")`."""
    mounted: list[Path] = []

    def mount(size: str) -> Path:
        folder = tmp_path / f"disk-{len(mounted)}"
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode and not os.environ.get("CI"):
            pytest.skip(f"mounting a small disk needs root: {result.stderr.strip()}")
        assert result.returncode == 0, result.stderr
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
