"""Pushing over HTTP with a token, to git's own server; and asking a real registry."""

from __future__ import annotations

import base64
import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from scaffold.errors import ScaffoldError
from scaffold.marketplace import registry, secrets
from scaffold.marketplace.gitting import Git, has_password, without_password
from scaffold.marketplace.tokens import Token
from tests.engines import installed
from tests.marketplace.conftest import git

SECRET = "ghp_s3cretOfTheTests"  # noqa: S105


@contextmanager
def http_backend(root: Path) -> Iterator[str]:
    """Serve the repositories below a folder with git's own program, to who knows the token."""
    right = "Basic " + base64.b64encode(f"x-access-token:{SECRET}".encode()).decode()
    program = Path(git(root, "--exec-path")) / "git-http-backend"

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

        def serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.headers.get("Authorization") != right:
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="git"')
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            path, _, query = self.path.partition("?")
            variables = {
                "GIT_PROJECT_ROOT": str(root),
                "GIT_HTTP_EXPORT_ALL": "1",
                "REMOTE_USER": "ann",
                "REQUEST_METHOD": self.command,
                "PATH_INFO": path,
                "QUERY_STRING": query,
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "CONTENT_LENGTH": str(len(body)),
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            }
            said = subprocess.run(
                [program], env={**os.environ, **variables}, input=body, capture_output=True,
                check=True,
            ).stdout  # fmt: skip
            head, _, content = said.partition(b"\r\n\r\n")
            headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
            self.send_response(int(headers.pop("Status", "200").split()[0]))
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = serve  # noqa: N815

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_token_is_used_and_kept_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    bare = tmp_path / "root" / "ann" / "leaf.git"
    bare.mkdir(parents=True)
    git(bare, "init", "--quiet", "--bare", "--initial-branch", "main")
    work = tmp_path / "work"
    work.mkdir()
    git(work, "init", "--quiet", "--initial-branch", "main")
    git(work, "commit", "--quiet", "--allow-empty", "--message", "one")
    with http_backend(tmp_path / "root") as address:
        monkeypatch.setenv("GITHUB_SERVER_URL", address)
        git(work, "remote", "add", "origin", f"{address}/ann/leaf.git")
        for token in (None, Token("ghp_wrong1", "")):
            assert Git(work, token).heads("origin") is None
            with pytest.raises(ScaffoldError) as raised:
                Git(work, token).run("push", "origin", "main")
            assert "ghp_wrong1" not in f"{raised.value.message}{raised.value.hint}"
        ours = Git(work, Token(SECRET, ""))
        ours.run("push", "origin", "main")
        assert ours.heads("origin") == {"main": git(work, "rev-parse", "HEAD")}
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert kept
    assert [path for path in kept if SECRET.encode() in path.read_bytes()] == []


def test_tags_in_a_real_registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = installed("docker-registry")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    config = tmp_path / "config.yml"
    config.write_text(
        f"version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {tmp_path}/data}}}}\n"
        f"http: {{addr: {address}}}\n"
    )
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("SCAFFOLD_REGISTRY_API", raising=False)
    assert registry.has_tag(f"{address}/ann/leaf", "cpu") is None
    with (tmp_path / "log").open("wb") as log:
        daemon = subprocess.Popen([program, "serve", str(config)], stdout=log, stderr=log)
    try:
        while registry.has_tag(f"{address}/ann/leaf", "cpu") is None:
            assert daemon.poll() is None, (tmp_path / "log").read_text()
            time.sleep(0.05)
        assert registry.has_tag(f"{address}/ann/leaf", "cpu") is False
        _put_image(f"http://{address}/v2/ann/leaf", "cpu")
        assert registry.has_tag(f"{address}/ann/leaf", "cpu") is True
        assert registry.has_tag(f"{address}/ann/leaf", "gpu") is False
        monkeypatch.setenv("SCAFFOLD_REGISTRY_API", f"http://{address}")
        assert registry.has_tag("ann/leaf", "cpu") is True
    finally:
        daemon.terminate()
        daemon.wait()


def _put_image(base: str, tag: str) -> None:
    """Put the smallest image into a registry."""
    import hashlib
    import json

    with httpx.Client() as client:
        config = b"{}"
        digest = f"sha256:{hashlib.sha256(config).hexdigest()}"
        place = client.post(f"{base}/blobs/uploads/").headers["location"]
        separator = "&" if "?" in place else "?"
        put = client.put(f"{place}{separator}digest={digest}", content=config)
        assert put.status_code == 201, put.text
        kind = "application/vnd.docker.distribution.manifest.v2+json"
        image = "application/vnd.docker.container.image.v1+json"
        manifest = {
            "schemaVersion": 2,
            "mediaType": kind,
            "config": {"mediaType": image, "size": len(config), "digest": digest},
            "layers": [],
        }
        put = client.put(
            f"{base}/manifests/{tag}",
            content=json.dumps(manifest),
            headers={"Content-Type": kind},
        )
        assert put.status_code == 201, put.text


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("deephdc/deep-oc-mods", "deephdc/deep-oc-mods"),
        ("ai4oshub/mods:latest", "ai4oshub/mods"),
        ("https://hub.docker.com/r/deephdc/mods/", "deephdc/mods"),
        ("docker://registry.example.org:5000/a/b:1.0", "registry.example.org:5000/a/b"),
    ],
)
def test_names_of_images(text: str, name: str) -> None:
    assert registry.name_of_image(text) == name


@pytest.mark.parametrize(
    ("address", "holds"),
    [
        ("git@github.com:ann/leaf.git", False),
        ("ssh://git@github.com/ann/leaf.git", False),
        ("https://ann@github.com/ann/leaf", False),
        ("https://ann:pw@github.com/ann/leaf", True),
        ("https://ghp_abc@github.com/ann/leaf", True),
        ("https://github.com/ann/leaf@1", False),
    ],
)
def test_passwords_in_addresses(address: str, holds: bool) -> None:
    assert has_password(address) is holds
    assert ("pw" in without_password(address), "ghp" in without_password(address)) == (False, False)


def test_secrets_of_long_ago(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "--initial-branch", "main")
    key = "AKIA" + "Q3ZL" * 4
    for number, text in enumerate(
        ("a = 1\n", f"a = 1\nb = 2\nkey = '{key}'\n", "a = 1\nb = 2\n+++ b/x\n", "c = 3\n")
    ):
        (tmp_path / "ä b.py").write_text(text)
        git(tmp_path, "add", "--all")
        git(tmp_path, "commit", "--quiet", "--message", f"number {number}\n\ndiff --git a/x b/x")
    git(tmp_path, "branch", "--quiet", "other", "HEAD~")
    git(tmp_path, "reset", "--quiet", "--hard", "HEAD~2")
    git(tmp_path, "reset", "--quiet", "--hard", "HEAD~")
    (leak,) = secrets.leaks(tmp_path)
    assert (leak.path, leak.line, leak.kind) == ("ä b.py", 3, "AWS Access Key")
    assert leak.commit == git(tmp_path, "rev-parse", "other~")
    assert not leak.doubtful
    assert key not in repr(leak)
