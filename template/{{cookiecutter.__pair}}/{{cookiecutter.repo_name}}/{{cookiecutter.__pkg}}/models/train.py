"""Train the network: from features to a run folder, whatever the framework.

Everything random follows from the seed and the number of the epoch, so that a run that was
killed and taken up again ends with the same weights as one that was not.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import replace
from typing import Any

from tqdm import tqdm

from ..config import (
    PACKAGE,
    TaskError,
    TrainConfig,
    UserError,
    counted,
    figures_path,
    models_remote,
    package_version,
)
from ..dataset import manifest
from ..dataset.make_dataset import make_dataset, raw_path
from ..features.build_features import (
    Features,
    Split,
    build_features,
    have_features,
    load_features,
    processed_path,
)
from ..remote import push
from ..storage import write_json
from ..visualization import visualize
from . import network, runs
from .batches import batches
from .evaluate import score
from .framework import versions
from .loop import Loop, cluster

Say = Callable[[str], None]


def train(
    config: TrainConfig,
    *,
    name: str | None = None,
    resume: runs.Run | None = None,
    device: str = "auto",
    precision: str = "auto",
    say: Say = print,
    data: str | None = None,
    push: str | None = None,
) -> dict[str, Any]:
    """Train a network and measure it on the test split.

    Args:
        config: what is asked for; when resuming, what the run is to become.
        name: of the new run; without it, the time.
        resume: a run to go on with after its newest checkpoint, instead of a new one.
        device: ``auto``, ``cpu`` or ``gpu``.
        precision: ``auto``, ``float32`` or ``bfloat16``; see ``framework.set_up``.
        say: takes each line meant for the user.
        data: an rclone path to bring the raw data from first.
        push: an rclone path to copy the run's folder to when it has ended.

    Returns:
        what ``metrics.json`` holds; with ``push``, also where the copy is.

    Raises:
        UserError: something is missing or does not fit together, or another process trains the
            run; the message says what.
        KeyboardInterrupt: with how to go on as its message, once there is a run.
    """
    prepare(say, data)
    with ExitStack() as lock:
        if resume is not None and cluster()[1]:
            lock.enter_context(runs.locked(resume))
        metrics = _train(config, name, resume, (device, precision), say, lock)
    if push and "run" in metrics:  # of several workers, the first
        metrics["pushed"] = push_run(runs.find_run(metrics["run"]), push, say)
    return metrics


def push_run(run: runs.Run, remote: str | None = None, say: Say = print) -> str:
    """Copy a run's folder to a remote storage, and check it there.

    Args:
        run: the run.
        remote: an rclone path such as ``rshare:my-models``; without it, what the environment
            variable ``<PACKAGE>_MODELS_REMOTE`` says.
        say: takes each line meant for the user.

    Returns:
        where it is now.

    Raises:
        UserError: nobody says where to, or the copy failed; the run itself is complete.
    """
    target = remote or models_remote()
    if not target:
        raise UserError(f"name a remote, or set {PACKAGE.upper()}_MODELS_REMOTE")
    say(f"copying {run.name} to {target}")
    try:
        return push(run.path, target)
    except TaskError as error:
        advice = f"the run is complete: push --run {run.name} tries again"
        raise TaskError(f"{error}\n{advice}") from error


def _train(
    config: TrainConfig,
    name: str | None,
    resume: runs.Run | None,
    wanted: tuple[str, str],
    say: Say,
    lock: ExitStack,
) -> dict[str, Any]:
    """Do what :func:`train` says.

    ``wanted`` are device and precision; ``lock`` is what the lock of a new run is left to.
    """
    features, splits = load_features()
    checkpoint = None
    if resume is not None:
        if Features.read(resume.path / "features.json") != features:
            raise UserError(
                f"{processed_path()} has changed since run {resume.name} started; "
                f"rebuild it as it was: features --seed N"
            )
        checkpoint = runs.load_checkpoint(resume)
    steps = -(-len(splits["train"].labels) // config.batch_size)
    loop = Loop(config, features, steps, *wanted)
    history = []
    if resume is not None and checkpoint is not None:
        try:
            loop.restore(checkpoint.state)
        except UserError as error:
            raise UserError(f"run {resume.name}: {error}") from error
        history = checkpoint.history
    loop.agree()
    run = resume
    if loop.chief:
        run = _open_run(config, features, name, resume)
        if resume is None:
            lock.enter_context(runs.locked(run))
        verb = f"resuming {run.name} after epoch {len(history)}" if history else f"run {run.name}"
        length = counted(config.epochs, "epoch")
        say(f"{verb}: {length} on {loop.device}, workers: {loop.workers}")
    try:
        history = _train_epochs(loop, config, splits, history, run if loop.chief else None, say)
        digest = loop.agree()
        metrics: dict[str, Any] = {"weights_digest": digest, "workers": loop.workers}
        if run is not None and loop.chief:
            metrics |= _finish(run, config, loop, features, splits, history)
            write_json(run.path / "metrics.json", metrics)
    except KeyboardInterrupt:
        if run is None:
            raise
        raise KeyboardInterrupt(f"go on with train --resume {run.name}") from None
    loop.agree()  # the others must not leave before the chief has finished
    say(f"weights {digest}")
    return metrics


def prepare(say: Say = print, data: str | None = None) -> None:
    """Make data and features where they are missing, or bring the data, and say so."""
    if data:
        say(f"bringing {data} to {raw_path()}")
        make_dataset(data)
        seed = Features.read(processed_path() / "features.json").seed if have_features() else 0
        build_features(seed)
    if have_features():
        return
    if not (raw_path() / "dataset.npz").is_file():
        say(f"no data yet: making {raw_path()}")
        make_dataset()
    say(f"no features yet: making {processed_path()}")
    build_features()


def _open_run(
    config: TrainConfig, features: Features, name: str | None, resume: runs.Run | None
) -> runs.Run:
    if resume is None:
        run = runs.create_run(config, name)
        features.write(run.path / "features.json")
        manifest.take(raw_path()).write(run.path / "data.json")
        return run
    runs.clear_leftovers(resume)
    resume.write_config(config, resume.created)
    (resume.path / "metrics.json").unlink(missing_ok=True)
    return resume


def _train_epochs(
    loop: Loop,
    config: TrainConfig,
    splits: dict[str, Split],
    history: list[runs.Epoch],
    run: runs.Run | None,
    say: Say,
) -> list[runs.Epoch]:
    """Train what is missing of the epochs; ``run`` is None for workers that do not write."""
    history = list(history)
    log = runs.EventLog(run) if run is not None else None
    terminal = run is not None and say is print and sys.stderr.isatty()
    for epoch in range(len(history) + 1, config.epochs + 1):
        start = time.perf_counter()
        rate = loop.learning_rate()
        work = list(batches(splits["train"], config.batch_size, loop.replicas, config.seed, epoch))
        title = f"epoch {epoch:3}/{config.epochs}"
        with _bar(title, len(work)) if terminal else nullcontext(lambda: None) as on_step:
            loss, accuracy = loop.epoch(work, on_step)
        check = splits["validation"]
        validation = score(network.probabilities(loop.model, check.images), check.labels)
        seconds = time.perf_counter() - start
        line = runs.Epoch(
            epoch, loss, accuracy, validation.loss, validation.accuracy, rate, seconds
        )
        history.append(line)
        if run is None or log is None:
            continue
        log.add(line)
        if best_epoch(history) == epoch:
            network.save(loop.model, run.path / network.MODEL_FILE)
        runs.write_history(run, history)
        # Last: once the checkpoint is there, the rest of the epoch is there too.
        runs.save_checkpoint(run, runs.Checkpoint(loop.state(), history))
        say(
            f"{title}  loss {loss:.4f}  accuracy {accuracy:.4f}  validation loss "
            f"{validation.loss:.4f}  accuracy {validation.accuracy:.4f}  {seconds:.1f} s"
        )
    if log is not None:
        log.close()
    return history


@contextmanager
def _bar(title: str, steps: int) -> Iterator[Callable[[], None]]:
    """A progress bar over the steps of an epoch, gone when the epoch's line is printed."""
    with tqdm(total=steps, desc=title, unit="step", leave=False) as bar:

        def step() -> None:
            bar.update()

        yield step


