"""A dataset with a DOI and a file on the web, from an HTTPS server that speaks Zenodo's API.

Zenodo itself is not contacted: the server here answers as its records API does.
"""

from __future__ import annotations

import hashlib
import http.server
import json
import os
import ssl
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.data.conftest import Sync, content

pytestmark = pytest.mark.xdist_group("data")

FILES = {"dataset.npz": b"numbers" * 1000, "classes.json": b'["cat", "dog"]'}
RECORD = "5876941"


class Handler(http.server.BaseHTTPRequestHandler):
    """doi.org's resolver, Zenodo's records API, and the files."""

    files: dict[str, bytes]
    spoil: str

    def do_GET(self) -> None:
        base = f"https://127.0.0.1:{self.server.server_port}"  # type: ignore[attr-defined]
        path = self.path.partition("?")[0]
        record = f"{base}/api/records/{RECORD}"
        if path == f"/api/handles/10.5281/zenodo.{RECORD}":
            value = {"format": "string", "value": f"{base}/records/{RECORD}"}
            self.answer({"responseCode": 1, "values": [{"type": "URL", "data": value}]})
        elif path == f"/api/records/{RECORD}":
            self.answer({"id": RECORD, "links": {"self": record, "files": f"{record}/files"}})
        elif path == f"/api/records/{RECORD}/files":
            self.answer({"entries": [self.entry(record, *each) for each in self.files.items()]})
        elif path.rpartition("/")[2] == "content":
            self.send(self.content(path.split("/")[-2]))
        elif path.rpartition("/")[2] in self.files:
            self.send(self.content(path.rpartition("/")[2]))
        else:
            self.send_error(404)

    do_HEAD = do_GET  # noqa: N815 - http.server's name

    def content(self, name: str) -> bytes:
        content = self.files[name]
        return b"X" + content[1:] if name == self.spoil else content

    @staticmethod
    def entry(record: str, name: str, content: bytes) -> dict[str, object]:
        return {
            "key": name,
            "size": len(content),
            "checksum": f"md5:{hashlib.md5(content, usedforsecurity=False).hexdigest()}",
            "mimetype": "application/octet-stream",
            "updated": "2026-01-31T12:30:59.123456+00:00",
            "links": {"content": f"{record}/files/{name}/content"},
        }

    def answer(self, document: object) -> None:
        self.send(json.dumps(document).encode(), "application/json")

    def send(self, content: bytes, kind: str = "application/octet-stream") -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@dataclass
class Web:
    """The server: its address, and what it spoils."""

    url: str
    handler: type[Handler]
    sync: Sync


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    handler = type("OneHandler", (Handler,), {"files": dict(FILES), "spoil": ""})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    url = f"https://127.0.0.1:{server.server_port}"
    variables = {"SSL_CERT_FILE": str(certificate), "SCAFFOLD_DOI_RESOLVER": f"{url}/api"}
    try:
        yield Web(url, handler, Sync(variables))
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


DOI = f"doi:10.5281/zenodo.{RECORD}"


def test_a_dataset_with_a_doi(web: Web, tmp_path: Path) -> None:
    target = tmp_path / "here"
    (done,) = web.sync.good("pull", target, "--remote", DOI)["copies"]
    assert content(target) == FILES
    assert (done["files"], done["checked"], done["checked_by_size"]) == (2, 2, 0)
    (again,) = web.sync.good("pull", target, "--remote", DOI)["copies"]
    assert (again["files"], again["unchanged"], again["checked"]) == (0, 2, 2)
    (listed,) = web.sync.good("ls", "--remote", DOI)["remotes"]
    assert {each["path"]: each["bytes"] for each in listed["files"]} == {
        name: len(content) for name, content in FILES.items()
    }
    assert web.sync.good("check", target, "--remote", DOI)["good"]


