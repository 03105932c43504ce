"""The matrix: which framework runs with which Python, CUDA, cuDNN and driver, on which base image.

The rows are in `matrix.json`, each with its sources; `refresh.py` makes it. They are about Linux on
x86-64. Nothing but the standard library is imported here: the questions read the matrix, too.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from scaffold.errors import UsageError

PATH = Path(__file__).with_name("matrix.json")

PLAIN_IMAGE, PLAIN_TAG = "python", "{python}-slim"
"""The base image that is recommended: Python and nothing else, so that wheels bring CUDA once."""

USUAL_PYTHON = "3.11"
"""The Python that is proposed: every release of every framework here has wheels for it."""

TITLES = {"tensorflow": "TensorFlow", "pytorch": "PyTorch", "scikit-learn": "scikit-learn"}
PACKAGES = {
    "tensorflow": ("tensorflow", "tensorflow-cpu"),
    "pytorch": ("torch",),
    "scikit-learn": ("scikit-learn",),
}
"""The packages on PyPI that hold each framework."""

VARIANTS = ("cpu", "gpu")
"""The kinds of image."""

OLDEST = {"tensorflow": "2.18", "pytorch": "2.6", "scikit-learn": "1.4"}
"""The oldest release of each that generated modules take; their `pyproject.toml` says so, too."""

OLDEST_PYTHON = "3.10"
"""The oldest Python that generated modules run with."""


@dataclass(frozen=True, slots=True)
class Row:
    """One combination that works.

    Attributes:
        framework: key of `TITLES`.
        version: of the framework.
        variant: "cpu" or "gpu".
        pythons: the Pythons it can have, like "3.12", the oldest first.
        cuda: CUDA's version as MAJOR.MINOR; "" for CPU.
        cudnn: cuDNN's version as MAJOR.MINOR; "" for CPU and where it is not known.
        driver: lowest version of NVIDIA's Linux driver; "" for CPU.
        image: base image.
        tag: its tag, in which `{python}` stands for the Python.
        requirement: what pip installs; "" when the base image brings the framework.
        index: address of the index that pip finds it at; "" for PyPI.
        fault: why the combination must not be used all the same; "" if it may.
        warning: what to know before it is used.
        source: where each fact was read.
    """

    framework: str
    version: str
    variant: str
    pythons: tuple[str, ...]
    cuda: str = ""
    cudnn: str = ""
    driver: str = ""
    image: str = PLAIN_IMAGE
    tag: str = PLAIN_TAG
    requirement: str = ""
    index: str = ""
    fault: str = ""
    warning: str = ""
    source: tuple[str, ...] = ()

    def base(self, python: str) -> str:
        """Return the base image with its tag for a Python."""
        return f"{self.image}:{self.tag.replace('{python}', python)}"


@cache
def rows() -> tuple[Row, ...]:
    """Return all rows, those of a framework together and the oldest release first."""
    document: list[dict[str, Any]] = json.loads(PATH.read_text(encoding="utf-8"))
    for row in document:
        row["pythons"], row["source"] = tuple(row["pythons"]), tuple(row["source"])
    return tuple(Row(**row) for row in document)


def release(version: str) -> tuple[int, ...]:
    """Return the numbers of a version, which put releases and drivers in order."""
    return tuple(int(number) for number in re.findall(r"\d+", version))


def pythons(framework: str) -> tuple[str, ...]:
    """Return the Pythons that a generated module can have with a framework, the oldest first."""
    found = {
        python
        for row in rows()
        if row.framework == framework and row.requirement
        if release(row.version) >= release(OLDEST[framework])
        for python in row.pythons
        if release(python) >= release(OLDEST_PYTHON)
    }
    return tuple(sorted(found, key=release))


def variants(framework: str) -> tuple[str, ...]:
    """Return the kinds of image that a framework has: "cpu" and, unless it cannot use one, "gpu"."""
    found = {row.variant for row in rows() if row.framework == framework}
    return tuple(variant for variant in VARIANTS if variant in found)


def require_variant(framework: str, variant: str, option: str) -> None:
    """Refuse what a framework has no use for, before anything is done.

    Args:
        framework: key of `TITLES`; of another one nothing is known, and nothing refused.
        variant: "cpu" or "gpu".
        option: what the user asked for it with.

    Raises:
        UsageError: the framework has no such variant.
    """
    if framework in TITLES and variant not in variants(framework):
        raise UsageError(
            f"{TITLES[framework]} has no {variant.upper()} variant",
            hint=f"it computes on the CPU: leave out {option}",
        )


def index(framework: str, variant: str) -> str:
    """Return the address of the index that pip finds a framework's newest release at; "" for PyPI."""
    found = [
        row
        for row in rows()
        if (row.framework, row.variant) == (framework, variant) and row.requirement
    ]
    if not found:
        return ""
    # as in an image: PyPI is preferred where it has such a build
    return max(found, key=lambda row: (release(row.version), not row.index)).index
