"""A copy that somebody wants: from where, to where, which files."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from scaffold.data.listing import Filters
from scaffold.data.remotes import Remote

PULL, PUSH = "pull", "push"


@dataclass(frozen=True, slots=True)
class Job:
    """One copy.

    Attributes:
        direction: `pull` (from the remote) or `push` (to it).
        folder: the folder on this machine.
        remote: the other side.
        filters: which files take part.
    """

    direction: str
    folder: Path
    remote: Remote
    filters: Filters = field(default_factory=Filters)

    @property
    def here(self) -> Remote:
        """The folder as rclone takes it; with the settings of the remote, which comes along."""
        return replace(self.remote, label=str(self.folder), path=str(self.folder), kind="local")

    @property
    def source(self) -> Remote:
        """Where the files come from."""
        return self.remote if self.direction == PULL else self.here

    @property
    def destination(self) -> Remote:
        """Where they go to."""
        return self.here if self.direction == PULL else self.remote
