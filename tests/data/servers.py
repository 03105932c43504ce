"""Real servers on 127.0.0.1, and a relay that spoils the connection to them."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

USER, PASSWORD = "ann", "s3cret-Passw0rd"
BIN = Path(sys.executable).parent
START_SECONDS = 60.0
BUCKET = "bucket"


@dataclass(frozen=True)
class Server:
    """A server that is running.

    Attributes:
        kind: what it is.
        port: where it listens.
        root: the folder that it serves; None if it keeps its data in a form of its own.
        variables: what configures `rshare:` for it.
        top: the path within `rshare:` that tests may use.
    """

    kind: str
    port: int
    root: Path | None
    variables: dict[str, str]
    top: str = ""

    def at(self, port: int) -> Server:
        """The same, reached through another port."""
        moved = {
            key: value.replace(f":{self.port}", f":{port}") if key.endswith(("URL", "ENDPOINT"))
            else str(port) if key.endswith("PORT") else value
            for key, value in self.variables.items()
        }  # fmt: skip
        return replace(self, variables=moved)

    def remote(self, path: str) -> str:
        return f"rshare:{self.top}{path}"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def obscured(password: str) -> str:
    command = [str(BIN / "rclone"), "obscure", "-"]
    return subprocess.run(
        command, input=password, capture_output=True, text=True, check=True
    ).stdout.strip()


def webdav_variables(port: int, vendor: str = "other", path: str = "/") -> dict[str, str]:
    return {
        "RCLONE_CONFIG_RSHARE_TYPE": "webdav",
        "RCLONE_CONFIG_RSHARE_VENDOR": vendor,
        "RCLONE_CONFIG_RSHARE_URL": f"http://127.0.0.1:{port}{path}",
        "RCLONE_CONFIG_RSHARE_USER": USER,
        "RCLONE_CONFIG_RSHARE_PASS": obscured(PASSWORD),
    }


def s3_variables(port: int, provider: str) -> dict[str, str]:
    return {
        "RCLONE_CONFIG_RSHARE_TYPE": "s3",
        "RCLONE_CONFIG_RSHARE_PROVIDER": provider,
        "RCLONE_CONFIG_RSHARE_ENDPOINT": f"http://127.0.0.1:{port}",
        "RCLONE_CONFIG_RSHARE_ACCESS_KEY_ID": USER,
        "RCLONE_CONFIG_RSHARE_SECRET_ACCESS_KEY": PASSWORD,
    }


def _rclone(root: Path, port: int, what: str, *options: str) -> list[str]:
    address = ("--addr", f"127.0.0.1:{port}")
    return [str(BIN / "rclone"), "serve", what, str(root), *address, *options]


@contextmanager
def rclone_webdav(root: Path, url_path: str = "", vendor: str = "other") -> Iterator[Server]:
    """Serve with rclone's own WebDAV server, which remembers what its folders hold."""
    port = free_port()
    options = ["--user", USER, "--pass", PASSWORD]
    if url_path:
        options += ["--baseurl", url_path]
    if vendor == "rclone":
        options += ["--etag-hash", "MD5"]
    with running(_rclone(root, port, "webdav", *options), port, _log(root)):
        yield Server("webdav", port, root, webdav_variables(port, vendor, f"{url_path}/"))


@contextmanager
def rclone_s3(root: Path) -> Iterator[Server]:
    """Rclone's own S3 server."""
    port = free_port()
    (root / BUCKET).mkdir(exist_ok=True)
    with running(_rclone(root, port, "s3", "--auth-key", f"{USER},{PASSWORD}"), port, _log(root)):
        variables = s3_variables(port, "Rclone")
        yield Server("s3", port, root / BUCKET, variables, f"{BUCKET}/")


