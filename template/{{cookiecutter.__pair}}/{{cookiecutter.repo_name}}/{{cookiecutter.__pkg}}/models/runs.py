"""Training runs on disk: one folder each, named after its start, complete at any moment.

``config.json``    what was asked for, and when
``features.json``  how pictures become numbers, copied from ``data/processed``
``checkpoints/``   everything needed to go on after each of the newest epochs
``history.csv``    one line per epoch
``tensorboard/``   the same curves as event files: ``tensorboard --logdir models --port 6006``
``model.*``        the network after its best epoch (the suffix is the framework's)
``metrics.json``   the result on the test split; a run without it has not ended
"""

from __future__ import annotations

import csv
import json
import os
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..config import TrainConfig, UserError, models_path
from ..storage import atomic, read_arrays, read_json, write_json

NAME_PATTERN = r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}"

#: Checkpoints kept per run: the newest, and one more should a disk lose the newest.
CHECKPOINTS_KEPT = 2


@dataclass(frozen=True)
class Epoch:
    """One line of the history; losses are mean cross-entropies in nats, accuracies are 0 to 1."""

    epoch: int
    loss: float
    accuracy: float
    validation_loss: float
    validation_accuracy: float
    learning_rate: float
    seconds: float


@dataclass(frozen=True)
class Checkpoint:
    """The state after some epochs: the framework's arrays in its own order, and the history."""

    state: list[NDArray[Any]]
    history: list[Epoch]


@dataclass(frozen=True)
class Run:
    """The folder of one training run."""

    path: Path

    @property
    def name(self) -> str:
        """The run's name, unique among the runs."""
        return self.path.name

    @property
    def ended(self) -> bool:
        """Whether it trained to its end and was measured."""
        return (self.path / "metrics.json").is_file()

    @property
    def accuracy(self) -> float | None:
        """What it reached on the test split, 0 to 1; None if it has not ended or cannot be read."""
        try:
            return float(read_json(self.path / "metrics.json")["test_accuracy"])
        except (UserError, KeyError, TypeError, ValueError):
            return None

    @property
    def created(self) -> str:
        """Start of the training, ISO 8601, UTC: sorts as text; empty if it cannot be read."""
        try:
            return str(read_json(self.path / "config.json")["created"])
        except (UserError, KeyError, TypeError):
            return ""

    def config(self) -> TrainConfig:
        """What was asked for.

        Raises:
            UserError: ``config.json`` is damaged.
        """
        values = read_json(self.path / "config.json")
        try:
            return TrainConfig(**values["options"])
        except (TypeError, KeyError) as error:
            raise UserError(f"{self.path / 'config.json'} is no run's: {error}") from error

    def write_config(self, config: TrainConfig, created: str) -> None:
        """Write what was asked for."""
        write_json(
            self.path / "config.json",
            {"name": self.name, "created": created, "options": asdict(config)},
        )


def create_run(config: TrainConfig, name: str | None = None) -> Run:
    """Make the folder of a new run.

    Args:
        config: what was asked for.
        name: of the folder; without it the time, such as ``2026-01-31T12-30-59Z``.

    Raises:
        UserError: the name is taken or would not make a good folder name.
    """
    now = datetime.now(timezone.utc)
    wanted = name if name is not None else now.strftime("%Y-%m-%dT%H-%M-%SZ")
    if not re.fullmatch(NAME_PATTERN, wanted):
        raise UserError(f"a run's name is letters, digits, '.', '_' and '-', not {wanted!r}")
    attempt, number = wanted, 1
    while True:
        run = Run(models_path() / attempt)
        try:
            run.path.mkdir(parents=True)
            break
        except FileExistsError:
            if name is not None:
                raise UserError(f"there is already a run {name!r} in {models_path()}") from None
            number += 1
            attempt = f"{wanted}-{number}"
    run.write_config(config, now.isoformat(timespec="microseconds"))
    return run


@contextmanager
def locked(run: Run) -> Iterator[None]:
    """Keep other processes from training this run; the system ends that with this process.

    Raises:
        UserError: another process trains it.
    """
    if find_spec("fcntl") is None:  # not on Windows
        yield
        return
    import fcntl

    folder = os.open(run.path, os.O_RDONLY)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(f"run {run.name} is being trained by another process") from None
        except OSError:
            pass  # a file system that cannot lock folders, such as NFS: better than no training
        yield
    finally:
        os.close(folder)


