"""Servers on the loopback interface that ask for a password: a proxy, a package index, a registry."""

from __future__ import annotations

import base64
import hashlib
import http.client
import io
import re
import socket
import ssl
import subprocess
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

_SECONDS = 60.0
_PER_HOP = {"connection", "keep-alive", "proxy-authorization", "proxy-connection", "te"}


@dataclass(frozen=True)
class Login:
    """A user name and a password with a character that addresses have to quote."""

    user: str
    password: str

    @property
    def in_address(self) -> str:
        """As it stands before the host: `user:password@`."""
        return f"{quote(self.user, safe='')}:{quote(self.password, safe='')}@"

    @property
    def basic(self) -> str:
        """As a header has it."""
        pair = f"{self.user}:{self.password}".encode()
        return f"Basic {base64.b64encode(pair).decode()}"

    @property
    def traces(self) -> tuple[bytes, ...]:
        """Every form in which the password may turn up."""
        forms = (self.password, quote(self.password, safe=""), self.basic.removeprefix("Basic "))
        return tuple(form.encode() for form in dict.fromkeys(forms))


@dataclass
class Proxy:
    """A forward proxy, for `CONNECT` and for plain HTTP.

    Attributes:
        login: what it lets through.
        port: where it listens.
        reached: the hosts that were asked for, with a scheme before those of plain HTTP.
        refused: how often the login was missing or wrong.
    """

    login: Login
    port: int = 0
    reached: list[str] = field(default_factory=list)
    refused: int = 0

    @property
    def address(self) -> str:
        """With the login, as HTTP_PROXY has it."""
        return f"http://{self.login.in_address}127.0.0.1:{self.port}"


@contextmanager
def proxy(login: Login) -> Iterator[Proxy]:
    """Let a proxy run."""
    state = Proxy(login)

    class Handler(_Handler):
        def admitted(self) -> bool:
            if self.headers.get("Proxy-Authorization") == login.basic:
                return True
            state.refused += 1
            self.answer(407, headers={"Proxy-Authenticate": 'Basic realm="proxy"'})
            return False

        def do_CONNECT(self) -> None:
            if not self.admitted():
                return
            host, _, port = self.path.rpartition(":")
            state.reached.append(host)
            with socket.create_connection((host, int(port)), _SECONDS) as there:
                self.send_response(200)
                self.end_headers()
                _relay(self.connection, there)
            self.close_connection = True

        def do_GET(self) -> None:
            if not self.admitted():
                return
            parts = urlsplit(self.path)
            state.reached.append(f"{parts.scheme}://{parts.netloc}")
            there = http.client.HTTPConnection(parts.netloc, timeout=_SECONDS)
            headers = {k: v for k, v in self.headers.items() if k.lower() not in _PER_HOP}
            there.request("GET", parts._replace(scheme="", netloc="").geturl(), headers=headers)
            response = there.getresponse()
            body = response.read()
            kept = ("content-type", "content-range", "last-modified", "etag", "location")
            passed = {k: v for k, v in response.getheaders() if k.lower() in kept}
            self.answer(response.status, body, passed)
            there.close()

    with _serving(Handler) as state.port:
        yield state


def _relay(here: socket.socket, there: socket.socket) -> None:
    def pump(source: socket.socket, sink: socket.socket) -> None:
        try:
            while block := source.recv(1 << 16):
                sink.sendall(block)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # one side is gone; the other will see it

    back = threading.Thread(target=pump, args=(there, here))
    back.start()
    pump(here, there)
    back.join()


@dataclass(frozen=True)
class Authority:
    """A private certificate authority, and what it made for this machine."""

    certificate: Path
    server: Path
    key: Path


def authority(folder: Path) -> Authority:
    """Make an authority and a certificate for 127.0.0.1."""
    made = Authority(folder / "ca.pem", folder / "server.pem", folder / "server.key")
    key = folder / "ca.key"
    new = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc"]
    name = ["-subj", "/CN=Private authority of the tests", "-days", "2"]
    signs = ["-addext", "keyUsage=critical,keyCertSign"]
    _openssl(*new, *name, *signs, "-keyout", str(key), "-out", str(made.certificate))
    by = ["-CA", str(made.certificate), "-CAkey", str(key), "-subj", "/CN=127.0.0.1", "-days", "2"]
    is_ = ["-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=CA:FALSE"]
    _openssl(*new, *by, *is_, "-keyout", str(made.key), "-out", str(made.server))
    return made


