"""What every command shares: its common options, and the one place that prints.

With `--json` the standard output is one JSON document; everything else goes to standard error.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import click

_Command = TypeVar("_Command", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Output:
    """How the user wants to be told.

    Attributes:
        as_json: one JSON document on standard output.
        quiet: no progress, only results and errors.
        verbose: details too.
    """

    as_json: bool = False
    quiet: bool = False
    verbose: bool = False

    def result(self, text: str, document: Mapping[str, Any]) -> None:
        """Print the command's result: `text` for people, `document` for programs."""
        if self.as_json:
            click.echo(json.dumps(document, ensure_ascii=False))
        elif not self.quiet and text:
            click.echo(text)

    def progress(self, text: str) -> None:
        """Say what is being done."""
        if not self.quiet:
            click.echo(text, err=True)

    def detail(self, text: str) -> None:
        """Say what only `-v` wants to know."""
        if self.verbose:
            click.echo(text, err=True)


def common_options(command: _Command) -> _Command:
    """Add `--json`, `-q` and `-v`; the command gets them as its first argument, an `Output`."""

    @click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
    @click.option("-q", "--quiet", is_flag=True, help="Print errors only.")
    @click.option("-v", "--verbose", is_flag=True, help="Print details.")
    @functools.wraps(command)
    def wrapper(*args: Any, as_json: bool, quiet: bool, verbose: bool, **kwargs: Any) -> Any:
        return command(Output(as_json, quiet, verbose), *args, **kwargs)

    return wrapper  # type: ignore[return-value]
