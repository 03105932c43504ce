"""What happens during the build of an image: what the engine's log is turned into, and drawn from."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

State: TypeAlias = Literal["running", "cached", "done", "failed", "cancelled"]

LAST_LINES = 15  # of a failed step, shown to the user
# what a step's name is not known by
_ASIDE = re.compile(r"--(?:mount|network|security)=\S+ |@sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class StepStarted:
    """A step has begun.

    Attributes:
        id: its name among the events.
        name: what it does, `RUN pip install .` for one.
        stage: the Dockerfile's stage that it belongs to; "internal" for what the engine does on
            its own account; "" if there is only one stage.
        index: which step of its stage it is, from 1; None if the Dockerfile does not have it.
        total: how many steps its stage has.
    """

    id: str
    name: str
    stage: str = ""
    index: int | None = None
    total: int | None = None

    @property
    def makes(self) -> bool:
        """Return whether the Dockerfile has it and it makes something: not `FROM`."""
        return self.index is not None and not self.name.startswith("FROM ")

    @property
    def known_as(self) -> str:
        """Return its name as people know it: on one line, without its mounts and digests."""
        return _ASIDE.sub("", " ".join(self.name.split()))


@dataclass(frozen=True, slots=True)
class StepCached:
    """A step's result was there already."""

    id: str


@dataclass(frozen=True, slots=True)
class StepDone:
    """A step has ended well, after so many seconds."""

    id: str
    seconds: float


@dataclass(frozen=True, slots=True)
class StepCancelled:
    """A step was given up because another one failed."""

    id: str


@dataclass(frozen=True, slots=True)
class StepOutput:
    """A step has printed a line, or the engine says what it does for the step."""

    id: str
    text: str


@dataclass(frozen=True, slots=True)
class StepBytes:
    """A step has moved `done` bytes of `total`; None if nobody knows how many there will be."""

    id: str
    done: int
    total: int | None


@dataclass(frozen=True, slots=True)
class StepFailed:
    """A step has ended badly; the message is the engine's."""

    id: str
    message: str


@dataclass(frozen=True, slots=True)
class Finished:
    """The build has ended. `image_id` is None if there is no image or its id was not printed."""

    image_id: str | None


Event: TypeAlias = (
    StepStarted
    | StepCached
    | StepDone
    | StepCancelled
    | StepOutput
    | StepBytes
    | StepFailed
    | Finished
)


@dataclass(frozen=True, slots=True)
class Step:
    """A step as far as it has come: see `StepStarted`. `seconds` is None until it is done."""

    started: StepStarted
    state: State = "running"
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no image.

    Attributes:
        step: the step that failed; None if the engine did not come to build one.
        said: what the engine said about it, several lines perhaps.
        printed: the last lines of the step's own commands, oldest first.
    """

    step: Step | None
    said: str
    printed: tuple[str, ...]

    @property
    def last_lines(self) -> tuple[str, ...]:
        """Return as much of `printed` as a user wants to see."""
        return self.printed[-LAST_LINES:]
