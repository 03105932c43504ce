"""git, run for a submission: with the user's token where it may have it, never asking anybody."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from scaffold.errors import MissingToolError, ScaffoldError
from scaffold.marketplace.tokens import Token, git_variables

_SECONDS = 600
# https://github.blog/2021-04-05-behind-githubs-new-authentication-token-formats
_TOKENS = ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_")


class Git:
    """git in one folder.

    Args:
        folder: where.
        token: for GitHub; None for what everybody may read, and what git itself knows.
    """

    def __init__(self, folder: Path, token: Token | None = None) -> None:
        self.folder, self.token = folder, token

    def run(
        self, *arguments: str, given: bytes = b"", variables: Mapping[str, str] | None = None
    ) -> bytes:
        """Run git, and return what it prints.

        Args:
            arguments: of git.
            given: its standard input.
            variables: more of them for its environment.

        Raises:
            ScaffoldError: it failed; its own words are in the message.
        """
        result = self._run(arguments, given, variables)
        if result.returncode:
            said = plain(result.stderr.decode(errors="replace"))
            raise ScaffoldError(
                f"`git {arguments[0]}` failed in {self.folder}: {said or result.returncode}",
                hint=_hint(said),
            )
        return result.stdout

    def text(self, *arguments: str) -> str:
        """Run git, and return the text that it prints."""
        return self.run(*arguments).decode(errors="replace").strip()

    def ask(self, *arguments: str) -> str | None:
        """Run git, and return the text that it prints; None if it fails."""
        result = self._run(arguments, b"", None)
        return None if result.returncode else result.stdout.decode(errors="replace").strip()

    def heads(self, address: str) -> dict[str, str] | None:
        """Return the branches of a repository elsewhere, by name; None if it cannot be had."""
        said = self.ask("ls-remote", "--heads", "--", address)
        if said is None:
            return None
        rows = (line.split("\t") for line in said.splitlines() if "\t" in line)
        return {name.removeprefix("refs/heads/"): commit for commit, name in rows}

    def is_public(self, address: str) -> bool:
        """Whether everybody can clone from an address: without this user's logins, that is."""
        without = ("-c", "credential.helper=", "-c", "core.askPass=", "ls-remote", "--heads")
        return self.ask(*without, "--", address) is not None

    def _run(
        self, arguments: tuple[str, ...], given: bytes, variables: Mapping[str, str] | None
    ) -> subprocess.CompletedProcess[bytes]:
        try:
            return subprocess.run(
                ["git", "-C", str(self.folder), *arguments],
                env={**git_variables(self.token), **(variables or {})},
                input=given, capture_output=True, check=False, timeout=_SECONDS,
            )  # fmt: skip
        except FileNotFoundError:
            raise MissingToolError("git is not installed", hint="`apt-get install git`") from None
        except subprocess.TimeoutExpired:
            raise ScaffoldError(
                f"`git {arguments[0]}` has not ended within {_SECONDS} s",
                hint="check the network, and run the command again: it goes on from here",
            ) from None


def plain(said: str) -> str:
    """Return git's words on one line, without anybody's password."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    shown = [line for line in lines if line.startswith(("fatal", "error", "remote", "!"))] or lines
    return without_password("; ".join(shown[-4:]))


def without_password(address: str) -> str:
    """Return an address without the user and password that may be in it."""
    return re.sub(r"(://)[^/@\s]+@", r"\1", address)


def has_password(address: str) -> bool:
    """Whether an address holds a password, or a token in the place of the user.

    >>> has_password("ssh://git@github.com/ann/leaf"), has_password("https://ann:pw@github.com/ann/leaf")
    (False, True)
    """
    user = re.match(r"[a-z+]+://([^/@\s]+)@", address)
    return user is not None and (":" in user[1] or user[1].startswith(_TOKENS))


def _hint(said: str) -> str:
    if "non-fast-forward" in said or "fetch first" in said:
        return "somebody has pushed meanwhile: `git pull`, and run the command again"
    if re.search(r"(?i)tell me who you are|ident name|auto-detect email", said):
        return 'git does not know who you are: `git config --global user.name "Ann Lee"`, user.email too'
    if re.search(r"(?i)authentication|403|could not read|permission denied|not found", said):
        return "may your token, or your ssh key, write there?"
    return "what git says tells why; run the command again after mending it"
