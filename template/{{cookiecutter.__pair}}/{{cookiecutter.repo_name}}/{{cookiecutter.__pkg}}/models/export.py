"""Write a trained network in the forms that other programs load."""

from __future__ import annotations

import shutil
from pathlib import Path

from ..config import models_path
from ..features.build_features import Features
from ..storage import atomic
from . import runs


def export(run: runs.Run, folder: Path | None = None) -> tuple[Path, Path]:
    """Export a run's network.

    Args:
        run: whose network.
        folder: where to; without it, ``models/export``.

    Returns:
        ``<folder>/<n>.keras``, the network itself, which takes scaled pictures; and
        ``<folder>/<n>/``, a SavedModel that takes raw ones. ``n`` counts up, as TensorFlow
        Serving wants it: it serves the highest one, given ``--model_base_path=<folder>``.
    """
    from . import network

    folder = folder or models_path() / "export"
    folder.mkdir(parents=True, exist_ok=True)
    taken = [int(path.stem) for path in folder.iterdir() if path.stem.isdigit()]
    number = max(taken, default=0) + 1
    features = Features.read(run.path / "features.json")
    source = run.path / network.MODEL_FILE
    model = network.load(source)
    copy = folder / f"{number}{source.suffix}"
    with atomic(copy) as temporary:
        shutil.copyfile(source, temporary)
    network.export(model, features, folder / str(number))
    return copy, folder / str(number)