@contextmanager
def rclone_sftp(root: Path) -> Iterator[Server]:
    """Rclone's own SFTP server."""
    port = free_port()
    options = ["--user", USER, "--pass", PASSWORD]
    with running(_rclone(root, port, "sftp", *options), port, _log(root)):
        variables = {
            "RCLONE_CONFIG_RSHARE_TYPE": "sftp",
            "RCLONE_CONFIG_RSHARE_HOST": "127.0.0.1",
            "RCLONE_CONFIG_RSHARE_PORT": str(port),
            "RCLONE_CONFIG_RSHARE_USER": USER,
            "RCLONE_CONFIG_RSHARE_PASS": obscured(PASSWORD),
        }
        yield Server("sftp", port, root, variables)


@contextmanager
def wsgidav(root: Path) -> Iterator[Server]:
    """WsgiDAV, a WebDAV server of its own making."""
    port = free_port()
    config = root.with_name(f"{root.name}.wsgidav.json")
    settings = {
        "host": "127.0.0.1",
        "port": port,
        "provider_mapping": {"/": str(root)},
        "simple_dc": {"user_mapping": {"*": {USER: {"password": PASSWORD}}}},
        "http_authenticator": {"accept_basic": True, "accept_digest": False},
    }
    config.write_text(json.dumps(settings))
    with running([str(BIN / "wsgidav"), "--config", str(config)], port, _log(root)):
        yield Server("wsgidav", port, root, webdav_variables(port))


@contextmanager
def limited(behind: Server) -> Iterator[Server]:
    """Put nginx before a WebDAV server, as hosts do: it takes 1 MB at once, and `full/` is full.

    A used-up quota is answered with 507 (RFC 4918, 11.5), which is what Nextcloud does.
    """
    assert behind.root
    port = free_port()
    folder = behind.root.with_name(f"{behind.root.name}.nginx")
    folder.mkdir()
    pass_on = f"proxy_pass http://127.0.0.1:{behind.port}; proxy_set_header Host $http_host;"
    paths = "".join(
        f"{kind}_temp_path {folder}/{kind}; "
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"daemon off; pid {folder}/pid; error_log stderr; events {{}}\n"
        f"http {{ access_log off; {paths}\n"
        f"  server {{ listen 127.0.0.1:{port}; client_max_body_size 1m;\n"
        f"    location / {{ {pass_on} }}\n"
        f"    location /full/ {{ if ($request_method = PUT) {{ return 507; }} {pass_on} }}\n"
        "  }\n}\n"
    )
    command = ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")]
    environment = f"{os.environ['PATH']}:/usr/sbin"
    with running(command, port, folder / "log", PATH=environment):
        yield replace(behind.at(port), kind="limited", port=port)


@contextmanager
def seaweedfs(root: Path) -> Iterator[Server]:
    """SeaweedFS, an S3 server that keeps objects in volumes."""
    ports = {name: free_port() for name in ("master", "volume", "filer", "s3")}
    rights = ["Admin", "Read", "Write", "List", "Tagging"]
    key = {"accessKey": USER, "secretKey": PASSWORD}
    config = root.with_name(f"{root.name}.s3.json")
    identity = {"name": USER, "credentials": [key], "actions": rights}
    config.write_text(json.dumps({"identities": [identity]}))
    command = [
        *(str(BIN / "weed"), "server", "-ip", "127.0.0.1", "-ip.bind", "127.0.0.1"),
        *("-dir", str(root), "-filer", "-s3", f"-s3.config={config}", "-volume.max=20"),
        *(f"-{name}.port={port}" for name, port in ports.items()),
        *(f"-{name}.port.grpc={free_port()}" for name in ports),
        *("-master.volumeSizeLimitMB=512", "-master.telemetry=false"),
        *("-s3.port.iceberg=0", "-s3.port.lance=0"),
    ]
    with running(command, ports["s3"], _log(root)):
        variables = s3_variables(ports["s3"], "SeaweedFS")
        server = Server("seaweedfs", ports["s3"], None, variables, f"{BUCKET}/")
        _make_bucket(server)
        yield server