def test_a_dataset_that_is_not_what_its_checksums_say(web: Web, tmp_path: Path) -> None:
    web.handler.spoil = "dataset.npz"
    said = web.sync.failed("pull", tmp_path / "here", "--remote", DOI)
    assert "a checksum is wrong" in said
    assert "dataset.npz" not in content(tmp_path / "here")
    web.handler.spoil = ""
    web.sync.good("pull", tmp_path / "here", "--remote", DOI)
    assert content(tmp_path / "here") == FILES


def test_a_doi_that_is_not_there_and_one_to_write_to(web: Web, tmp_path: Path) -> None:
    said = web.sync.failed("pull", tmp_path / "x", "--remote", "doi:10.5281/zenodo.404")
    assert "doi:10.5281/zenodo.404 is not there" in said
    (tmp_path / "source").mkdir()
    said = web.sync.failed("push", tmp_path / "source", "--remote", DOI, code=2)
    assert "can be read only" in said


def test_a_file_with_its_checksum(web: Web, tmp_path: Path) -> None:
    digest = hashlib.sha256(FILES["dataset.npz"]).hexdigest()
    target, url = tmp_path / "here", f"{web.url}/data/dataset.npz"
    (done,) = web.sync.good("pull", target, "--remote", f"{url}#sha256={digest}")["copies"]
    assert content(target) == {"dataset.npz": FILES["dataset.npz"]}
    assert (done["files"], done["bytes"], done["checked"]) == (1, 7000, 1)
    (again,) = web.sync.good("pull", target, "--remote", f"{url}#sha256={digest}")["copies"]
    assert (again["files"], again["unchanged"]) == (0, 1)
    (target / "dataset.npz").write_bytes(b"damaged")
    web.sync.good("pull", target, "--remote", f"{url}#sha256={digest}")
    assert content(target) == {"dataset.npz": FILES["dataset.npz"]}
    wrong = web.sync.failed("pull", tmp_path / "no", "--remote", f"{url}#sha256={'0' * 64}")
    assert f"its sha256 is {digest}, not {'0' * 64}" in wrong
    assert content(tmp_path / "no") == {}


def test_a_file_without_a_checksum_says_so(web: Web, tmp_path: Path) -> None:
    url = f"{web.url}/data/dataset.npz"
    (dry,) = web.sync.good("pull", tmp_path / "here", "--remote", url, "--dry-run")["plans"]
    assert dry["copy"] == [{"path": "dataset.npz", "bytes": -1}]
    (done,) = web.sync.good("pull", tmp_path / "here", "--remote", url)["copies"]
    assert (done["checked"], done["checked_by_size"]) == (0, 1)
    assert "states no checksum; for the next time: #sha256=" in done["notes"][0]
    (again,) = web.sync.good("pull", tmp_path / "here", "--remote", url)["copies"]
    assert again["files"] == 0


@pytest.mark.parametrize(
    ("suffix", "code", "message"),
    [
        ("/data/none.npz", 1, "is not there"),
        ("/data/", 2, "names no file"),
        ("/data/dataset.npz#md4=0", 2, "is no checksum"),
    ],
)
def test_what_cannot_be_fetched(
    web: Web, tmp_path: Path, suffix: str, code: int, message: str
) -> None:
    said = web.sync.failed("pull", tmp_path / "x", "--remote", f"{web.url}{suffix}", code=code)
    assert message in said


def test_a_certificate_that_nobody_trusts(web: Web, tmp_path: Path) -> None:
    said = web.sync.failed(
        *("pull", tmp_path / "x", "--remote", f"{web.url}/data/dataset.npz"),
        SSL_CERT_FILE=os.devnull,
    )
    assert "certificate" in said
    assert "SSL_CERT_FILE" in said
    assert content(tmp_path / "x") == {}


def test_a_password_in_an_address_is_refused(web: Web, tmp_path: Path) -> None:
    url = web.url.replace("https://", "https://ann:s3cret@")
    said = web.sync.failed("pull", tmp_path / "x", "--remote", f"{url}/data/dataset.npz", code=2)
    assert "must not hold a password" in said
    assert "s3cret" not in said
