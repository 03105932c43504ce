"""What TensorFlow decides: training on several workers, devices and precision, exports."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from {{ cookiecutter.__pkg }} import config
from {{ cookiecutter.__pkg }}.dataset.make_dataset import (
    load_raw,
)
from {{ cookiecutter.__pkg }}.models import (
    framework,
    loop,
    network,
    runs,
    train,
)
from {{ cookiecutter.__pkg }}.models.export import export
from {{ cookiecutter.__pkg }}.models.predict import predict

from helpers import free_port, history, quick, read, start


def test_two_workers_agree(home: Path) -> None:
    """Two real processes on this machine end with the same weights; one of them writes."""
    train.prepare(say=lambda line: None)
    addresses = [f"127.0.0.1:{free_port()}" for _ in range(2)]
    processes = [
        start(
            home,
            *("train", "--epochs", "2", "--name", "both"),
            TF_CONFIG=json.dumps(
                {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
            ),
        )
        for index in range(2)
    ]
    try:
        outputs = [process.communicate(timeout=120) for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert [process.returncode for process in processes] == [0, 0], outputs
    metrics = read(home / "models" / "both" / "metrics.json")
    assert metrics["workers"] == 2
    assert [path.name for path in (home / "models").iterdir()] == ["both"]
    expected = f"weights {metrics['weights_digest']}"
    assert [out.splitlines().count(expected) for out, _ in outputs] == [1, 1]
    assert "epoch   2/2" in outputs[0][0]
    assert "epoch" not in outputs[1][0]
    # The same batches, only shared: nearly the same result as one process gives.
    first, second = (float(line[1]) for line in history(home / "models" / "both")[1:])
    alone = quick(home, "alone")
    assert alone["weights_digest"] != metrics["weights_digest"]
    assert metrics["test_accuracy"] == pytest.approx(alone["test_accuracy"], abs=0.1)
    assert second < first


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("nonsense", "not as TensorFlow wants it"),
        ("[]", "not as TensorFlow wants it"),
        ('{"cluster": {"worker": ["a:1"]}}', "not as TensorFlow wants it"),
        ('{"cluster": {"ps": ["a:1"]}, "task": {"type": "ps", "index": 0}}', "ps 0 cannot train"),
        ('{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}', "worker 1"),
    ],
)
def test_bad_cluster(home: Path, monkeypatch: pytest.MonkeyPatch, value: str, message: str) -> None:
    monkeypatch.setenv("TF_CONFIG", value)
    with pytest.raises(config.UserError, match=message):
        quick(home, "run")
    assert not (home / "models").exists()


@pytest.mark.parametrize(
    ("kind", "index", "chief"),
    [("chief", 0, True), ("worker", 0, False), ("worker", 1, False)],
)
def test_chief_of_a_cluster(
    monkeypatch: pytest.MonkeyPatch, kind: str, index: int, chief: bool
) -> None:
    cluster = {"chief": ["a:1"], "worker": ["b:1", "c:1"], "evaluator": ["d:1"]}
    task = {"type": kind, "index": index}
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": cluster, "task": task}))
    assert loop.cluster() == (3, chief)


def test_gpu_asked_for(home: Path) -> None:
    if tf.config.list_physical_devices("GPU"):
        assert framework.set_up(0, "gpu").kind == "gpu"
    else:
        with pytest.raises(config.UserError, match="sees no GPU"):
            framework.set_up(0, "gpu")


def test_mixed_precision(home: Path) -> None:
    """Recorded with the run, and gone from the network that it leaves."""
    metrics = quick(home, "mixed", precision="bfloat16")
    assert (metrics["device"], metrics["precision"]) == ("cpu", "bfloat16")
    exact = quick(home, "exact", precision="float32")
    assert exact["weights_digest"] != metrics["weights_digest"]
    assert metrics["test_accuracy"] == pytest.approx(exact["test_accuracy"], abs=0.1)
    left = network.load(home / "models" / "mixed" / network.MODEL_FILE)
    assert {layer.compute_dtype for layer in left.layers} == {"float32"}


def test_saved_model(at_trained: Path, tmp_path: Path) -> None:
    run = runs.find_run()
    raw = load_raw().images[:50]
    expected = np.array([list(each.probabilities.values()) for each in predict(raw, "", run)])
    _, folder = export(run, tmp_path / "export")
    serving = tf.saved_model.load(folder).signatures["serving_default"]
    ((name, spec),) = serving.structured_input_signature[1].items()
    assert (name, spec.shape.as_list(), spec.dtype) == ("image", [None, 8, 8], tf.float32)
    answer = serving(image=tf.constant(raw))
    assert list(answer) == ["probabilities"]
    np.testing.assert_allclose(answer["probabilities"], expected, atol=1e-5)
