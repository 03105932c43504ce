"""What scikit-learn decides: devices, the files of trained networks, exports."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import skops.io
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from {{ cookiecutter.__pkg }} import config
from {{ cookiecutter.__pkg }}.dataset.make_dataset import (
    load_raw,
)
from {{ cookiecutter.__pkg }}.models import (
    framework,
    network,
    runs,
)
from {{ cookiecutter.__pkg }}.models.export import export
from {{ cookiecutter.__pkg }}.models.predict import predict

from helpers import quick


@pytest.mark.parametrize(
    ("device", "precision", "message"),
    [("gpu", "auto", "it uses no GPU"), ("auto", "bfloat16", "it knows no bfloat16")],
)
def test_neither_gpu_nor_mixed_precision(device: str, precision: str, message: str) -> None:
    with pytest.raises(config.UserError, match=message):
        framework.set_up(0, device, precision)


def test_several_processes_are_none_of_its_business(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert quick(home, "run")["workers"] == 1


def test_another_classifier(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the first lines of network.py promise: any that has partial_fit and predict_proba."""
    monkeypatch.setattr(network, "build", lambda *_: make_pipeline(GaussianNB(var_smoothing=0.1)))
    metrics = quick(home, "bayes")
    assert metrics["test_accuracy"] > 0.5
    assert quick(home, "again") == metrics


def test_exported_pipeline(at_trained: Path, tmp_path: Path) -> None:
    """It takes raw pictures and needs scikit-learn and skops only."""
    run = runs.find_run()
    raw = load_raw().images[:50]
    expected = np.array([list(each.probabilities.values()) for each in predict(raw, "", run)])
    _, folder = export(run, tmp_path / "export")
    (path,) = folder.iterdir()
    assert path.name == "model.skops"
    assert skops.io.get_untrusted_types(file=path) == network.TRUSTED
    pipeline = skops.io.load(path, trusted=network.TRUSTED)
    rows = raw.reshape(len(raw), 64)
    np.testing.assert_allclose(pipeline.predict_proba(rows), expected, atol=1e-5)
    assert (pipeline.predict(rows) == expected.argmax(axis=1)).all()


def test_a_network_file_with_other_types_is_refused(home: Path) -> None:
    pipeline = make_pipeline(FunctionTransformer(np.save), GaussianNB())
    skops.io.dump(pipeline, home / network.MODEL_FILE)
    with pytest.raises(config.UserError, match=r"cannot read .*numpy\.save"):
        network.load(home / network.MODEL_FILE)
