"""What DEEPaaS 2.6 gets wrong, each with the proof that here it does not.

``PLAIN_DEEPAAS=1 pytest tests/test_deepaas_fixes.py`` runs them against DEEPaaS as it is: then
nearly all fail that bear the number of a fix; the rest guard what works there already.

A real ``deepaas-run`` serves a stand-in for the model that misbehaves on demand; it needs no
framework, so these tests are quick.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from helpers import PACKAGE, Server, wait_for

#: Seconds within which every answer must be there; a hanging server must not hang the tests.
SOON = 20

#: DEEPaaS as it is hangs after some of these tests: then each has a server of its own.
PLAIN = bool(os.environ.get("PLAIN_DEEPAAS"))

MODEL = """
import os, subprocess, sys, time
from aiohttp import web
from marshmallow import fields

class Awkward(Exception):
    def __init__(self, one, two):
        super().__init__(one)

def get_metadata():
    return {"name": "misbehaving", "author": "a", "license": "none"}

def get_predict_args():
    return {
        "do": fields.String(load_default="answer"),
        "text": fields.String(load_default="none"),
        "file": fields.Field(load_default=None, metadata={"type": "file", "location": "form"}),
    }

def get_train_args():
    return get_predict_args()

def predict(do, text, file):
    if do == "value": raise ValueError("a bad value")
    if do == "type": raise TypeError("a bug")
    if do == "http": raise web.HTTPBadRequest(reason="a bad request")
    if do == "awkward": raise Awkward("two", "arguments")
    if do == "exit": sys.exit("enough")
    if do == "die": os._exit(3)
    if do == "kill": os.kill(os.getpid(), 9)
    if do == "unpicklable": return lambda: 0
    if do == "unserialisable": return {1, 2}
    if do == "read": return open(file.filename).read()
    if do == "read and fail": raise ValueError(open(file.filename).read())
    if do == "work":
        child = subprocess.Popen(["sleep", "600"])
        with open(text, "w") as pids: pids.write(f"{os.getpid()} {child.pid} ")
        time.sleep(600)
    return text

def train(do, text, file):
    return predict(do, text, file)
