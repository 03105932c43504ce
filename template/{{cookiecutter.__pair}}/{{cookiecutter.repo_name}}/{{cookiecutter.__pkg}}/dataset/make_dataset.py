"""Bring the raw data to ``data/raw``: the bundled digits, or a folder of a remote storage.

Replace :func:`write_digits` by whatever makes your data. The next step asks only for this:

``dataset.npz``
    ``images``: numbers from 0 to 16, shape (N, 8, 8); ``labels``: integers, shape (N,), each the
    position of its class in ``classes.json``.
``classes.json``
    the names of the classes, a list of texts.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..config import (
    IMAGE_SHAPE,
    MAX_VALUE,
    UserError,
    data_path,
    data_remote,
)
from ..remote import pull
from ..storage import atomic, read_arrays, read_json, write_json
from . import manifest

#: Edge of a sample picture in pixels; a multiple of 8, so that reading it back loses nothing.
SAMPLE_EDGE = 128


@dataclass(frozen=True)
class RawData:
    """Labelled pictures as they came.

    Attributes:
        images: ink from 0 (paper) to 16, float32, shape (N, 8, 8).
        labels: positions in ``classes``, int64, shape (N,).
        classes: the name of each class.
    """

    images: NDArray[np.float32]
    labels: NDArray[np.int64]
    classes: list[str]


def raw_path() -> Path:
    """Folder of the raw data."""
    return data_path() / "raw"


def make_dataset(remote: str | None = None) -> Path:
    """Bring the raw data to ``data/raw`` and check it.

    Args:
        remote: an rclone path such as ``rshare:my-data``; without it, what the environment
            variable ``<PACKAGE>_DATA_REMOTE`` says, or else the bundled digits.

    Returns:
        the folder.

    Raises:
        UserError: the remote is unknown, the copy failed, or what came is not such a data set.
    """
    folder = raw_path()
    folder.mkdir(parents=True, exist_ok=True)
    source = remote or data_remote()
    if source:
        pull(source, folder)
    else:
        write_digits(folder)
    load_raw()
    manifest.take(folder, source or "")
    return folder


def write_digits(folder: Path) -> None:
    """Write scikit-learn's handwritten digits, and a typical picture of each to try prediction on.

    1,797 images of 8x8 pixels (UCI machine learning repository, "Optical recognition of
    handwritten digits"); they come with scikit-learn, so no network is needed.
    """
    from sklearn.datasets import load_digits

    digits = load_digits()
    images = digits.images.astype(np.uint8)
    labels = digits.target.astype(np.int64)
    with atomic(folder / "dataset.npz") as temporary:
        np.savez_compressed(temporary, images=images, labels=labels)
    write_json(folder / "classes.json", [str(name) for name in digits.target_names])
    for digit in range(10):
        of_class = images[labels == digit].astype(float)
        distances = np.square(of_class - of_class.mean(axis=0)).sum(axis=(1, 2))
        typical = of_class[distances.argmin()]
        write_sample(typical, folder / "samples" / f"digit-{digit}.png")


def write_sample(image: NDArray[Any], path: Path) -> None:
    """Write one (8, 8) image as people know handwriting: large, dark ink on white paper."""
    from PIL import Image

    grey = np.round(255 - image.astype(float) * 255 / MAX_VALUE).astype(np.uint8)
    picture = Image.fromarray(grey).resize((SAMPLE_EDGE, SAMPLE_EDGE), Image.Resampling.NEAREST)
    with atomic(path) as temporary:
        picture.save(temporary)


def load_raw() -> RawData:
    """Read the raw data.

    Raises:
        UserError: a file is missing or holds something else than this module's first lines say.
    """
    folder = raw_path()
    classes = read_json(folder / "classes.json")
    path = folder / "dataset.npz"
    arrays = read_arrays(path)

    def check(good: bool, problem: str) -> None:
        if not good:
            raise UserError(f"{path}: {problem}")

    check({"images", "labels"} <= set(arrays), "it must hold images and labels")
    images, labels = arrays["images"], arrays["labels"]
    check(
        isinstance(classes, list) and len(classes) > 1, "classes.json must list two or more names"
    )
    check(images.shape[1:] == IMAGE_SHAPE, f"images have the shape {images.shape}, not (N, 8, 8)")
    check(labels.shape == images.shape[:1], f"{len(images)} images have {labels.size} labels")
    check(labels.dtype.kind in "iu", f"labels are {labels.dtype}, not integers")
    check(bool(((labels >= 0) & (labels < len(classes))).all()), "a label has no class")
    inside = np.isfinite(images) & (images >= 0) & (images <= MAX_VALUE)
    check(bool(inside.all()), f"a value is outside 0 to {MAX_VALUE}")
    return RawData(
        images.astype(np.float32), labels.astype(np.int64), [str(name) for name in classes]
    )
