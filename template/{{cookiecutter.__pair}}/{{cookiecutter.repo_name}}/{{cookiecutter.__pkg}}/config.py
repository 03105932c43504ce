"""Where things are, what a training run is made of, and the errors that users are meant to read."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, fields
from importlib.metadata import Distribution, entry_points
from pathlib import Path
from typing import Any

PACKAGE = __package__ or Path(__file__).parent.name

#: The importable names of the machine-learning framework; without them nothing trains.
{%- if cookiecutter.framework == 'pytorch' %}
FRAMEWORK = ("torch",)
{%- elif cookiecutter.framework == 'scikit-learn' %}
FRAMEWORK = ("sklearn", "skops")
{%- else %}
FRAMEWORK = ("tensorflow", "keras")
{%- endif %}

#: What to do when they are missing.
{%- if cookiecutter.__has_gpu %}
INSTALL = "run pip install -e '.[cpu]' (or '.[gpu]') in the repository"
{%- else %}
INSTALL = "run pip install -e '.[cpu]' in the repository"
{%- endif %}

#: What the network sees: height and width of a picture in pixels, and the value of full ink.
IMAGE_SHAPE = (8, 8)
MAX_VALUE = 16


class UserError(ValueError):
    """Something the user can put right: the commands print it without a traceback.

    Attributes:
        exit_code: what the command line exits with; 2 is wrong usage or unreadable input.
    """

    exit_code = 2


class TaskError(UserError):
    """The thing tried failed although it was asked for correctly (a copy, an export)."""

    exit_code = 1


class MissingToolError(UserError):
    """A program that this task needs is not installed; the message says how to get it."""

    exit_code = 3


def _place(kind: str) -> Path:
    """The folder for ``kind``: an environment variable, or beside ``pyproject.toml``.

    An installed (not editable) package has no repository around it: then the current directory
    takes its place, as it would be rude to write into site-packages.
    """
    override = os.environ.get(f"{PACKAGE.upper()}_{kind.upper()}_PATH")
    if override:
        return Path(override).expanduser()
    root = Path(__file__).resolve().parents[1]
    return (root if (root / "pyproject.toml").is_file() else Path.cwd()) / kind


def data_path() -> Path:
    """Folder of the data, holding ``raw/`` and ``processed/`` (``<PACKAGE>_DATA_PATH``)."""
    return _place("data")


def models_path() -> Path:
    """Folder of the training runs and exported models (``<PACKAGE>_MODELS_PATH``)."""
    return _place("models")


def figures_path() -> Path:
    """Folder of the pictures that training draws (``<PACKAGE>_REPORTS_PATH``, then ``figures``)."""
    return _place("reports") / "figures"


def counted(number: int, noun: str) -> str:
    """A number of things in words, such as ``1 epoch`` or ``2 epochs``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def data_remote() -> str | None:
    """The rclone remote to copy the raw data from (``<PACKAGE>_DATA_REMOTE``), if any."""
    return os.environ.get(f"{PACKAGE.upper()}_DATA_REMOTE") or None


def models_remote() -> str | None:
    """The rclone remote to copy runs to when asked (``<PACKAGE>_MODELS_REMOTE``), if any."""
    return os.environ.get(f"{PACKAGE.upper()}_MODELS_REMOTE") or None


def distribution() -> Distribution:
    """The installed distribution that this package belongs to.

    Found through the DEEPaaS entry point, because the name on the package index may differ from
    the importable one.

    Raises:
        UserError: the package is not installed, only on the path.
    """
    for entry in entry_points(group="deepaas.v2.model"):
        if entry.value.split(".")[0] == PACKAGE and entry.dist is not None:
            return entry.dist
    raise UserError(f"{PACKAGE} is not installed: run pip install -e . in its repository")


def package_version() -> str:
    """The version of this package, if it is installed."""
    try:
        return distribution().version
    except UserError:
        return "not installed"


@dataclass(frozen=True)
class Device:
    """What a network computes on.

    Attributes:
        kind: ``cpu`` or ``gpu``.
        name: for people: ``cpu``, or the names of the GPUs.
        precision: of most of a training's arithmetic: ``float32``, or ``bfloat16``, where weights
            and what they are updated with stay in float32 (mixed precision).
    """

    kind: str
    name: str
    precision: str

    def __str__(self) -> str:
        """For people, such as ``cpu`` or ``NVIDIA H100 (bfloat16)``."""
        return self.name if self.precision == "float32" else f"{self.name} ({self.precision})"


def _option(default: Any, help: str, low: float, high: float) -> Any:
    return field(default=default, metadata={"help": help, "low": low, "high": high})


@dataclass(frozen=True)
class TrainConfig:
    """What decides the outcome of a training; the command line and the API are built from it.

    Raises:
        UserError: a value is outside the range that its field declares.
    """

    epochs: int = _option(30, "passes over the training split", 1, 10_000)
    batch_size: int = _option(64, "images per step, over all workers together", 1, 65_536)
    learning_rate: float = _option(2e-3, "{% if cookiecutter.framework == 'scikit-learn' %}step size of Adam{% else %}initial step size of Adam; it decays to 0{% endif %}", 1e-6, 1.0)
    seed: int = _option(0, "seed of weights, shuffling and augmentation", 0, 2**31 - 1)

    def __post_init__(self) -> None:
        for option in fields(self):
            value = getattr(self, option.name)
            low, high = option.metadata["low"], option.metadata["high"]
            if not low <= value <= high:
                raise UserError(f"{option.name} must be between {low:g} and {high:g}, not {value}")
