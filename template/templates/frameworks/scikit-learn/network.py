"""The network: a pipeline of scikit-learn.

Swap or reshape it in :func:`build`; nothing else needs to change as long as its last step is a
classifier with ``partial_fit`` and ``predict_proba``. The steps before it are fitted once, to the
pictures of the first epoch. All see scaled pictures as rows of pixels, shape (N, 64).
"""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import skops.io
from numpy.typing import NDArray
from sklearn.kernel_approximation import Nystroem
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from ..config import UserError
from ..features.build_features import Features
from ..storage import atomic

#: Name of the file in a run that holds the network.
MODEL_FILE = "model.skops"

#: What such a file may hold beyond the types that skops itself trusts: all of it scikit-learn's.
TRUSTED = ["sklearn.neural_network._stochastic_optimizers.AdamOptimizer"]


def build(features: Features, seed: int = 0, learning_rate: float = 1e-3) -> Pipeline:
    """The untrained network: similarity to 300 of the pictures, and a small network on that.

    Args:
        features: what it sees.
        seed: of the choice of pictures and of the weights.
        learning_rate: step size of Adam.
    """
    pixels = features.shape[0] * features.shape[1]
    return make_pipeline(
        Nystroem(gamma=1.28 / pixels, n_components=300, random_state=seed),
        StandardScaler(),
        MLPClassifier((128,), alpha=1e-3, learning_rate_init=learning_rate, random_state=seed),
    )


def rows(images: NDArray[np.float32]) -> NDArray[np.float32]:
    """Pictures, shape (N, height, width), as rows of pixels, shape (N, height * width)."""
    return images.reshape(len(images), -1)


def probabilities(model: Pipeline, images: NDArray[np.float32]) -> NDArray[np.float32]:
    """Class probabilities, shape (N, classes), of scaled ``images``, shape (N, height, width)."""
    return np.asarray(model.predict_proba(rows(images)), np.float32)


def save(model: Pipeline, path: Path) -> None:
    """Write the network to a ``.skops`` file, atomically: unlike a pickle, no code."""
    with atomic(path) as temporary:
        skops.io.dump(model, temporary)


def load(path: Path) -> Pipeline:
    """Read what :func:`save` wrote.

    Raises:
        UserError: the file is missing, damaged, or holds types that are not in ``TRUSTED``.
    """
    try:
        return skops.io.load(path, trusted=TRUSTED)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error
    except (zipfile.BadZipFile, LookupError, ValueError, TypeError) as error:
        raise UserError(f"cannot read {path}: {error}") from error
    except skops.io.exceptions.UntrustedTypesFoundException as error:
        raise UserError(f"cannot read {path}: {error}") from error


def digest(model: Pipeline) -> str:
    """A fingerprint of what was learned: equal exactly when all of it is, bit for bit."""
    hashed = hashlib.sha256()
    for _, step in model.steps:
        # What fitting has found has a name that ends in "_".
        learned = {name: value for name, value in vars(step).items() if name.endswith("_")}
        for name in sorted(learned):
            for array in _arrays(learned[name]):
                hashed.update(array.tobytes())
    return hashed.hexdigest()[:16]


def _arrays(value: Any) -> list[NDArray[Any]]:
    """The arrays that an attribute is, or is a list of."""
    found = value if isinstance(value, list) else [value]
    return [each for each in found if isinstance(each, np.ndarray)]


def export(model: Pipeline, features: Features, path: Path) -> None:
    """Write a pipeline that takes raw pictures, so that its clients need not know the scaling.

    Args:
        model: the network.
        features: how its input was scaled.
        path: folder to make. ``model.skops`` in it is a pipeline of scikit-learn's own steps:
            ``skops.io.load(file, trusted=[...])`` with what ``TRUSTED`` lists. Its
            ``predict_proba`` maps rows of pixels, values 0 to 16, shape (N, 64), to probabilities,
            shape (N, classes); ``predict`` to positions in ``classes.json``.
    """
    pixels = features.shape[0] * features.shape[1]
    scale = StandardScaler()
    scale.mean_ = np.full(pixels, features.mean)
    scale.scale_ = np.full(pixels, features.std)
    scale.var_ = scale.scale_**2
    scale.n_features_in_ = pixels
    path.mkdir()
    skops.io.dump(make_pipeline(scale, *(step for _, step in model.steps)), path / "model.skops")
