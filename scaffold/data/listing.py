"""What is where: files with their sizes, and their checksums if those cost nothing."""

from __future__ import annotations

import json
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from scaffold.data.engine import PARTIAL, Engine
from scaffold.data.remotes import Remote
from scaffold.errors import ScaffoldError, UsageError

MANIFEST = ".data-manifest.json"
# What is ours, or git's, is not data.
_OURS = (f"- {MANIFEST}", f"- *{PARTIAL}", "- .gitkeep", "- .scaffold-*.staged/**")
READABLE = ("sha256", "sha1", "md5", "sha512")
"""Checksums that Python computes too, the first choice first."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file: its size in bytes (-1 if not known), time, and checksums by kind."""

    size: int
    time: str
    checksums: Mapping[str, str]


Listing = dict[str, Entry]


@dataclass(frozen=True, slots=True)
class Abilities:
    """What a storage can do.

    Attributes:
        checksums: kinds that it has; empty if none.
        cheap: whether they come with a listing.
        times: whether it keeps the files' times.
        staged: whether an upload must go to another place first, because one that is cut leaves
            half a file under its name.
        any_case: whether `A` and `a` are the same file.
    """

    checksums: tuple[str, ...] = ()
    cheap: bool = False
    times: bool = False
    staged: bool = False
    any_case: bool = False


FOLDER = Abilities(READABLE, cheap=False, times=True)


@dataclass(frozen=True, slots=True)
class Filters:
    """Which files take part: rclone's patterns (https://rclone.org/filtering)."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    def flags(self) -> tuple[str, ...]:
        """Return them as rclone's options; what is excluded is so even if it is included too."""
        rules = [*_OURS, *(f"- {each}" for each in self.exclude)]
        if self.include:
            rules += [*(f"+ {each}" for each in self.include), "- *"]
        return tuple(part for rule in rules for part in ("--filter", rule))


def abilities(engine: Engine, remote: Remote) -> Abilities:
    """Ask rclone what a storage can do.

    Raises:
        ScaffoldError: rclone cannot make use of it.
    """
    if remote.kind == "local":
        return FOLDER
    outcome = engine.run(
        remote, "backend", "features", remote.folder, doing=f"using {remote.label}"
    )
    try:
        document = json.loads(outcome.output)
        features = document["Features"]
        kinds = tuple(str(each) for each in document["Hashes"] or ())
        whole = features["PartialUploads"] or features["BucketBased"] or not features["Move"]
    except (ValueError, KeyError, TypeError) as error:
        raise ScaffoldError(
            f"rclone does not say what {remote.label} can do ({error})",
            hint="`scaffold doctor` checks rclone",
        ) from None
    return Abilities(
        checksums=kinds,
        cheap=bool(kinds) and not features.get("SlowHash") and not features["IsLocal"],
        # rclone's "no times" is a precision of a hundred years
        times=0 <= int(document["Precision"]) < 10**18,
        staged=not whole,
        any_case=bool(features["CaseInsensitive"]),
    )


def listing(
    engine: Engine,
    remote: Remote,
    filters: Filters,
    *,
    checksums: bool = False,
    missing_is_empty: bool = False,
) -> Listing:
    """Return the files in a remote, by path.

    Args:
        engine: what to run rclone with.
        remote: the remote, or a folder.
        filters: which of them.
        checksums: ask for those too.
        missing_is_empty: take what is not there for empty.

    Raises:
        ScaffoldError: it cannot be listed.
    """
    outcome = engine.run(
        remote.reading(),
        *("lsjson", "--recursive", "--files-only", "--no-mimetype", remote.folder),
        *(("--hash",) if checksums else ()),
        *filters.flags(),
        doing=f"listing {remote.label}",
        allowed=(0, 3) if missing_is_empty else (0,),  # 3: directory not found
        once=missing_is_empty,
    )
    if outcome.code:
        return {}
    return {
        str(item["Path"]): Entry(
            size=int(item["Size"]),
            time=str(item.get("ModTime", "")),
            checksums={
                str(kind).lower(): str(value)
                for kind, value in (item.get("Hashes") or {}).items()
                if value
            },
        )
        for item in json.loads(outcome.output)
    }


def sizes(files: Listing) -> int:
    """Return the bytes of all files together; those of unknown size count nothing."""
    return sum(max(entry.size, 0) for entry in files.values())


def collisions(paths: Iterable[str], *, any_case: bool) -> list[list[str]]:
    """Return names that a storage or rclone would take for the same.

    Args:
        paths: the files.
        any_case: whether `A` and `a` are the same there.
    """
    groups: dict[str, list[str]] = defaultdict(list)
    for path in paths:
        key = unicodedata.normalize("NFC", path)
        groups[key.casefold() if any_case else key].append(path)
    return [sorted(group) for group in groups.values() if len(group) > 1]


def refuse_collisions(files: Listing, abilities: Abilities, remote: Remote) -> None:
    """Stop before one file replaces another.

    Raises:
        UsageError: two names differ only in what the destination does not distinguish.
    """
    if found := collisions(files, any_case=abilities.any_case):
        names = "; ".join(" and ".join(map(repr, group)) for group in found[:3])
        raise UsageError(
            f"{remote.label} would take different files for the same: {names}",
            hint="rename one of each; they differ in case, or in how accents are encoded, only",
        )
