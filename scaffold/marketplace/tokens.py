"""Where the user's GitHub token is, and how git gets it without anybody else seeing it."""

from __future__ import annotations

import importlib
import os
import subprocess
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from scaffold.errors import MissingToolError
from scaffold.marketplace.github import SCOPES, server

_SECONDS = 10
_VARIABLE = "SCAFFOLD_GIT_TOKEN"
# set by git when it calls a hook or an alias; they would point every command at that repository
_HOOKS = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR",
          "GIT_NAMESPACE", "GIT_PREFIX")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Token:
    """A token.

    Attributes:
        value: the secret; never shown.
        source: where it was found.
    """

    value: str = field(repr=False)
    source: str


def find() -> Token | None:
    """Look for a token: GITHUB_TOKEN, GH_TOKEN, `gh auth token`, the keyring."""
    for name in ("GITHUB_TOKEN", "GH_TOKEN"):
        if value := os.environ.get(name, "").strip():
            return Token(value, name)
    host = urlsplit(server()).netloc
    try:
        result = subprocess.run(
            ["gh", "auth", "token", "--hostname", host],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=_SECONDS,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        pass
    else:
        if result.returncode == 0 and result.stdout.strip():
            return Token(result.stdout.strip(), "`gh auth token`")
    try:
        keyring = importlib.import_module("keyring")
        value = keyring.get_password("scaffold", host)
    except Exception:
        return None
    return Token(value, "the keyring") if value else None


def need() -> Token:
    """Look for a token.

    Raises:
        MissingToolError: there is none.
    """
    token = find()
    if token is None:
        raise MissingToolError(
            "there is no GitHub token",
            hint="set GITHUB_TOKEN, or `gh auth login`, or `keyring set scaffold "
            f"{urlsplit(server()).netloc}`; {SCOPES}. Without one, --no-push leaves a branch",
        )
    return token


def git_variables(token: Token | None) -> dict[str, str]:
    """Return the environment that git is run in: it asks nobody, and has the token for GitHub only.

    git gets it from a credential helper that reads a variable: so it is on no command line and in
    no file, and git asks for it only where the address is GitHub's.
    """
    kept = {name: value for name, value in os.environ.items() if name not in _HOOKS}
    variables = {**kept, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    if token is None:
        return variables
    helper = f'!f() {{ test "$1" = get && echo username=x-access-token && echo "password=${_VARIABLE}"; }}; f'
    key = f"credential.{server()}.helper"
    count = int(os.environ.get("GIT_CONFIG_COUNT") or 0)
    for value in ("", helper):  # the empty one turns off the user's own, which may know another
        variables[f"GIT_CONFIG_KEY_{count}"] = key
        variables[f"GIT_CONFIG_VALUE_{count}"] = value
        count += 1
    return {**variables, "GIT_CONFIG_COUNT": str(count), _VARIABLE: token.value}
