"""The network, in PyTorch.

Swap or reshape the network in :class:`Network`; nothing else needs to change as long as it takes
scaled pictures, shape (N, 8, 8), and answers one score (logit) for each class, shape (N, classes).
"""

from __future__ import annotations

import hashlib
import logging
import pickle
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..config import UserError
from ..features.build_features import Features
from ..storage import atomic
from .framework import place, torch

#: Name of the file in a run that holds the network.
MODEL_FILE = "model.pt"

#: Images per step where no gradients are needed.
PREDICT_BATCH = 1024


class Network(torch.nn.Module):
    """Two convolutions and a dense layer, some 85,000 weights.

    Args:
        shape: height and width of a picture in pixels, even numbers.
        classes: the number of classes.
    """

    def __init__(self, shape: tuple[int, int], classes: int) -> None:
        super().__init__()
        self.shape, self.classes = shape, classes
        height, width = shape
        self.layers = torch.nn.Sequential(
            torch.nn.Conv2d(1, 32, 3, padding=1),
            torch.nn.ReLU(),
            torch.nn.Conv2d(32, 64, 3, padding=1),
            torch.nn.ReLU(),
            torch.nn.MaxPool2d(2),
            torch.nn.Flatten(),
            torch.nn.Linear(64 * (height // 2) * (width // 2), 64),
            torch.nn.ReLU(),
            torch.nn.Dropout(0.3),
            torch.nn.Linear(64, classes),
        )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Scores, shape (N, classes), of scaled ``images``, shape (N, height, width)."""
        return self.layers(images.unsqueeze(1))


class Serving(torch.nn.Module):
    """A network for clients that know nothing of its scaling.

    Args:
        model: the network.
        features: how its input was scaled.
    """

    def __init__(self, model: torch.nn.Module, features: Features) -> None:
        super().__init__()
        self.model = model
        self.mean, self.std = features.mean, features.std

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Probabilities, shape (N, classes), of raw pictures, values 0 to 16, shape (N, 8, 8)."""
        return torch.softmax(self.model((image - self.mean) / self.std), 1)


def build(features: Features) -> Network:
    """The untrained network."""
    return Network(features.shape, len(features.classes))


def probabilities(model: torch.nn.Module, images: NDArray[np.float32]) -> NDArray[np.float32]:
    """Class probabilities, shape (N, classes), of scaled ``images``, shape (N, height, width)."""
    model.eval()
    where = next(model.parameters()).device
    parts = []
    with torch.inference_mode():
        for start in range(0, len(images), PREDICT_BATCH):
            part = torch.from_numpy(images[start : start + PREDICT_BATCH]).to(where)
            parts.append(torch.softmax(model(part), 1).cpu().numpy())
    return np.concatenate(parts)


def save(model: Network, path: Path) -> None:
    """Write the network to a ``.pt`` file, atomically: numbers only, no code."""
    content = {
        "shape": list(model.shape),
        "classes": model.classes,
        "weights": {name: value.cpu() for name, value in model.state_dict().items()},
    }
    with atomic(path) as temporary:
        torch.save(content, temporary)


def load(path: Path) -> Network:
    """Read what :func:`save` wrote.

    Raises:
        UserError: the file is missing, damaged or of another network.
    """
    try:
        # weights_only: whatever the file holds, nothing of it is run.
        content = torch.load(path, map_location="cpu", weights_only=True)
        height, width = content["shape"]
        model = Network((height, width), content["classes"])
        model.load_state_dict(content["weights"])
    except (OSError, EOFError, RuntimeError, LookupError, ValueError, TypeError) as error:
        raise _unreadable(path, error) from error
    except pickle.UnpicklingError as error:
        raise _unreadable(path, error) from error
    model.to(place()).eval()
    return model


def _unreadable(path: Path, error: Exception) -> UserError:
    reason = error.strerror if isinstance(error, OSError) else None
    first = str(error).strip().splitlines() or [type(error).__name__]
    return UserError(f"cannot read {path}: {reason or first[0]}")


def digest(model: torch.nn.Module) -> str:
    """A fingerprint of the weights: equal exactly when all of them are, bit for bit."""
    weights = [value.cpu().numpy().tobytes() for value in model.state_dict().values()]
    return hashlib.sha256(b"".join(weights)).hexdigest()[:16]


def export(model: Network, features: Features, path: Path) -> None:
    """Write what takes raw pictures, so that its clients need not know the scaling.

    ``model.pt2`` is a program of ``torch.export``, which needs PyTorch but not this package; where
    the network cannot be exported so (control flow that depends on its input), it is TorchScript,
    ``model.torchscript.pt``. ``model.onnx`` is for ONNX runtimes and is there beside ``model.pt2``.

    Args:
        model: the network.
        features: how its input was scaled.
        path: folder to make. Both map ``image``, float32, values 0 to 16, shape (N, 8, 8), to
            ``probabilities``, float32, shape (N, classes).
    """
    path.mkdir()
    serving = Serving(model, features).cpu().eval()
    example = torch.zeros(2, *features.shape)
    shapes = {"image": {0: torch.export.Dim("batch")}}
    try:
        program = torch.export.export(serving, (example,), dynamic_shapes=shapes)
    except Exception:  # of many kinds, all meaning that it cannot be done
        torch.jit.script(serving).save(path / "model.torchscript.pt")
        return
    torch.export.save(program, path / "model.pt2")
    with _without_advice():
        onnx = torch.onnx.export(
            program,
            dynamo=True,
            input_names=["image"],
            output_names=["probabilities"],
            verbose=False,
        )
    onnx.save(path / "model.onnx")


@contextmanager
def _without_advice() -> Iterator[None]:
    """Keep from users what PyTorch's ONNX exporter says of itself.

    It uses what is deprecated in PyTorch, and misses torchvision, which nobody has asked for.
    """
    logger = logging.getLogger("torch.onnx")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            warnings.simplefilter("ignore", DeprecationWarning)
            yield
    finally:
        logger.setLevel(before)
