"""Where data can be: rclone's remotes, web addresses, DOIs and folders, and what is known of each.

A remote's settings reach rclone as they reached us: in the environment, or in rclone's own file.
Nothing of them is ever put on a command line.
"""

from __future__ import annotations

import configparser
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from scaffold.data.binary import CHUNKED_NEXTCLOUD, Rclone
from scaffold.errors import UsageError

_NAME = r"[\w][\w.+@ -]*"
_REMOTE = re.compile(rf"({_NAME}):(.*)", re.DOTALL)
_DOI = re.compile(r"(?:doi:|https?://(?:dx\.)?doi\.org/)(10\.\d{4,9}/\S+)", re.IGNORECASE)
_ENCRYPTED = "# Encrypted rclone configuration File"
_SECRET = re.compile(
    r"pass|secret|token|key|sas_url|credentials|cookie|auth|headers", re.IGNORECASE
)

# One request each 10 ms is rclone's politeness to WebDAV servers: 90 small files a second. Reading
# need not be so slow, and still slows down when a server asks for it (429, 503). Writing must be:
# without it, files of one new folder get into each other's way (423 Locked).
_FAST_READING = {"RCLONE_WEBDAV_PACER_MIN_SLEEP": "0s"}
# What would change the meaning of our own commands.
_DROPPED = re.compile(
    r"RCLONE_(?:INPLACE|DRY_RUN|INTERACTIVE|LOG_.*|USE_JSON_LOG|VERBOSE|QUIET|PROGRESS|STATS.*"
    r"|IGNORE_.*|SIZE_ONLY|CHECKSUM|UPDATE|IMMUTABLE|MAX_.*|MIN_.*|FILTER.*|INCLUDE.*|EXCLUDE.*"
    r"|FILES_FROM.*|PARTIAL_SUFFIX|RETRIES.*|BACKUP_DIR|SUFFIX.*|COMPARE_DEST|COPY_DEST|DUMP.*)"
)


@dataclass(frozen=True, slots=True)
class Remote:
    """One side of a copy.

    Attributes:
        label: as the user wrote it; for messages.
        path: as rclone takes it.
        kind: rclone's type of storage, `webdav` for one; `local` for a folder; "" if not known.
        variables: environment variables that rclone needs beside ours.
        secrets: what must not be shown to anybody.
        warnings: what the user should know about it.
    """

    label: str
    path: str
    kind: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The name of the remote, without its path; "" for a folder."""
        match = _REMOTE.fullmatch(self.path)
        return match[1] if match and self.kind != "local" else ""

    def below(self, part: str) -> Remote:
        """Return what lies in it under `part`."""
        return self._at(f"{self.path.rstrip('/')}/{part}" if self._folder else self.path + part)

    def beside(self, name: str) -> Remote:
        """Return its sibling called `name`; within it, if it is the remote's top."""
        head, slash, _ = self.path.rstrip("/").rpartition("/")
        if slash:
            return self._at(f"{head}/{name}")
        return self._at(f"{self.path.partition(':')[0]}:{name}")

    @property
    def folder(self) -> str:
        """Its path with a slash at the end, so that rclone need not ask whether it is a file.

        S3 servers answer that question with a mere 403 if the password is wrong.
        """
        return self.path if self.top or self.path.endswith("/") else f"{self.path}/"

    @property
    def top(self) -> bool:
        """Whether it is a whole remote rather than a folder in one."""
        return not self._folder

    @property
    def base(self) -> str:
        """The last part of its path."""
        return self.path.rstrip("/").rpartition("/")[2].rpartition(":")[2]

    @property
    def _folder(self) -> bool:
        return not self.path.endswith(":")

    def _at(self, path: str) -> Remote:
        label = path if self.label == self.path else f"{self.label} ({path})"
        return Remote(label, path, self.kind, self.variables, self.secrets)

    def reading(self) -> Remote:
        """Return it for a run of rclone that only reads from it."""
        faster = {key: value for key, value in _FAST_READING.items() if key not in os.environ}
        return replace(self, variables={**faster, **self.variables})

    def environment(self) -> dict[str, str]:
        """Return the environment for rclone."""
        ours = {name: value for name, value in os.environ.items() if not _DROPPED.fullmatch(name)}
        return {**ours, **self.variables}

    def scrubbed(self, text: str) -> str:
        """Return the text without secrets."""
        for secret in self.secrets:
            text = text.replace(secret, "•••")
        return re.sub(r"(://)[^/\s@\"]*@", r"\1•••@", text)


def parse(text: str, rclone: Rclone) -> Remote:
    """Understand what the user calls a remote.

    Args:
        text: `name:path` for rclone, `doi:10.…/…`, `https://…`, or the path of a folder that is
            there, such as where OneData's oneclient has mounted a space.
        rclone: the program that will be used.

    Raises:
        UsageError: it is none of them, or rclone does not know a remote of this name.
    """
    if doi := _DOI.fullmatch(text):
        name = "DOI"
        variables = {f"RCLONE_CONFIG_{name}_TYPE": "doi", f"RCLONE_CONFIG_{name}_DOI": doi[1]}
        resolver = os.environ.get("SCAFFOLD_DOI_RESOLVER")
        if resolver:
            variables[f"RCLONE_CONFIG_{name}_DOI_RESOLVER_API_URL"] = resolver
        if "zenodo." in doi[1].lower():
            variables[f"RCLONE_CONFIG_{name}_PROVIDER"] = "zenodo"
        return Remote(text, f"{name.lower()}:", "doi", variables)
    if re.match(r"https?://", text, re.IGNORECASE):
        return Remote(text, text, "http")
    if text.startswith(("/", "./", "../", "~")) or text in (".", ".."):
        return Remote(text, str(Path(text).expanduser().absolute()), "local")
    match = _REMOTE.fullmatch(text)
    if not match or any(ord(letter) < 32 for letter in text):
        raise UsageError(
            f"{text!r} is not a remote",
            hint="write rshare:folder, doi:10.5281/zenodo.N, https://… or the /path of a folder",
        )
    return _configured(match[1], text, rclone)


