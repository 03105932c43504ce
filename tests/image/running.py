"""`scaffold run` as the tests start it, and what they ask of what it started."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.conftest import ROOT
from tests.engines import Here
from tests.helpers import assert_follows
from tests.image import light

SECRET = "pass-0f8e2b"  # noqa: S105
CONF = f"[rshare]\ntype = webdav\nurl = https://dav.example.org\nuser = ann\npass = {SECRET}\n"
LABEL = "eu.ai4eosc.scaffold.run"


@dataclass(frozen=True)
class Place:
    """A pair whose folders nobody else uses, and an engine that has its image."""

    pair: light.Light
    engine: Here

    def line(self, *arguments: object) -> list[str]:
        run = [sys.executable, "-m", "scaffold", "run", str(self.pair.model)]
        return [*run, "--engine", self.engine.name, *map(str, arguments)]

    def variables(self, more: Mapping[str, str]) -> dict[str, str]:
        return {**os.environ, **self.engine.variables, "PYTHONPATH": str(ROOT), **more}

    def run(self, *arguments: object, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.line(*arguments), env=self.variables(more), stdin=subprocess.DEVNULL,
            capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip

    def containers(self) -> list[dict[str, Any]]:
        with self.engine.open() as engine:
            found = engine.client.containers.list(all=True, filters={"label": LABEL})
            return [each.attrs for each in found]

    def clear(self) -> None:
        """Remove what a failed test has left."""
        with self.engine.open() as engine:
            for found in engine.client.containers.list(all=True, filters={"label": LABEL}):
                found.remove(force=True)

    @contextmanager
    def running(self, *arguments: object, **more: str) -> Iterator[Started]:
        """Start it in the foreground; it is stopped with SIGTERM unless it has ended."""
        process = subprocess.Popen(
            self.line("--json", "--port", "0", *arguments), env=self.variables(more),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert process.stdout
        assert process.stderr
        try:
            document = json.loads(process.stdout.readline() or "null")
            assert document, process.stderr.read()
            assert_follows(document, "run-output")
            yield Started(process, document)
        finally:
            if process.poll() is None:
                process.terminate()
            process.communicate(timeout=60)
            assert self.containers() == []


@dataclass(frozen=True)
class Started:
    """A `scaffold run` whose API answers."""

    process: subprocess.Popen[str]
    document: dict[str, Any]

    def ask(self, path: str, method: str = "GET", data: bytes | None = None, **headers: str) -> Any:
        request = urllib.request.Request(
            self.document["url"] + path, method=method, data=data, headers=headers
        )
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(request, timeout=60) as answer:
            return json.load(answer)

    def train(self) -> dict[str, Any]:
        path = f"/v2/models/{self.document['model']}/train/"
        run = self.ask(f"{path}?epochs=1", "POST")["uuid"]
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            state: dict[str, Any] = self.ask(path + run)
            if state["status"] in ("done", "error"):
                return state
            time.sleep(0.2)
        raise AssertionError(state)

    def predict(self, sample: Path) -> Any:
        edge = uuid.uuid4().hex
        head = f'--{edge}\r\nContent-Disposition: form-data; name="image"; filename="x.png"\r\n\r\n'
        data = head.encode() + sample.read_bytes() + f"\r\n--{edge}--\r\n".encode()
        kind = {"Content-Type": f"multipart/form-data; boundary={edge}"}
        path = f"/v2/models/{self.document['model']}/predict/"
        return self.ask(path, "POST", data, **kind)["predictions"]

    def inside(self, place: Place, *command: str) -> str:
        with place.engine.open() as engine:
            result = engine.call("exec", self.document["container"], *command)
            assert result.returncode == 0, result.stderr
            return result.stdout

    def monitor(self) -> bytes:
        """Return TensorBoard's page, as soon as it is there."""
        port, deadline = self.document["ports"]["6006"], time.monotonic() + 60
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        while True:
            try:
                with direct.open(f"http://127.0.0.1:{port}", timeout=20) as page:
                    content: bytes = page.read()
                    return content
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.2)


def place_with(pair: light.Light, engine: Here, folder: Path, owner: int) -> Place:
    """Copy a pair, and give its model repository to a user."""
    folder.mkdir()
    folder.chmod(0o755)
    model = folder / pair.model.name
    shutil.copytree(pair.model, model)
    shutil.copytree(pair.container, folder / pair.container.name)
    for path in (model, *model.rglob("*")):
        os.chown(path, owner, owner, follow_symlinks=False)
    return Place(replace(pair, model=model, container=folder / pair.container.name), engine)


def only(folder: Path, *programs: str) -> str:
    """Return a PATH with these programs and no others."""
    folder.mkdir()
    for program in programs:
        (folder / program).symlink_to(str(shutil.which(program)))
    return str(folder)
