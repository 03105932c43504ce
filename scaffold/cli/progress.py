"""A progress bar for a terminal: one line on standard error that makes room for everything else."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

_Item = TypeVar("_Item")

_PATIENCE = 0.5  # seconds that need no bar
_PERIOD = 0.1  # seconds between two drawings
_WIDTH = 30


class Bar:
    """Draws how far a loop has come; draws nothing if standard error is no terminal.

    Args:
        what: what is counted, in the plural.
        total: how many there will be.
        shown: False to draw nothing in any case.
    """

    def __init__(self, what: str, total: int, *, shown: bool) -> None:
        self._what = what
        self._total = max(total, 1)
        self._shown = shown and sys.stderr.isatty()
        self._done = 0
        self._next = time.monotonic() + _PATIENCE
        self._drawn = False

    def count(self, items: Iterable[_Item]) -> Iterator[_Item]:
        """Yield the items and count them."""
        for item in items:
            yield item
            self._done += 1
            if self._shown and time.monotonic() >= self._next:
                self._draw()

    def clear(self) -> None:
        """Take the bar away, so that something else can be printed."""
        if self._drawn:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self._drawn = False

    def _draw(self) -> None:
        filled = _WIDTH * min(self._done, self._total) // self._total
        bar = "=" * filled + " " * (_WIDTH - filled)
        sys.stderr.write(f"\r[{bar}] {self._done:,} of {self._total:,} {self._what}\x1b[K")
        sys.stderr.flush()
        self._drawn = True
        self._next = time.monotonic() + _PERIOD
