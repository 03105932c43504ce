"""What is submitted where: the module's repositories, and the entry that a catalogue gets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from scaffold.answers import account_url
from scaffold.errors import UsageError
from scaffold.marketplace.catalogues import KNOWN, Known, name_of, owner_of, plain_url
from scaffold.marketplace.github import server
from scaffold.marketplace.gitting import Git, without_password
from scaffold.metadata.loading import load
from scaffold.module import Module


@dataclass(frozen=True, slots=True)
class Repository:
    """One repository of the module.

    Attributes:
        role: "model", "container" or "single".
        folder: where it is on this machine.
        remote: the address of its `origin`, as git has it, or as the answers say.
        url: where a browser finds it, without a password.
        branch: the branch that is listed.
    """

    role: str
    folder: Path
    remote: str
    url: str
    branch: str

    @property
    def slug(self) -> str:
        """What GitHub calls it: `account/name`."""
        return urlsplit(self.url).path.strip("/")

    @property
    def name(self) -> str:
        """Its name without the account."""
        return self.slug.rpartition("/")[2]

    @property
    def on_github(self) -> bool:
        """Whether it is where the catalogues are, and not on a GitLab, for one."""
        return plain_url(self.url).startswith(plain_url(server()) + "/") and "/" in self.slug


@dataclass(frozen=True, slots=True)
class Subject:
    """What is submitted, and where.

    Attributes:
        module: the module.
        known: the catalogue.
        repositories: the module's, the one that is listed last.
        url: the address that is listed.
        path: of the submodule that the catalogue has, or will have, of it.
    """

    module: Module
    known: Known
    repositories: tuple[Repository, ...]
    url: str
    path: str

    @property
    def listed(self) -> Repository:
        """The repository that the catalogue leads to."""
        return self.repositories[-1]

    @property
    def catalogue_slug(self) -> str:
        """What GitHub calls the catalogue."""
        return urlsplit(self.known.url).path.strip("/")

    @property
    def catalogue_url(self) -> str:
        """Where git finds the catalogue."""
        return f"{server()}/{self.catalogue_slug}"

    @property
    def metadata(self) -> Path:
        """The metadata file that the platform reads; it need not be there."""
        names = self.known.metadata
        found = (self.listed.folder / name for name in names)
        return next((each for each in found if each.is_file()), self.listed.folder / names[0])

    def data(self) -> Mapping[str, object]:
        """Return the metadata; nothing if they cannot be read."""
        try:
            data = load(self.metadata).data
        except OSError:
            return {}
        return data if isinstance(data, dict) else {}


def of(module: Module, catalogue: str = "", branch: str = "") -> Subject:
    """Work out what a submission is about.

    Args:
        module: the module, whichever of its repositories was named.
        catalogue: "deep" or "ai4eosc"; by the module's layout if empty.
        branch: the branch to list; that of the answers if empty.

    Raises:
        UsageError: a repository is missing, or is none of git's.
    """
    known = KNOWN[catalogue or ("ai4eosc" if module.single else "deep")]
    branch = branch or module.answers.get("default_branch", "main")
    folders = (
        (("single", module.root),)
        if module.single
        else (("model", module.model_root), ("container", module.container_root))
    )
    repositories = tuple(_repository(module, role, folder, branch) for role, folder in folders)
    listed = repositories[-1]
    account = owner_of(listed.url)
    url = listed.url
    foreign = listed.on_github and account.lower() != owner_of(known.url).lower()
    if not known.branch_needed and foreign:
        # DEEP's maintainers fork what users have made on GitHub, under this name:
        # https://github.com/deephdc/deep-oc, README
        url = f"{server()}/{owner_of(known.url)}/UC-{account}-{listed.name}"
    return Subject(module, known, repositories, url, name_of(url))


def _repository(module: Module, role: str, folder: Path, branch: str) -> Repository:
    if not (folder / ".git").exists():
        raise UsageError(
            f"{folder} is no git repository",
            hint=f"`git init -b {branch}`, `git add .` and `git commit` in it make it one",
        )
    origin = Git(folder).ask("config", "--get", "remote.origin.url")
    remote = origin or f"{module.answers['git_base_url'].rstrip('/')}/{folder.name}.git"
    url = account_url(without_password(remote).rstrip("/").removesuffix(".git"))
    return Repository(role, folder, remote, url, branch)
