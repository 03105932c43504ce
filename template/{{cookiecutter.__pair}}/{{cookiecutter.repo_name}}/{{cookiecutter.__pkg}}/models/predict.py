"""Classify pictures with a trained network."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..config import UserError
from ..features import inputs
from ..features.build_features import Features
from . import runs

#: Largest input file in bytes.
MAX_BYTES = 100_000_000


@dataclass(frozen=True)
class Prediction:
    """The answer for one picture.

    Attributes:
        run: name of the training run whose network answered.
        source: where the picture came from.
        label: name of the most probable class.
        probabilities: of every class by name; they sum up to 1.
        image: what the network saw, before scaling, shape (8, 8), values 0 to 16.
    """

    run: str
    source: str
    label: str
    probabilities: dict[str, float]
    image: NDArray[np.float32]

    def as_json(self) -> dict[str, Any]:
        """All but the picture, ready for JSON."""
        return {
            "run": self.run,
            "source": self.source,
            "class": self.label,
            "probabilities": self.probabilities,
        }


def read_file(path: Path) -> NDArray[np.float32]:
    """Read a picture (PNG, JPEG) or numbers (JSON); see :func:`inputs.from_file`.

    Returns:
        ink, shape (N, 8, 8), values 0 to 16.

    Raises:
        UserError: it cannot be read; the message names the file.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError(f"larger than {MAX_BYTES / 1e6:.0f} MB")
        return inputs.from_file(path.read_bytes(), path.name)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}") from error
    except ValueError as error:
        raise UserError(f"{path}: {error}") from error


def predict(images: NDArray[np.float32], source: str, run: runs.Run) -> list[Prediction]:
    """Classify pictures.

    Args:
        images: ink, shape (N, 8, 8), values 0 to 16.
        source: a name for the pictures; numbered when there are several.
        run: whose network to use.
    """
    from . import network

    model, features = load(run.path)
    answers = network.probabilities(model, features.scale(images))
    return [
        Prediction(
            run=run.name,
            source=source if len(images) == 1 else f"{source}[{number}]",
            label=features.classes[int(answer.argmax())],
            probabilities={
                name: round(float(value), 6)
                for name, value in zip(features.classes, answer, strict=True)
            },
            image=image,
        )
        for number, (image, answer) in enumerate(zip(images, answers, strict=True))
    ]


@lru_cache(maxsize=2)
def load(path: Path) -> tuple[Any, Features]:
    """A run's network and features; kept, because a server asks for the same again and again."""
    from . import network

    return network.load(path / network.MODEL_FILE), Features.read(path / "features.json")
