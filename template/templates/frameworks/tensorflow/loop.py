"""The training loop: one process, several GPUs, or several machines, with the same code.

TensorFlow's ``TF_CONFIG`` environment variable makes this process one of many
(MultiWorkerMirroredStrategy). Keras 3's own ``model.fit`` does not run under that strategy, so
the few lines that it would hide are here.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..config import TrainConfig, UserError
from ..features.build_features import Features
from . import network
from .batches import Batch
from .framework import keras, set_up, tf


class Loop:
    """A network in training.

    Args:
        config: what was asked for.
        features: what the network sees.
        steps: optimizer steps of one epoch.
        device: ``auto``, ``cpu`` or ``gpu``.
        precision: ``auto``, ``float32`` or ``bfloat16``.

    Raises:
        UserError: ``TF_CONFIG`` is malformed, or there is no GPU where one was asked for.

    Attributes:
        device: what computes.
        chief: whether this process is the one that writes the run.
        workers: the number of processes.
        replicas: the number of devices over all processes, between which each batch is split.
    """

    def __init__(
        self,
        config: TrainConfig,
        features: Features,
        steps: int,
        device: str = "auto",
        precision: str = "auto",
    ) -> None:
        self.workers, self.chief = cluster()
        self.device = set_up(config.seed, device, precision)
        if self.workers > 1:
            strategy = tf.distribute.MultiWorkerMirroredStrategy()
        elif len(tf.config.get_visible_devices("GPU")) > 1:
            strategy = tf.distribute.MirroredStrategy()
        else:
            strategy = tf.distribute.get_strategy()
        self.strategy = strategy
        self.replicas: int = strategy.num_replicas_in_sync
        with strategy.scope():
            self.model = network.build(features)
            self.rate = keras.optimizers.schedules.CosineDecay(
                config.learning_rate, config.epochs * steps
            )
            self.optimizer = keras.optimizers.Adam(self.rate)
            self.optimizer.build(self.model.trainable_variables)
        self._step = tf.function(lambda *batch: strategy.run(self._replica_step, args=batch))

    def epoch(self, batches: Sequence[Batch], on_step: Callable[[], None]) -> tuple[float, float]:
        """Train on each batch once; returns the mean loss and the accuracy while training."""
        totals = np.zeros(3)
        for batch in batches:
            totals += np.asarray(self._step(*map(self._spread, vars(batch).values())))
            on_step()
        return float(totals[0] / totals[2]), float(totals[1] / totals[2])

    def _spread(self, array: NDArray[Any]) -> Any:
        """Give each replica its share of a batch: every n-th row."""

        def share(context: Any) -> tf.Tensor:
            return tf.constant(array[context.replica_id_in_sync_group :: self.replicas])

        return self.strategy.experimental_distribute_values_from_function(share)

    def _replica_step(self, images: tf.Tensor, labels: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
        """One step on this replica's share; the same weights result on all replicas."""
        context = tf.distribute.get_replica_context()
        with tf.GradientTape() as tape:
            predicted = self.model(images, training=True)
            losses = keras.losses.sparse_categorical_crossentropy(labels, predicted) * weights
            loss = tf.reduce_sum(losses)
        hits = tf.cast(tf.argmax(predicted, axis=1) == labels, tf.float32) * weights
        sums = tf.stack([loss, tf.reduce_sum(hits), tf.reduce_sum(weights)])
        gradients = tape.gradient(loss, self.model.trainable_variables)
        # Sums over all replicas, then one division: exact also where the shares are not equal.
        *gradients, sums = context.all_reduce(tf.distribute.ReduceOp.SUM, [*gradients, sums])
        mean = [gradient / sums[2] for gradient in gradients]
        self.optimizer.apply(mean, self.model.trainable_variables)
        return sums

    def learning_rate(self) -> float:
        """The step size that the next step takes."""
        return float(self.rate(self.optimizer.iterations))

    def state(self) -> list[NDArray[Any]]:
        """Everything that training changes, seeds of dropout and moments of Adam included."""
        return [np.asarray(variable) for variable in self._variables()]

    def restore(self, state: Sequence[NDArray[Any]]) -> None:
        """Go back to what :meth:`state` returned.

        Raises:
            UserError: the state is of another network.
        """
        variables = self._variables()
        if [tuple(variable.shape) for variable in variables] != [array.shape for array in state]:
            raise UserError("the checkpoint is of another network: models/network.py has changed")
        for variable, array in zip(variables, state, strict=True):
            variable.assign(array)

    def _variables(self) -> list[keras.Variable]:
        return [*self.model.variables, *self.optimizer.variables]

    def agree(self) -> str:
        """Wait for all workers and compare their weights; returns the digest of the weights.

        Raises:
            RuntimeError: the workers' weights differ.
        """
        digest = network.digest(self.model)
        if self.workers > 1:
            # 40 bits of the digest: their sum is exact as a float64, which collectives support.
            mine = tf.constant(float(int(digest[:10], 16)), tf.float64)
            mean = self._over_workers(mine) / self.replicas
            if float(mean) != float(mine):
                raise RuntimeError(
                    "the workers' weights differ; to resume, all must see the same models folder"
                )
        return digest

    def _over_workers(self, value: tf.Tensor) -> tf.Tensor:
        """Sum of ``value`` over all replicas."""

        def replica() -> tf.Tensor:
            return tf.distribute.get_replica_context().all_reduce("SUM", value)

        total = tf.function(lambda: self.strategy.run(replica))
        return self.strategy.experimental_local_results(total())[0]


def cluster() -> tuple[int, bool]:
    """How many processes ``TF_CONFIG`` names, and whether this one is their chief."""
    text = os.environ.get("TF_CONFIG")
    if not text:
        return 1, True
    try:
        values = json.loads(text)
        members, task = values["cluster"], values["task"]
        kind, index = task["type"], int(task["index"])
        workers = sum(len(members.get(each, [])) for each in ("chief", "worker"))
        present = index < len(members[kind])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"TF_CONFIG is not as TensorFlow wants it: {error!r}") from error
    if kind not in ("chief", "worker") or not present:
        raise UserError(f"TF_CONFIG: {kind} {index} cannot train; chief and worker can")
    return workers, kind == "chief" or ("chief" not in members and index == 0)
