"""What is wrong with a catalogue: its list against git's links, and each module's metadata."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from scaffold.marketplace.catalogues import SUBMODULES, Catalogue, Entry, owner_of, plain_url


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        id: of the check, which never changes.
        severity: "error" if the platform cannot show the module as it is, else "warning".
        module: the name of the module.
        where: the file, and the line if it has one.
        message: what is wrong.
        hint: what to do about it.
    """

    id: str
    severity: str
    module: str
    where: str
    message: str
    hint: str

    def document(self) -> dict[str, Any]:
        """Return what `--json` says of it."""
        return asdict(self)


def listed(catalogue: Catalogue) -> Iterator[Finding]:
    """Check the list alone, and the links that git has for it."""
    first: dict[str, Entry] = {}
    paths = set()
    for entry in catalogue.entries:
        where = f"{catalogue.known.file}:{entry.line}"
        before = first.setdefault(plain_url(entry.url), entry)
        paths.add(entry.path)
        if before is not entry:
            yield Finding(
                *("listed-twice", "error", entry.name, where),
                f"is listed in line {before.line} too",
                "delete one of the two",
            )
        if not entry.url.startswith("https://"):
            yield Finding(
                *("address", "error", entry.name, where),
                f"{entry.url or 'nothing'} is not an address that everybody can clone from",
                "write it as https://github.com/ACCOUNT/REPOSITORY",
            )
        elif catalogue.known.owners and owner_of(entry.url) not in catalogue.known.owners:
            yield Finding(
                *("account", "error", entry.name, where),
                f"the platform shows modules of {', '.join(catalogue.known.owners)} only, "
                f"not of {owner_of(entry.url)}",
                "let the maintainers take the repository into one of these accounts",
            )
        if catalogue.known.branch_needed and not entry.branch:
            yield Finding(
                *("no-branch", "error", entry.name, where),
                "names no branch, and the platform then takes master",
                "add `branch = main`",
            )
        if catalogue.gitlinks and entry.path not in catalogue.gitlinks:
            yield Finding(
                *("no-link", "error", entry.name, where),
                f"is listed, but git has no submodule at {entry.path}",
                f"`git submodule add {entry.url} {entry.path}`, or delete the entry",
            )
    for path in catalogue.gitlinks:
        if path not in paths:
            yield Finding(
                *("not-listed", "error", path, path),
                f"is a submodule for git, but {catalogue.known.file} does not list it",
                f"`git rm --cached {path}`, or list it"
                + ("" if catalogue.known.file == SUBMODULES else f" in {catalogue.known.file}"),
            )


def modules(catalogue: Catalogue, jobs: int | None = None) -> Iterator[Finding]:
    """Check the metadata of every module whose repository has been cloned.

    Args:
        catalogue: the catalogue.
        jobs: how many processes; None for one on each core.
    """
    from scaffold.metadata import batch
    from scaffold.metadata.checks import Options
    from scaffold.metadata.versions import NEWEST

    held: dict[str, str] = {}
    for entry in catalogue.entries:
        if not catalogue.is_cloned(entry):
            continue
        if path := catalogue.metadata(entry):
            held[str(path)] = entry.name
            continue
        yield Finding(
            *("no-metadata", "error", entry.name, entry.path),
            f"holds no {catalogue.known.metadata[0]}",
            "`scaffold metadata new` writes one",
        )
    # AI4EOSC's platform goes by the newest schema, whatever a file declares
    version = NEWEST if catalogue.known.branch_needed else None
    for report in batch.run(held, Options(schema_version=version), jobs):
        for each in report.findings:
            if each.severity == "error":
                where = report.path.removeprefix(f"{catalogue.root}/")
                yield Finding(
                    f"metadata/{each.rule}",
                    "error",
                    held[report.path],
                    f"{where}:{each.line}:{each.column}",
                    each.message,
                    each.hint,
                )


def not_cloned(catalogue: Catalogue) -> int:
    """Return how many modules could not be looked at, as their repositories are not there."""
    return sum(not catalogue.is_cloned(entry) for entry in catalogue.entries)
