"""The work of an epoch: shuffled and augmented batches, whatever the framework."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..features.build_features import Split

#: Most pixels that augmentation moves a picture by, in each direction.
MAX_SHIFT = 1


@dataclass(frozen=True)
class Batch:
    """One step's work of all workers together.

    Attributes:
        images: scaled, float32, shape (batch size, 8, 8).
        labels: int64, shape (batch size,).
        weights: float32, shape (batch size,): 1, or 0 for what only fills the last batch up.
    """

    images: NDArray[np.float32]
    labels: NDArray[np.int64]
    weights: NDArray[np.float32]


def batches(split: Split, size: int, replicas: int, seed: int, epoch: int) -> Iterator[Batch]:
    """Shuffled, augmented batches of one epoch, each of the same size.

    Args:
        split: what to train on.
        size: images per batch; rounded up to a multiple of ``replicas``.
        replicas: devices that share each batch.
        seed: of the run; with ``epoch``, all that order and augmentation depend on.
        epoch: counted from 1.
    """
    random = np.random.default_rng([seed, epoch])
    size = -(-size // replicas) * replicas
    order = random.permutation(len(split.labels))
    images = shift(split.images[order], random)
    labels = split.labels[order]
    for start in range(0, len(order), size):
        used = len(order[start : start + size])
        # Filled up with repetitions of weight 0: one shape is compiled once, and replicas share
        # it evenly.
        rows = np.resize(np.arange(start, start + used), size)
        weights = (np.arange(size) < used).astype(np.float32)
        yield Batch(images[rows], labels[rows], weights)


def shift(images: NDArray[np.float32], random: np.random.Generator) -> NDArray[np.float32]:
    """Move each picture, shape (N, height, width), by up to ``MAX_SHIFT`` pixels each way.

    What moves in is the picture's own corner, which is paper.
    """
    moved = np.empty_like(images)
    moves = random.integers(-MAX_SHIFT, MAX_SHIFT + 1, size=(len(images), 2))
    wide = np.pad(images, ((0, 0), (MAX_SHIFT, MAX_SHIFT), (MAX_SHIFT, MAX_SHIFT)), mode="edge")
    height, width = images.shape[1:]
    for number, (down, right) in enumerate(moves + MAX_SHIFT):
        moved[number] = wide[number, down : down + height, right : right + width]
    return moved
