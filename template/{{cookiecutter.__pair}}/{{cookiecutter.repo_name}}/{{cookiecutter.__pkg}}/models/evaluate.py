"""Measure a trained network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..config import UserError
from ..features.build_features import Features, Split, load_features, processed_path
from . import runs


@dataclass(frozen=True)
class Scores:
    """How right the predictions on a split are.

    Attributes:
        accuracy: share of right answers, 0 to 1.
        loss: mean cross-entropy in nats.
        recall: for each class, the share of its images that were recognised; 0 to 1, or None
            where the split holds none of the class.
        confusion: number of images by true class (row) and answer (column).
    """

    accuracy: float
    loss: float
    recall: list[float | None]
    confusion: NDArray[np.int64]


def score(probabilities: NDArray[np.float32], labels: NDArray[np.int64]) -> Scores:
    """Compare ``probabilities``, shape (N, classes), with the true ``labels``, shape (N,)."""
    classes = probabilities.shape[1]
    answers = probabilities.argmax(axis=1)
    confusion = np.zeros((classes, classes), np.int64)
    np.add.at(confusion, (labels, answers), 1)
    # In float64, and never below float32's smallest step from 0: log(0) would be infinite.
    right = probabilities[np.arange(len(labels)), labels].astype(np.float64).clip(1e-12)
    totals = confusion.sum(axis=1)
    recall = [
        round(float(confusion[each, each] / total), 6) if total else None
        for each, total in enumerate(totals)
    ]
    return Scores(
        float((answers == labels).mean()), float(-np.log(right).mean()), recall, confusion
    )


def evaluate(run: runs.Run) -> tuple[Scores, Features]:
    """Measure a run's network on the test split.

    Raises:
        UserError: the features are not the ones that the run was trained with.
    """
    from . import network

    features, splits = load_features()
    if Features.read(run.path / "features.json") != features:
        raise UserError(
            f"{processed_path()} is not what run {run.name} was trained with: its test split "
            "may hold images that the network has learned from"
        )
    test: Split = splits["test"]
    model: Any = network.load(run.path / network.MODEL_FILE)
    return score(network.probabilities(model, test.images), test.labels), features