"""


def install(root: Path, model: str) -> dict[str, str]:
    """Write the package anew with another model; returns the variables that make it be found."""
    source = Path(find_spec(PACKAGE).submodule_search_locations[0])
    package = root / "stand-in" / PACKAGE
    (package / "models").mkdir(parents=True)
    for name in ("__init__.py", "models/__init__.py", "models/deepaas_fixes.py"):
        shutil.copy(source / name, package / name)
    if PLAIN:
        (package / "__init__.py").write_text("")
    (package / "models" / "deep_api.py").write_text(model)
    return {"PYTHONPATH": str(package.parent)}


@pytest.fixture(scope="function" if PLAIN else "module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    root = tmp_path_factory.mktemp("shared")
    with Server(root, **install(root, MODEL)) as server:
        yield server


@pytest.fixture
def server(shared: Server) -> Server:
    """The server, proved to work before the test."""
    assert ask(shared, "answer", "ready") == (200, "ready")
    return shared


def ask(server: Server, do: str, text: str = "x", **details: object) -> tuple[int, str]:
    """Ask for a prediction; returns the status, and the answer or the message of the error."""
    answer = server.post("/predict/", params={"do": do, "text": text}, timeout=SOON, **details)
    body = answer.json()
    return answer.status_code, body["predictions"] if answer.ok else body["message"]


def begin(server: Server, do: str, text: str = "x") -> str:
    """Start a training; returns its identifier."""
    answer = server.post("/train/", params={"do": do, "text": text}, timeout=SOON)
    assert answer.status_code == 200
    return answer.json()["uuid"]


def processes(path: Path) -> list[int]:
    """Wait until the work has started; returns the numbers of its two processes."""
    return wait_for(
        lambda: [int(pid) for pid in path.read_text().split()] if path.exists() else [],
        "the work has started",
        SOON,
    )


def gone(pid: int) -> bool:
    """Whether a process does not run any more (a zombie does not)."""
    if not Path("/proc/self/stat").exists():
        return subprocess.run(["ps", "-p", str(pid)], stdout=subprocess.DEVNULL).returncode != 0
    try:
        return " Z " in Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True


FAILURES = [
    ("value", 400, "a bad value"),
    ("type", 500, "TypeError: a bug"),
    ("http", 400, "400: a bad request"),
    ("awkward", 500, "Awkward: two"),
    ("exit", 500, "SystemExit: enough"),
    ("die", 500, "the model's process died (exit code 3)"),
    ("kill", 500, "the model's process died (exit code -9)"),
    ("unpicklable", 500, "local object"),
]


@pytest.mark.parametrize(("do", "status", "message"), FAILURES)
def test_failing_prediction(server: Server, do: str, status: int, message: str) -> None:
    """1: a proper answer, and the server goes on."""
    result = ask(server, do)
    assert result[0] == status
    assert message in result[1]
    assert ask(server, "answer", "still here") == (200, "still here")


def test_answer_that_is_no_json(server: Server) -> None:
    """1: also where DEEPaaS itself fails with the answer."""
    status, message = ask(server, "unserialisable")
    assert status == 500
    assert "set is not JSON serializable" in message


def test_traceback_is_logged(server: Server) -> None:
    """1: who runs the server sees where it happened."""
    before = len(server.log.read_text())
    ask(server, "type")
    new = server.log.read_text()[before:]
    assert "Traceback (most recent call last)" in new
    assert "deep_api.py" in new


@pytest.mark.parametrize(("do", "status", "message"), FAILURES)
def test_failing_training(server: Server, do: str, status: int, message: str) -> None:
    """2: ended, with its reason."""
    training = server.training(begin(server, do), "error", timeout=SOON)
    assert message in training["message"]
    listed = {each["uuid"]: each["status"] for each in server.get("/train/").json()}
    assert listed[training["uuid"]] == "error"
    assert ask(server, "answer", "still here") == (200, "still here")


def test_good_training(server: Server) -> None:
    training = server.training(begin(server, "answer", "trained"), "done", timeout=SOON)
    assert training["result"]["output"] == "trained"
    assert training["result"]["duration"].startswith("0:00:0")


@pytest.mark.parametrize("pause", [0, 0.5])
def test_cancel(server: Server, tmp_path: Path, pause: float) -> None:
    """3: at once after the start or later: the processes are gone, the server is not."""
    identifier = begin(server, "work", str(tmp_path / "pids"))
    pids = processes(tmp_path / "pids") if pause else []
    time.sleep(pause)
    answer = server.delete(f"/train/{identifier}", timeout=SOON)
    assert answer.status_code == 200
    assert answer.json()["status"] == "cancelled"
    wait_for(lambda: all(map(gone, pids)), "the processes are gone", SOON)
    assert server.get(f"/train/{identifier}", timeout=SOON).status_code == 404
    assert ask(server, "answer", "still here") == (200, "still here")


def test_cancel_what_waits(server: Server, tmp_path: Path) -> None:
    """3: a training that waits for a free process."""
    first = begin(server, "work", str(tmp_path / "pids"))
    pids = processes(tmp_path / "pids")
    second = begin(server, "answer")
    assert server.delete(f"/train/{second}", timeout=SOON).json()["status"] == "cancelled"
    assert not any(map(gone, pids))
    assert server.delete(f"/train/{first}", timeout=SOON).json()["status"] == "cancelled"
    assert ask(server, "answer", "still here") == (200, "still here")


def test_cancel_what_has_ended(server: Server) -> None:
    """3: it only leaves the list."""
    identifier = begin(server, "answer")
    server.training(identifier, "done", timeout=SOON)
    assert server.delete(f"/train/{identifier}", timeout=SOON).json()["status"] == "done"
    assert server.delete(f"/train/{identifier}", timeout=SOON).status_code == 404


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("import a_module_that_is_not_there", "No module named 'a_module_that_is_not_there'"),
        ("def broken(:", "SyntaxError"),
        (MODEL.replace('fields.String(load_default="none")', "1 / 0"), "ZeroDivisionError"),
        (MODEL + "\nschema = 5\n", "nothing to serve"),
        (MODEL + "\ndef warm():\n    raise OSError('cold')\n", "OSError: cold"),
    ],
    ids=["import", "syntax", "arguments", "schema", "warm"],
)
def test_model_that_cannot_be_loaded(tmp_path: Path, model: str, message: str) -> None:
    """4: the start-up stops and says why, instead of serving another model."""
    server = Server(tmp_path, **install(tmp_path, model))
    try:
        end = time.monotonic() + SOON
        while server.process.poll() is None and time.monotonic() < end:
            time.sleep(0.05)
            assert "Running on" not in server.log.read_text()
        assert server.process.poll() == 1
    finally:
        server.process.kill()
        server.process.wait()
    log = server.log.read_text()
    assert message in log
    assert "Traceback" in log or "nothing to serve" in log
    assert "deepaas-test" not in log


@pytest.mark.parametrize(
    ("do", "expected"),
    [("read", (200, "content")), ("read and fail", (400, "content")), ("die", (500, "died"))],
)
def test_uploads_are_removed(server: Server, do: str, expected: tuple[int, str]) -> None:
    """5: however the request ends."""
    status, text = ask(server, do, files={"file": ("a.txt", b"content")})
    assert status == expected[0]
    assert expected[1] in text
    assert list((server.root / "tmp").iterdir()) == []


def test_upload_of_training_is_removed(server: Server) -> None:
    """5: when the training has read it."""
    answer = server.post("/train/", params={"do": "read"}, files={"file": b"content"}, timeout=SOON)
    training = server.training(answer.json()["uuid"], "done", "error", timeout=SOON)
    assert training["result"]["output"] == "content"
    assert list((server.root / "tmp").iterdir()) == []


def test_requests_keep_their_arguments(server: Server) -> None:
    """6: a slow upload, and meanwhile another request whose body is JSON."""
    boundary, path = "frontier", f"/v2/models/{PACKAGE}/predict/?do=answer"
    body = (
        f"--{boundary}\r\nContent-Disposition: form-data; name=file; filename=a\r\n\r\n"
        f"content\r\n--{boundary}--\r\n"
    ).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        f"Content-Type: multipart/form-data; boundary={boundary}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode()
    with socket.create_connection(("127.0.0.1", server.port), timeout=SOON) as slow:
        slow.sendall(head + body[:20])
        time.sleep(0.3)
        other = server.post("/predict/", json={"text": "of the other"}, timeout=SOON)
        assert other.json()["predictions"] == "of the other"
        slow.sendall(body[20:])
        answer = b"".join(iter(lambda: slow.recv(4096), b"")).decode()
    assert '"predictions": "none"' in answer


@pytest.mark.parametrize("kind", ["terminate", "terminate group", "interrupt group", "kill"])
def test_stop_while_training(tmp_path: Path, kind: str) -> None:
    """However the server is stopped, it stops, and leaves no process behind."""
    with Server(tmp_path, **install(tmp_path, MODEL)) as server:
        begin(server, "work", str(tmp_path / "pids"))
        pids = processes(tmp_path / "pids")
        if kind == "terminate":
            server.process.terminate()
        elif kind == "kill":
            server.process.kill()
        else:
            number = signal.SIGTERM if kind == "terminate group" else signal.SIGINT
            os.killpg(server.process.pid, number)
        server.process.wait(SOON)
        wait_for(lambda: all(map(gone, pids)), "the processes are gone", SOON)


def test_missing_functions(tmp_path: Path) -> None:
    """As in plain DEEPaaS, a model may do without some of them."""
    model = "def get_metadata():\n    return {'name': 'short'}\n"
    with Server(tmp_path, **install(tmp_path, model)) as server:
        assert server.get("/").json()["name"] == "short"
        assert server.post("/predict/", timeout=SOON).status_code == 501
        assert server.post("/train/", timeout=SOON).status_code == 501


def test_several_workers(tmp_path: Path) -> None:
    """With a second process, predictions do not wait for a training."""
    with Server(tmp_path, "--workers", "2", **install(tmp_path, MODEL)) as server:
        identifier = begin(server, "work", str(tmp_path / "pids"))
        processes(tmp_path / "pids")
        assert ask(server, "answer", "meanwhile") == (200, "meanwhile")
        answer = server.delete(f"/train/{identifier}", timeout=SOON)
        assert answer.json()["status"] == "cancelled"


def test_other_version_of_deepaas(tmp_path: Path) -> None:
    """Said once, and DEEPaaS is left as it is."""
    extra = install(tmp_path, MODEL)
    (tmp_path / "stand-in" / "sitecustomize.py").write_text(
        "import deepaas\ndeepaas.extract_version = lambda: '2.9.0'\n"
    )
    with Server(tmp_path, **extra) as server:
        assert ask(server, "answer", "fine") == (200, "fine")
        log = server.log.read_text()
    assert log.count("is written for DEEPaaS 2.6, not 2.9.0") == 1
