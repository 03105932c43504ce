"""What PyTorch decides: training on several workers, devices and precision, exports."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from {{ cookiecutter.__pkg }} import config
from {{ cookiecutter.__pkg }}.dataset.make_dataset import (
    load_raw,
)
from {{ cookiecutter.__pkg }}.features.build_features import (
    Features,
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

from helpers import (
    TIMEOUT,
    environment,
    free_port,
    history,
    quick,
    read,
    start,
)


def test_two_workers_agree(home: Path) -> None:
    """Two real processes on this machine end with the same weights; one of them writes."""
    train.prepare(say=lambda line: None)
    shared = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    processes = [
        start(
            home,
            *("train", "--epochs", "2", "--name", "both"),
            **shared,
            RANK=str(rank),
            LOCAL_RANK=str(rank),
        )
        for rank in range(2)
    ]
    try:
        outputs = [process.communicate(timeout=TIMEOUT) for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert [process.returncode for process in processes] == [0, 0], outputs
    assert [errors for _, errors in outputs] == ["", ""]
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


def test_torchrun(home: Path) -> None:
    """The usual way to start several processes; and resuming gives what no interruption gives."""
    train.prepare(say=lambda line: None)

    def run(*arguments: str) -> None:
        result = subprocess.run(
            [
                *(sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"),
                *("--master-addr", "127.0.0.1", "--master-port", str(free_port())),
                *("-m", config.PACKAGE, "train", *arguments),
            ],
            cwd=home,
            env=environment(home, OMP_NUM_THREADS="1"),
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )
        assert result.returncode == 0, result.stderr

    run("--epochs", "2", "--name", "whole")
    whole = read(home / "models" / "whole" / "metrics.json")
    assert whole["workers"] == 2
    stopped = runs.create_run(config.TrainConfig(epochs=2), "stopped")
    (stopped.path / "features.json").write_bytes(
        (home / "models" / "whole" / "features.json").read_bytes()
    )
    newest = runs.load_checkpoint(runs.Run(home / "models" / "whole"))
    first = sorted((home / "models" / "whole" / "checkpoints").iterdir())[0]
    assert len(newest.history) == 2
    (stopped.path / "checkpoints").mkdir()
    (stopped.path / "checkpoints" / first.name).write_bytes(first.read_bytes())
    run("--resume", "stopped")
    resumed = read(stopped.path / "metrics.json")
    assert resumed["weights_digest"] == whole["weights_digest"]


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"WORLD_SIZE": "two", "RANK": "0"}, "not as torchrun sets them"),
        ({"WORLD_SIZE": "2"}, "not as torchrun sets them"),
        ({"WORLD_SIZE": "2", "RANK": "2"}, "RANK is 2"),
        ({"WORLD_SIZE": "2", "RANK": "0"}, "MASTER_ADDR and MASTER_PORT is missing"),
        ({"WORLD_SIZE": "2", "RANK": "0", "MASTER_PORT": "1"}, "2, and MASTER_ADDR is missing"),
    ],
)
def test_bad_cluster(
    home: Path, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], message: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(config.UserError, match=message):
        quick(home, "run")
    assert not (home / "models").exists()


@pytest.mark.parametrize(
    ("size", "rank", "expected"),
    [("1", "0", (1, True)), ("3", "0", (3, True)), ("3", "2", (3, False))],
)
def test_chief_of_a_cluster(
    monkeypatch: pytest.MonkeyPatch, size: str, rank: str, expected: tuple[int, bool]
) -> None:
    settings = {"WORLD_SIZE": size, "RANK": rank, "MASTER_ADDR": "a", "MASTER_PORT": "1"}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    assert loop.cluster() == expected


def test_gpu_asked_for(home: Path) -> None:
    if torch.cuda.is_available():
        assert framework.set_up(0, "gpu").kind == "gpu"
    else:
        with pytest.raises(config.UserError, match="sees no GPU"):
            framework.set_up(0, "gpu")


def test_mixed_precision(home: Path) -> None:
    """Recorded with the run, and gone from the network that it leaves."""
    metrics = quick(home, "mixed", precision="bfloat16")
    assert metrics["precision"] == "bfloat16"
    exact = quick(home, "exact", precision="float32")
    assert exact["weights_digest"] != metrics["weights_digest"]
    assert metrics["test_accuracy"] == pytest.approx(exact["test_accuracy"], abs=0.1)
    left = network.load(home / "models" / "mixed" / network.MODEL_FILE)
    assert {weight.dtype for weight in left.parameters()} == {torch.float32}


def test_exported_programs(at_trained: Path, tmp_path: Path) -> None:
    """Both take raw pictures, any number of them, and answer as this package does."""
    run = runs.find_run()
    raw = load_raw().images[:50]
    expected = np.array([list(each.probabilities.values()) for each in predict(raw, "", run)])
    _, folder = export(run, tmp_path / "export")
    assert sorted(path.name for path in folder.iterdir()) == ["model.onnx", "model.pt2"]

    program = torch.export.load(folder / "model.pt2").module()
    for pictures in (raw, raw[:1]):
        answer = program(torch.from_numpy(pictures)).detach().numpy()
        np.testing.assert_allclose(answer, expected[: len(pictures)], atol=1e-5)

    session = onnxruntime.InferenceSession(
        folder / "model.onnx", providers=["CPUExecutionProvider"]
    )
    ((given,), (answered,)) = session.get_inputs(), session.get_outputs()
    assert (given.name, given.shape[1:], given.type) == ("image", [8, 8], "tensor(float)")
    assert answered.name == "probabilities"
    for pictures in (raw, raw[:1]):
        (answer,) = session.run(None, {"image": pictures})
        np.testing.assert_allclose(answer, expected[: len(pictures)], atol=1e-5)


class Undecided(network.Network):
    """A network whose way depends on what it sees, which torch.export cannot follow."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        scores = self.layers(images.unsqueeze(1))
        if bool(images.sum() > 0):
            scores = scores * 2
        return scores


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
def test_torchscript_where_torch_export_fails(at_trained: Path, tmp_path: Path) -> None:
    features = Features.read(runs.find_run().path / "features.json")
    model = Undecided(features.shape, len(features.classes))
    network.export(model, features, tmp_path / "1")
    assert [path.name for path in (tmp_path / "1").iterdir()] == ["model.torchscript.pt"]
    raw = load_raw().images[:5]
    answer = torch.jit.load(tmp_path / "1" / "model.torchscript.pt")(torch.from_numpy(raw))
    expected = network.probabilities(model, features.scale(raw))
    np.testing.assert_allclose(answer.detach().numpy(), expected, atol=1e-5)


def test_a_network_file_runs_no_code(home: Path) -> None:
    class Evil:
        def __reduce__(self):
            return (open, (str(home / "made"), "w"))

    torch.save({"shape": [8, 8], "classes": 10, "weights": Evil()}, home / network.MODEL_FILE)
    with pytest.raises(config.UserError, match="cannot read"):
        network.load(home / network.MODEL_FILE)
    assert not (home / "made").exists()
