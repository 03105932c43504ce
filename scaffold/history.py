"""The git history of a generated repository, by GitPython.

The first commit is exactly the template's output and says so in a trailer: it is what a template
update merges from. So nothing of the user's set-up may change it: hooks, ignore files and line-end
conversion are off for that one commit.
"""

from __future__ import annotations

import os
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from scaffold.errors import MissingToolError, ScaffoldError

if TYPE_CHECKING:
    from scaffold.workspace import History

TRAILER = "Scaffold-Template"

# Set by git when it calls a hook or an alias; they would point every command at that repository.
_REPOSITORY_VARIABLES = (
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_COMMON_DIR",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
)


def check() -> None:
    """Check that git is there and knows who commits.

    Raises:
        MissingToolError: it is not, or does not.
    """
    _git()
    for field, configured in zip(("name", "email"), identity(), strict=True):
        variables = [f"GIT_{role}_{field.upper()}" for role in ("AUTHOR", "COMMITTER")]
        from_environment = all(os.environ.get(variable) for variable in variables)
        if not (configured or from_environment or (field == "email" and os.environ.get("EMAIL"))):
            raise MissingToolError(
                f"git does not know who you are (user.{field} is not set)",
                hint='set it once with `git config --global user.name "Ann Lee"` and '
                "`git config --global user.email ann@example.org`, "
                "or generate without git history: --no-git",
            )


def begin(folder: Path, history: History) -> None:
    """Make `folder` a git repository whose first commit holds exactly its files.

    Raises:
        ScaffoldError: git failed; its own words are in the message.
    """
    git = _git()
    hidden = {name: os.environ.pop(name) for name in _REPOSITORY_VARIABLES if name in os.environ}
    try:
        # no template: the user's hooks and settings must not get into the new repository
        git.Git(folder).init(initial_branch=history.branch, template="", quiet=True)
        repository = git.Repo(folder)
        # --force: the user's own ignore file must not decide what the template's commit holds
        repository.git(c=_EXACTLY).add(".", force=True)
        repository.git(c=_EXACTLY).commit(message=history.message, quiet=True)
        for branch in history.others:
            repository.create_head(branch)
        with repository.config_writer() as config:
            config.set_value('remote "origin"', "url", history.remote)
            config.set_value('remote "origin"', "fetch", "+refs/heads/*:refs/remotes/origin/*")
        repository.close()
    except git.GitCommandError as error:
        reason = error.stderr.strip().removeprefix("stderr: ").strip("'\n ")
        raise ScaffoldError(
            f"git could not make the first commit: {reason}",
            hint="nothing was left behind; mend it, or generate without git history: --no-git",
        ) from error
    finally:
        os.environ.update(hidden)


_EXACTLY = [
    "core.hooksPath=/dev/null",
    "core.autocrlf=false",
    "core.attributesFile=/dev/null",
    "maintenance.auto=false",  # nothing to tidy yet
]


def identity() -> tuple[str, str]:
    """Return the name and the e-mail address git knows, each "" where it knows none."""
    try:
        git = _git()
    except MissingToolError:
        return "", ""
    listed = git.Git().config("--get-regexp", r"^user\.(name|email)$", with_exceptions=False)
    values = dict(line.partition(" ")[::2] for line in listed.splitlines())
    return values.get("user.name", ""), values.get("user.email", "")


def _git() -> ModuleType:
    """Import GitPython, which looks for the git program when it is imported."""
    try:
        import git
    except ModuleNotFoundError:
        raise MissingToolError(
            "GitPython is not installed", hint="`pip install GitPython`"
        ) from None
    except ImportError:
        raise MissingToolError(
            "git is not installed",
            hint="install it (`apt-get install git`), or generate without git history: --no-git",
        ) from None
    return git
