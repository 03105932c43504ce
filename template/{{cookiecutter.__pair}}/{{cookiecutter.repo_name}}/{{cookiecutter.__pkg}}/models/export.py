"""Write a trained network in the forms that other programs load."""

from __future__ import annotations

import os
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
        ``<folder>/<n>`` with the suffix of the run's own file, the network itself, which takes
        scaled pictures; and the folder ``<folder>/<n>``, what :func:`network.export` makes of it,
        which takes raw ones. ``n`` counts up: servers take the highest one.
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
    made = folder / str(number)
    temporary = made.with_name(f".tmp-{os.getpid()}-{made.name}")
    try:
        network.export(model, features, temporary)
        # Servers poll the folder: a version must appear there complete.
        temporary.rename(made)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return copy, made
