"""Does the metadata agree with the module it lies in? Known from the `.scaffold.yml` beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path as FilePath
from typing import Any

from scaffold.metadata import loading
from scaffold.metadata.platform import split_address, text_at
from scaffold.metadata.positions import Path
from scaffold.metadata.problems import Problem

MARKER = ".scaffold.yml"

_REPOSITORIES: tuple[tuple[Path, str], ...] = (
    (("links", "source_code"), "model"),
    (("sources", "code"), "model"),
    (("sources", "dockerfile_repo"), "container"),
)
_IMAGES: tuple[Path, ...] = (("links", "docker_image"), ("sources", "docker_registry_repo"))


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The module that a metadata file belongs to.

    Attributes:
        model: name of its model repository.
        container: name of its container repository; the same for a single repository.
        version: the version its package declares, or "".
    """

    model: str
    container: str
    version: str


@lru_cache(maxsize=256)
def surroundings(folder: FilePath) -> Surroundings | None:
    """Return the module in a folder or the folder above it; None if there is none to be read."""
    for place in (folder, folder.parent):
        marker = place / MARKER
        if marker.is_file():
            return _read(marker)
    return None


def _read(marker: FilePath) -> Surroundings | None:
    try:
        data = loading.load(marker).data
    except OSError:
        return None
    answers = data.get("answers") if isinstance(data, dict) else None
    name = answers.get("repo_name") if isinstance(answers, dict) else None
    if not isinstance(name, str):
        return None
    sibling = data.get("sibling")
    sibling = sibling if isinstance(sibling, str) and sibling else ""
    here = marker.parent
    if data.get("role") == "container":
        model, container = sibling or name, f"DEEP-OC-{sibling or name}"
        package = here.parent / model if sibling else here
    else:
        model, container, package = name, sibling or name, here
    return Surroundings(model, container, _package_version(package))


def _package_version(folder: FilePath) -> str:
    """Return the version in a `pyproject.toml`, or "" if it declares none as plain text."""
    try:
        text = (folder / "pyproject.toml").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
    # tomllib came with Python 3.11, and one line of one table does not need it
    table = re.search(r"(?ms)^\[project\]\s*$(.*?)(?=^\[|\Z)", text)
    version = re.search(r"""(?m)^version\s*=\s*["']([^"']+)["']""", table[1]) if table else None
    return version[1] if version else ""


def problems(data: dict[Any, Any], file: str) -> Iterator[Problem]:
    """Yield every name and version in a document that differs from its module's."""
    if file == loading.STDIN:
        return
    module = surroundings(FilePath(file).absolute().parent)
    if module is None:
        return
    for path, which in _REPOSITORIES:
        expected = getattr(module, which)
        address = split_address(text_at(data, path))
        # GitHub's second name is the repository; elsewhere there may be groups within groups
        parts = [part.removesuffix(".git") for part in address[1][1:]] if address else []
        if parts and expected not in parts:
            found = parts[0] if address and address[0].endswith("github.com") else parts[-1]
            message = f"the repository here is {found}, but the module's is {expected}"
            yield Problem("sibling-name", message, f"correct it, or {MARKER}", path)
    for path in _IMAGES:
        image = text_at(data, path).partition(":")[0].rpartition("/")[2]
        names = {name.lower() for name in (module.model, module.container)}
        names.add(f"deep-oc-{module.model.lower()}")
        if image and image not in names:
            message = f"the image here is {image}, but the module's is {module.container.lower()}"
            yield Problem("sibling-name", message, f"correct it, or {MARKER}", path)
    yield from _version(data, module)


def _version(data: dict[Any, Any], module: Surroundings) -> Iterator[Problem]:
    if not module.version:
        return
    places: list[tuple[Path, str]] = [(("version",), text_at(data, ("version",)))]
    for path in _IMAGES:
        tag = text_at(data, path).partition(":")[2]
        places.append((path, tag if re.fullmatch(r"v?\d+(\.\d+)+", tag) else ""))
    for path, version in places:
        if version and version.removeprefix("v") != module.version:
            message = f"the version here is {version}, but the package's is {module.version}"
            yield Problem("package-version", message, "make them the same", path)
