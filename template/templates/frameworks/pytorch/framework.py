"""PyTorch itself: given its device, its precision and its seed.

With ``network.py`` and ``loop.py`` this is all that knows the framework.
"""

from __future__ import annotations

import os

import numpy as np

from ..config import Device, UserError

# Read when CUDA starts; without it cuBLAS does not give the same result twice.
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")

import torch

__all__ = ["place", "set_up", "torch", "versions"]

#: The first GPUs that compute in bfloat16 (NVIDIA's Ampere), by their compute capability.
BFLOAT16_SINCE = (8, 0)

_chosen: torch.device | None = None


def set_up(seed: int, device: str = "auto", precision: str = "auto") -> Device:
    """Choose device and precision, and make every random number follow from ``seed``.

    This is the one place that decides; what was chosen is in the ``metrics.json`` of the run.

    Args:
        seed: of the weights.
        device: ``auto`` (a GPU if there is one), ``cpu`` or ``gpu``. Of several GPUs a process
            uses one, the first or the one that torchrun's ``LOCAL_RANK`` says.
        precision: ``float32``; ``bfloat16`` (autocast: it has float32's range, so losses need no
            scaling); or ``auto``, which is bfloat16 where the GPU has it and float32 elsewhere,
            always so on the CPU.

    Raises:
        UserError: a GPU was asked for and PyTorch sees none, or not as many as ``LOCAL_RANK`` says.
    """
    global _chosen
    torch.manual_seed(seed)
    # Costs some speed on a GPU; without it the same seed does not give the same result there.
    torch.use_deterministic_algorithms(True)
    found = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if device == "gpu" and not found:
        raise UserError(
            "PyTorch sees no GPU: pip install -e '.[gpu]', and see what nvidia-smi prints"
        )
    if device == "cpu" or not found:
        _chosen = torch.device("cpu")
        return Device("cpu", "cpu", "float32" if precision == "auto" else precision)
    number = int(os.environ.get("LOCAL_RANK") or 0)
    if number >= found:
        raise UserError(f"LOCAL_RANK is {number}, and this machine has {found} GPUs")
    _chosen = torch.device("cuda", number)
    torch.cuda.set_device(_chosen)
    if precision == "auto":
        able = torch.cuda.get_device_capability(_chosen) >= BFLOAT16_SINCE
        precision = "bfloat16" if able else "float32"
    return Device("gpu", torch.cuda.get_device_name(_chosen), precision)


def place() -> torch.device:
    """Where networks and pictures belong: what :func:`set_up` chose, or else the usual device."""
    if _chosen is not None:
        return _chosen
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def versions() -> dict[str, str]:
    """The versions that a result depends on."""
    return {"torch": torch.__version__, "numpy": np.__version__}
