"""Training: how good, how reproducible, and what survives being killed."""

from __future__ import annotations

import csv
import fcntl
import json
import os
import re
import signal
import struct
import subprocess
import sys
import termios
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from {{ cookiecutter.__pkg }} import config
from {{ cookiecutter.__pkg }}.__main__ import main
from {{ cookiecutter.__pkg }}.features.build_features import (
    Split,
)
from {{ cookiecutter.__pkg }}.models import loop, runs, train

from helpers import PACKAGE, TIMEOUT, environment, free_port, start, wait_for


def quick(home: Path, name: str, epochs: int = 2, **options: object) -> dict:
    """Train in this process; the metrics less what may differ between equal trainings."""
    settings = config.TrainConfig(epochs=epochs, **options)
    metrics = train.train(settings, name=name, say=lambda line: None)
    return comparable(metrics)


def comparable(metrics: dict) -> dict:
    return {key: value for key, value in metrics.items() if key not in ("run", "seconds")}


def read(path: Path) -> dict:
    return json.loads(path.read_text("utf-8"))


def history(run: Path) -> list[list[str]]:
    """The lines of ``history.csv`` less their seconds."""
    with (run / "history.csv").open() as file:
        return [line[:-1] for line in csv.reader(file)]


def test_defaults_are_good(trained: SimpleNamespace) -> None:
    metrics = read(trained.run / "metrics.json")
    assert metrics["test_accuracy"] >= 0.97
    assert metrics["test_loss"] < 0.15
    assert metrics["seconds"] < 60
    assert metrics["epochs"] == config.TrainConfig().epochs
    assert metrics["sizes"] == {"train": 1149, "validation": 288, "test": 360}
    assert list(metrics["recall"]) == list("0123456789")
    assert min(metrics["recall"].values()) > 0.85
    assert metrics["workers"] == 1
    assert metrics["device"]
    assert {"python", "numpy", "model"} < set(metrics["versions"])


def test_what_is_printed(trained: SimpleNamespace) -> None:
    lines = trained.output.splitlines()
    if " on cpu, " in lines[2]:  # the libraries of a GPU may have to say something
        assert trained.errors == ""
    assert lines[0] == f"no data yet: making {trained.root / 'data' / 'raw'}"
    assert lines[1] == f"no features yet: making {trained.root / 'data' / 'processed'}"
    assert lines[2].startswith(f"run {trained.run.name}: 30 epochs on ")
    assert [line[:12] for line in lines[3:33]] == [f"epoch {n:3}/30" for n in range(1, 31)]
    assert lines[33].startswith("weights ")
    assert lines[34].startswith("test accuracy 0.9")
    assert lines[35] == f"run      {trained.run}"
    assert lines[36] == f"figures  {trained.root / 'reports' / 'figures'}"
    assert len(lines) == 37


def test_progress_bar_on_a_terminal(home: Path) -> None:
    """A bar counts the steps there, and is replaced by the line of the epoch.

    And the API is not needed: DEEPaaS 3 is to have no training.
    """
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    process = subprocess.Popen(
        [
            *(sys.executable, "-c"),
            "import sys; sys.modules.update(deepaas=None, marshmallow=None);"
            f"from {PACKAGE}.__main__ import main; sys.exit(main(['train', '--epochs', '1']))",
        ],
        env=environment(home),
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    try:
        shown = b"".join(iter(lambda: _read(ours), b"")).decode()
        assert process.wait(TIMEOUT) == 0, shown
    finally:
        process.kill()
        os.close(ours)
    assert re.search(r"epoch   1/1: +\d+%\|", shown)
    assert re.search(r"\repoch   1/1  loss \d", shown)


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # how Linux says that nobody has the other end open any more
        return b""


def test_run_folder(trained: SimpleNamespace) -> None:
    stored = read(trained.run / "config.json")
    assert stored["options"] == vars(config.TrainConfig())
    assert stored["name"] == trained.run.name
    assert (trained.run / "features.json").read_bytes() == (
        trained.root / "data" / "processed" / "features.json"
    ).read_bytes()
    titles, *lines = history(trained.run)
    assert titles[:3] == ["epoch", "loss", "accuracy"]
    assert [int(line[0]) for line in lines] == list(range(1, 31))
    assert float(lines[-1][1]) < float(lines[0][1]) / 5
    kept = sorted(path.name for path in (trained.run / "checkpoints").iterdir())
    assert kept == ["epoch-00029.npz", "epoch-00030.npz"]
    assert not list(trained.root.rglob(".tmp-*"))


def test_event_files(trained: SimpleNamespace) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(trained.run / "tensorboard")).Reload()
    curves = ["loss", "accuracy", "validation/loss", "validation/accuracy", "learning_rate"]
    assert set(curves) < set(events.Tags()["scalars"])
    for curve in curves:
        assert [point.step for point in events.Scalars(curve)] == list(range(1, 31))


@pytest.mark.parametrize("name", ["learning-curve.png", "confusion-matrix.png"])
def test_figures(trained: SimpleNamespace, name: str) -> None:
    with Image.open(trained.root / "reports" / "figures" / name) as picture:
        assert picture.width > 600
        assert picture.height > 400
        colours = picture.convert("RGB").getcolors(picture.width * picture.height)
        assert len(colours) > 50


