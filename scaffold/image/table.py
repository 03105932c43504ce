"""The matrix: which framework runs with which Python, CUDA, cuDNN and driver, on which base image.

The rows are in `matrix.json`, each with its sources; `refresh.py` makes it. They are about Linux on
x86-64. Only the standard library is imported here: the questions read the matrix, too.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

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
    """Return the Pythons that the newest release of a framework has wheels for."""
    newest = max(
        (row for row in rows() if row.framework == framework and row.requirement),
        key=lambda row: release(row.version),
    )
    return newest.pythons
