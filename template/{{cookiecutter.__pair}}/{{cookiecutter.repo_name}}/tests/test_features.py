"""The features: splits that do not overlap, and a scale that knows only the training split."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from {{ cookiecutter.__pkg }}.config import UserError
from {{ cookiecutter.__pkg }}.dataset.make_dataset import (
    load_raw,
    make_dataset,
)
from {{ cookiecutter.__pkg }}.features import (
    build_features as features,
)


@pytest.fixture
def built(home: Path) -> features.Features:
    make_dataset()
    return features.build_features(seed=7)


def test_splits(built: features.Features) -> None:
    read, splits = features.load_features()
    assert read == built
    assert {name: len(split.labels) for name, split in splits.items()} == {
        "train": 1149,
        "validation": 288,
        "test": 360,
    }
    everything = np.concatenate([split.images for split in splits.values()])
    raw = built.scale(load_raw().images)
    assert {image.tobytes() for image in everything} == {image.tobytes() for image in raw}
    shares = np.array([np.bincount(split.labels) / len(split.labels) for split in splits.values()])
    assert np.ptp(shares, axis=0).max() < 0.01


def test_scale_is_of_the_training_split(built: features.Features) -> None:
    train = features.load_features()[1]["train"].images
    assert train.dtype == np.float32
    assert train.mean() == pytest.approx(0, abs=1e-4)
    assert train.std() == pytest.approx(1, abs=1e-4)
    assert built.scale(np.zeros((1, 8, 8))).max() == pytest.approx(-built.mean / built.std)


def test_seed(built: features.Features) -> None:
    before = (features.processed_path() / "features.npz").read_bytes()
    assert features.build_features(seed=7) == built
    assert (features.processed_path() / "features.npz").read_bytes() == before
    other = features.build_features(seed=8)
    assert other.digest != built.digest
    assert other != replace(built, seed=8)


def test_too_small(home: Path) -> None:
    folder = make_dataset()
    np.savez(folder / "dataset.npz", images=np.zeros((3, 8, 8)), labels=np.array([0, 1, 1]))
    with pytest.raises(UserError, match="cannot be split"):
        features.build_features()


def test_missing(home: Path) -> None:
    assert not features.have_features()
    with pytest.raises(UserError, match="run the command features"):
        features.load_features()


def test_damaged(built: features.Features) -> None:
    (features.processed_path() / "features.npz").write_bytes(b"PK nonsense")
    with pytest.raises(UserError, match=r"cannot read .*features\.npz"):
        features.load_features()
    (features.processed_path() / "features.json").write_text('{"shape": [8, 8]}')
    with pytest.raises(UserError, match=r"features\.json"):
        features.load_features()
