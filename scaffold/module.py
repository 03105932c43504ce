"""A generated module found on disk: what every command after `scaffold new` starts from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scaffold.errors import UsageError

MARKER = ".scaffold.yml"
SINGLE = "single"


@dataclass(frozen=True, slots=True)
class Module:
    """One repository of a module.

    Attributes:
        root: the repository's folder.
        role: "model" or "container"; "single" for a repository that is both.
        sibling: folder of the other repository, whether it is there or not; of a single one its own.
        template_version: version of the template that it was generated from.
        answers: the answers that it was generated from.
    """

    root: Path
    role: str
    sibling: Path
    template_version: str
    answers: Mapping[str, str]

    @property
    def package(self) -> str:
        """The importable name of the module's Python package."""
        return self.answers["repo_name"].replace("-", "_")

    @property
    def single(self) -> bool:
        """Whether one repository is model and container."""
        return self.role == SINGLE

    @property
    def model_root(self) -> Path:
        """The folder of the model repository.

        Raises:
            UsageError: this is the container repository and the other one is not beside it.
        """
        return self._folder("model")

    @property
    def container_root(self) -> Path:
        """The folder of the container repository.

        Raises:
            UsageError: this is the model repository and the other one is not beside it.
        """
        return self._folder("container")

    def _folder(self, role: str) -> Path:
        if self.role in (role, SINGLE):
            return self.root
        if (self.sibling / MARKER).is_file():
            return self.sibling
        raise UsageError(
            f"{self.root} is the {self.role} repository, and {self.sibling} is not there",
            hint=f"clone the {role} repository beside it, or name its folder",
        )


def find(path: Path) -> Module:
    """Find the module that `path` lies in.

    Args:
        path: a folder of the module, at any depth.

    Raises:
        UsageError: no folder up to the root holds a readable `.scaffold.yml`.
    """
    path = path.resolve()  # one spelling, or its environment would seem to have been moved
    for folder in (path, *path.parents):
        if (folder / MARKER).is_file():
            return load(folder)
    raise UsageError(
        f"{path} is not in a module: no folder up from it holds {MARKER}",
        hint="go into a module, name its folder, or make one with `scaffold new`",
    )


def load(root: Path) -> Module:
    """Read the module whose repository is `root`.

    Raises:
        UsageError: its `.scaffold.yml` cannot be read.
    """
    marker = root / MARKER
    document = _read(marker)
    try:
        answers, role = document["answers"], str(document["role"])
        return Module(
            root=root,
            role=role,
            sibling=root if role == SINGLE else root.parent / str(document["sibling"]),
            template_version=str(document["template_version"]),
            answers={str(key): str(answers[key]) for key in answers},
        )
    except (KeyError, TypeError) as error:
        raise UsageError(
            f"{marker} is incomplete: {error}",
            hint=f"restore it with `git checkout {MARKER}`",
        ) from None


def settings(root: Path, name: str) -> dict[str, Any]:
    """Return a section of the `.scaffold.yml` in `root`; an empty one if it is not there.

    Raises:
        UsageError: the file cannot be read, or the section is no mapping.
    """
    section = _read(root / MARKER).get(name) or {}
    if not isinstance(section, dict):
        raise UsageError(
            f"{root / MARKER}: {name} must be a mapping, not {section!r}",
            hint="the documentation of the command shows an example",
        )
    return section


def _read(marker: Path) -> dict[str, Any]:
    import yaml

    try:
        document = yaml.load(
            marker.read_text(encoding="utf-8"),
            Loader=getattr(yaml, "CBaseLoader", yaml.BaseLoader),  # noqa: S506 - makes text only
        )
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageError(
            f"cannot read {marker}: {error}", hint=f"restore it with `git checkout {MARKER}`"
        ) from None
    return document if isinstance(document, dict) else {}
