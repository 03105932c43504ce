"""How a build reaches the network: what it gets as build secrets and arguments, and never keeps.

A package index with a password, the certificates of a proxy that re-encrypts and the login of a
private repository reach the steps that need them as files that only exist while those run. A proxy's
address goes as one of the build arguments that engines know by themselves and leave out of an image.
"""

from __future__ import annotations

import configparser
import http.client
import os
import tempfile
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from scaffold.errors import UsageError

# where people say what certificates to trust, the most special first
_CA_VARIABLES = ("PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
_PIP_VARIABLES = {
    "PIP_INDEX_URL": "index-url",
    "PIP_EXTRA_INDEX_URL": "extra-index-url",
    "PIP_TRUSTED_HOST": "trusted-host",
}
# predefined in every Dockerfile, and kept out of its history (docs.docker.com, ARG)
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY")
_PATIENCE = 10.0
"""Seconds within which a package index must begin to answer."""


@dataclass(frozen=True, slots=True)
class Network:
    """What a build needs to reach the network from here.

    Attributes:
        pip: pip's options, `index-url` for one; they may hold passwords.
        ca_bundle: a file of certificates to trust.
        netrc: a file of user names and passwords for cloning.
        proxies: the proxy variables that are set, by the names to pass on; their values stay here.
        mode: the network that the build's steps see, "host" for this machine's; empty for the engine's.
    """

    pip: Mapping[str, str]
    ca_bundle: Path | None = None
    netrc: Path | None = None
    proxies: tuple[str, ...] = ()
    mode: str = ""

    def hidden(self) -> tuple[str, ...]:
        """Return what no log may show: addresses that hold a password."""
        values = [*self.pip.values(), *(os.environ.get(name, "") for name in self.proxies)]
        addresses = [address for value in values for address in value.split()]
        return tuple(address for address in addresses if "@" in address)

    def variables(self) -> dict[str, str]:
        """Return the proxy variables in both spellings: apt and curl know small letters for plain HTTP.

        BuildKit gives a step both by itself; podman hands on what is there.
        """
        return {
            spelling: os.environ.get(spelling) or os.environ[name]
            for name in self.proxies
            for spelling in (name.lower(), name.upper())
        }


def detect(ca_bundle: Path | None, mode: str, *, clone: bool) -> Network:
    """Read from the environment and from pip's configuration how this machine reaches the network.

    Args:
        ca_bundle: the user's choice of certificates; None for the environment's.
        mode: the user's choice of a network for the build.
        clone: whether the build clones, and so may need a login.

    Raises:
        UsageError: the certificates are not there, or not certificates.
    """
    bundle = ca_bundle
    if bundle is None:
        named = (os.environ.get(name) for name in _CA_VARIABLES)
        bundle = next((Path(path) for path in named if path and Path(path).is_file()), None)
    if bundle and b"-----BEGIN CERTIFICATE-----" not in _read(bundle):
        raise UsageError(
            f"{bundle} holds no certificates", hint="--ca-bundle takes a file in the PEM format"
        )
    netrc = Path(os.environ.get("NETRC") or Path.home() / ".netrc")
    proxies = [
        name for upper in _PROXIES for name in (upper, upper.lower()) if os.environ.get(name)
    ]
    return Network(
        pip=_pip(),
        ca_bundle=bundle,
        netrc=netrc if clone and netrc.is_file() else None,
        proxies=tuple(proxies),
        mode=mode,
    )


@contextmanager
def secrets(network: Network) -> Iterator[list[tuple[str, Path]]]:
    """Put the build secrets into files that only this user can read, and take them away afterwards."""
    with tempfile.TemporaryDirectory(prefix="scaffold-") as folder:
        given: list[tuple[str, Path]] = []
        if network.pip:
            path = Path(folder) / "pip.conf"
            path.touch(mode=0o600)
            lines = [f"{name} = {' '.join(value.split())}" for name, value in network.pip.items()]
            path.write_text("\n".join(["[global]", *lines, ""]), encoding="utf-8")
            given.append(("pip.conf", path))
        if network.ca_bundle:
            given.append(("ca.pem", network.ca_bundle.resolve()))
        if network.netrc:
            given.append(("netrc", network.netrc.resolve()))
        yield given


def _pip() -> dict[str, str]:
    """Return what pip is told of indexes: by variables first, then by the user's and the machine's files."""
    found: dict[str, str] = {}
    for place in _pip_files():
        parser = configparser.RawConfigParser()
        try:
            parser.read(place, encoding="utf-8")
        except (configparser.Error, OSError, UnicodeDecodeError):
            continue  # pip itself says it better
        for section in ("global", "install"):
            for name in _PIP_VARIABLES.values():
                if parser.has_option(section, name):
                    found[name] = parser.get(section, name)
    for variable, name in _PIP_VARIABLES.items():
        if value := os.environ.get(variable):
            found[name] = value
    # folders of this machine are not there in a build
    reachable = {
        name: " ".join(part for part in value.split() if not part.startswith(("file:", "/")))
        for name, value in found.items()
    }
    return {name: value for name, value in reachable.items() if value}


def _pip_files() -> list[Path]:
    """Return pip's configuration files, the weakest first (pip.pypa.io, configuration)."""
    if given := os.environ.get("PIP_CONFIG_FILE"):
        return [] if given == os.devnull else [Path(given)]
    config = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return [Path("/etc/pip.conf"), Path.home() / ".pip" / "pip.conf", config / "pip" / "pip.conf"]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(
            f"cannot read {path}: {error.strerror}",
            hint="--ca-bundle takes a file in the PEM format",
        ) from None


def index_answers(index: str) -> bool:
    """Whether a package index can be reached; through a proxy if the environment names one."""
    try:
        with urllib.request.urlopen(f"{index}/torch/", timeout=_PATIENCE):  # noqa: S310 - from the matrix
            return True
    except (OSError, ValueError, http.client.HTTPException):
        return False
