"""The build context: which files get into an image, and nothing of this machine with them."""

from __future__ import annotations

import os
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from scaffold.errors import RefusedError, UsageError
from scaffold.image import context


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def container(tmp_path: Path) -> Path:
    """A container repository that git does not know."""
    folder = tmp_path / "DEEP-OC-x"
    folder.mkdir()
    (folder / "Dockerfile").write_text("FROM scratch\n")
    (folder / ".gitignore").write_text("build/\n")
    (folder / "build").mkdir()
    (folder / "build" / "log").write_text("old\n")
    return folder


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model repository with a file of each kind."""
    folder = tmp_path / "x"
    (folder / "data").mkdir(parents=True)
    for name, content in {
        ".gitignore": "/data/*\n.env\n",
        "committed.py": "a = 1\n",
        "changed.py": "b = 1\n",
        "deleted.py": "c = 1\n",
        "run.sh": "#!/bin/sh\n",
    }.items():
        (folder / name).write_text(content)
    (folder / "run.sh").chmod(0o700)
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "first")
    (folder / "changed.py").write_text("b = 2\n")
    (folder / "deleted.py").unlink()
    (folder / "new \N{SNOWMAN}\n.py").write_text("d = 1\n")
    (folder / "link").symlink_to("committed.py")
    (folder / "data" / "huge").write_bytes(b"0" * 1_000_000)
    (folder / ".env").write_text("PASSWORD=x\n")
    return folder


@dataclass(frozen=True)
class Packed:
    """What a context holds."""

    digest: str
    files: int
    members: dict[str, tarfile.TarInfo]
    content: dict[str, bytes]


def pack(container: Path, model: Path | None) -> Packed:
    packed = context.pack(container, model)
    with packed.archive as archive, tarfile.open(fileobj=archive) as tar:
        members = {member.name: member for member in tar}
        files = {name: tar.extractfile(each) for name, each in members.items() if each.isreg()}
        content = {name: file.read() for name, file in files.items() if file}
    return Packed(packed.digest, packed.files, members, content)


def test_it_holds_what_git_knows_or_would_know_as_it_is_on_disk(
    container: Path, model: Path
) -> None:
    packed = pack(container, model)
    found = packed.members
    assert sorted(found) == [
        ".gitignore",
        "Dockerfile",
        "model/.gitignore",
        "model/changed.py",
        "model/committed.py",
        "model/link",
        "model/new \N{SNOWMAN}\n.py",
        "model/run.sh",
    ]
    assert packed.files == len(found)
    assert (found["model/run.sh"].mode, found["model/changed.py"].mode) == (0o755, 0o644)
    assert found["model/link"].linkname == "committed.py"
    assert packed.content["model/changed.py"] == b"b = 2\n"


def test_without_the_model_it_is_the_container_repository_alone(container: Path) -> None:
    assert sorted(pack(container, None).members) == [".gitignore", "Dockerfile"]


def test_it_does_not_depend_on_times_owners_and_the_umask(container: Path, model: Path) -> None:
    first = pack(container, model)
    for path in (*model.rglob("*"), *container.rglob("*")):
        if path.is_file() and not path.is_symlink() and ".git" not in path.parts:
            path.chmod(0o700 if path.stat().st_mode & 0o100 else 0o600)
            os.utime(path, (1, 1))
    second = pack(container, model)
    assert second.digest == first.digest
    (model / "committed.py").write_text("a = 2\n")
    assert pack(container, model).digest != first.digest


def test_a_repository_within_the_repository_is_taken_in(container: Path, model: Path) -> None:
    inner = model / "vendored"
    inner.mkdir()
    git(inner, "init", "-q")
    (inner / "lib.py").write_text("e = 1\n")
    (inner / "big.bin").write_bytes(b"0")
    (inner / ".gitignore").write_text("*.bin\n")
    found = pack(container, model).members
    assert {name for name in found if "vendored" in name} == {
        "model/vendored/.gitignore",
        "model/vendored/lib.py",
    }


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("rclone.conf", "[rshare]\n"),
        ("conf/.netrc", "machine x\n"),
        ("keys/server.pem", "-----BEGIN RSA PRIVATE KEY-----\nabc\n"),
        ("my.ini", "[s3]\nsecret_access_key = abc\n"),
        ("id_ed25519", "x"),
    ],
)
def test_an_untracked_secret_is_refused(
    name: str, content: str, container: Path, model: Path
) -> None:
    path = model / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(content)
    with pytest.raises(RefusedError) as error:
        context.pack(container, model)
    assert error.value.message == (
        f"{path} holds a password or a private key, and would get into the image"
    )
    assert error.value.hint == "let .gitignore name it, or move it out of the repository"
    # what has been committed is in the repository's history anyway, and may be a test's
    git(model, "add", "--force", name)
    assert f"model/{name}" in pack(container, model).members


def test_what_cannot_be_read_is_named(container: Path, model: Path) -> None:
    (model / "gone").symlink_to(model)
    (model / "gone").unlink()
    os.mkfifo(model / "pipe")  # git does not list it
    (model / "changed.py").unlink()
    (model / "changed.py").mkdir()
    assert "model/pipe" not in pack(container, model).members
    (container / ".git").write_text("gitdir: /nowhere\n")
    with pytest.raises(UsageError) as error:
        context.pack(container, model)
    assert error.value.message.startswith(f"git cannot read {container}: ")
    assert "/nowhere" in error.value.message
