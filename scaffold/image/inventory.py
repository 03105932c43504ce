"""What is installed in an image: how to ask it, and the answer as data."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scaffold.errors import ScaffoldError
from scaffold.image.addresses import without_secrets

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Distribution:
    """An installed Python distribution.

    Attributes:
        name: as its metadata spells it.
        version: as its metadata spells it.
        license_expression: the SPDX expression of PEP 639, or "".
        license: the older free-text field, or "".
        license_classifiers: the Trove classifiers that begin with "License ::".
        summary: one line.
        home_page: its address, or "".
        requires: requirements as the metadata spells them, markers included.
        installer: what installed it, "pip" for one.
        requested: whether it was asked for by name, not pulled in by another.
        direct_url: where it came from if not from an index (PEP 610), else None.
        record_sha256: sha256 in hexadecimal of the list of its files and their digests (RECORD), or "".
    """

    name: str
    version: str
    license_expression: str = ""
    license: str = ""
    license_classifiers: tuple[str, ...] = ()
    summary: str = ""
    home_page: str = ""
    requires: tuple[str, ...] = ()
    installer: str = ""
    requested: bool = False
    direct_url: Mapping[str, Any] | None = None
    record_sha256: str = ""

    @property
    def key(self) -> str:
        """The name as package indexes compare it (PEP 503)."""
        return normalised(self.name)


@dataclass(frozen=True, slots=True)
class Package:
    """An installed Debian package; `source` and `source_version` name what it was built from."""

    name: str
    version: str
    architecture: str
    source: str
    source_version: str
    maintainer: str = ""
    homepage: str = ""


@dataclass(frozen=True, slots=True)
class Program:
    """A program that no package manager knows of: its path, version ("" unknown) and sha256."""

    path: str
    version: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Inventory:
    """What is installed in an image.

    Attributes:
        python: the version of the Python that answered.
        markers: what environment markers evaluate to there (PEP 508).
        architecture: `x86_64` for one.
        os_release: /etc/os-release.
        distributions: Python distributions, sorted.
        packages: Debian packages, sorted.
        programs: other programs.
    """

    python: str
    markers: Mapping[str, str]
    architecture: str
    os_release: Mapping[str, str]
    distributions: tuple[Distribution, ...]
    packages: tuple[Package, ...]
    programs: tuple[Program, ...]


def probe() -> bytes:
    """Return the program that an image's own `python -` shall read from standard input to print its inventory."""
    return Path(__file__).with_name("inventory_probe.py").read_bytes()


def parse(text: str | bytes) -> Inventory:
    """Read what the probe has printed.

    Args:
        text: the probe's standard output. Lines before the last one, as a start-up file of the image may print,
            are passed over.

    Returns:
        The inventory; addresses in it have lost their user names and passwords.

    Raises:
        ScaffoldError: the text is no inventory, or one of another format.
    """
    try:
        lines = text.decode("utf-8") if isinstance(text, bytes) else text
        raw = json.loads(lines.strip().splitlines()[-1])
        if raw["format"] != FORMAT:
            raise ScaffoldError(
                f"The image's inventory has format {raw['format']}, not {FORMAT}.",
                hint="Build the image with one version of scaffold.",
            )
        return Inventory(
            python=raw["python"]["version"],
            markers=raw["python"]["markers"],
            architecture=raw["architecture"],
            os_release=raw["os_release"],
            distributions=tuple(_distribution(each) for each in raw["distributions"]),
            packages=tuple(_package(each) for each in raw["packages"]),
            programs=tuple(Program(**each) for each in raw["programs"]),
        )
    except (ValueError, LookupError, TypeError) as error:
        raise ScaffoldError(
            f"The image did not list what is installed in it: {error}",
            hint="Its `python` must be 3.10 or newer and print nothing after the inventory.",
        ) from error


def constraints(inventory: Inventory, module: str) -> str:
    """Pin what is installed, for `pip install --constraint FILE` of the next build.

    Args:
        inventory: what is installed.
        module: the module's own distribution, which is left out, as is pip.

    Returns:
        One line for each distribution. What came from a git repository is pinned to its commit; what came from a
        folder cannot be pinned and is a comment.
    """
    lines = []
    for each in sorted(inventory.distributions, key=lambda each: each.key):
        if each.key in {normalised(module), "pip"}:
            continue
        if each.direct_url is None:
            lines.append(f"{each.key}=={each.version}")
        elif address := _pinned(each.direct_url):
            lines.append(f"{each.key} @ {address}")
        else:
            lines.append(
                f"# {each.key} {each.version} came from a folder or file and cannot be pinned"
            )
    return "".join(f"{line}\n" for line in lines)


def normalised(name: str) -> str:
    """Return a distribution's name as package indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _distribution(raw: Mapping[str, Any]) -> Distribution:
    direct = raw["direct_url"]
    return Distribution(
        name=raw["name"],
        version=raw["version"],
        license_expression=raw["license_expression"],
        license=raw["license"],
        license_classifiers=tuple(raw["license_classifiers"]),
        summary=raw["summary"],
        home_page=without_secrets(_home_page(raw["home_page"], raw["project_urls"])),
        requires=tuple(raw["requires"]),
        installer=raw["installer"],
        requested=raw["requested"],
        direct_url=None if direct is None else {**direct, "url": without_secrets(direct["url"])},
        record_sha256=raw["record_sha256"],
    )


def _home_page(field: str, labelled: list[str]) -> str:
    """Return Home-page, or that one of the labelled addresses which is meant to be it."""
    addresses = {
        label.strip().lower(): address.strip()
        for label, _, address in (each.partition(",") for each in labelled)
    }
    wanted = ("homepage", "home", "home page", "source", "source code", "repository", "github")
    known = [addresses[label] for label in wanted if label in addresses]
    return field if field and field != "UNKNOWN" else next(iter(known), "")


def _package(raw: Mapping[str, str]) -> Package:
    """Debian names the source only where it differs, its version in brackets only where that differs."""
    source = re.fullmatch(r"(\S+)(?: \((.+)\))?", raw["source"])
    return Package(
        name=raw["package"],
        version=raw["version"],
        architecture=raw["architecture"],
        source=source[1] if source else raw["package"],
        source_version=(source and source[2]) or raw["version"],
        maintainer=raw["maintainer"],
        homepage=raw["homepage"],
    )


def _pinned(direct: Mapping[str, Any]) -> str:
    """Return the address of PEP 610 that names exactly what was installed, or ""."""
    url = str(direct["url"])
    if "vcs_info" in direct:
        where = f"#subdirectory={direct['subdirectory']}" if direct.get("subdirectory") else ""
        info = direct["vcs_info"]
        return f"{info['vcs']}+{url}@{info['commit_id']}{where}"
    if "archive_info" in direct and not url.startswith("file:"):
        hashes = direct["archive_info"].get("hashes", {})
        return f"{url}#sha256={hashes['sha256']}" if "sha256" in hashes else url
    return ""
