"""`scaffold`, killed as soon as it has taken one step of a submission: `python -m tests.marketplace.killed submit …`."""

from __future__ import annotations

import os
import signal
import sys

from scaffold.cli import main
from scaffold.marketplace import submission

_taken = submission._taken


def taken_and_killed(step: submission.Step) -> str:
    _taken(step)
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


if __name__ == "__main__":
    submission._taken = taken_and_killed
    main(sys.argv[1:])
