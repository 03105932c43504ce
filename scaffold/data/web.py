"""A file on the web, `https://…/data.npz#sha256=…`: fetched under another name, checked, put in place."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from scaffold.data import manifest
from scaffold.data.engine import PARTIAL, Engine
from scaffold.data.listing import READABLE
from scaffold.data.manifest import Manifest, Record
from scaffold.data.remotes import Remote
from scaffold.data.transfer import Plan, Summary, locked, make_folder
from scaffold.data.verifying import Proof
from scaffold.errors import ScaffoldError, UsageError


@dataclass(frozen=True, slots=True)
class Address:
    """What a web address says: where the file is, its name, and its checksum ("" if not said)."""

    url: str
    name: str
    kind: str
    checksum: str


def parse(text: str) -> Address:
    """Understand an address.

    Raises:
        UsageError: it names no file, holds a password, or its checksum is none.
    """
    parts = urlsplit(text)
    name = unquote(parts.path).rpartition("/")[2]
    if parts.username or parts.password:
        raise UsageError(
            "a web address must not hold a password", hint="configure a remote of type http"
        )
    if not name or name in (".", ".."):
        raise UsageError(f"{text} names no file", hint="for a whole dataset, give its DOI")
    kind, checksum = "", ""
    if parts.fragment:
        match = re.fullmatch(r"(\w+)=([0-9a-fA-F]{32,128})", parts.fragment)
        if not match or match[1].lower() not in READABLE:
            raise UsageError(
                f"#{parts.fragment} is no checksum",
                hint=f"write #sha256=… ({', '.join(READABLE)} are known)",
            )
        kind, checksum = match[1].lower(), match[2].lower()
    return Address(parts._replace(fragment="").geturl(), name, kind, checksum)


def fetch(engine: Engine, folder: Path, text: str) -> Summary:
    """Bring a file from the web to a folder, if it is not there already.

    Args:
        engine: what to run rclone with.
        folder: where to.
        text: the address.

    Raises:
        ScaffoldError: it cannot be fetched, or is not what its checksum says.
    """
    started = time.monotonic()
    address = parse(text)
    kind = address.kind or READABLE[0]
    make_folder(folder)
    target = folder / address.name
    with locked(folder):
        known = manifest.read(folder)
        copied: dict[str, int] = {}
        if not there(folder, address, known):
            _download(engine, address, target)
            copied[address.name] = target.stat().st_size
        status = target.stat()
        checksum = manifest.checksum(target, kind)
        record = Record(status.st_size, kind, checksum, status.st_mtime_ns)
        made = Manifest(address.url, {**known.files, address.name: record})
        path = manifest.write(folder, made)
    proof = Proof({address.name: record}, by_checksum=bool(address.kind), by_size=not address.kind)
    note = (
        f"{address.url} states no checksum; for the next time: #{kind}={checksum}"
        if not address.kind
        else ""
    )
    return Summary(
        copied=copied,
        deleted=[],
        unchanged=1 - len(copied),
        seconds=time.monotonic() - started,
        proof=proof,
        skipped=[],
        manifest=path,
        digest=made.digest,
        overcome=(),
        notes=(note,) if note else (),
    )


def plan(folder: Path, text: str) -> Plan:
    """Say whether `fetch` would fetch; how many bytes is known only then."""
    address = parse(text)
    here = there(folder, address, manifest.read(folder))
    return Plan({} if here else {address.name: -1}, {}, int(here))


def there(folder: Path, address: Address, known: Manifest) -> bool:
    """Whether the file is there: with its checksum, or as it was when it was fetched."""
    target = folder / address.name
    if not target.is_file():
        return False
    if address.kind:
        return manifest.checksum(target, address.kind) == address.checksum
    status = target.stat()
    record = known.files.get(address.name)
    return record is not None and (record.size, record.mtime_ns) == (
        status.st_size,
        status.st_mtime_ns,
    )


def _download(engine: Engine, address: Address, target: Path) -> None:
    partial = target.with_name(target.name + PARTIAL)
    remote = Remote(address.url, address.url, "http")
    try:
        engine.run(remote, "copyurl", address.url, str(partial), doing=f"fetching {address.url}")
        if address.kind:
            found = manifest.checksum(partial, address.kind)
            if found != address.checksum:
                raise ScaffoldError(
                    f"{address.url} is not what was expected: its {address.kind} is {found}, "
                    f"not {address.checksum}",
                    hint="nothing was kept; run it again, or ask whoever published the checksum",
                )
        partial.replace(target)
    except OSError as error:
        raise ScaffoldError(f"cannot write {target}: {error.strerror}") from None
    finally:
        partial.unlink(missing_ok=True)
