"""The training loop: one process or several, on one machine or many, with the same code.

The environment variables of ``torchrun`` (and of Kubeflow's PyTorchJob) make this process one of
many: ``RANK``, ``WORLD_SIZE``, ``LOCAL_RANK``, ``MASTER_ADDR`` and ``MASTER_PORT``. They share each
batch out and average their gradients (DistributedDataParallel): with NCCL on GPUs, Gloo on CPUs.
"""

from __future__ import annotations

import atexit
import math
import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..config import TrainConfig, UserError
from ..features.build_features import Features
from . import network
from .batches import Batch
from .framework import place, set_up, torch


class Loop:
    """A network in training.

    Args:
        config: what was asked for.
        features: what the network sees.
        steps: optimizer steps of one epoch.
        device: ``auto``, ``cpu`` or ``gpu``.
        precision: ``auto``, ``float32`` or ``bfloat16``.

    Raises:
        UserError: torchrun's variables are malformed, or there is no GPU where one was asked for.

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
        self.replicas = self.workers
        self.device = set_up(config.seed, device, precision)
        self.model = network.build(features).to(place())
        self._optimizer = torch.optim.Adam(self.model.parameters(), lr=config.learning_rate)
        self._config, self._all_steps, self._steps = config, config.epochs * steps, 0
        self._rank, self._forward = 0, self.model
        if self.workers > 1:
            self._rank = int(os.environ["RANK"])
            _join("nccl" if self.device.kind == "gpu" else "gloo")
            self._forward = torch.nn.parallel.DistributedDataParallel(self.model)

    def epoch(self, batches: Sequence[Batch], on_step: Callable[[], None]) -> tuple[float, float]:
        """Train on each batch once; returns the mean loss and the accuracy while training."""
        # Dropout follows from the seed and the steps before, so that a resumed run goes on alike;
        # and it differs between the workers, which have different pictures.
        seeds = np.random.SeedSequence([self._config.seed, self._steps, self._rank])
        torch.manual_seed(int(seeds.generate_state(1)[0]))
        self.model.train()
        sums = torch.zeros(2, dtype=torch.float64)
        for batch in batches:
            sums += self._step(batch)
            on_step()
        if self.workers > 1:
            sums = _over_workers(sums, torch.distributed.ReduceOp.SUM)
        pictures = sum(float(batch.weights.sum()) for batch in batches)
        return float(sums[0]) / pictures, float(sums[1]) / pictures

    def _step(self, batch: Batch) -> torch.Tensor:
        """One step on this worker's share, every n-th row; the same weights result on all.

        Returns:
            float64, shape (2,): sum of the losses and number of right answers of the share.
        """
        images, labels, weights = (
            torch.from_numpy(np.ascontiguousarray(array[self._rank :: self.replicas])).to(place())
            for array in (batch.images, batch.labels, batch.weights)
        )
        for group in self._optimizer.param_groups:
            group["lr"] = self.learning_rate()
        mixed = self.device.precision == "bfloat16"
        with torch.autocast(place().type, torch.bfloat16, enabled=mixed):
            scores = self._forward(images)
        scores = scores.float()
        losses = torch.nn.functional.cross_entropy(scores, labels, reduction="none") * weights
        # The workers' gradients are averaged: so their sum is divided by the number of pictures,
        # exactly, also where the shares are not equal.
        share = self.workers / float(batch.weights.sum())
        self._optimizer.zero_grad()
        (losses.sum() * share).backward()
        self._optimizer.step()
        self._steps += 1
        hits = (scores.argmax(1) == labels) * weights
        return torch.stack([losses.detach().sum(), hits.sum()]).double().cpu()

    def learning_rate(self) -> float:
        """The step size that the next step takes: half a cosine wave, down to 0."""
        done = min(self._steps / self._all_steps, 1.0)
        return self._config.learning_rate * (1 + math.cos(math.pi * done)) / 2

    def state(self) -> list[NDArray[Any]]:
        """Everything that training changes: the weights, then the moments of Adam and its steps."""
        tensors = list(self.model.state_dict().values())
        for weight in self.model.parameters():
            moments = self._optimizer.state[weight]
            tensors += [moments["exp_avg"], moments["exp_avg_sq"]]
        return [tensor.cpu().numpy().copy() for tensor in tensors] + [np.array(self._steps)]

    def restore(self, state: Sequence[NDArray[Any]]) -> None:
        """Go back to what :meth:`state` returned.

        Raises:
            UserError: the state is of another network.
        """
        weights, parameters = self.model.state_dict(), list(self.model.parameters())
        expected = [tuple(value.shape) for value in weights.values()]
        expected += [tuple(value.shape) for value in parameters for _ in range(2)]
        if [*expected, ()] != [array.shape for array in state]:
            raise UserError("the checkpoint is of another network: models/network.py has changed")
        *tensors, steps = [torch.from_numpy(array.copy()) for array in state]
        named = dict(zip(weights, tensors[: len(weights)], strict=True))
        self.model.load_state_dict(named)
        self._steps = int(steps)
        moments = tensors[len(weights) :]
        done = torch.tensor(float(self._steps))
        self._optimizer.load_state_dict(
            {
                "state": {
                    number: {
                        "step": done.clone(),
                        "exp_avg": moments[2 * number],
                        "exp_avg_sq": moments[2 * number + 1],
                    }
                    for number in range(len(parameters))
                },
                "param_groups": self._optimizer.state_dict()["param_groups"],
            }
        )

    def agree(self) -> str:
        """Wait for all workers and compare their weights; returns the digest of the weights.

        Raises:
            RuntimeError: the workers' weights differ.
        """
        digest = network.digest(self.model)
        if self.workers > 1:
            mine = int(digest[:15], 16)  # 60 bits: an int64 holds them
            both = torch.tensor([mine, -mine])
            largest, smallest = _over_workers(both, torch.distributed.ReduceOp.MAX).tolist()
            if largest != -smallest:
                raise RuntimeError(
                    "the workers' weights differ; to resume, all must see the same models folder"
                )
        return digest


def _join(backend: str) -> None:
    """Meet the other processes, at the address that torchrun's variables name."""
    if not torch.distributed.is_initialized():
        torch.distributed.init_process_group(backend)
        atexit.register(torch.distributed.destroy_process_group)


def _over_workers(values: torch.Tensor, how: Any) -> torch.Tensor:
    """What becomes of ``values`` when they are put together over all workers; on the CPU."""
    shared = values.to(place())
    torch.distributed.all_reduce(shared, how)
    return shared.cpu()


def cluster() -> tuple[int, bool]:
    """How many processes torchrun's variables name, and whether this one is their chief.

    Raises:
        UserError: they do not fit together.
    """
    if not os.environ.get("WORLD_SIZE"):
        return 1, True
    try:
        size, rank = int(os.environ["WORLD_SIZE"]), int(os.environ["RANK"])
        int(os.environ.get("LOCAL_RANK") or 0)
    except (KeyError, ValueError) as error:
        raise UserError(f"WORLD_SIZE and RANK are not as torchrun sets them: {error}") from error
    if not 0 <= rank < size:
        raise UserError(f"RANK is {rank}: it must be at least 0 and less than WORLD_SIZE, {size}")
    missing = [name for name in ("MASTER_ADDR", "MASTER_PORT") if not os.environ.get(name)]
    if size > 1 and missing:
        raise UserError(f"WORLD_SIZE is {size}, and {' and '.join(missing)} is missing")
    return size, rank == 0
