"""Files in memory become repositories on disk: all of them, complete, or none."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scaffold import janitor
from scaffold.errors import RefusedError, ScaffoldError
from scaffold.render import Tree


@dataclass(frozen=True, slots=True)
class History:
    """How the git history of a new repository begins.

    Attributes:
        branch: the first branch.
        remote: address of `origin`.
        message: message of the first commit.
        others: branches that are made beside the first one.
    """

    branch: str
    remote: str
    message: str
    others: tuple[str, ...]


def targets(destination: Path, names: list[str]) -> list[Path]:
    """Return where the repositories will be.

    Raises:
        RefusedError: something is there already.
    """
    paths = [destination.absolute() / name for name in names]
    taken = [str(path) for path in paths if path.is_symlink() or path.exists()]
    if taken:
        raise RefusedError(
            f"already there: {', '.join(taken)}",
            hint="choose another destination or repo_name, or move what is there away",
        )
    return paths


class Transaction:
    """A staging folder beside the destination, which becomes the destination in one step."""

    def __init__(self, process: subprocess.Popen[str], staging: Path, destination: Path) -> None:
        self._process = process
        self._destination = destination
        self.staging = staging
        """The folder to fill; its entries are what `commit` moves."""

    def commit(self, names: list[str]) -> list[Path]:
        """Move the entries `names` of the staging folder to the destination, all or none.

        Raises:
            ScaffoldError: it was not possible; nothing has moved.
        """
        assert self._process.stdin
        self._process.stdin.write(json.dumps(names) + "\n")
        self._process.stdin.flush()
        reply = _hear(self._process)
        if error := reply.get("error"):
            raise ScaffoldError(f"cannot write to {self._destination}: {error}")
        return [self._destination / name for name in names]


@contextmanager
def transaction(destination: Path) -> Iterator[Transaction]:
    """Open a staging folder in `destination`, which is made if need be.

    Whatever ends this process before `commit`, `kill -9` included, leaves `destination` as it was.

    Raises:
        ScaffoldError: the destination cannot be written to, or a file in it could not be.
    """
    destination = destination.absolute()
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", janitor.__file__, str(destination)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        start_new_session=True,
    )
    try:
        reply = _hear(process)
        if "staging" not in reply:
            raise ScaffoldError(f"cannot write to {destination}: {reply['error']}")
        yield Transaction(process, Path(reply["staging"]), destination)
    except OSError as error:
        raise ScaffoldError(
            f"cannot write to {destination}: {error.strerror or error}",
            hint="nothing was left behind; free some space or choose another destination",
        ) from error
    finally:
        # closing the pipe is what tells the janitor that this process is done
        process.communicate()


def _hear(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout
    line = process.stdout.readline()
    reply: dict[str, Any] = json.loads(line) if line else {"error": "the writing process died"}
    return reply


def write(
    repositories: Mapping[str, Tree], destination: Path, histories: Mapping[str, History]
) -> list[Path]:
    """Write repositories into `destination`, with the beginning of their git history.

    Args:
        repositories: the files by repository name.
        destination: the folder that will hold the repositories.
        histories: by repository name; without an entry no git repository is made.

    Returns:
        The folder of each repository, in the order given.

    Raises:
        RefusedError: one of them exists.
        MissingToolError: git is missing, or does not know who commits.
        ScaffoldError: it could not be written; nothing has been left behind.
    """
    names = list(repositories)
    targets(destination, names)
    if histories:
        from scaffold import history

        history.check()
    with transaction(destination) as staged:
        for name, tree in repositories.items():
            write_tree(tree, staged.staging / name)
            if name in histories:
                history.begin(staged.staging / name, histories[name])
        return staged.commit(names)


def write_tree(tree: Tree, folder: Path) -> None:
    """Write files below `folder`, which is made."""
    folder.mkdir()
    made = {folder}
    for path, file in tree.items():
        target = folder / path
        if target.parent not in made:
            target.parent.mkdir(parents=True, exist_ok=True)
            made.add(target.parent)
        target.write_bytes(file.content)
        if file.executable:
            target.chmod(target.stat().st_mode | 0o111)
