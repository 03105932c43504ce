"""Draws the build of an image on standard error: live on a terminal, one line per step elsewhere."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from scaffold.image.buildevents import (
    Event,
    Finished,
    StepBytes,
    StepCached,
    StepCancelled,
    StepDone,
    StepFailed,
    StepOutput,
    StepStarted,
)

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

    from scaffold.cli.output import Output

_WIDTH = 60  # characters of a step's name where nobody knows how wide a line may be
_NOTABLE = 1.0  # seconds from which on the engine's own doings are worth a line
_BAR = 20  # characters


class Draw(Protocol):
    """What `drawing` gives: call it with every event, as soon as it is there."""

    def __call__(self, event: Event) -> None:
        """Show an event."""


@contextmanager
def drawing(out: Output, title: str) -> Iterator[Draw]:
    """Draw a build's progress while the block runs.

    On a terminal every step that runs has a line with its time, the bytes it has moved and what it
    printed last; steps that have ended stay above. Without a terminal, and with `--json`, NO_COLOR
    or TERM=dumb, every step that has ended is one plain line; `-v` adds what the steps print. `-q`
    draws nothing.

    Args:
        out: how the user wants to be told.
        title: what is being built.
    """
    if not _live(out):
        out.progress(title)
        yield _Plain(out)
        return
    from rich.console import Console
    from rich.live import Live

    console = Console(stderr=True, highlight=False)
    console.print(title, markup=False)
    drawn = _Live(console, out.verbose)
    # what has ended is printed above; the region below is taken away at the end, whatever ends it
    with Live(drawn, console=console, transient=True, refresh_per_second=10):
        yield drawn


def _live(out: Output) -> bool:
    """Return whether lines may be drawn over."""
    plain = out.quiet or out.as_json or bool(os.environ.get("NO_COLOR"))
    return not plain and os.environ.get("TERM") != "dumb" and sys.stderr.isatty()


@dataclass(slots=True)
class _Running:
    started: StepStarted
    since: float
    done: int = 0
    total: int | None = None
    last: str = ""


@dataclass(frozen=True, slots=True)
class _Line:
    """What is said of a step; the middle is shortened if there is no room for all."""

    before: str
    middle: str
    after: str

    def fit(self, width: int) -> str:
        room = width - len(self.before) - len(self.after)
        middle = self.middle
        if len(middle) > room:
            middle = f"{middle[: max(room - 2, 0)].rstrip()} …"
        return f"{self.before}{middle}{self.after}"


class _Steps:
    """The steps that run, and the line for each that has ended."""

    def __init__(self) -> None:
        self.running: dict[str, _Running] = {}
        self._begun = time.monotonic()
        self._made = 0
        self._cached = 0

    def take(self, event: Event) -> _Line | None:
        """Take note of an event; return the line for what has ended with it."""
        if isinstance(event, StepStarted):
            self.running[event.id] = _Running(event, time.monotonic())
            return None
        if isinstance(event, Finished):
            return self._summary(event)
        step = self.running.get(event.id)
        if step is None:
            return None
        if isinstance(event, StepOutput):
            step.last = event.text.strip() or step.last
            return None
        if isinstance(event, StepBytes):
            step.done, step.total = event.done, event.total
            return None
        del self.running[event.id]
        started = step.started
        self._made += started.makes
        self._cached += started.makes and isinstance(event, StepCached)
        if isinstance(event, StepDone):
            # the engine's own doings are worth a line if they take time
            told, how = started.makes or event.seconds >= _NOTABLE, _time(event.seconds)
        else:
            told = started.makes or isinstance(event, StepFailed)
            how = _WORDS[type(event)]
        return _Line(_label(started), started.known_as, f"  {how}") if told else None

    def _summary(self, event: Finished) -> _Line | None:
        if event.image_id is None:
            return None
        steps = f"{self._made} step{'' if self._made == 1 else 's'}"
        seconds = _time(time.monotonic() - self._begun)
        return _Line("", "", f"{steps}, {self._cached} cached, {seconds}")


class _Plain:
    def __init__(self, out: Output) -> None:
        self._out = out
        self._steps = _Steps()

    def __call__(self, event: Event) -> None:
        line = self._steps.take(event)
        if line:
            self._out.progress(f"  {line.fit(_WIDTH + len(line.before) + len(line.after))}")
        elif isinstance(event, StepOutput):
            self._out.detail(f"    {event.text}")


_WORDS: dict[type, str] = {
    StepCached: "cached",
    StepFailed: "failed",
    StepCancelled: "cancelled",
}
_MARKS: dict[type, tuple[str, str]] = {
    StepDone: ("✓", "green"),
    StepCached: ("✓", "green"),
    Finished: ("✓", "green"),
    StepFailed: ("✗", "red"),
    StepCancelled: ("-", "dim"),
}


class _Live:
    """Prints what has ended, and renders what runs; rich calls it again and again in a thread."""

    def __init__(self, console: Console, verbose: bool) -> None:
        self._console = console
        self._verbose = verbose
        self._steps = _Steps()
        self._ascii = not console.encoding.lower().startswith("utf")

    def __call__(self, event: Event) -> None:
        from rich.text import Text

        line = self._steps.take(event)
        if line:
            mark, style = _MARKS[type(event)]
            if self._ascii:
                mark = {"✓": "+", "✗": "x"}.get(mark, mark)
            room = self._console.width - 4
            text = Text.assemble("  ", (mark, style), " ", line.fit(room))
            self._console.print(text, no_wrap=True, overflow="ellipsis")
        elif self._verbose and isinstance(event, StepOutput):
            self._console.print(Text(f"    {event.text}", "dim"))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Render the running steps, no more than the terminal has lines for."""
        from rich.text import Text

        now = time.monotonic()
        lines: list[Text] = []
        for step in tuple(self._steps.running.values()):  # another thread may add to them
            elapsed = now - step.since
            if not step.started.makes and elapsed < _NOTABLE / 2:
                continue
            prefix = f"  {_time(elapsed):>6} "
            amount = f"  {_amount(step)}" if step.done else ""
            head = _Line(_label(step.started), step.started.known_as, amount)
            room = options.max_width - len(prefix)
            lines.append(Text.assemble((prefix, "cyan"), head.fit(room)))
            if step.last:
                lines.append(Text(f"         {step.last}", "dim"))
        for line in lines[: max(console.height - 2, 1)]:
            line.truncate(options.max_width, overflow="ellipsis")
            line.no_wrap = True
            yield line


def _label(started: StepStarted) -> str:
    if started.index is None:
        return ""
    stage = f" {started.stage}" if started.stage else ""
    return f"step{stage} {started.index}/{started.total} "


def _time(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02} s"


def _amount(step: _Running) -> str:
    if not step.total:
        return _size(step.done)
    filled = _BAR * min(step.done, step.total) // step.total
    bar = "=" * filled + " " * (_BAR - filled)
    return f"[{bar}] {_size(step.done)} of {_size(step.total)}"


def _size(count: float) -> str:
    """Return a number of bytes in decimal units, as the engines write it."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"
