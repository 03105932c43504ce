"""Whom a container runs as. What comes of it in real containers is in test_run.py."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from scaffold.errors import UsageError
from scaffold.image import access
from scaffold.image.access import User

POWERLESS = ("--cap-drop=ALL", "--security-opt=no-new-privileges")
ME = (os.getuid(), os.getgid())


def choose(
    engine: str = "docker",
    *,
    folders: list[Path],
    rootless: bool = False,
    image_user: str = "1000",
    given: str = "",
) -> User:
    return access.choose(
        engine, rootless=rootless, image_user=image_user, folders=folders, given=given
    )


def test_it_is_the_owner_of_the_folders(tmp_path: Path) -> None:
    user = choose(folders=[tmp_path], image_user="4711")
    assert (user.uid, user.gid) == ME
    assert user.option == f"{ME[0]}:{ME[1]}"
    assert user.options == (POWERLESS if ME[0] == 0 else ())


def test_a_folder_that_is_not_there_yet_will_be_its_neighbours_owners(tmp_path: Path) -> None:
    assert choose(folders=[tmp_path / "models"]).uid == ME[0]


def test_if_the_image_has_the_owners_number_its_own_user_stays(tmp_path: Path) -> None:
    own = choose(folders=[tmp_path], image_user=str(ME[0]))
    assert (own.option, own.uid) == ("", ME[0])


def test_without_folders_the_images_own_user_stays() -> None:
    assert choose(folders=[]) == User("", 1000, 1000)
    # numbers inside are others outside
    assert choose("podman", folders=[], rootless=True) == User("", None, None)


def test_in_rootless_podman_the_caller_keeps_the_number(tmp_path: Path) -> None:
    user = choose("podman", folders=[tmp_path], rootless=True)
    assert user == User(f"{ME[0]}:{ME[1]}", *ME, ("--userns=keep-id",))


def test_in_rootless_docker_root_inside_is_the_caller(tmp_path: Path) -> None:
    assert choose(folders=[tmp_path], rootless=True) == User("0:0", *ME, POWERLESS)


@pytest.mark.parametrize(("given", "option"), [("4711", "4711:4711"), ("4711:5", "4711:5")])
def test_a_user_can_be_chosen(tmp_path: Path, given: str, option: str) -> None:
    tmp_path.chmod(0o755)
    user = choose(folders=[tmp_path], given=given)
    assert user.option == option
    (note,) = user.notes
    assert note.startswith(f"user 4711 of the container may not write to {tmp_path}: ")


@pytest.mark.parametrize("given", ["ann", "1:staff", "-1", ":5"])
def test_a_user_is_given_in_numbers(tmp_path: Path, given: str) -> None:
    with pytest.raises(UsageError, match="is no user for the container"):
        choose(folders=[tmp_path], given=given)


@pytest.mark.parametrize(
    ("mode", "uid", "gid", "readable"),
    [
        (0o600, ME[0], 4711, True),
        (0o200, ME[0], 4711, False),
        (0o640, 4711, ME[1], True),
        (0o600, 4711, ME[1], False),
        (0o604, 4711, 4711, True),
        (0o640, 4711, 4711, False),
        (0o604, None, None, False),
    ],
)
def test_who_may_read_a_file(
    tmp_path: Path, mode: int, uid: int | None, gid: int | None, readable: bool
) -> None:
    path = tmp_path / "rclone.conf"
    path.touch()
    path.chmod(mode)
    assert access.may_read(path, User("", uid, gid)) is readable
