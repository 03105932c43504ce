"""The network, in Keras 3 on TensorFlow.

Swap or reshape the network in :func:`build`; nothing else needs to change as long as it takes
scaled pictures, shape (N, 8, 8), and answers probabilities, shape (N, classes).
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..config import UserError
from ..features.build_features import Features
from ..storage import atomic
from .framework import keras

#: Name of the file in a run that holds the network.
MODEL_FILE = "model.keras"

#: Images per step where no gradients are needed.
PREDICT_BATCH = 1024


def build(features: Features) -> keras.Model:
    """The untrained network: two convolutions and a dense layer, some 70,000 weights."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input(features.shape, name="image"),
            layers.Reshape((*features.shape, 1)),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.Conv2D(64, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            layers.Dropout(0.3),
            # In float32 also with mixed precision: probabilities near 0 and 1 need it.
            layers.Dense(
                len(features.classes), activation="softmax", name="probabilities", dtype="float32"
            ),
        ],
        name="digits",
    )


def probabilities(model: keras.Model, images: NDArray[np.float32]) -> NDArray[np.float32]:
    """Class probabilities, shape (N, classes), of scaled ``images``, shape (N, height, width)."""
    parts = [
        np.asarray(model(images[start : start + PREDICT_BATCH], training=False), np.float32)
        for start in range(0, len(images), PREDICT_BATCH)
    ]
    return np.concatenate(parts)


def save(model: keras.Model, path: Path) -> None:
    """Write the network to a ``.keras`` file, atomically; in float32, for whatever loads it."""
    with atomic(path) as temporary:
        _in_float32(model).save(temporary)


def _in_float32(model: keras.Model) -> keras.Model:
    """The network itself, or its like in float32 where it was trained with mixed precision."""
    if all(layer.compute_dtype == "float32" for layer in model.layers):
        return model

    def like(layer: keras.Layer) -> keras.Layer:
        return layer.__class__.from_config({**layer.get_config(), "dtype": "float32"})

    same = keras.models.clone_model(model, clone_function=like)
    same.set_weights(model.get_weights())
    return same


def load(path: Path) -> keras.Model:
    """Read what :func:`save` wrote.

    Raises:
        UserError: the file is missing or damaged.
    """
    try:
        # Without the optimizer: it is in the checkpoints, and only training needs it.
        return keras.saving.load_model(path, compile=False)
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read {path}: {error}") from error


def digest(model: keras.Model) -> str:
    """A fingerprint of the weights: equal exactly when all of them are, bit for bit."""
    weights = b"".join(np.asarray(weight).tobytes() for weight in model.weights)
    return hashlib.sha256(weights).hexdigest()[:16]


def export(model: keras.Model, features: Features, path: Path) -> None:
    """Write a SavedModel that takes raw pictures, so that its clients need not know the scaling.

    TensorFlow Serving serves it, given the folder around ``path`` as ``--model_base_path``.

    Args:
        model: the network.
        features: how its input was scaled.
        path: folder to make. The signature ``serving_default`` maps ``image``, float32, values
            0 to 16, shape (N, 8, 8), to ``probabilities``, float32, shape (N, classes).
    """
    raw = keras.Input(features.shape, name="image")
    scaled = keras.layers.Rescaling(1 / features.std, offset=-features.mean / features.std)(raw)
    serving = keras.Model({"image": raw}, {"probabilities": model(scaled)}, name="serving")
    serving.export(path, format="tf_saved_model", verbose=False)