def list_runs() -> list[Run]:
    """All runs, oldest first; damaged ones must not keep the others from use."""
    folders = models_path().glob("*/config.json")
    runs = [(run.created, run.name, run) for run in (Run(path.parent) for path in folders)]
    return [run for created, _, run in sorted(runs, key=lambda each: each[:2]) if created]


def find_run(name: str | None = None, *, ended: bool = True) -> Run:
    """The run with this name, or without one the newest that has (or, for False, has not) ended.

    Raises:
        UserError: there is none.
    """
    if name is None:
        runs = [run for run in list_runs() if run.ended == ended]
        if not runs:
            kind = "trained model" if ended else "unfinished training run"
            raise UserError(f"there is no {kind} in {models_path()}: run the command train first")
        return runs[-1]
    run = Run(models_path() / name)
    if not re.fullmatch(NAME_PATTERN, name) or not (run.path / "config.json").is_file():
        known = ", ".join(each.name for each in list_runs()[-5:]) or "none"
        raise UserError(f"there is no run {name!r} in {models_path()}; the newest are: {known}")
    if ended and not run.ended:
        raise UserError(f"run {name!r} has not ended: train --resume {name} takes it up again")
    return run


def save_checkpoint(run: Run, checkpoint: Checkpoint) -> None:
    """Write the state after the history's last epoch; then drop the oldest checkpoints."""
    folder = run.path / "checkpoints"
    arrays: dict[str, Any] = {
        f"state_{number}": array for number, array in enumerate(checkpoint.state)
    }
    history = json.dumps([asdict(epoch) for epoch in checkpoint.history])
    with atomic(folder / f"epoch-{len(checkpoint.history):05d}.npz") as temporary:
        np.savez(temporary, history=np.array(history), **arrays)
    for old in sorted(folder.glob("epoch-*.npz"))[:-CHECKPOINTS_KEPT]:
        old.unlink()


def load_checkpoint(run: Run) -> Checkpoint | None:
    """The newest checkpoint of a run; None if it was stopped before the end of its first epoch.

    Raises:
        UserError: the checkpoint cannot be read.
    """
    newest = sorted((run.path / "checkpoints").glob("epoch-*.npz"))[-1:]
    if not newest:
        return None
    arrays = read_arrays(newest[0])
    try:
        history = [Epoch(**line) for line in json.loads(str(arrays.pop("history")))]
        state = [arrays[f"state_{number}"] for number in range(len(arrays))]
    except (KeyError, ValueError, TypeError) as error:
        raise UserError(f"{newest[0]} is no checkpoint: {error}") from error
    return Checkpoint(state, history)


def write_history(run: Run, history: Sequence[Epoch]) -> None:
    """Write ``history.csv``."""
    with atomic(run.path / "history.csv") as temporary, temporary.open("w", newline="") as file:
        lines = csv.DictWriter(file, list(Epoch.__dataclass_fields__))
        lines.writeheader()
        lines.writerows(asdict(epoch) for epoch in history)


def clear_leftovers(run: Run) -> None:
    """Remove the temporary files of a training that was killed while writing."""
    for path in run.path.rglob(".tmp-*"):
        path.unlink(missing_ok=True)


class EventLog:
    """Writes the curves for TensorBoard, with its own writer: every framework can use it."""

    def __init__(self, run: Run) -> None:
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        self._writer = EventFileWriter(str(run.path / "tensorboard"))

    def add(self, epoch: Epoch) -> None:
        """Add one point to each curve, and make it visible at once."""
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary

        values = [
            Summary.Value(tag=name.replace("validation_", "validation/"), simple_value=value)
            for name, value in asdict(epoch).items()
            if name != "epoch"
        ]
        event = Event(wall_time=time.time(), step=epoch.epoch, summary=Summary(value=values))
        self._writer.add_event(event)
        self._writer.flush()

    def close(self) -> None:
        """Close the event file."""
        self._writer.close()