def _openssl(*arguments: str) -> None:
    line = ["openssl", "req", *arguments]
    result = subprocess.run(line, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


@dataclass
class Index:
    """A package index, with the wheels that were put into it.

    Attributes:
        login: whom it serves.
        port: where it listens.
        wheels: their contents, by their names.
        served: the wheels that were fetched.
    """

    login: Login
    port: int = 0
    wheels: dict[str, bytes] = field(default_factory=dict)
    served: list[str] = field(default_factory=list)

    def address(self, login: Login | None) -> str:
        """With a login, as PIP_EXTRA_INDEX_URL has it."""
        return f"https://{login.in_address if login else ''}127.0.0.1:{self.port}/simple"

    def add(self, name: str, version: str) -> None:
        """Make a wheel of one file that says its version."""
        file = f"{name}-{version}-py3-none-any.whl"
        self.wheels[file] = _wheel(name, version)


@contextmanager
def index(login: Login, known_by: Authority) -> Iterator[Index]:
    """Let a package index run, by HTTPS."""
    state = Index(login)

    class Handler(_Handler):
        def do_GET(self) -> None:
            if self.headers.get("Authorization") != login.basic:
                self.answer(401, headers={"WWW-Authenticate": 'Basic realm="index"'})
                return
            folder, _, name = self.path.strip("/").rpartition("/")
            if folder == "files":
                state.served.append(name)
                self.answer(200, state.wheels[name])
                return
            links = [
                f'<a href="/files/{wheel}#sha256={hashlib.sha256(content).hexdigest()}">{wheel}</a>'
                for wheel, content in state.wheels.items()
                if wheel.partition("-")[0].replace("_", "-") == name
            ]
            page = f"<!DOCTYPE html><html><body>{''.join(links)}</body></html>".encode()
            html = {"Content-Type": "text/html"}
            self.answer(200 if links else 404, page, html)

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(known_by.server, known_by.key)
    with _serving(Handler, context) as state.port:
        yield state


def _wheel(name: str, version: str) -> bytes:
    made = io.BytesIO()
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": f'"""A package that only we have."""\n\nVERSION = "{version}"\n',
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},,\n" for path in (*files, f"{info}/RECORD"))
    with zipfile.ZipFile(made, "w") as archive:
        for path, text in {**files, f"{info}/RECORD": record}.items():
            archive.writestr(zipfile.ZipInfo(path), text)
    return made.getvalue()


@contextmanager
def registry(folder: Path, htpasswd: str) -> Iterator[str]:
    """Let Debian's container registry run; yields its name, `127.0.0.1:PORT`.

    Args:
        folder: where it keeps everything.
        htpasswd: who may use it; empty for everybody.
    """
    (folder / "htpasswd").write_text(f"{htpasswd}\n", encoding="ascii")
    login = f"auth: {{htpasswd: {{realm: tests, path: {folder}/htpasswd}}}}\n" if htpasswd else ""
    (folder / "config.yml").write_text(
        "version: 0.1\n"
        f"storage: {{filesystem: {{rootdirectory: {folder}/blobs}}, delete: {{enabled: true}}}}\n"
        "http: {addr: '127.0.0.1:0'}\n"
        f"{login}",
        encoding="utf-8",
    )
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["docker-registry", "serve", str(folder / "config.yml")],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        deadline = time.monotonic() + _SECONDS
        while not (found := re.search(r"listening on (127\.0\.0\.1:\d+)", log.read_text())):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        yield found[1]
    finally:
        process.terminate()
        process.wait()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if status != 304:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """Say nothing of a client that hangs up: one that does not trust us does."""


@contextmanager
def _serving(handler: type[_Handler], tls: ssl.SSLContext | None = None) -> Iterator[int]:
    with _Server(("127.0.0.1", 0), handler) as server:
        if tls:
            # the handshake in each connection's own thread, when it is first read
            server.socket = tls.wrap_socket(
                server.socket, server_side=True, do_handshake_on_connect=False
            )
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()
