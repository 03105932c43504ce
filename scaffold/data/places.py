"""Which folder belongs to which remote: from the command line, `.scaffold.yml` or the environment."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from scaffold import module
from scaffold.errors import UsageError

PULL, PUSH = "pull", "push"
SECTION = "sync"
_DEFAULTS = {PULL: "data/raw", PUSH: "models"}
_VARIABLES = {PULL: "DATA_REMOTE", PUSH: "MODELS_REMOTE"}
_EXAMPLE = """name it with --remote rshare:folder, or once for all in .scaffold.yml:
sync:
  pull: {data/raw: "rshare:digits/data"}
  push: {models: "rshare:digits/models"}"""


@dataclass(frozen=True, slots=True)
class Place:
    """A folder and the remote that it belongs to.

    Attributes:
        direction: `pull` if the remote is the original, `push` if the folder is.
        folder: the folder.
        remote: as the user wrote it.
    """

    direction: str
    folder: Path
    remote: str


def find(path: Path | None, remote: str | None, direction: str | None) -> list[Place]:
    """Work out which folders and remotes a command is about.

    Args:
        path: a module, or one folder; the working directory if none.
        remote: the remote; what the module says if none.
        direction: `pull`, `push`, or None for whatever the module says.

    Raises:
        UsageError: nobody says where the data is.
    """
    where = (path or Path()).absolute()
    root = _root(where)
    whole = root is not None and (path is None or where.resolve() == root)
    if remote:
        if not whole:
            if path is None:
                raise UsageError(
                    f"{where} is not in a module", hint="name the folder: scaffold sync … FOLDER"
                )
            return [Place(direction or PULL, where, remote)]
        assert root
        return [Place(direction or PULL, root / _DEFAULTS[direction or PULL], remote)]
    if root is None:
        raise UsageError(f"{where} is not in a module, and no remote is named", hint=_EXAMPLE)
    known = configured(root)
    if whole:
        chosen = [each for each in known if direction in (None, each.direction)]
    else:
        chosen = [
            _narrowed(each, where, direction)
            for each in known
            if where.resolve().is_relative_to(each.folder.resolve())
        ]
    if not chosen:
        about = "its data" if whole else str(where)
        raise UsageError(f"nothing says which remote {about} belongs to", hint=_EXAMPLE)
    return chosen


def _root(where: Path) -> Path | None:
    """Return the model repository that a path lies in, if any."""
    try:
        return module.find(where).model_root
    except UsageError:
        return None


def configured(root: Path) -> list[Place]:
    """Return what `.scaffold.yml`, and for what it leaves open the environment, say of a module.

    Raises:
        UsageError: the section cannot be understood.
    """
    section = module.settings(root, SECTION)
    places = []
    for direction in (PULL, PUSH):
        entries = section.get(direction) or {}
        if not isinstance(entries, dict):
            raise UsageError(
                f"{root / module.MARKER}: {SECTION}.{direction} must say folder: remote",
                hint=_EXAMPLE,
            )
        places += [Place(direction, root / str(key), str(entries[key])) for key in entries]
        name = f"{module.load(root).package.upper()}_{_VARIABLES[direction]}"
        if not entries and (remote := os.environ.get(name)):
            places.append(Place(direction, root / _DEFAULTS[direction], remote))
    outside = [each for each in places if not each.folder.resolve().is_relative_to(root.resolve())]
    if outside:
        raise UsageError(
            f"{root / module.MARKER}: {outside[0].folder} is outside the repository",
            hint="name folders of the repository; --remote takes any",
        )
    return places


def _narrowed(place: Place, where: Path, direction: str | None) -> Place:
    """Return the part of a place that lies under a folder."""
    part = where.resolve().relative_to(place.folder.resolve()).as_posix()
    remote = place.remote
    if part != ".":
        remote = f"{remote}{part}" if remote.endswith((":", "/")) else f"{remote}/{part}"
    return Place(direction or place.direction, where, remote)
