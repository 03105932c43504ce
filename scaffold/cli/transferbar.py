"""A progress bar for copies: bytes, rate, time to go, files. One line on standard error."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scaffold.data.engine import Progress

_PERIOD = 0.1  # seconds between two drawings
_WIDTH = 24
_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


def human(amount: float) -> str:
    """Return a number of bytes for people: 12.3 MB, of a million bytes each."""
    unit = 0
    while amount >= 999.5 and unit < len(_UNITS) - 1:
        amount, unit = amount / 1000, unit + 1
    return (
        f"{amount:.0f} {_UNITS[unit]}"
        if unit == 0 or amount >= 100
        else f"{amount:.3g} {_UNITS[unit]}"
    )


def duration(seconds: float) -> str:
    """Return a time for people: 1:02:03 or 2:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def counted(number: int, noun: str = "file") -> str:
    """Return a number of things in words: 1 file, 2,000 files."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


class TransferBar:
    """Draws how far a copy is; draws nothing if standard error is no terminal.

    Args:
        shown: False to draw nothing in any case.
    """

    def __init__(self, *, shown: bool) -> None:
        self._shown = shown and sys.stderr.isatty()
        self._next = 0.0
        self._drawn = False

    def draw(self, progress: Progress) -> None:
        """Draw it, unless it has just been drawn."""
        if not self._shown or time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _PERIOD
        sys.stderr.write(f"\r{line(progress)}\x1b[K")
        sys.stderr.flush()
        self._drawn = True

    def clear(self) -> None:
        """Take it away, so that something else can be printed."""
        if self._drawn:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self._drawn = False


def line(progress: Progress) -> str:
    """Return what the bar shows."""
    if not progress.total_bytes:
        return f"comparing … {progress.checked:,} looked at"
    filled = _WIDTH * min(progress.bytes, progress.total_bytes) // progress.total_bytes
    bar = "=" * filled + " " * (_WIDTH - filled)
    eta = "" if progress.eta is None else f"  {duration(progress.eta)} to go"
    return (
        f"[{bar}] {human(progress.bytes)} of {human(progress.total_bytes)}  "
        f"{human(progress.speed)}/s{eta}  {progress.files:,} of {counted(progress.total_files)}"
    )
