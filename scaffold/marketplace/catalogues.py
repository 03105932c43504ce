"""A catalogue read from a clone: its list of modules, and the commits that git has for them.

DEEP lists addresses in `MODULES.yml` (`- module: URL`) and has submodules that follow from it;
AI4EOSC's list is `.gitmodules` itself. Both files are read for their lines too, for messages.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from scaffold.errors import MissingToolError, ScaffoldError, UsageError

LIST, SUBMODULES = "MODULES.yml", ".gitmodules"
_GITLINK = "160000"


@dataclass(frozen=True, slots=True)
class Known:
    """A catalogue that scaffold knows.

    Attributes:
        name: what users call it.
        url: its repository.
        file: the list of modules in it.
        metadata: what a module's metadata file is called.
        owners: accounts whose modules the platform shows; empty if it does not look.
        branch_needed: whether an entry has to name its branch.
    """

    name: str
    url: str
    file: str
    metadata: tuple[str, ...]
    owners: tuple[str, ...]
    branch_needed: bool


KNOWN: Mapping[str, Known] = {
    each.name: each
    for each in (
        # https://github.com/deephdc/deep-oc, README and Jenkinsfile
        Known(
            "deep",
            "https://github.com/deephdc/deep-oc",
            LIST,
            ("metadata.json",),
            (),
            branch_needed=False,
        ),
        # https://github.com/ai4os-hub/modules-catalog; what its platform demands is in
        # https://github.com/ai4os/ai4-papi, ai4papi/routers/v1/catalog
        Known(
            "ai4eosc",
            "https://github.com/ai4os-hub/modules-catalog",
            SUBMODULES,
            ("ai4-metadata.yml", "ai4-metadata.yaml", "ai4-metadata.json"),
            ("ai4os", "ai4os-hub", "deephdc"),
            branch_needed=True,
        ),
    )
}


@dataclass(frozen=True, slots=True)
class Entry:
    """A module of a catalogue.

    Attributes:
        name: the last part of its address.
        url: the address of its repository, as it is written.
        branch: the branch that is listed; "" if none is.
        path: where the module's own repository is in the catalogue's.
        line: of the entry, from 1.
    """

    name: str
    url: str
    branch: str
    path: str
    line: int


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What is listed in a clone of a catalogue.

    Attributes:
        known: which catalogue it is.
        root: the clone.
        entries: the modules, in the order of the list.
        gitlinks: the commit of each submodule, by its path.
    """

    known: Known
    root: Path
    entries: tuple[Entry, ...]
    gitlinks: Mapping[str, str]

    @property
    def file(self) -> Path:
        """The list of modules."""
        return self.root / self.known.file

    def metadata(self, entry: Entry) -> Path | None:
        """Return the metadata of a module that has been cloned too; None if there is none."""
        for name in self.known.metadata:
            path = self.root / entry.path / name
            if path.is_file():
                return path
        return None

    def is_cloned(self, entry: Entry) -> bool:
        """Whether the module's own repository is there."""
        folder = self.root / entry.path
        return folder.is_dir() and next(folder.iterdir(), None) is not None


def read(root: Path) -> Catalogue:
    """Read a clone of a catalogue.

    Raises:
        UsageError: it is none, or its list cannot be read.
        ScaffoldError: git cannot read it.
    """
    if (root / LIST).is_file():
        known = KNOWN["deep"]
        entries = _listed(root / LIST)
    elif (root / SUBMODULES).is_file():
        known = KNOWN["ai4eosc"]
        entries = _submodules(root / SUBMODULES)
    else:
        raise UsageError(
            f"{root} is no catalogue: it holds neither {LIST} nor {SUBMODULES}",
            hint="name a clone of one, its address, or one of " + ", ".join(KNOWN),
        )
    return Catalogue(known, root, tuple(entries), _gitlinks(root))


def name_of(url: str) -> str:
    """Return what a module is called: the last part of its repository's address."""
    return url.rstrip("/").removesuffix(".git").rsplit("/", 1)[-1].rsplit(":", 1)[-1]


def owner_of(url: str) -> str:
    """Return the account in an address of a repository; "" if there is none."""
    parts = re.split(r"[/:]+", url.rstrip("/").removesuffix(".git"))
    return parts[-2] if len(parts) > 2 else ""


def plain_url(url: str) -> str:
    """Return an address in the form in which two of the same repository are equal."""
    return url.rstrip("/").removesuffix(".git").replace("://www.", "://").lower()


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {path}: {error}", hint="is the clone complete?") from None


def _listed(path: Path) -> list[Entry]:
    import yaml

    try:
        document = yaml.compose(_text(path), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError as error:
        raise UsageError(f"{path} is no YAML: {error}", hint="mend it, or clone anew") from None
    if document is None:
        return []
    entries = []
    for item in document.value if isinstance(document, yaml.SequenceNode) else [document]:
        pairs = item.value if isinstance(item, yaml.MappingNode) else []
        urls = [
            value.value
            for key, value in pairs
            if key.value == "module" and isinstance(value, yaml.ScalarNode)
        ]
        line = item.start_mark.line + 1
        if not urls:
            raise UsageError(
                f"{path}:{line}: not an entry of the form `- module: URL`", hint="mend the line"
            )
        name = name_of(urls[0])
        entries.append(Entry(name, urls[0], "", name, line))
    return entries


def _submodules(path: Path) -> list[Entry]:
    """Let git read its own file; the lines come from looking for the headings."""
    said = _git(path.parent, "config", "--file", path.name, "--null", "--list")
    values: dict[str, dict[str, str]] = {}
    for pair in filter(None, said.split("\0")):
        key, _, value = pair.partition("\n")
        section, _, rest = key.partition(".")
        name, _, variable = rest.rpartition(".")
        if section == "submodule":
            values.setdefault(name, {})[variable] = value
    lines: dict[str, int] = {}
    for number, line in enumerate(_text(path).splitlines(), 1):
        if heading := re.match(r'\s*\[\s*submodule\s+"((?:[^"\\]|\\.)*)"\s*\]', line):
            lines.setdefault(re.sub(r"\\(.)", r"\1", heading[1]), number)
    return [
        Entry(
            name=name_of(each.get("url", "")) or name,
            url=each.get("url", ""),
            branch=each.get("branch", ""),
            path=each.get("path", name),
            line=lines.get(name, 1),
        )
        for name, each in values.items()
    ]


def _gitlinks(root: Path) -> dict[str, str]:
    if not (root / ".git").exists():
        return {}
    links = {}
    for record in filter(None, _git(root, "ls-files", "--stage", "-z").split("\0")):
        about, _, path = record.partition("\t")
        mode, commit, _ = about.split(" ")
        if mode == _GITLINK:
            links[path] = commit
    return links


def _git(root: Path, *arguments: str) -> str:
    try:
        result = subprocess.run(
            ["git", "-C", str(root), *arguments],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False,
        )  # fmt: skip
    except FileNotFoundError:
        raise MissingToolError("git is not installed", hint="`apt-get install git`") from None
    if result.returncode:
        raise ScaffoldError(
            f"git cannot read {root}: {result.stderr.strip()}", hint="is the clone complete?"
        )
    return result.stdout
