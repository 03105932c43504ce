"""The checks of `scaffold sync doctor` beside those of `scaffold doctor`: can the remotes be reached?"""

from __future__ import annotations

from fnmatch import fnmatch
from functools import partial
from pathlib import Path

from scaffold.data import binary, places, remotes, web
from scaffold.data.engine import Engine
from scaffold.data.listing import FOLDER, abilities
from scaffold.data.remotes import Remote
from scaffold.doctor.check import FAILED, GOOD, SKIPPED, WARNING, Check, Finding
from scaffold.errors import ScaffoldError, UsageError

LEFTOVERS = ".scaffold-*.staged"
"""What an interrupted upload may leave beside its destination."""


def checks(engine: Engine | None, path: Path | None, remote: str | None) -> list[Check]:
    """Return a check for each remote that a module, or the user, names.

    Args:
        engine: what to run rclone with; None if there is no rclone.
        path: a module or a folder.
        remote: the one remote to look at.
    """
    try:
        named = [remote] if remote else [each.remote for each in places.find(path, None, None)]
    except UsageError as error:
        finding = Finding(SKIPPED, error.message, error.hint)
        return [Check("remote", "the module's remotes", lambda _: finding)]
    return [
        Check(f"remote:{each}", f"{each} can be reached", partial(_reach, engine, each))
        for each in dict.fromkeys(named)
    ]


def _reach(engine: Engine | None, text: str, _: Path) -> Finding:
    if engine is None:
        return Finding(SKIPPED, "there is no rclone to ask with")
    remote = remotes.parse(text, engine.rclone)
    if remote.kind == "http":
        web.parse(text)
        return Finding(SKIPPED, "a web address is looked at when it is fetched")
    if remote.kind == "doi" and engine.rclone.version < binary.MINIMUM_DOI:
        return Finding(FAILED, "this rclone reads no DOIs", "`scaffold doctor --fix`")
    can = abilities(engine, remote)
    try:
        engine.run(
            remote, "lsf", "--max-depth", "1", remote.folder, doing=f"listing {text}", once=True
        )
    except ScaffoldError as error:
        if "is not there" not in error.message or remote.top:
            raise
        return Finding(WARNING, f"{text} is not there yet", "`scaffold sync push` makes it")
    left = _leftovers(engine, remote)
    kinds = ", ".join(can.checksums[:4]) if can.checksums else "none"
    evidence = f"answers; checksums: {kinds}; keeps times: {'yes' if can.times else 'no'}"
    if left:
        commands = "; ".join(f"rclone purge '{each}'" for each in left)
        return Finding(WARNING, f"{evidence}; interrupted uploads: {', '.join(left)}", commands)
    if remote.warnings:
        return Finding(WARNING, f"{evidence}; {remote.warnings[0]}")
    if can == FOLDER:
        return Finding(GOOD, "a folder of this machine")
    return Finding(GOOD, evidence)


def _leftovers(engine: Engine, remote: Remote) -> list[str]:
    """Return the folders that interrupted uploads to this remote may have left beside it."""
    if remote.kind in ("local", "doi"):
        return []
    parent = remote.beside("x").path.removesuffix("x").rstrip("/")
    outcome = engine.run(
        remote,
        *("lsf", "--dirs-only", "--max-depth", "1", parent),
        doing=f"listing {parent}",
        allowed=(0, 1, 3),
        once=True,
    )
    separator = "" if parent.endswith(":") else "/"
    names = [line.rstrip("/") for line in outcome.output.splitlines()]
    return [f"{parent}{separator}{name}" for name in names if fnmatch(name, LEFTOVERS)]