def test_seed(home: Path) -> None:
    first = quick(home, "first")
    assert quick(home, "second") == first
    assert quick(home, "third", seed=1)["weights_digest"] != first["weights_digest"]


def test_kill_and_resume(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Killed and resumed gives, to the last bit, what an undisturbed training gives."""
    whole = quick(home, "whole", epochs=8)
    process = start(home, "train", "--epochs", "8", "--name", "killed")
    second = home / "models" / "killed" / "checkpoints" / "epoch-00002.npz"
    try:
        wait_for(lambda: second.exists() or process.poll() is not None, "two epochs")
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    killed = runs.Run(home / "models" / "killed")
    assert not killed.ended
    done = len(runs.load_checkpoint(killed).history)
    assert 2 <= done < 8
    with pytest.raises(config.UserError, match="train --resume killed"):
        runs.find_run("killed")

    assert main(["train", "--resume"]) == 0
    output = capsys.readouterr().out
    assert f"resuming killed after epoch {done}: 8 epochs" in output
    assert f"epoch {done:3}/8" not in output
    assert comparable(read(killed.path / "metrics.json")) == whole
    assert history(killed.path) == history(home / "models" / "whole")
    assert not list(killed.path.rglob(".tmp-*"))


def test_one_process_per_run(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A second process is refused while the first lives, and the first is not disturbed by it."""
    first = start(home, "train", "--epochs", "10000", "--name", "busy")
    run = runs.Run(home / "models" / "busy")
    try:
        wait_for(lambda: run.path.joinpath("history.csv").exists() or first.poll(), "an epoch")
        assert main(["train", "--resume"]) == 2
        message = capsys.readouterr().err
        assert message == f"{PACKAGE}: run busy is being trained by another process\n"
        before = len(history(run.path))
        wait_for(lambda: len(history(run.path)) > before or first.poll(), "another epoch")
        assert first.poll() is None
        first.send_signal(signal.SIGINT)
        _, errors = first.communicate(timeout=TIMEOUT)
    finally:
        first.kill()
    assert first.returncode == 130
    assert errors == f"{PACKAGE}: interrupted; go on with train --resume busy\n"
    with runs.locked(run):  # which ended with the process
        pass


def test_resume_with_another_network(home: Path) -> None:
    quick(home, "run", epochs=1)
    ended = runs.find_run("run")
    checkpoint = runs.load_checkpoint(ended)
    runs.save_checkpoint(ended, runs.Checkpoint(checkpoint.state[1:], checkpoint.history))
    with pytest.raises(config.UserError, match=r"^run run: the checkpoint is of another network"):
        train.train(train.resumed(ended, 2), resume=ended, say=lambda line: None)


def test_resume_before_the_first_checkpoint(home: Path) -> None:
    whole = quick(home, "whole")
    created = runs.create_run(config.TrainConfig(epochs=2), "killed")
    features = (home / "models" / "whole" / "features.json").read_text()
    (created.path / "features.json").write_text(features)
    (created.path / ".tmp-123-model.keras").write_text("half")
    resumed = train.train(created.config(), resume=created, say=lambda line: None)
    assert comparable(resumed) == whole
    assert not list(created.path.glob(".tmp-*"))


def test_train_further(home: Path) -> None:
    said: list[str] = []
    train.train(config.TrainConfig(epochs=1), name="run", say=said.append)
    assert any(line.startswith("run run: 1 epoch on ") for line in said)
    ended = runs.find_run("run")
    with pytest.raises(config.UserError, match="has ended; give --epochs"):
        train.resumed(ended, None)
    with pytest.raises(config.UserError, match="unfinished"):
        runs.find_run(ended=False)
    longer = train.resumed(ended, 3)
    metrics = train.train(longer, resume=ended, say=lambda line: None)
    assert metrics["epochs"] == 3
    assert ended.config() == longer
    with pytest.raises(config.UserError, match="3 epochs already"):
        train.resumed(ended, 2)


def test_resume_with_other_features(home: Path) -> None:
    quick(home, "run", epochs=1)
    train.build_features(seed=9)
    ended = runs.find_run("run")
    with pytest.raises(config.UserError, match="has changed since run run started"):
        train.train(train.resumed(ended, 2), resume=ended)


def test_two_workers_agree(home: Path) -> None:
    """Two real processes on this machine end with the same weights; one of them writes."""
    train.prepare(say=lambda line: None)
    addresses = [f"127.0.0.1:{free_port()}" for _ in range(2)]
    processes = [
        start(
            home,
            *("train", "--epochs", "2", "--name", "both"),
            TF_CONFIG=json.dumps(
                {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
            ),
        )
        for index in range(2)
    ]
    try:
        outputs = [process.communicate(timeout=120) for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert [process.returncode for process in processes] == [0, 0], outputs
    metrics = read(home / "models" / "both" / "metrics.json")
    assert metrics["workers"] == 2
    assert [path.name for path in (home / "models").iterdir()] == ["both"]
    expected = f"weights {metrics['weights_digest']}"
    assert [out.splitlines().count(expected) for out, _ in outputs] == [1, 1]
    assert "epoch   2/2" in outputs[0][0]
    assert "epoch" not in outputs[1][0]
    # The same batches, only shared: nearly the same result as one process gives.
    first, second = (float(line[1]) for line in history(home / "models" / "both")[1:])
    alone = quick(home, "alone")
    assert alone["weights_digest"] != metrics["weights_digest"]
    assert metrics["test_accuracy"] == pytest.approx(alone["test_accuracy"], abs=0.1)
    assert second < first


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("nonsense", "not as TensorFlow wants it"),
        ("[]", "not as TensorFlow wants it"),
        ('{"cluster": {"worker": ["a:1"]}}', "not as TensorFlow wants it"),
        ('{"cluster": {"ps": ["a:1"]}, "task": {"type": "ps", "index": 0}}', "ps 0 cannot train"),
        ('{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}', "worker 1"),
    ],
)
def test_bad_cluster(home: Path, monkeypatch: pytest.MonkeyPatch, value: str, message: str) -> None:
    monkeypatch.setenv("TF_CONFIG", value)
    with pytest.raises(config.UserError, match=message):
        quick(home, "run")
    assert not (home / "models").exists()


@pytest.mark.parametrize(
    ("kind", "index", "chief"),
    [("chief", 0, True), ("worker", 0, False), ("worker", 1, False)],
)
def test_chief_of_a_cluster(
    monkeypatch: pytest.MonkeyPatch, kind: str, index: int, chief: bool
) -> None:
    cluster = {"chief": ["a:1"], "worker": ["b:1", "c:1"], "evaluator": ["d:1"]}
    task = {"type": kind, "index": index}
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": cluster, "task": task}))
    assert loop.cluster() == (3, chief)


def test_batches() -> None:
    images = np.arange(10, dtype=np.float32).repeat(64).reshape(10, 8, 8)
    split = Split(images, np.arange(10))
    epochs = [list(train.batches(split, 3, 2, 0, epoch)) for epoch in (1, 1, 2)]
    orders = [
        np.concatenate([batch.labels[batch.weights > 0] for batch in batches]).tolist()
        for batches in epochs
    ]
    assert orders[0] == orders[1] != orders[2]
    assert all(sorted(order) == list(range(10)) for order in orders)
    # Three rounded up to what two replicas can share; the last batch is filled up.
    assert [batch.images.shape for batch in epochs[0]] == [(4, 8, 8)] * 3
    assert [batch.weights.sum() for batch in epochs[0]] == [4, 4, 2]
    assert all((batch.images[:, 0, 0] == batch.labels).all() for batch in epochs[0])


def test_shift_moves_by_at_most_a_pixel() -> None:
    image = np.zeros((200, 8, 8), np.float32)
    image[:, 4, 4] = 1
    moved = train.shift(image, np.random.default_rng(0))
    assert {tuple(np.argwhere(each)[0]) for each in moved} == {
        (row, column) for row in (3, 4, 5) for column in (3, 4, 5)
    }


@pytest.mark.parametrize("name", ["", "..", "a/b", ".hidden", "a b", "x" * 101])
def test_bad_name(home: Path, name: str) -> None:
    with pytest.raises(config.UserError, match="a run's name is"):
        runs.create_run(config.TrainConfig(), name)


def test_damaged_run_is_passed_over(home: Path) -> None:
    good = runs.create_run(config.TrainConfig(), "good")
    for name, content in (("half", '{"name": '), ("list", "[]"), ("empty", "{}")):
        (home / "models" / name).mkdir()
        (home / "models" / name / "config.json").write_text(content)
        with pytest.raises(config.UserError, match=r"config\.json"):
            runs.Run(home / "models" / name).config()
    assert runs.list_runs() == [good]


def test_names(home: Path) -> None:
    runs.create_run(config.TrainConfig(), "twice")
    with pytest.raises(config.UserError, match="already a run 'twice'"):
        runs.create_run(config.TrainConfig(), "twice")
    unnamed = [runs.create_run(config.TrainConfig()) for _ in range(3)]
    assert [each.name for each in runs.list_runs()] == ["twice", *(each.name for each in unnamed)]
    with pytest.raises(config.UserError, match=r"no run 'other'.*the newest are: twice"):
        runs.find_run("other")
    with pytest.raises(config.UserError, match="no trained model"):
        runs.find_run()


@pytest.mark.parametrize(
    "options", [{"epochs": 0}, {"batch_size": 0}, {"learning_rate": float("nan")}, {"seed": -1}]
)
def test_out_of_range(options: dict) -> None:
    with pytest.raises(config.UserError, match=f"{next(iter(options))} must be between"):
        config.TrainConfig(**options)


def test_gpu_asked_for(home: Path) -> None:
    from {{ cookiecutter.__pkg }}.models import framework

    if framework.tf.config.list_physical_devices("GPU"):
        assert framework.set_up(0, "gpu") != "cpu"
    else:
        with pytest.raises(config.UserError, match="sees no GPU"):
            framework.set_up(0, "gpu")
