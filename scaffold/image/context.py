"""The build context: what an engine gets to see of the two repositories, as one tar archive.

It holds the container repository and, for a build from the working tree, the model repository as
`model/`, or as it is where both are one: the files that git tracks or would track, as they are on
disk. Times, owners and the umask of this machine are left out, so that equal files make an equal
archive.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import stat
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from scaffold.errors import RefusedError, UsageError

LARGE = 200_000_000
"""Bytes of a context that ask for a word to the user."""
# what holds a password or a private key, by its name or by what it says
_SECRET_NAMES = re.compile(
    r"(rclone\.conf|\.env|\.netrc|\.pypirc|\.git-credentials|id_(rsa|ed25519))"
)
_SECRET_TEXT = re.compile(
    rb"-----BEGIN [A-Z ]*PRIVATE KEY-----|^\s*(pass|secret_access_key)\s*=\s*\S", re.M
)
_SEARCHED = 100_000


@dataclass(frozen=True, slots=True)
class Context:
    """A build context that is ready to be sent.

    Attributes:
        archive: the tar archive, open at its beginning; it has no name on disk.
        files: how many files it holds.
        size: bytes of the files.
        digest: SHA-256 of the archive, in hexadecimal digits.
        largest: the largest files, as (bytes, path in the archive), for a warning.
    """

    archive: IO[bytes]
    files: int
    size: int
    digest: str
    largest: tuple[tuple[int, str], ...]


def listed(folder: Path) -> list[str]:
    """Return the files of a repository that git tracks, or would if asked to add all.

    Args:
        folder: the top of a repository; one without git is read as if it had just been made.

    Returns:
        Paths relative to `folder`, sorted; submodules' files too.

    Raises:
        UsageError: git cannot read it.
    """
    if (folder / ".git").exists():
        names = _git(folder, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    else:
        with tempfile.TemporaryDirectory() as empty:
            _git(Path(empty), "init", "--quiet", "--bare", ".")
            options = (f"--git-dir={empty}", f"--work-tree={folder}")
            names = _git(folder, *options, "ls-files", "-z", "--others", "--exclude-standard")
    found: list[str] = []
    for name in sorted({name for name in names.split("\0") if name}):
        try:
            mode = os.lstat(f"{folder}/{name}").st_mode
        except OSError:
            continue  # deleted, and not yet for git
        if stat.S_ISREG(mode) or stat.S_ISLNK(mode):
            found.append(name)
        elif stat.S_ISDIR(mode):  # a submodule, or a repository within the repository
            found += [f"{name.rstrip('/')}/{inner}" for inner in listed(folder / name)]
    return found


def pack(container: Path, model: Path | None) -> Context:
    """Make the context.

    Args:
        container: the container repository.
        model: the model repository, for a build from the working tree; it may be the same one.

    Raises:
        RefusedError: a file that git does not track holds a secret, which would get into the image.
        UsageError: git or the file system cannot read a file.
    """
    sources = [(container, "", listed(container))]
    if model and model != container:
        sources.append((model, "model/", listed(model)))
    elif model:
        # git has decided what belongs in here; podman would apply this one, too
        sources = [(model, "", [name for name in sources[0][2] if name != ".dockerignore"])]
    if model:
        _refuse_secrets(model, sources[-1][2])
    archive = tempfile.TemporaryFile()  # noqa: SIM115 - the caller's, and gone when it is closed
    sizes: list[tuple[int, str]] = []
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for folder, prefix, names in sources:
            for name in names:
                try:
                    sizes.append((_add(tar, f"{folder}/{name}", prefix + name), prefix + name))
                except OSError as error:
                    archive.close()
                    raise UsageError(
                        f"cannot read {folder / name}: {error.strerror or error}",
                        hint="make it readable, or let .gitignore name it",
                    ) from None
    archive.seek(0)
    digest = hashlib.sha256()
    while block := archive.read(1 << 20):
        digest.update(block)
    archive.seek(0)
    largest = tuple(sorted(sizes, reverse=True)[:3])
    size = sum(size for size, _ in sizes)
    return Context(archive, len(sizes), size, digest.hexdigest(), largest)


def archive(files: Mapping[str, bytes]) -> bytes:
    """Return a context of a few files that are made here."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(content), 0o644
            tar.addfile(info, io.BytesIO(content))
    return made.getvalue()


def _add(tar: tarfile.TarFile, path: str, name: str) -> int:
    # text, not Path: there may be a hundred thousand of them
    info = tarfile.TarInfo(name)
    status = os.lstat(path)
    if stat.S_ISLNK(status.st_mode):
        info.type, info.linkname, info.mode = tarfile.SYMTYPE, os.readlink(path), 0o777  # noqa: PTH115
        tar.addfile(info)
        return 0
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123
        info.size, info.mode = status.st_size, 0o755 if status.st_mode & stat.S_IXUSR else 0o644
        tar.addfile(info, file)
    return info.size


def _refuse_secrets(model: Path, names: list[str]) -> None:
    tracked = set(_tracked(model))
    secret = [name for name in names if name not in tracked and _holds_secret(model / name)]
    if secret:
        more = f" and {len(secret) - 1} more" if len(secret) > 1 else ""
        raise RefusedError(
            f"{model / secret[0]}{more} holds a password or a private key, and would get into the image",
            hint="let .gitignore name it, or move it out of the repository",
        )


def _tracked(folder: Path) -> Iterator[str]:
    if (folder / ".git").exists():
        yield from _git(folder, "ls-files", "-z", "--cached", "--recurse-submodules").split("\0")


def _holds_secret(path: Path) -> bool:
    telling = bool(_SECRET_NAMES.fullmatch(path.name))
    if not telling and path.suffix not in (".pem", ".key", ".conf", ".ini", ".cfg", ""):
        return False
    try:
        if path.is_symlink() or not path.stat().st_size:
            return False
        with path.open("rb") as file:
            return telling or bool(_SECRET_TEXT.search(file.read(_SEARCHED)))
    except OSError:
        return False  # `pack` says it


def _git(folder: Path, *arguments: str) -> str:
    # an owner other than the caller is usual in containers and on CI; nothing is executed here
    line = ["git", "-c", "safe.directory=*", "-c", "core.quotePath=false", *arguments]
    result = subprocess.run(line, cwd=folder, capture_output=True, check=False)
    if result.returncode:
        message = result.stderr.decode(errors="replace").strip()
        raise UsageError(f"git cannot read {folder}: {message}", hint="`git status` there may tell")
    return os.fsdecode(result.stdout)
