"""What a running `docker build` or `podman build` says, line by line, as events.

The engines print for people; `Parser` reads what they print without a terminal:

- BuildKit, `docker build --progress=plain`, as Docker 20.10 and as today's buildx print it. Each
  step has a number, `#5`, and the lines of steps that run at the same time are mixed.
- podman 4 and newer, which builds one step after the other and gives no times.

Only the last lines of each step are kept, so a log may be as long as it likes.
"""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Literal, TypeAlias

from scaffold.image.buildevents import (
    Event,
    Failure,
    Finished,
    State,
    Step,
    StepBytes,
    StepCached,
    StepCancelled,
    StepDone,
    StepFailed,
    StepOutput,
    StepStarted,
)

Kind: TypeAlias = Literal["buildkit", "podman"]

_KEPT = 60  # of each step: what went wrong may stand above a long list of what followed from it
_LONGEST = 4000  # characters of a line that is kept; a Python error can be a hundred thousand long

_CREDENTIALS = re.compile(r"(?<=://)[^\s/'\"@]+@")
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07|[\x00-\x08\x0b-\x1f\x7f]")


def redacted(text: str, secrets: Iterable[str] = ()) -> str:
    """Return a text without the user's secrets.

    Args:
        text: a line of a log.
        secrets: what must not be shown: passwords and tokens that the build was given. What
            stands before the host in an address is taken out in any case.
    """
    for secret in secrets:
        if secret:
            text = text.replace(secret, "***")
    return _CREDENTIALS.sub("***@", text) if "://" in text else text


