"""The training loop: the classifier's ``partial_fit``, batch by batch.

So that epochs, history, checkpoints and TensorBoard are those of every module. There is one
process: scikit-learn trains in no other way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import skops.io
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from ..config import TrainConfig, UserError
from ..features.build_features import Features
from . import network
from .batches import Batch
from .framework import set_up


class Loop:
    """A network in training.

    Args:
        config: what was asked for.
        features: what the network sees.
        steps: batches of one epoch.
        device: ``auto`` or ``cpu``.
        precision: ``auto`` or ``float32``.

    Raises:
        UserError: a GPU was asked for.

    Attributes:
        device: what computes.
        chief: whether this process is the one that writes the run.
        workers: the number of processes.
        replicas: the number of devices between which each batch is split.
    """

    workers, chief, replicas = 1, True, 1

    def __init__(
        self,
        config: TrainConfig,
        features: Features,
        steps: int,
        device: str = "auto",
        precision: str = "auto",
    ) -> None:
        self.device = set_up(config.seed, device, precision)
        self.model = network.build(features, config.seed, config.learning_rate)
        self._classes = np.arange(len(features.classes))
        self._rate = config.learning_rate
        self._fitted = False

    def epoch(self, batches: Sequence[Batch], on_step: Callable[[], None]) -> tuple[float, float]:
        """Train on each batch once; returns mean loss and accuracy, each just after its step."""
        before = self.model[:-1]  # the steps before the classifier
        if len(before) and not self._fitted:
            shown = np.concatenate([batch.images[batch.weights > 0] for batch in batches])
            before.fit(network.rows(shown))
        self._fitted = True
        sums = np.zeros(3)
        # One thread: the same bits whatever the number of cores; and quicker, with small batches.
        with threadpool_limits(1, "blas"):
            for batch in batches:
                sums += self._step(batch)
                on_step()
        return float(sums[0] / sums[2]), float(sums[1] / sums[2])

    def _step(self, batch: Batch) -> NDArray[np.float64]:
        """One step; returns the sum of the losses, the right answers and the pictures."""
        real = batch.weights > 0  # the rest only fills the batch up
        labels, rows = batch.labels[real], network.rows(batch.images[real])
        for _, step in self.model.steps[:-1]:
            rows = step.transform(rows)
        classifier = self.model[-1]
        if "batch_size" in classifier.get_params():
            classifier.set_params(batch_size=len(rows))  # one step of the optimizer, not several
        classifier.partial_fit(rows, labels, classes=self._classes)
        predicted = classifier.predict_proba(rows)
        right = predicted[np.arange(len(labels)), labels].clip(1e-12)
        hits = predicted.argmax(axis=1) == labels
        return np.array([-np.log(right).sum(), hits.sum(), len(labels)])

    def learning_rate(self) -> float:
        """The step size that the next step takes; it stays what it is."""
        return self._rate

    def state(self) -> list[NDArray[Any]]:
        """The whole pipeline with its optimizer and its random numbers, as the bytes of skops."""
        return [np.frombuffer(skops.io.dumps(self.model), np.uint8)]

    def restore(self, state: Sequence[NDArray[Any]]) -> None:
        """Go back to what :meth:`state` returned.

        Raises:
            UserError: the state is of another network.
        """
        try:
            (content,) = state
            restored = skops.io.loads(content.tobytes(), trusted=network.TRUSTED)
            same = [type(step) for _, step in restored.steps] == [
                type(step) for _, step in self.model.steps
            ]
        except ValueError as error:
            raise UserError("the checkpoint is of another network") from error
        if not same:
            raise UserError("the checkpoint is of another network: models/network.py has changed")
        self.model, self._fitted = restored, True

    def agree(self) -> str:
        """The digest of what was learned; there are no other workers to compare it with."""
        return network.digest(self.model)


def cluster() -> tuple[int, bool]:
    """How many processes train, and whether this one writes the run: one, and it does."""
    return 1, True
