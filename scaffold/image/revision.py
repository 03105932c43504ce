"""What an image is built from: revisions of the two repositories, and the date they carry."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from scaffold.errors import ScaffoldError, UsageError

_SECONDS = 60
# what git, curl and ssh say where there is no way, LC_ALL=C
_UNREACHABLE = re.compile(
    r"(?i)could not resolve|unable to look up|connection (?:refused|timed out)|unreachable"
    r"|failed to connect|no route to host"
)


@dataclass(frozen=True, slots=True)
class Revision:
    """A state of a repository.

    Attributes:
        commit: its commit; empty if it has none, or git does not know the folder.
        branch: the branch it is on; empty if it is on none.
        dirty: whether the working tree has changes that no commit has.
        epoch: the commit's date, in seconds since 1970; 0 without a commit.
    """

    commit: str = ""
    branch: str = ""
    dirty: bool = False
    epoch: int = 0

    @property
    def label(self) -> str:
        """The commit, marked where the working tree differs from it."""
        return f"{self.commit}-dirty" if self.commit and self.dirty else self.commit


def of_working_tree(folder: Path) -> Revision:
    """Return the state of a repository on disk."""
    if not (folder / ".git").exists():
        return Revision()
    commit = _git(folder, "rev-parse", "--verify", "--quiet", "HEAD")
    date = _git(folder, "log", "-1", "--format=%ct") if commit else ""
    return Revision(
        commit=commit,
        branch=_git(folder, "symbolic-ref", "--quiet", "--short", "HEAD"),
        dirty=bool(_git(folder, "status", "--porcelain")),
        epoch=int(date) if date else 0,
    )


def of_remote(address: str, branch: str) -> str:
    """Return the commit that a branch of a repository elsewhere is at.

    Raises:
        ScaffoldError: it cannot be asked.
        UsageError: it has no such branch.
    """
    try:
        result = subprocess.run(
            [
                "git",
                "ls-remote",
                "--exit-code",
                address,
                f"refs/heads/{branch}",
                f"refs/tags/{branch}",
            ],
            env={**os.environ, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise ScaffoldError(
            f"{address} did not answer within {_SECONDS} s",
            hint="try again, or build from the working tree with --source local",
        ) from None
    if result.returncode == 2:
        raise UsageError(
            f"{address} has no branch {branch!r}",
            hint="push it, name another with --branch, or build from the working tree with --source local",
        )
    if result.returncode:
        said = result.stderr.strip()
        do = (
            "check the network and the address (git_base_url in .scaffold.yml)"
            if _UNREACHABLE.search(said)
            else "push the module there first"
        )
        raise ScaffoldError(
            f"cannot clone {address}: {said.splitlines()[-1] if said else 'git gives no reason'}",
            hint=f"{do}, or build from the working tree with --source local",
        )
    return result.stdout.split()[0]


def _git(folder: Path, *arguments: str) -> str:
    result = subprocess.run(
        ["git", "-c", "safe.directory=*", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return result.stdout.strip() if result.returncode == 0 else ""
