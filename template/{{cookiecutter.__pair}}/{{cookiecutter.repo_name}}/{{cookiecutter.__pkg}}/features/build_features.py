"""From the raw data to what the network sees: split, then scale by what the training split says."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..config import MAX_VALUE, UserError, data_path
from ..dataset.make_dataset import load_raw, raw_path
from ..storage import atomic, read_arrays, read_json, write_json

#: Shares of all images; the rest, 0.64, is the training split.
VALIDATION_SHARE = 0.16
TEST_SHARE = 0.20

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Features:
    """How pictures become numbers. Every run keeps a copy: prediction needs nothing else.

    Attributes:
        shape: height and width of a picture in pixels.
        max_value: the value of full ink in a raw picture.
        mean, std: of the raw training split; the network sees ``(raw - mean) / std``.
        classes: the name of each class, in the order of the network's outputs.
        seed: of the split.
        digest: of the split itself, so that a run is never judged on images it learned from.
    """

    shape: tuple[int, int]
    max_value: float
    mean: float
    std: float
    classes: list[str]
    seed: int
    digest: str

    def scale(self, images: NDArray[Any]) -> NDArray[np.float32]:
        """Turn raw pictures, shape (N, height, width), into the network's input of that shape."""
        return ((images - self.mean) / self.std).astype(np.float32)

    def write(self, path: Path) -> None:
        """Write as JSON."""
        write_json(path, asdict(self))

    @classmethod
    def read(cls, path: Path) -> Features:
        """Read what :meth:`write` wrote.

        Raises:
            UserError: the file is missing or holds something else.
        """
        try:
            values = cls(**read_json(path))
        except TypeError as error:
            raise UserError(f"{path}: {error}") from error
        return cls(**{**vars(values), "shape": tuple(values.shape)})


@dataclass(frozen=True)
class Split:
    """Some labelled images: ``images`` scaled, float32, (N, 8, 8); ``labels`` int64, (N,)."""

    images: NDArray[np.float32]
    labels: NDArray[np.int64]


def processed_path() -> Path:
    """Folder of the features."""
    return data_path() / "processed"


def build_features(seed: int = 0) -> Features:
    """Split the raw data (each class in the same proportions), scale it, and write both.

    Args:
        seed: of the split; the same seed gives the same files.

    Raises:
        UserError: the raw data is missing, or too small to be split.
    """
    from sklearn.model_selection import train_test_split

    if not (raw_path() / "dataset.npz").is_file():
        raise UserError(f"there is no data in {raw_path()}: run the command data first")
    raw = load_raw()
    numbers = np.arange(len(raw.labels))
    try:
        rest, test = train_test_split(
            numbers, test_size=TEST_SHARE, stratify=raw.labels, random_state=seed
        )
        train, validation = train_test_split(
            rest,
            test_size=VALIDATION_SHARE / (1 - TEST_SHARE),
            stratify=raw.labels[rest],
            random_state=seed,
        )
    except ValueError as error:
        raise UserError(f"the raw data cannot be split: {error}") from error
    parts = dict(zip(SPLITS, (train, validation, test), strict=True))
    pixels = raw.images[train]
    features = Features(
        shape=(raw.images.shape[1], raw.images.shape[2]),
        max_value=float(MAX_VALUE),
        mean=round(float(pixels.mean()), 6),
        std=round(float(pixels.std()), 6) or 1.0,
        classes=raw.classes,
        seed=seed,
        digest=hashlib.sha256(raw.images.tobytes() + test.tobytes()).hexdigest()[:16],
    )
    arrays: dict[str, Any] = {
        f"{name}_images": features.scale(raw.images[part]) for name, part in parts.items()
    }
    labels: dict[str, Any] = {f"{name}_labels": raw.labels[part] for name, part in parts.items()}
    folder = processed_path()
    with atomic(folder / "features.npz") as temporary:
        np.savez_compressed(temporary, **arrays, **labels)
    # Last, because its presence is what tells later steps that the features are complete.
    features.write(folder / "features.json")
    return features


def have_features() -> bool:
    """Whether the features have been built."""
    return (processed_path() / "features.json").is_file()


def load_features() -> tuple[Features, dict[str, Split]]:
    """Read the features: how they were made, and the splits by name.

    Raises:
        UserError: they have not been built.
    """
    folder = processed_path()
    if not have_features():
        raise UserError(f"there are no features in {folder}: run the command features first")
    features = Features.read(folder / "features.json")
    arrays = read_arrays(folder / "features.npz")
    try:
        splits = {
            name: Split(arrays[f"{name}_images"], arrays[f"{name}_labels"]) for name in SPLITS
        }
    except KeyError as error:
        raise UserError(f"{folder / 'features.npz'} holds no {error}") from error
    return features, splits
