"""Record the terminal picture of the README: real commands, their real output.

Run `.venv/bin/python docs/record.py`. Needs rich, which draws the picture: `pip install rich`.
"""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).parent.parent
PICTURE = ROOT / "docs" / "pictures" / "tour.svg"
WIDTH = 104
# an epoch's line is like the one before it: keep the first and the last few
SKIPPED = re.compile(r"epoch +(\d+)/30")
KEPT = {1, 2, 29, 30}


def main() -> None:
    """Run the tour in a pseudo-terminal and write the picture."""
    console = Console(record=True, width=WIDTH, file=open(os.devnull, "w"))  # noqa: SIM115, PTH123
    with tempfile.TemporaryDirectory() as folder:
        where = Path(folder)
        for command in (
            "scaffold new --defaults --data project_name='Handwritten digits'",
            "cd handwritten_digits",
            "scaffold train",
            "scaffold predict data/raw/samples/digit-3.png",
        ):
            console.print(Text.assemble(("$ ", "bold green"), (command, "bold")))
            if command.startswith("cd "):
                where /= command[3:]
                continue
            for line in shorten(output(command, where), folder):
                console.print(Text.from_ansi(line))
            console.print()
    PICTURE.parent.mkdir(exist_ok=True)
    picture = console.export_svg(title="scaffold")
    # no font from elsewhere: a picture in a README must not fetch anything
    PICTURE.write_text(re.sub(r"@font-face \{.*?\}\s*", "", picture, flags=re.DOTALL))


def output(command: str, folder: Path) -> str:
    """Return what a command prints on a terminal, progress bars and colours included."""
    parent, child = pty.openpty()
    environment = {**os.environ, "COLUMNS": str(WIDTH), "TERM": "xterm-256color"}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    environment.pop("NO_COLOR", None)
    process = subprocess.Popen(
        ["bash", "-c", command], cwd=folder, env=environment, stdout=child, stderr=child
    )
    os.close(child)
    text = b""
    while True:
        try:
            read = os.read(parent, 65536)
        except OSError:  # the other end is closed
            break
        if not read:
            break
        text += read
    os.close(parent)
    if process.wait():
        raise SystemExit(text.decode())
    return text.decode()


def shorten(text: str, folder: str) -> list[str]:
    """Return the lines as they stand at the end, without the repetition between."""
    lines: list[str] = []
    for raw in text.replace("\r\n", "\n").replace(folder, "~").split("\n"):
        # a progress bar rewrites its line
        line = raw.rsplit("\r", 1)[-1].replace("\x1b[A", "").rstrip()
        epoch = SKIPPED.search(line)
        if epoch and int(epoch[1]) not in KEPT:
            if lines[-1] != "…":
                lines.append("…")
            continue
        lines.append(line)
    while lines and not lines[-1]:
        lines.pop()
    return lines


if __name__ == "__main__":
    main()
