"""Whom a container runs as, so that the module's folders can be read and written from inside and out."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from scaffold.errors import UsageError

_READ, _WRITE = 4, 2
_REMEDY = "make it theirs with `chown -R`, name another with --user, or use --volumes"


@dataclass(frozen=True, slots=True)
class User:
    """A user inside a container.

    Attributes:
        option: for the engine, `UID:GID`; empty for the image's own user.
        uid: as whom this machine's files see it; None when it is not known.
        gid: its group there.
        options: what else the engine has to be told.
        notes: what its user should know.
    """

    option: str
    uid: int | None
    gid: int | None
    options: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def choose(
    engine: str, *, rootless: bool, image_user: str, folders: Sequence[Path], given: str
) -> User:
    """Choose whom a container runs as that gets folders of this machine.

    It is the owner of the folders: what the container writes is then the owner's, and nobody else's
    files are touched. Root, as their owner, gets in without any of root's privileges.

    Args:
        engine: "docker" or "podman".
        rootless: whether the engine itself runs without root.
        image_user: the user that the image names, `1000` for one.
        folders: what it has to write to; empty if it is given no folder.
        given: the user's own choice, `UID[:GID]`; empty for none.

    Raises:
        UsageError: what was given is no `UID[:GID]`.
    """
    own_uid, own_gid = _numbers(image_user) or (None, None)
    if given:
        numbers = _numbers(given)
        if numbers is None:
            raise UsageError(
                f"{given!r} is no user for the container", hint="give numbers: --user UID[:GID]"
            )
        uid, gid = numbers
        option = f"{uid}:{gid}"
        chosen = User(option, uid, gid, _keep_id(engine, rootless=rootless))
    elif rootless and engine == "podman" and folders:
        # the caller has the same number inside as outside
        uid, gid = os.getuid(), os.getgid()
        chosen = User(f"{uid}:{gid}", uid, gid, _keep_id(engine, rootless=True))
    elif rootless and folders:
        # root inside is the caller outside (docs.docker.com, Rootless mode)
        return User("0:0", os.getuid(), os.getgid(), _powerless())
    elif not folders:
        return User("", None if rootless else own_uid, None if rootless else own_gid)
    else:
        status = _status(folders[-1])
        if status.st_uid == own_uid:
            chosen = User("", own_uid, own_gid)
        else:
            chosen = User(f"{status.st_uid}:{status.st_gid}", status.st_uid, status.st_gid)
        if status.st_uid == 0:
            chosen = _root(chosen, folders)
    return _with_notes(chosen, folders)


def may_read(path: Path, user: User) -> bool:
    """Say whether a container's user may read a file of this machine."""
    return user.uid is not None and _may(path, user, _READ)


def _root(user: User, folders: Sequence[Path]) -> User:
    note = (
        f"{folders[-1]} belongs to root, so the container runs as root, without root's privileges; "
        "with --volumes it runs as the image's own user and keeps data and models in volumes"
    )
    return User(user.option, user.uid, user.gid, (*user.options, *_powerless()), (note,))


def _powerless() -> tuple[str, ...]:
    # no privilege is needed to be the owner of a file
    return ("--cap-drop=ALL", "--security-opt=no-new-privileges")


def _keep_id(engine: str, *, rootless: bool) -> tuple[str, ...]:
    return ("--userns=keep-id",) if rootless and engine == "podman" else ()


def _with_notes(user: User, folders: Sequence[Path]) -> User:
    closed = [folder for folder in folders if not _may(folder, user, _WRITE)]
    notes = tuple(
        f"user {user.uid} of the container may not write to {folder}: {_REMEDY}"
        for folder in closed
    )
    return User(user.option, user.uid, user.gid, user.options, (*user.notes, *notes))


def _may(path: Path, user: User, what: int) -> bool:
    status = _status(path)
    if user.uid == status.st_uid:
        bits = status.st_mode >> 6
    elif user.gid == status.st_gid:
        bits = status.st_mode >> 3
    else:
        bits = status.st_mode
    return bits & what == what


def _status(path: Path) -> os.stat_result:
    """Return whose a folder is, or will be when it has been made."""
    return (path if path.exists() else path.parent).stat()


def _numbers(user: str) -> tuple[int, int] | None:
    """Read `UID[:GID]`."""
    uid, colon, gid = user.partition(":")
    if not uid.isdecimal() or (colon and not gid.isdecimal()):
        return None
    return int(uid), int(gid) if colon else int(uid)
