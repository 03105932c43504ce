"""Reading the recorded logs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from scaffold.image.buildevents import Event, Failure
from scaffold.image.buildlog import Parser

LOGS = Path(__file__).parent / "logs"
SUCCESSES = ("cached", "ok", "ok-containerd-store", "pull")


def names() -> list[str]:
    """Return the names of all logs: `ok.docker20` for one."""
    return sorted(path.stem for path in LOGS.glob("*.log"))


def lines(name: str) -> list[str]:
    """Return the lines of a log as a pipe gives them, with their ends."""
    return (LOGS / f"{name}.log").read_bytes().decode().splitlines(keepends=True)


def parser(name: str) -> Parser:
    """Return a new parser for the engine that wrote the log; its clock is 10 ms further each time."""
    ticks = iter(range(10_000))
    return Parser("podman" if ".podman" in name else "buildkit", clock=lambda: next(ticks) / 100)


def read(name: str) -> tuple[Parser, list[Event]]:
    """Read a log to its end; return the parser and all events."""
    reader = parser(name)
    events = [event for line in lines(name) for event in reader.feed(line)]
    return reader, events + reader.close(0 if name.partition(".")[0] in SUCCESSES else 1)


def failures() -> Iterator[tuple[str, Failure]]:
    """Read every log of a build that failed."""
    for name in names():
        if name.partition(".")[0] not in SUCCESSES:
            failure = read(name)[0].failure
            assert failure is not None, name
            yield name, failure
