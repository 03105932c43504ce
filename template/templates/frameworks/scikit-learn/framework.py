"""scikit-learn itself. It computes on the CPU, in float64 wherever it likes to.

With ``network.py`` and ``loop.py`` this is all that knows the framework.
"""

from __future__ import annotations

from importlib.metadata import version

import numpy as np

from ..config import Device, UserError

__all__ = ["set_up", "versions"]


def set_up(seed: int, device: str = "auto", precision: str = "auto") -> Device:
    """Choose device and precision: there is one of each.

    Args:
        seed: what ``network.build`` gives to everything random; nothing is global here.
        device: ``auto`` or ``cpu``.
        precision: ``auto`` or ``float32``.

    Raises:
        UserError: another device or precision was asked for.
    """
    if device == "gpu":
        raise UserError("scikit-learn computes on the CPU: it uses no GPU")
    if precision == "bfloat16":
        raise UserError("scikit-learn computes in full precision: it knows no bfloat16")
    return Device("cpu", "cpu", "float32")


def versions() -> dict[str, str]:
    """The versions that a result depends on."""
    packages = ("scikit-learn", "scipy")
    return {**{name: version(name) for name in packages}, "numpy": np.__version__}
