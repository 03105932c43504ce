"""The REST API, over HTTP, against a plain ``deepaas-run`` with a trained network."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import requests
from PIL import Image

from {{ cookiecutter.__pkg }} import config

from helpers import PACKAGE, TIMEOUT, Server, wait_for

ZERO = [[0, 0, 5, 13, 9, 1, 0, 0], [0, 0, 13, 15, 10, 15, 5, 0], [0, 3, 15, 2, 0, 11, 8, 0],
        [0, 4, 12, 0, 0, 8, 8, 0], [0, 5, 8, 0, 0, 9, 8, 0], [0, 4, 11, 0, 1, 12, 7, 0],
        [0, 2, 14, 5, 10, 12, 0, 0], [0, 0, 6, 13, 10, 0, 0, 0]]  # fmt: skip


@pytest.fixture(scope="module")
def server(trained: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    root = tmp_path_factory.mktemp("served") / "home"
    shutil.copytree(trained.root, root)
    with Server(root) as running:
        yield running


@pytest.fixture
def sample(server: Server) -> bytes:
    """A picture of a three."""
    return (server.root / "data" / "raw" / "samples" / "digit-3.png").read_bytes()


def ask(server: Server, **details: object) -> requests.Response:
    return server.post("/predict/", **details)


def classes(answer: requests.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"].startswith("application/json")
    return [each["class"] for each in answer.json()["predictions"]]


def test_start_is_quiet(server: Server) -> None:
    """One warning is left, which DEEPaaS gives before it imports any model."""
    log = server.log.read_text()
    start = log[: log.index("Running on")]
    warnings = [line for line in start.splitlines() if "WARNING" in line]
    assert [line for line in warnings if "debug argument is deprecated" not in line] == []
    assert "Traceback" not in start
    assert f"Serving loaded V2 models: ['{PACKAGE}']" in start


def test_metadata(server: Server) -> None:
    about = server.get("/").json()
    installed = config.distribution()
    assert about["id"] == PACKAGE
    assert about["name"] == installed.metadata["Name"]
    assert about["version"] == installed.version
    assert about["description"] == (installed.metadata["Summary"] or "")
    licence = installed.metadata["License-Expression"] or installed.metadata["License"] or "none"
    assert about["license"] == licence
    assert about["author"]
    assert "@" not in about["author"]
    for address in filter(None, about["author-email"].split(", ")):
        assert address in installed.metadata["Author-email"]
    (listed,) = requests.get(f"{server.url}/v2/models/", timeout=TIMEOUT).json()["models"]
    assert {key: listed[key] for key in about if key != "links"} == {
        key: value for key, value in about.items() if key != "links"
    }


def test_documentation(server: Server) -> None:
    page = requests.get(f"{server.url}/api", timeout=TIMEOUT)
    assert page.status_code == 200
    assert "swagger" in page.text.lower()
    paths = requests.get(f"{server.url}/swagger.json", timeout=TIMEOUT).json()["paths"]
    base = f"/v2/models/{PACKAGE}"
    assert {"/v2/models/", f"{base}/", f"{base}/predict/", f"{base}/train/"} < set(paths)
    assert set(paths[f"{base}/train/" + "{uuid}"]) == {"get", "delete"}

    predict = {each["name"]: each for each in paths[f"{base}/predict/"]["post"]["parameters"]}
    assert set(predict) == {"image", "data", "run", "accept"}
    assert (predict["image"]["in"], predict["image"]["type"]) == ("formData", "file")
    assert predict["accept"]["in"] == "header"
    assert predict["accept"]["enum"][:2] == ["application/json", "image/png"]
    assert all(each["description"] for each in predict.values())

    train = {each["name"]: each for each in paths[f"{base}/train/"]["post"]["parameters"]}
    assert set(train) == {*vars(config.TrainConfig()), "name", "data", "push"}
    assert train["epochs"]["type"] == "integer"
    assert (train["epochs"]["minimum"], train["epochs"]["maximum"]) == (1, 10_000)
    assert train["epochs"]["default"] == config.TrainConfig().epochs
    assert train["learning_rate"]["type"] == "number"


def test_predict_picture(server: Server, trained: SimpleNamespace, sample: bytes) -> None:
    answer = ask(server, files={"image": ("three.png", sample, "image/png")})
    assert classes(answer) == ["3"]
    (result,) = answer.json()["predictions"]
    assert result["source"] == "three.png"
    assert result["run"] == trained.run.name
    assert list(result["probabilities"]) == list("0123456789")
    assert sum(result["probabilities"].values()) == pytest.approx(1, abs=1e-4)


def test_predict_jpeg(server: Server, sample: bytes) -> None:
    buffer = BytesIO()
    Image.open(BytesIO(sample)).convert("RGB").resize((400, 400)).save(buffer, "JPEG")
    assert classes(ask(server, files={"image": ("three.jpg", buffer.getvalue())})) == ["3"]


@pytest.mark.parametrize(
    "details",
    [
        {"json": {"data": ZERO}},
        {"json": {"data": json.dumps(ZERO)}},
        {"json": {"data": [ZERO]}},
        {"params": {"data": json.dumps(ZERO)}},
        {"data": {"data": json.dumps([value for row in ZERO for value in row])}},
    ],
    ids=["body", "text in body", "several", "query", "form"],
)
def test_predict_numbers(server: Server, details: dict) -> None:
    assert classes(ask(server, **details)) == ["0"]


@pytest.mark.parametrize("name", ["zero.json", "zero"])
def test_predict_numbers_in_a_file(server: Server, name: str) -> None:
    assert classes(ask(server, files={"image": (name, json.dumps(ZERO))})) == ["0"]


def test_predict_several(server: Server) -> None:
    answer = ask(server, json={"data": [ZERO] * 3})
    assert classes(answer) == ["0"] * 3
    assert [each["source"] for each in answer.json()["predictions"]] == [
        "data[0]",
        "data[1]",
        "data[2]",
    ]


@pytest.mark.parametrize("accept", ["image/png", "image/*", "image/png, */*;q=0.1"])
def test_predict_annotated(server: Server, sample: bytes, accept: str) -> None:
    answer = ask(server, files={"image": sample}, headers={"Accept": accept})
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "image/png"
    with Image.open(BytesIO(answer.content)) as picture:
        assert picture.format == "PNG"
        assert picture.width > 500
        assert len(np.unique(np.asarray(picture.convert("L")))) > 10


@pytest.mark.parametrize(
    "accept", ["*/*", "application/json", "application/json, text/plain, */*", "text/html,*/*"]
)
def test_accept_of_usual_clients(server: Server, accept: str) -> None:
    assert classes(ask(server, json={"data": ZERO}, headers={"Accept": accept})) == ["0"]


def test_predict_with_run(server: Server, trained: SimpleNamespace) -> None:
    assert classes(ask(server, json={"data": ZERO, "run": trained.run.name})) == ["0"]
    answer = ask(server, json={"data": ZERO, "run": "unknown"})
    assert answer.status_code == 400
    assert "there is no run 'unknown'" in answer.json()["message"]


@pytest.mark.parametrize(
    ("details", "field", "message"),
    [
        ({"json": {"data": ZERO[:7]}}, "data", "not the shape 7x8"),
        ({"json": {"data": [[17] * 8] * 8}}, "data", "from 0 to 16"),
        ({"json": {"data": "[1,"}}, "data", "Not a JSON array"),
        ({"json": {"data": {"a": 1}}}, "data", "Expected 8x8"),
        ({"params": {"data": "[[NaN]]"}}, "data", "not the shape 1x1"),
        ({"params": {"data": json.dumps([[float("nan")] * 8] * 8)}}, "data", "finite"),
        ({"data": {"image": "/etc/hostname"}}, "image", "Upload a PNG or JPEG file"),
        ({"json": {"data": ZERO, "run": "../x"}}, "run", "Use letters"),
        ({"headers": {"Accept": "text/csv"}, "json": {"data": ZERO}}, "accept", "Must be one of"),
    ],
)
def test_predict_unprocessable(server: Server, details: dict, field: str, message: str) -> None:
    answer = ask(server, **details)
    assert answer.status_code == 422
    assert list(answer.json()) == [field]
    assert message in answer.json()[field][0]


@pytest.mark.parametrize(
    ("details", "message"),
    [
        ({}, "give either image (a file) or data (numbers)"),
        ({"files": {"image": b"x"}, "params": {"data": json.dumps(ZERO)}}, "give either image"),
        ({"files": {"image": b"hello"}}, "not a readable PNG or JPEG file"),
        ({"files": {"image": b"[1, 2]"}}, "expected 8x8"),
        ({"files": {"image": b""}}, "not a readable PNG or JPEG file"),
        (
            {"json": {"data": [ZERO] * 2}, "headers": {"Accept": "image/png"}},
            "a picture shows one answer, and these are 2",
        ),
    ],
)
def test_predict_refused(server: Server, details: dict, message: str) -> None:
    answer = ask(server, **details)
    assert answer.status_code == 400
    assert message in answer.json()["message"]
    assert list((server.root / "tmp").glob("upload-*")) == []


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"epochs": 0}, "epochs"),
        ({"epochs": "many"}, "epochs"),
        ({"batch_size": 0}, "batch_size"),
        ({"learning_rate": 2}, "learning_rate"),
        ({"learning_rate": "nan"}, "learning_rate"),
        ({"seed": -1}, "seed"),
        ({"name": "a/b"}, "name"),
        ({"data": "my-data"}, "data"),
        ({"push": ":webdav,url=http://x:runs"}, "push"),
    ],
)
def test_train_unprocessable(server: Server, arguments: dict, field: str) -> None:
    before = server.get("/train/").json()
    answer = server.post("/train/", params=arguments)
    assert answer.status_code == 422
    assert list(answer.json()) == [field]
    assert server.get("/train/").json() == before


def test_train(server: Server) -> None:
    started = server.post("/train/", params={"epochs": 2, "name": "over-http"}).json()
    assert started["status"] == "running"
    assert started["args"]["epochs"] == 2
    ended = server.training(started["uuid"], "done", "error")
    assert ended["status"] == "done", ended
    output = ended["result"]["output"]
    assert output["run"] == "over-http"
    stored = json.loads((server.root / "models" / "over-http" / "metrics.json").read_text())
    assert output["metrics"] == stored
    assert started["uuid"] in [each["uuid"] for each in server.get("/train/").json()]
    # It is the newest network now, and answers the next request.
    assert ask(server, json={"data": ZERO}).status_code == 200
    # The same name again fails, and says so.
    again = server.post("/train/", params={"epochs": 2, "name": "over-http"}).json()
    failed = server.training(again["uuid"], "done", "error")
    assert failed["status"] == "error"
    assert "there is already a run 'over-http'" in failed["message"]


def test_cancel(server: Server, trained: SimpleNamespace) -> None:
    parameters = {"epochs": 10_000, "name": "too-long"}
    identifier = server.post("/train/", params=parameters).json()["uuid"]
    run = server.root / "models" / "too-long"
    wait_for(lambda: list(run.glob("checkpoints/epoch-*.npz")), "the first epoch has ended")
    answer = server.delete(f"/train/{identifier}")
    assert answer.status_code == 200
    assert answer.json()["status"] == "cancelled"
    assert not (run / "metrics.json").exists()
    assert classes(ask(server, json={"data": ZERO, "run": trained.run.name})) == ["0"]
    history = (run / "history.csv").read_text()
    assert server.get(f"/train/{identifier}").status_code == 404
    assert (run / "history.csv").read_text() == history


def test_untrained(tmp_path: Path) -> None:
    """A server without any model starts, says what to do, and can train."""
    with Server(tmp_path) as server:
        assert "no trained model yet" in server.log.read_text()
        answer = ask(server, json={"data": ZERO})
        assert answer.status_code == 400
        assert "there is no trained model" in answer.json()["message"]
        identifier = server.post("/train/", params={"epochs": 1}).json()["uuid"]
        assert server.training(identifier, "done", "error")["status"] == "done"
        assert ask(server, json={"data": ZERO}).status_code == 200
