"""What the name of a base image tells about what is in it."""

from __future__ import annotations

import re
from dataclasses import dataclass

_FRAMEWORKS = {"tensorflow/tensorflow": "tensorflow", "pytorch/pytorch": "pytorch"}
"""The images that the frameworks' own projects publish."""


@dataclass(frozen=True, slots=True)
class Base:
    """A base image, as far as its name tells.

    Attributes:
        reference: image and tag as they were given.
        name: the image without registry, as it is called on Docker Hub.
        tag: without what makes no difference here, like `-jupyter`.
        framework: the framework that it brings; "" if none, as far as is known.
        version: of that framework; "" when the tag does not say.
        cuda: whether it brings CUDA.
        devel: whether it is for building CUDA programs, with compilers and headers.
        musl: whether it is Alpine Linux, whose C library is not the usual one.
        python: its Python, like "3.12"; "" when the tag does not say.
    """

    reference: str
    name: str
    tag: str
    framework: str
    version: str
    cuda: bool
    devel: bool
    musl: bool
    python: str


def read(image: str, tag: str) -> Base:
    """Read the name of a base image.

    Args:
        image: without its tag, like "python" or "registry.example.org/tensorflow/tensorflow".
        tag: its tag, like "3.12-slim".
    """
    first, slash, rest = image.partition("/")
    registry = first if slash and re.search(r"[.:]|^localhost$", first) else ""
    name = (rest if registry else image).removeprefix("library/")
    framework = _FRAMEWORKS.get(name, "")
    plain = tag.removesuffix("-jupyter")
    version = re.match(r"\d+\.\d+\.\d+(?=-|$)", plain)
    python = re.match(r"3\.\d+(?=[.-]|$)", plain)
    if framework == "tensorflow":
        cuda = bool(re.search(r"(^|-)gpu(-|$)", plain))
    else:
        cuda = (
            framework == "pytorch"  # there are no others
            or registry == "nvcr.io"
            or "cuda" in re.split(r"[^a-z]+", f"{name}:{plain}".lower())
        )
    return Base(
        reference=f"{image}:{tag}",
        name=name,
        tag=plain,
        framework=framework,
        version=version[0] if framework and version else "",
        cuda=cuda,
        devel=bool(re.search(r"(^|-)devel(-|$)", plain)),
        musl=bool(re.search(r"(^|-)alpine", f"{name}-{plain}")),
        python=python[0] if name == "python" and python else "",
    )
