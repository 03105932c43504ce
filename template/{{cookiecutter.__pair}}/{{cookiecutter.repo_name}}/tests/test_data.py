"""The raw data: the bundled digits, a remote storage, and what is refused."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from {{ cookiecutter.__pkg }} import config
from {{ cookiecutter.__pkg }}.dataset import (
    make_dataset as data,
)


def test_digits(home: Path) -> None:
    folder = data.make_dataset()
    raw = data.load_raw()
    assert folder == home / "data" / "raw"
    assert raw.images.shape == (1797, 8, 8)
    assert (raw.images.min(), raw.images.max()) == (0, 16)
    assert raw.classes == list("0123456789")
    assert np.bincount(raw.labels).min() > 170
    for digit in range(10):
        with Image.open(folder / "samples" / f"digit-{digit}.png") as picture:
            assert (picture.size, picture.mode) == ((128, 128), "L")


def test_same_every_time(home: Path) -> None:
    first = (data.make_dataset() / "dataset.npz").read_bytes()
    second = (data.make_dataset() / "dataset.npz").read_bytes()
    assert first == second
    assert not list(home.rglob(".tmp-*"))


@pytest.fixture
def remote(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that rclone knows as ``rshare:``."""
    folder = home / "far away"
    folder.mkdir()
    monkeypatch.setenv("RCLONE_CONFIG", os.devnull)
    monkeypatch.setenv("RCLONE_CONFIG_RSHARE_TYPE", "alias")
    monkeypatch.setenv("RCLONE_CONFIG_RSHARE_REMOTE", str(folder))
    return folder


def test_from_remote(remote: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = remote / "my data"
    np.savez(
        (source.mkdir() or source) / "dataset.npz",
        images=np.full((6, 8, 8), 7.5),
        labels=np.array([0, 1] * 3),
    )
    (source / "classes.json").write_text('["cat", "dog"]')
    data.make_dataset("rshare:my data")
    assert data.load_raw().classes == ["cat", "dog"]
    assert data.load_raw().images.shape == (6, 8, 8)
    (data.raw_path() / "classes.json").unlink()
    monkeypatch.setattr(data, "data_remote", lambda: "rshare:my data")
    data.make_dataset()
    assert data.load_raw().classes == ["cat", "dog"]


def test_remote_from_environment(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert config.data_remote() is None
    monkeypatch.setenv(f"{config.PACKAGE.upper()}_DATA_REMOTE", "rshare:here")
    assert config.data_remote() == "rshare:here"


@pytest.mark.parametrize(
    ("path", "error", "message"),
    [
        ("rshare:not there", config.TaskError, "copying rshare:not there failed"),
        ("other:x", config.TaskError, "knows no remote 'other' .it knows: rshare:"),
        ("my-data", config.UserError, "written name:path"),
        ("-x:y", config.UserError, "written name:path"),
        ("rshare:$(touch bad)`touch bad`", config.TaskError, "failed"),
        ('rshare:"; touch bad; "', config.TaskError, "failed"),
    ],
)
def test_remote_refused(
    remote: Path, home: Path, path: str, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        data.make_dataset(path)
    assert not (home / "bad").exists()


def test_no_rclone(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(home))
    with pytest.raises(config.MissingToolError, match="rclone is not installed"):
        data.make_dataset("rshare:x")


GOOD = {"images": np.zeros((4, 8, 8)), "labels": np.array([0, 1, 0, 1])}


@pytest.mark.parametrize(
    ("changes", "classes", "message"),
    [
        ({}, ["only"], "two or more"),
        ({}, {"a": 1}, "two or more"),
        ({"images": np.zeros((4, 9, 8))}, ["a", "b"], r"\(4, 9, 8\)"),
        ({"images": np.full((4, 8, 8), np.nan)}, ["a", "b"], "outside 0 to 16"),
        ({"images": np.full((4, 8, 8), 17)}, ["a", "b"], "outside 0 to 16"),
        ({"labels": np.array([0, 1, 0])}, ["a", "b"], "4 images have 3 labels"),
        ({"labels": np.array([0, 1, 0, 2])}, ["a", "b"], "no class"),
        ({"labels": np.array([0, 1, 0, None])}, ["a", "b"], "cannot read"),
        ({"labels": np.array([0, 1, 0, 0.5])}, ["a", "b"], "not integers"),
    ],
)
def test_bad_data(home: Path, changes: dict, classes: object, message: str) -> None:
    folder = data.raw_path()
    folder.mkdir(parents=True)
    np.savez(folder / "dataset.npz", **{**GOOD, **changes})
    (folder / "classes.json").write_text(json.dumps(classes))
    with pytest.raises(config.UserError, match=message):
        data.load_raw()


def test_damaged_data(home: Path) -> None:
    folder = data.make_dataset()
    path = folder / "dataset.npz"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(config.UserError, match=r"cannot read .*dataset\.npz"):
        data.load_raw()
    path.unlink()
    with pytest.raises(config.UserError, match=r"cannot read .*dataset\.npz"):
        data.load_raw()