def _configured(name: str, text: str, rclone: Rclone) -> Remote:
    ours, theirs = from_environment(name), from_file(name)
    if not ours.get("type") and theirs is not None and not theirs:
        known = ", ".join(f"{each}:" for each in sorted(names()))
        raise UnknownRemoteError(name, known)
    settings = {**(theirs or {}), **ours}
    warnings = []
    if ours.get("type") and theirs:
        same = sorted(key for key in ours if key in theirs and ours[key] != theirs[key])
        warnings.append(
            f"{name}: is configured twice, in {variable(name, '*')} and in {config_file()}; the "
            f"variables win{f' ({chr(44).join(same)} differ)' if same else ''}"
        )
    variables, note = adapted(name, settings, rclone)
    if note:
        warnings.append(note)
    secrets = tuple(
        sorted(
            {value for key, value in settings.items() if _SECRET.search(key) and len(value) > 3},
            key=len,
            reverse=True,
        )
    )
    return Remote(text, text, settings.get("type", ""), variables, secrets, tuple(warnings))


class UnknownRemoteError(UsageError):
    """Neither the environment nor rclone's file has a remote of this name.

    Args:
        name: its name.
        known: the remotes that there are, for the message.
    """

    def __init__(self, name: str, known: str) -> None:
        self.name = name
        super().__init__(
            f"rclone knows no remote {name}: (it knows {known or 'none'})",
            hint=f"set {variable(name, 'TYPE')}, _URL, _VENDOR, _USER and _PASS, or run this "
            "command in a terminal, which asks for them once, or `rclone config`",
        )


def adapted(name: str, settings: Mapping[str, str], rclone: Rclone) -> tuple[dict[str, str], str]:
    """Make a Nextcloud address fit the version of rclone.

    From 1.63 on rclone sends large files in chunks, for which it wants `/remote.php/dav/files/USER`,
    and refuses the older `/remote.php/webdav/` until chunks are off (rclone issue 7103).

    Returns:
        Variables for rclone, and what to tell the user; both may be empty.
    """
    url = settings.get("url", "")
    is_nextcloud = settings.get("type") == "webdav" and settings.get("vendor") == "nextcloud"
    if not is_nextcloud or rclone.version < CHUNKED_NEXTCLOUD:
        return {}, ""
    if re.search(r"/dav/files/[^/]+/?$", url) or settings.get("nextcloud_chunk_size"):
        return {}, ""
    note = (
        f"{name}: has Nextcloud's older address, with which large files cannot be sent in chunks; "
        "the newer one ends in /remote.php/dav/files/USER"
    )
    return {variable(name, "NEXTCLOUD_CHUNK_SIZE"): "0"}, note


def variable(name: str, key: str) -> str:
    """Return the environment variable that holds a setting of a remote."""
    return f"RCLONE_CONFIG_{re.sub(r'[^A-Z0-9]', '_', name.upper())}_{key}"


def from_environment(name: str) -> dict[str, str]:
    """Return the settings of a remote that environment variables hold."""
    prefix = variable(name, "")
    return {
        key.removeprefix(prefix).lower(): value
        for key, value in os.environ.items()
        if key.startswith(prefix) and value
    }


def from_file(name: str) -> dict[str, str] | None:
    """Return the settings that rclone's file holds; None if it is encrypted."""
    sections = _sections()
    return None if sections is None else sections.get(name, {})


def names() -> set[str]:
    """Return the names of the remotes that are configured in either place."""
    pattern = re.compile(r"RCLONE_CONFIG_(\w+)_TYPE")
    found = {match[1].lower() for key in os.environ if (match := pattern.fullmatch(key))}
    return found | set(_sections() or {})


def config_file() -> Path:
    """Return rclone's configuration file, whether it is there or not (https://rclone.org/docs)."""
    if named := os.environ.get("RCLONE_CONFIG"):
        return Path(named)
    home = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(home) / "rclone" / "rclone.conf"


def _sections() -> dict[str, dict[str, str]] | None:
    try:
        text = config_file().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return {}
    if text.startswith(_ENCRYPTED):
        return None
    parser = configparser.RawConfigParser(strict=False, delimiters=("=",), comment_prefixes="#;")
    try:
        parser.read_string(text)
    except configparser.Error as error:
        raise UsageError(
            f"cannot read {config_file()}: {type(error).__name__}",
            hint="`rclone config` writes it; the line is not shown, it may hold a password",
        ) from None
    return {name: dict(parser.items(name)) for name in parser.sections()}


def repository_of(path: Path) -> Path | None:
    """Return the git repository that a path lies in, if any."""
    return next((each for each in _up(path.absolute()) if (each / ".git").exists()), None)


def _up(path: Path) -> Iterator[Path]:
    yield path
    yield from path.parents
