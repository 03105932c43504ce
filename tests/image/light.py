"""A generated module whose images are built in seconds: its network is numpy, and no framework is installed.

The module says that its base image brings TensorFlow, so that the Dockerfile and `scaffold build` install
none; the three files that know the framework are replaced by numpy's softmax regression. All else
(DEEPaaS, the commands, the runs on disk, TensorBoard) is what every module has.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from scaffold.image import context
from scaffold.image.engine import Engine
from scaffold.workspace import write_tree
from tests.helpers import rendered

CA = Path("/etc/ssl/certs/ca-certificates.crt")
BASE, CPU_TAG, GPU_TAG = "tensorflow/tensorflow", "2.21.0", "2.21.0-gpu"

_FRAMEWORK = '''"""Nothing but numpy."""

from __future__ import annotations

import numpy as np

from ..config import Device, UserError


def set_up(seed: int, device: str = "auto", precision: str = "auto") -> Device:
    """There is one device."""
    if device == "gpu":
        raise UserError("numpy sees no GPU")
    return Device("cpu", "cpu", "float32")


def versions() -> dict[str, str]:
    """The versions that a result depends on."""
    return {"numpy": np.__version__}
'''

_NETWORK = '''"""Softmax regression."""

from __future__ import annotations

import hashlib

import numpy as np

from ..config import UserError
from ..storage import atomic

MODEL_FILE = "model.npz"


class Model:
    """Weights, shape (pixels + 1, classes)."""

    def __init__(self, weights):
        self.weights = weights


def build(features):
    """The untrained network."""
    return Model(np.zeros((int(np.prod(features.shape)) + 1, len(features.classes)), np.float64))


def inputs(images):
    """Rows of pixels and a 1, shape (N, pixels + 1)."""
    flat = np.asarray(images, np.float64).reshape(len(images), -1)
    return np.concatenate([flat, np.ones((len(flat), 1))], axis=1)


def probabilities(model, images):
    """Class probabilities, shape (N, classes)."""
    scores = inputs(images) @ model.weights
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)


def save(model, path):
    """Write the weights, atomically."""
    with atomic(path) as temporary, temporary.open("wb") as file:
        np.savez(file, weights=model.weights)


def load(path):
    """Read what save wrote."""
    try:
        with np.load(path) as arrays:
            return Model(arrays["weights"])
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read {path}: {error}") from error


def digest(model):
    """A fingerprint of the weights."""
    return hashlib.sha256(model.weights.tobytes()).hexdigest()[:16]


def export(model, features, path):
    """Nothing serves this one."""
    raise UserError("this network is not exported")
'''

_LOOP = '''"""Gradient descent."""

from __future__ import annotations

import numpy as np

from . import network
from .framework import set_up


class Loop:
    """A network in training."""

    workers, chief, replicas = 1, True, 1

    def __init__(self, config, features, steps, device="auto", precision="auto"):
        self.device = set_up(config.seed, device, precision)
        self.model = network.build(features)
        self.rate = 50 * config.learning_rate

    def epoch(self, batches, on_step):
        """Train on each batch once; returns the mean loss and the accuracy while training."""
        totals = np.zeros(3)
        for batch in batches:
            rows, weights = network.inputs(batch.images), np.asarray(batch.weights, np.float64)
            predicted = network.probabilities(self.model, batch.images).astype(np.float64)
            right = predicted[np.arange(len(rows)), batch.labels]
            hits = predicted.argmax(axis=1) == batch.labels
            losses = -np.log(np.maximum(right, 1e-12))
            totals += [(losses * weights).sum(), (hits * weights).sum(), weights.sum()]
            error = predicted.copy()
            error[np.arange(len(rows)), batch.labels] -= 1
            self.model.weights -= self.rate * rows.T @ (error * weights[:, None]) / weights.sum()
            on_step()
        return float(totals[0] / totals[2]), float(totals[1] / totals[2])

    def learning_rate(self):
        """The step size."""
        return float(self.rate)

    def state(self):
        """Everything that training changes."""
        return [self.model.weights]

    def restore(self, state):
        """Go back to what state returned."""
        (self.model.weights,) = state

    def agree(self):
        """Return the digest of the weights."""
        return network.digest(self.model)


def cluster():
    """There is one process."""
    return 1, True
'''


@dataclass(frozen=True)
class Light:
    """The module.

    Attributes:
        model: the model repository.
        container: the container repository; the same one for a single repository.
        image: the name of its image, without a tag.
    """

    model: Path
    container: Path
    image: str

    @property
    def package(self) -> str:
        """The importable name."""
        return self.model.name.replace("-", "_")

    @property
    def sample(self) -> Path:
        """A picture of a three; there once data has been made."""
        return self.model / "data" / "raw" / "samples" / "digit-3.png"


def write_pair(folder: Path, name: str = "light_digits") -> Light:
    """Write the pair below a folder, on a branch `master` and without a commit."""
    _write(folder, "master", repo_name=name)
    return _lightened(folder / name, folder / f"DEEP-OC-{name}", f"deephdc/deep-oc-{name}")


def write_single(folder: Path, name: str = "light-digits") -> Light:
    """Write the same module as a single repository, on a branch `main` and without a commit."""
    _write(folder, "main", repo_name=name, layout="single")
    return _lightened(folder / name, folder / name, f"ai4oshub/{name}")


def commit(repository: Path) -> None:
    """Commit all that a repository holds."""
    for line in (["add", "."], ["-c", "commit.gpgSign=false", "commit", "-qm", "first"]):
        identity = ["-c", "user.name=Ann", "-c", "user.email=ann@example.org"]
        subprocess.run(["git", *identity, *line], cwd=repository, check=True)


def _write(folder: Path, branch: str, **answers: str) -> None:
    tags = {"baseimage_cpu_tag": CPU_TAG, "baseimage_gpu_tag": GPU_TAG}
    for repository, tree in rendered(docker_baseimage=BASE, **tags, **answers).items():
        write_tree(tree, folder / repository)
        git = ["git", "init", "--quiet", "--initial-branch", branch, str(folder / repository)]
        subprocess.run(git, check=True)


def _lightened(model: Path, container: Path, image: str) -> Light:
    module = Light(model, container, image)
    models = model / module.package / "models"
    for name, text in (("framework", _FRAMEWORK), ("network", _NETWORK), ("loop", _LOOP)):
        (models / f"{name}.py").write_text(text, encoding="utf-8")
    return module


def build(
    pair: Light, engine: Engine, tags: Sequence[str] = ("cpu",), *, jlab: bool = False
) -> str:
    """Build its image with the generated Dockerfile; returns the image's id."""
    packed = context.pack(pair.container, pair.model)
    id_file = pair.container / ".image-id"
    line = engine.build_command(
        arguments=[("extra", ""), ("source", "local"), ("jlab", str(jlab).lower())],
        secrets=[("ca.pem", CA)] if CA.is_file() else [],
        id_file=id_file,
        network="host",
    )
    with packed.archive as archive:
        result = subprocess.run(
            line, env=engine.variables(), stdin=archive, capture_output=True, text=True, check=False
        )
    assert result.returncode == 0, result.stderr[-5000:] + result.stdout[-5000:]
    image_id = id_file.read_text(encoding="ascii").strip()
    id_file.unlink()
    for tag in tags:
        engine.client.images.get(image_id).tag(pair.image, tag)
    return image_id
