"""TensorFlow itself: imported quietly, given its device and its seed.

With ``network.py`` and ``loop.py`` this is all that knows the framework.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version

import numpy as np

from ..config import UserError

__all__ = ["keras", "set_up", "tf", "versions"]


@contextmanager
def _without_greeting() -> Iterator[None]:
    """Keep what TensorFlow logs while it is imported from users, but for warnings and errors.

    Its C++ part writes past Python, and some lines past its own log level too.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    greeting = re.compile(rb"I\d{4} |WARNING: All log messages before absl::InitializeLog")
    sys.stderr.flush()
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as log:
        os.dup2(log.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
            log.seek(0)
            for line in log:
                if not greeting.match(line):
                    os.write(2, line)


with _without_greeting():
    import keras
    import tensorflow as tf


def set_up(seed: int, device: str = "auto") -> str:
    """Choose the device and make every random number follow from ``seed``.

    Args:
        seed: of weights and dropout.
        device: ``auto`` (a GPU if there is one), ``cpu`` or ``gpu``.

    Returns:
        what computes: ``cpu``, or the names of the GPUs.

    Raises:
        UserError: a GPU was asked for and TensorFlow sees none.
    """
    keras.utils.clear_session()
    keras.utils.set_random_seed(seed)
    # Costs some speed on a GPU; without it the same seed does not give the same result there.
    tf.config.experimental.enable_op_determinism()
    if device == "cpu":
        tf.config.set_visible_devices([], "GPU")
    gpus = tf.config.get_visible_devices("GPU")
    if device == "gpu" and not gpus:
        raise UserError(
            "TensorFlow sees no GPU: pip install -e '.[gpu]', and see what nvidia-smi prints"
        )
    for gpu in gpus:
        try:
            # Otherwise the first process takes the whole memory of the card.
            tf.config.experimental.set_memory_growth(gpu, True)
        except RuntimeError:
            break  # in use already, by an earlier training of this process
    names = [tf.config.experimental.get_device_details(gpu).get("device_name") for gpu in gpus]
    return ", ".join(name or "gpu" for name in names) or "cpu"


def versions() -> dict[str, str]:
    """The versions that a result depends on."""
    return {"tensorflow": tf.__version__, "keras": version("keras"), "numpy": np.__version__}
