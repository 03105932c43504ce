"""The options that the sub-commands of `scaffold sync` share."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from scaffold.cli.output import common_options

_Command = TypeVar("_Command", bound=Callable[..., Any])

EPILOG = """\b
A remote is one of
    rshare:folder          that rclone knows, from RCLONE_CONFIG_RSHARE_TYPE, _URL,
                           _VENDOR, _USER and _PASS, or from rclone's own file
    doi:10.5281/zenodo.N   a published dataset; pull only
    https://…#sha256=…     a file on the web; pull only
    /mnt/onedata/space     a folder, such as what oneclient has mounted

Without --remote, .scaffold.yml of the module says it:
    sync:
      pull: {data/raw: "rshare:digits/data"}
      push: {models: "rshare:digits/models"}"""


def options(function: _Command) -> _Command:
    """Add what all sub-commands share; they get an `Output`, a path, a remote, and limits."""
    from scaffold.data import DEFAULT_STALL

    @click.argument("path", required=False, type=click.Path(path_type=Path))
    @click.option("--remote", metavar="REMOTE", help="Where the other side is.")
    @click.option(
        "--timeout",
        type=click.FloatRange(min=0.5),
        default=DEFAULT_STALL,
        show_default=True,
        metavar="SECONDS",
        help="Give up after this long without any progress.",
    )
    @click.option(
        "--time-limit",
        type=click.FloatRange(min=0),
        default=0,
        metavar="SECONDS",
        help="Give up after this long in any case; 0: never.",
    )
    @click.option(
        "--retries",
        type=click.IntRange(1, 20),
        default=3,
        show_default=True,
        help="How often to go through what has failed.",
    )
    @common_options
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper  # type: ignore[return-value]


def filters(function: _Command) -> _Command:
    """Add --include and --exclude."""

    @click.option("--include", multiple=True, metavar="PATTERN", help="Only these; repeatable.")
    @click.option("--exclude", multiple=True, metavar="PATTERN", help="Not these; repeatable.")
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper  # type: ignore[return-value]


def copying(function: _Command) -> _Command:
    """Add what the two that copy share."""

    @click.option("--dry-run", is_flag=True, help="Only list what would be copied and deleted.")
    @click.option(
        "--mirror", is_flag=True, help="Also delete what the source does not have; asks first."
    )
    @click.option("--yes", is_flag=True, help="With --mirror: do not ask.")
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper  # type: ignore[return-value]
