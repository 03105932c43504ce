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

from ..config import Device, UserError

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


#: The first GPUs that compute in bfloat16 (NVIDIA's Ampere), by their compute capability.
BFLOAT16_SINCE = (8, 0)


def set_up(seed: int, device: str = "auto", precision: str = "auto") -> Device:
    """Choose device and precision, and make every random number follow from ``seed``.

    This is the one place that decides; what was chosen is in the ``metrics.json`` of the run.

    Args:
        seed: of weights and dropout.
        device: ``auto`` (all GPUs, if there are any), ``cpu`` or ``gpu``.
        precision: ``float32``; ``bfloat16`` (Keras' policy ``mixed_bfloat16``: it has float32's
            range, so losses need no scaling); or ``auto``, which is bfloat16 where all GPUs have
            it and float32 elsewhere, always so on the CPU.

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
    details = [tf.config.experimental.get_device_details(gpu) for gpu in gpus]
    if precision == "auto":
        able = [each.get("compute_capability", (0, 0)) >= BFLOAT16_SINCE for each in details]
        precision = "bfloat16" if able and all(able) else "float32"
    keras.config.set_dtype_policy("mixed_bfloat16" if precision == "bfloat16" else "float32")
    names = [each.get("device_name") or "gpu" for each in details]
    return Device("gpu" if gpus else "cpu", ", ".join(names) or "cpu", precision)


def versions() -> dict[str, str]:
    """The versions that a result depends on."""
    return {"tensorflow": tf.__version__, "keras": version("keras"), "numpy": np.__version__}
