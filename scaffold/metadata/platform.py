"""What the marketplace asks for beyond the schema, and tells nobody before it is too late.

Where the rules come from: the code of the platform's API (PAPI), which builds the marketplace from
the metadata: it lists repositories of three organisations only, cannot show a module without an
image, and takes the image's account to be one of two.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from scaffold.metadata import formats, licences
from scaffold.metadata.positions import Path, dotted
from scaffold.metadata.problems import Problem
from scaffold.metadata.wording import quoted

ORGANISATIONS = ("ai4os", "ai4os-hub", "deephdc")
ACCOUNTS = ("ai4oshub", "deephdc")

_REPOSITORIES = (("links", "source_code"), ("sources", "dockerfile_repo"))
_IMAGES = (("links", "docker_image"), ("sources", "docker_registry_repo"))
_CODE_HOSTS = ("github.com", "www.github.com")
_IMAGE = re.compile(
    r"(?P<account>[a-z0-9]+([._-]+[a-z0-9]+)*)/[a-z0-9]+([._-]+[a-z0-9]+)*(:[\w.-]+)?"
)
_ADDRESSES = {
    "links": "self documentation source_code zenodo_doi dataset weights citation base_model",
    "sources": "dockerfile_repo code pre_trained_weights",
    "": "cite_url dataset_url",
}


def problems(data: dict[Any, Any]) -> Iterator[Problem]:
    """Yield everything in a document that the platform would stumble over."""
    yield from _organisation(data)
    yield from _image(data)
    yield from _licence(data)
    yield from _dates(data)
    yield from _addresses(data)


def text_at(data: dict[Any, Any], path: Path) -> str:
    """Return the text at a path, or "" if there is none or it is something else."""
    value: Any = data
    for part in path:
        value = value.get(part) if isinstance(value, dict) else None
    return value if isinstance(value, str) else ""


def split_address(address: str) -> tuple[str, list[str]] | None:
    """Return an http address's host and the names in its path, or None if it is no such address."""
    try:
        parts = urlsplit(address.strip())
        host = parts.hostname
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not host:
        return None
    return host, [name for name in parts.path.split("/") if name]


def _organisation(data: dict[Any, Any]) -> Iterator[Problem]:
    for path in _REPOSITORIES:
        address = split_address(text_at(data, path))
        if address is None:
            continue
        host, names = address
        if host in _CODE_HOSTS and names and names[0] in ORGANISATIONS:
            continue
        where = f"{host}/{names[0]}" if names else host
        message = f"the marketplace does not list repositories of {where}"
        hint = (
            f"it lists those of github.com/{{{','.join(ORGANISATIONS)}}}; "
            "its maintainers make or fork yours there when you submit"
        )
        yield Problem("organisation", message, hint, path)


def _image(data: dict[Any, Any]) -> Iterator[Problem]:
    links = data.get("links")
    if isinstance(links, dict) and "docker_image" not in links:
        message = "`links.docker_image` is missing; the marketplace cannot show the module"
        yield Problem("docker-image", message, "write account/image", ("links",), on_key=True)
    for path in _IMAGES:
        image = text_at(data, path)
        if image != image.strip() or not image:
            continue  # the formats tell of spaces
        match = _IMAGE.fullmatch(image)
        if not match:
            message = f"{quoted(image)} is not the name of an image"
            hint = "write account/image in lower case, without address and spaces"
            if len(image) < 300 and (
                within := re.search(r"hub\.docker\.com/[ru]/([a-z0-9._/-]+?)/?\s*$", image)
            ):
                hint = f'write only "{within[1]}"'
            yield Problem("docker-image", message, hint, path)
        elif match["account"] not in ACCOUNTS:
            message = f"the marketplace takes images of {' and '.join(ACCOUNTS)} only"
            hint = f"it would look for {ACCOUNTS[0]}/{image.partition('/')[2]} instead"
            yield Problem("docker-image", message, hint, path)


def _licence(data: dict[Any, Any]) -> Iterator[Problem]:
    licence = data.get("license")
    if isinstance(licence, str) and not licences.is_spdx(licence):
        meant = licences.meant(licence)
        hint = f'did you mean "{meant}"?' if meant else 'for example "MIT" or "Apache-2.0"'
        message = f"{quoted(licence)} is not the SPDX identifier of a licence"
        yield Problem("licence", message, hint, ("license",))


def _dates(data: dict[Any, Any]) -> Iterator[Problem]:
    created, updated = (text_at(data, ("dates", key)) for key in ("created", "updated"))
    if formats.is_date(created) and formats.is_date(updated) and updated < created:
        message = f"last updated {updated}, before it was created ({created})"
        yield Problem("date-order", message, "exchange or correct them", ("dates", "updated"))


def _addresses(data: dict[Any, Any]) -> Iterator[Problem]:
    for parent, keys in _ADDRESSES.items():
        for key in keys.split():
            path = (parent, key) if parent else (key,)
            text = text_at(data, path)
            # what is no URI at all is the business of the formats
            if not text or not formats.is_uri(text):
                continue
            if fault := _fault(text):
                message = f"`{dotted(path)}`: {quoted(text)} {fault[0]}"
                yield Problem("url", message, fault[1], path)


def _fault(address: str) -> tuple[str, str] | None:
    """Return what keeps a URI from being an address a browser can open, and what to do."""
    scheme, _, rest = address.partition(":")
    if scheme not in ("http", "https", "ftp"):
        if scheme.lower() == "doi":
            return "opens in no browser", f'write "https://doi.org/{rest}"'
        return f"begins with {scheme}:, which is neither http: nor https:", "write https://…"
    if "://" in rest[2:].partition("?")[0] and re.match(r"//https?:?//", rest):
        return "has two beginnings", "delete one https://"
    try:
        host = urlsplit(address).hostname or ""
    except ValueError:
        host = ""
    if not rest.startswith("//") or not host:
        return "names no host", "two slashes come after the colon: https://github.com/…"
    if "." not in host:
        return f"names the host {host}, which is not on the internet", "write the whole name"
    return None