def _make_bucket(server: Server) -> None:
    """Make the bucket as soon as the server can: its parts start one after the other."""
    command = [str(BIN / "rclone"), "mkdir", server.remote("").rstrip("/"), "--retries", "1"]
    environment = {**os.environ, **server.variables, "RCLONE_CONFIG": os.devnull}
    end = time.monotonic() + START_SECONDS
    while True:
        result = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, timeout=60
        )
        if not result.returncode:
            # a bucket is there before there is a volume to write to
            probe = [str(BIN / "rclone"), "rcat", server.remote("probe"), "--retries", "1"]
            result = subprocess.run(
                probe, env=environment, input="x", capture_output=True, text=True, check=False,
                timeout=60,
            )  # fmt: skip
            if not result.returncode:
                return
        assert time.monotonic() < end, result.stderr
        time.sleep(0.3)


def _log(root: Path) -> Path:
    return root.with_name(f"{root.name}.log")


@contextmanager
def running(
    command: list[str], port: int, log: Path, **variables: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server until the block ends; what it says is shown if it does not start."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "RCLONE_CONFIG": os.devnull, **variables},
            cwd=log.parent,
            start_new_session=True,
        )
    try:
        end = time.monotonic() + START_SECONDS
        while not _listens(port):
            assert process.poll() is None, log.read_text(errors="replace")
            assert time.monotonic() < end, log.read_text(errors="replace")
            time.sleep(0.05)
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@dataclass
class Relay:
    """Passes connections on to a port, and spoils them.

    Attributes:
        to: the port behind it.
        cut_after: bytes, in both directions together, after which every connection is closed
            and no other accepted; None for never.
        break_first: so many connections are closed when `break_after` bytes have passed.
        flip_at: bytes towards the client (or the server) after which one bit is changed, once.
        towards_server: which direction `flip_at` counts.
        silent: accept connections, pass nothing on.
    """

    to: int
    cut_after: int | None = None
    break_first: int = 0
    break_after: int = 0
    flip_at: int | None = None
    flip_always: bool = False
    towards_server: bool = False
    silent: bool = False
    passed: int = 0
    port: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _open: list[socket.socket] = field(default_factory=list)

    @contextmanager
    def run(self) -> Iterator[Relay]:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen(64)
            self.port = listener.getsockname()[1]
            accepting = threading.Thread(target=self._accept, args=(listener,), daemon=True)
            accepting.start()
            try:
                yield self
            finally:
                with suppress(OSError):
                    listener.shutdown(socket.SHUT_RDWR)
                self._close()
                accepting.join(10)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            if self._is_cut():
                client.close()
                continue
            self._open.append(client)
            if self.silent:
                continue
            try:
                server = socket.create_connection(("127.0.0.1", self.to), timeout=30)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            self._open.append(server)
            for source, target, up in ((client, server, True), (server, client, False)):
                threading.Thread(target=self._pass, args=(source, target, up), daemon=True).start()

    def _is_cut(self) -> bool:
        return self.cut_after is not None and self.passed >= self.cut_after

    def _pass(self, source: socket.socket, target: socket.socket, up: bool) -> None:
        counted, here = 0, 0
        with suppress(OSError):
            while block := source.recv(65536):
                here += len(block)
                if self.break_first and here > self.break_after:
                    self.break_first -= 1
                    break
                with self._lock:
                    self.passed += len(block)
                if self._is_cut():
                    break
                if self.flip_at is not None and up == self.towards_server:
                    counted += len(block)
                    if counted > self.flip_at:
                        position = max(len(block) - (counted - self.flip_at), 0)
                        block = (
                            block[:position] + bytes([block[position] ^ 1]) + block[position + 1 :]
                        )
                        counted = 0
                        if not self.flip_always:
                            self.flip_at = None
                target.sendall(block)
        if self._is_cut():
            self._close()
        for each in (source, target):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _close(self) -> None:
        for each in self._open:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()


SERVERS: dict[str, Callable[[Path], AbstractContextManager[Server]]] = {
    "webdav": rclone_webdav,
    "wsgidav": wsgidav,
    "s3": rclone_s3,
    "sftp": rclone_sftp,
    "seaweedfs": seaweedfs,
}
