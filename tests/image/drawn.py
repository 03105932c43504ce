"""Draws a recorded log, as a program of its own for a terminal of its own.

`python -m tests.image.drawn NAME PAUSE [-v]`: a pause of so many seconds after every line.
"""

from __future__ import annotations

import sys
import time

from scaffold.cli.build_progress import drawing
from scaffold.cli.output import Output
from tests.image.logs_of import SUCCESSES, lines, parser


def main(name: str, pause: str, *options: str) -> None:
    """Draw the log's build."""
    reader = parser(name)
    with drawing(Output(verbose="-v" in options), "Building demo:cpu") as draw:
        for line in lines(name):
            for event in reader.feed(line):
                draw(event)
            time.sleep(float(pause))
        for event in reader.close(0 if name.partition(".")[0] in SUCCESSES else 1):
            draw(event)


if __name__ == "__main__":
    main(*sys.argv[1:])
