"""Addresses and values as they may be written down: without user names, passwords and tokens."""

from __future__ import annotations

import re

HIDDEN = "(not recorded)"
_WORDS = (
    r"(?:pass(?:word|wd|phrase)?|secret|token|credentials?|(?:api|access|private)[_-]?key"
    r"|auth|signature|sig)"
)
_SECRET_NAME = re.compile(rf"(?:^|[_\-.]){_WORDS}(?:$|[_\-.])", re.IGNORECASE)
# `git` is the user that everybody is at a forge's ssh, and no address works without it
_USER = re.compile(r"(?<=://)(?!(?<=ssh://)git@)[^\s/?#]*@")
_QUERY = re.compile(rf"(?<=[?&])([^=&#\s]*{_WORDS}[^=&#\s]*=)[^&#\s]+", re.IGNORECASE)


def without_secrets(text: str) -> str:
    """Return text whose addresses have neither user name nor password nor a token in the query.

    >>> without_secrets("https://me:key@example.org/simple?token=abc&page=2")
    'https://example.org/simple?token=hidden&page=2'
    """
    return _QUERY.sub(r"\1hidden", _USER.sub("", text))


def recordable(name: str, value: str) -> str:
    """Return the value of a build argument as it may be written down.

    Args:
        name: the argument's name. One that says "password", "token", "secret" or the like hides its value.
        value: what it was set to. A proxy loses its user name and password even when its scheme is left out or
            the password holds a slash.
    """
    if _SECRET_NAME.search(name):
        return HIDDEN
    if name.lower().endswith("_proxy") and name.lower() != "no_proxy":
        value = re.sub(r"^([a-zA-Z][\w+.-]*://)?.*@", r"\1", value, flags=re.DOTALL)
    return without_secrets(value)


def git_uri(remote: str, ref: str = "") -> str:
    """Return the address of a git repository as package tools and in-toto write it, or "" for one on this machine.

    >>> git_uri("git@example.org:team/model.git", "main")
    'git+ssh://git@example.org/team/model.git@main'
    """
    short = re.fullmatch(r"((?:[^@/:\s]+@)?[^@/:\s]{2,}):(?!//)(.+)", remote)
    if short:
        remote = f"ssh://{short[1]}/{short[2].lstrip('/')}"
    if not re.match(r"(?:https?|ssh|git)://", remote):
        return ""
    return f"git+{without_secrets(remote)}" + (f"@{ref}" if ref else "")
