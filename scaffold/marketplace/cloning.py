"""A catalogue from its address: cloned for as long as it is looked at."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from scaffold.errors import MissingToolError, ScaffoldError
from scaffold.marketplace.catalogues import KNOWN

_JOBS = "8"


@contextmanager
def clone(where: str, *, modules: bool, say: Callable[[str], None]) -> Iterator[Path]:
    """Give the folder of a catalogue.

    Args:
        where: a folder, which is taken as it is; the name of a known catalogue; or an address.
        modules: whether the modules' own repositories are wanted too. One that cannot be had is
            left out: its folder stays empty.
        say: gets a line for what takes its time.

    Raises:
        ScaffoldError: the catalogue cannot be cloned; git's own words are in the message.
    """
    if where not in KNOWN and Path(where).is_dir():
        yield Path(where)
        return
    url = KNOWN[where].url if where in KNOWN else where
    with tempfile.TemporaryDirectory(prefix="scaffold-") as folder:
        root = Path(folder) / "catalogue"
        say(f"Cloning {url} …")
        result = _git("clone", "--quiet", "--depth", "1", url, str(root))
        if result.returncode:
            said = result.stderr.strip().splitlines()
            raise ScaffoldError(
                f"cannot clone {url}: {said[-1] if said else result.returncode}",
                hint="is the address right, and the network up? A clone of your own works too",
            )
        if modules:
            say("Cloning its modules …")
            # git ends at the first that fails only after it has tried all
            _git(
                *("-C", str(root), "submodule", "update", "--init", "--quiet"),
                *("--depth", "1", "--jobs", _JOBS),
            )
        yield root


def _git(*arguments: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            ["git", *arguments],
            # nobody is there to answer: a private repository is one that cannot be had
            env={**os.environ, "GIT_TERMINAL_PROMPT": "0"},
            stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False,
        )  # fmt: skip
    except FileNotFoundError:
        raise MissingToolError("git is not installed", hint="`apt-get install git`") from None
