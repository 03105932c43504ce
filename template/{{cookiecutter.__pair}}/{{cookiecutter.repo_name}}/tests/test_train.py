"""Training: how good, how reproducible, and what survives being killed."""

from __future__ import annotations

import fcntl
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
from {{ cookiecutter.__pkg }}.models import (
    batches,
    runs,
    train,
)

from helpers import (
    PACKAGE,
    TIMEOUT,
    comparable,
    environment,
    history,
    quick,
    read,
    start,
    wait_for,
)


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
    assert metrics["precision"] == ("float32" if metrics["device"] == "cpu" else "bfloat16")
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


#: Enough that a training is killed before its end, however quick its epochs.
EPOCHS = 16


def test_kill_and_resume(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Killed and resumed gives, to the last bit, what an undisturbed training gives."""
    whole = quick(home, "whole", epochs=EPOCHS)
    process = start(home, "train", "--epochs", str(EPOCHS), "--name", "killed")
    second = home / "models" / "killed" / "checkpoints" / "epoch-00002.npz"
    try:
        wait_for(lambda: second.exists() or process.poll() is not None, "two epochs")
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    killed = runs.Run(home / "models" / "killed")
    assert not killed.ended
    done = len(runs.load_checkpoint(killed).history)
    assert 2 <= done < EPOCHS
    with pytest.raises(config.UserError, match="train --resume killed"):
        runs.find_run("killed")

    assert main(["train", "--resume"]) == 0
    output = capsys.readouterr().out
    assert f"resuming killed after epoch {done}: {EPOCHS} epochs" in output
    assert f"epoch {done:3}/{EPOCHS}" not in output
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
    (created.path / ".tmp-123-model").write_text("half")
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


def test_batches() -> None:
    images = np.arange(10, dtype=np.float32).repeat(64).reshape(10, 8, 8)
    split = Split(images, np.arange(10))
    epochs = [list(batches.batches(split, 3, 2, 0, epoch)) for epoch in (1, 1, 2)]
    orders = [
        np.concatenate([batch.labels[batch.weights > 0] for batch in each]).tolist()
        for each in epochs
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
    moved = batches.shift(image, np.random.default_rng(0))
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