class Parser:
    """Turns the lines of a build into events, and remembers what has to be known at the end.

    Args:
        kind: which engine prints.
        secrets: see `redacted`; they are in no event.
        clock: seconds that only go up, for the engine that prints no times.
    """

    def __init__(
        self,
        kind: Kind,
        secrets: Sequence[str] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._secrets = tuple(secrets)
        self._book = _Book()
        self._reader: _BuildKit | _Podman
        self._reader = _BuildKit(self._book) if kind == "buildkit" else _Podman(self._book, clock)

    def feed(self, line: str) -> list[Event]:
        """Read one line of the log, with or without its line end; return what it says."""
        line = redacted(line.rstrip("\r\n"), self._secrets)
        if "\r" in line:  # a progress bar that is drawn over itself
            line = line.rpartition("\r")[2]
        if not line.isprintable():
            line = _CONTROL.sub("", line)
        self._reader.feed(line)
        return self._book.taken()

    def close(self, returncode: int = 0) -> list[Event]:
        """Say that the engine has ended, with this exit code; return what follows from it."""
        self._reader.close(returncode)
        self._book.succeeded = returncode == 0
        self._book.refused = returncode != 0
        self._book.say(Finished(self.image_id if returncode == 0 else None))
        return self._book.taken()

    @property
    def steps(self) -> tuple[Step, ...]:
        """Return all steps in the order in which they were first named, the engine's own too."""
        return tuple(self._book.steps.values())

    @property
    def cache_hits(self) -> int:
        """Return how many of the Dockerfile's steps did not have to be run."""
        return sum(step.state == "cached" for step in self.dockerfile_steps)

    @property
    def dockerfile_steps(self) -> tuple[Step, ...]:
        """Return the steps that make something: the Dockerfile's without its `FROM`."""
        return tuple(step for step in self.steps if step.started.makes)

    @property
    def image_id(self) -> str | None:
        """Return the image's id as the engine printed it, "sha256:…" with BuildKit."""
        return self._book.image_id

    @property
    def failure(self) -> Failure | None:
        """Return what went wrong; None if nothing did, as far as the log says."""
        return self._book.failure()


class _Book:
    """What is known about the steps, and the events nobody has taken yet."""

    def __init__(self) -> None:
        self.steps: dict[str, Step] = {}
        self.image_id: str | None = None
        self.loose: deque[str] = deque(maxlen=_KEPT)  # lines that belong to no step
        self.succeeded = False
        self.refused = False  # there is no image, whether or not a step failed
        self._printed: dict[str, deque[str]] = {}
        self._messages: dict[str, str] = {}
        self._events: list[Event] = []

    def say(self, event: Event) -> None:
        self._events.append(event)

    def taken(self) -> list[Event]:
        taken, self._events = self._events, []
        return taken

    def start(self, started: StepStarted) -> None:
        self.steps[started.id] = Step(started)
        self.say(started)

    def running(self, id_: str) -> bool:
        return id_ in self.steps and self.steps[id_].state == "running"

    def printed(self, id_: str, text: str) -> None:
        lines = self._printed.get(id_)
        if lines is None:
            lines = self._printed[id_] = deque(maxlen=_KEPT)
        lines.append(text if len(text) <= _LONGEST else _shortened(text))
        self.say(StepOutput(id_, text))

    def last_printed(self, id_: str) -> tuple[str, ...]:
        return tuple(self._printed.get(id_, ()))

    def end(self, id_: str, state: State, seconds: float | None = None) -> None:
        """Note how a step ended; once is enough, although BuildKit likes to say it twice."""
        if not self.running(id_):
            return
        self.steps[id_] = replace(self.steps[id_], state=state, seconds=seconds)
        self._printed.pop(id_, None)
        if state == "cached":
            self.say(StepCached(id_))
        elif state == "done":
            self.say(StepDone(id_, seconds or 0.0))
        elif state == "cancelled":
            self.say(StepCancelled(id_))

    def fail(self, id_: str, message: str) -> None:
        if self.running(id_):
            self.steps[id_] = replace(self.steps[id_], state="failed")
            self._messages[id_] = message
            self.say(StepFailed(id_, message))

    def add_to_message(self, id_: str, line: str) -> None:
        if len(self._messages[id_]) < _LONGEST:
            self._messages[id_] += f"\n{line}"

    def failure(self) -> Failure | None:
        if self.succeeded:
            return None
        # a cache that cannot be read is an error, too, but the build goes on: the last one counts
        for id_, message in reversed(self._messages.items()):
            return Failure(self.steps[id_], message, self.last_printed(id_))
        if self.refused:
            return Failure(None, "\n".join(self.loose).strip(), ())
        return None


def _shortened(line: str) -> str:
    return f"{line[: _LONGEST // 2]} … {line[-_LONGEST // 2 :]}"


# `[build 2/3] RUN …`, `[2/3] RUN …`, `[internal] load build context`; several platforms put
# theirs first: `[linux/amd64 build 2/3] RUN …`
_HEADER = re.compile(
    r"\[(?:(?P<stage>[^\]]*?) *)??(?:(?P<index>\d+)/(?P<total>\d+))?\] (?P<name>.*)"
)
_NUMBERED = re.compile(r"#(\d+) (.*)")
_TIMED = re.compile(r"\d+\.\d+(?: (.*)|$)")
_NUMBER = r"(\d+(?:\.\d+)?)"
_END = re.compile(rf"(?:DONE(?: {_NUMBER}s)?|CACHED|CANCELED)$")
_SIZE = rf"{_NUMBER} ?([kMGT]?B)\b"
_LAYER = re.compile(rf"(sha256:[0-9a-f]{{64}}) {_SIZE} / {_SIZE}")
_TRANSFER = re.compile(rf"transferring (\w+): {_SIZE}")
_IMAGE = re.compile(r"(writing image|exporting manifest(?: list)?) (sha256:[0-9a-f]{64})")
# pip: `   ━━━━━━━━━━ 19.3/19.3 MB 469.0 MB/s eta 0:00:00`
_BAR = re.compile(rf"\s*[━╸╺][━╸╺ ]* {_NUMBER}/{_SIZE}")
_PLACE = re.compile(r"\S+:\d+$")  # `Dockerfile:2`, before the lines around it
_UNITS = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


class _BuildKit:
    def __init__(self, book: _Book) -> None:
        self._book = book
        self._headers: dict[str, str] = {}
        self._moved: dict[str, dict[str, tuple[int, int]]] = {}
        self._excerpt = ""  # the rule that ends what is being repeated for the reader

    def feed(self, line: str) -> None:
        numbered = _NUMBERED.match(line)
        if numbered:
            self._step(numbered[1], numbered[2])
        elif line == "------" or line == "-" * 20:
            self._excerpt = "" if self._excerpt == line else line
        elif line and not self._excerpt and not _PLACE.match(line):
            self._book.loose.append(line)

    def close(self, returncode: int) -> None:
        """Nothing is left to be said: BuildKit ends each step by itself."""

    def _step(self, id_: str, text: str) -> None:
        if id_ == "0":  # which builder is used: no step, and it has no end
            return
        if id_ not in self._headers:
            self._headers[id_] = text
            self._book.start(_started(id_, text))
        elif not (timed := _TIMED.match(text)):
            self._said(id_, text)
        elif bar := _BAR.match(timed[1] or ""):
            self._book.say(StepBytes(id_, _bytes(bar[1], bar[3]), _bytes(bar[2], bar[3])))
        else:
            self._book.printed(id_, timed[1] or "")

    def _said(self, id_: str, text: str) -> None:
        if text == "..." or text == self._headers[id_]:
            return
        if end := _END.match(text):
            if text.startswith("DONE"):
                self._book.end(id_, "done", float(end[1] or 0))
            else:
                self._book.end(id_, "cached" if text == "CACHED" else "cancelled")
            self._moved.pop(id_, None)
        elif text.startswith("ERROR: "):
            self._book.fail(id_, text.removeprefix("ERROR: "))
        elif layer := _LAYER.match(text):
            moved = self._moved.setdefault(id_, {})
            moved[layer[1]] = (_bytes(layer[2], layer[3]), _bytes(layer[4], layer[5]))
            done, total = (sum(column) for column in zip(*moved.values(), strict=True))
            self._book.say(StepBytes(id_, done, total))
        elif transfer := _TRANSFER.match(text):
            self._book.say(StepBytes(id_, _bytes(transfer[2], transfer[3]), None))
        elif not text.startswith("sha256:"):  # Docker 20.10 prints each step's own digest
            if image := _IMAGE.match(text):
                # an image in containerd's store goes by its list, which is printed last
                self._book.image_id = image[2]
            self._book.say(StepOutput(id_, text))


def _started(id_: str, text: str) -> StepStarted:
    header = _HEADER.fullmatch(text)
    if header is None:
        return StepStarted(id_, text, "internal")
    if header["index"] is None:
        return StepStarted(id_, header["name"], header["stage"] or "")
    index, total = int(header["index"]), int(header["total"])
    return StepStarted(id_, header["name"], header["stage"] or "", index, total)


def _bytes(number: str, unit: str) -> int:
    return round(float(number) * _UNITS[unit])


_STEP = re.compile(r"(?:\[(\d+)/(\d+)\] )?STEP (\d+)/(\d+): (.*)")
_AS = re.compile(r"FROM\s.*\sAS\s+(\S+)\s*$", re.IGNORECASE)
_COMMIT = re.compile(r"(?:\[(\d+)/\d+\] )?(COMMIT(?: .*)?)")
_COMMITTED = re.compile(r"--> [0-9a-f]{11,64}$")
_HEXADECIMAL = re.compile(r"[0-9a-f]{64}$")
# how `podman build` begins its own last words; a step's command may print "Error: …", too
_ENDED = re.compile(
    r"Error: (?:error )?(?:building at STEP|creating build container|committing container"
    r"|resolving|mounting|initializing)"
)


class _Podman:
    def __init__(self, book: _Book, clock: Callable[[], float]) -> None:
        self._book = book
        self._clock = clock
        self._current = ""  # the step that runs
        self._failed = ""
        self._since = 0.0
        self._stages: dict[str, str] = {}

    def feed(self, line: str) -> None:
        if self._failed:
            self._book.add_to_message(self._failed, line)
        elif step := _STEP.fullmatch(line):
            self._start(self._started(step))
        elif commit := _COMMIT.fullmatch(line):
            self._start(StepStarted(f"{commit[1] or '1'}.commit", commit[2], "internal"))
        elif not self._current:
            if _HEXADECIMAL.match(line):
                self._book.image_id = line
            elif line:
                self._book.loose.append(line)
        elif line.startswith("--> Using cache"):
            self._book.end(self._current, "cached")
        elif _COMMITTED.match(line):
            self._done()
        elif _ENDED.match(line):
            self._fail(line)
        elif bar := _BAR.match(line):
            moved = (_bytes(bar[1], bar[3]), _bytes(bar[2], bar[3]))
            self._book.say(StepBytes(self._current, *moved))
        elif self._book.running(self._current):
            self._book.printed(self._current, line)

    def close(self, returncode: int) -> None:
        if returncode == 0:
            self._done()
            return
        # words that we do not know: what was printed last is podman's, after the step's
        if self._current and self._book.running(self._current):
            printed = self._book.last_printed(self._current)
            said = [line for line in printed if line.startswith("Error: ")]
            self._fail(said[-1] if said else "")

    def _started(self, step: re.Match[str]) -> StepStarted:
        number, stages, index, total, name = step.groups()
        key = number or "1"
        if alias := _AS.match(name):
            self._stages[key] = alias[1]
        # a stage without a name gets the one that BuildKit gives it
        nameless = f"stage-{int(key) - 1}" if (stages or "1") != "1" else ""
        stage = self._stages.get(key, nameless)
        return StepStarted(f"{key}.{index}", name, stage, int(index), int(total))

    def _start(self, started: StepStarted) -> None:
        self._done()
        self._book.start(started)
        self._current, self._since = started.id, self._clock()

    def _done(self) -> None:
        if self._current:
            self._book.end(self._current, "done", self._clock() - self._since)
            self._current = ""

    def _fail(self, line: str) -> None:
        self._book.fail(self._current, line.removeprefix("Error: "))
        self._failed, self._current = self._current, ""