def best_epoch(history: list[runs.Epoch]) -> int:
    """The epoch with the lowest validation loss; the first of equals."""
    return min(history, key=lambda line: (line.validation_loss, line.epoch)).epoch


def _finish(
    run: runs.Run,
    config: TrainConfig,
    loop: Loop,
    features: Features,
    splits: dict[str, Split],
    history: list[runs.Epoch],
) -> dict[str, Any]:
    """Measure the best epoch's network on the test split, and draw the pictures."""
    best = network.load(run.path / network.MODEL_FILE)
    scores = score(network.probabilities(best, splits["test"].images), splits["test"].labels)
    visualize.learning_curve(history, run.name, figures_path() / "learning-curve.png")
    visualize.confusion_matrix(
        scores.confusion, features.classes, run.name, figures_path() / "confusion-matrix.png"
    )
    return {
        "run": run.name,
        "test_accuracy": scores.accuracy,
        "test_loss": scores.loss,
        "recall": dict(zip(features.classes, scores.recall, strict=True)),
        "epochs": len(history),
        "best_epoch": best_epoch(history),
        "seconds": round(sum(line.seconds for line in history), 3),
        "device": loop.device.name,
        "precision": loop.device.precision,
        "data": manifest.take(raw_path()).summary(),
        "sizes": {name: len(split.labels) for name, split in splits.items()},
        "versions": {
            "python": sys.version.split()[0],
            "model": package_version(),
            **versions(),
        },
    }


def resumed(run: runs.Run, epochs: int | None) -> TrainConfig:
    """The configuration to resume ``run`` with: its own, or its own with more epochs.

    Raises:
        UserError: the run has that many epochs already.
    """
    config = run.config()
    if epochs is not None and epochs != config.epochs:
        config = replace(config, epochs=epochs)
    elif run.ended:
        raise UserError(f"run {run.name} has ended; give --epochs to train it further")
    checkpoint = runs.load_checkpoint(run)
    if checkpoint is not None and len(checkpoint.history) > config.epochs:
        raise UserError(
            f"run {run.name} has trained {counted(len(checkpoint.history), 'epoch')} already, "
            f"more than {config.epochs}"
        )
    return config
