"""What a marketplace card says of a module, taken from metadata of any version."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlsplit

from scaffold.metadata import formats, migration, versions
from scaffold.metadata.platform import text_at

_LINKS = {
    "source_code": "Source code",
    "docker_image": "Image",
    "documentation": "Documentation",
    "dataset": "Data set",
    "weights": "Weights",
    "citation": "Citation",
    "base_model": "Base model",
    "zenodo_doi": "Zenodo record",
    "self": "Metadata",
}
_RESOURCES = {
    "cpu": ("CPU cores", ""),
    "gpu": ("GPUs", ""),
    "memory_MB": ("Memory", "MB"),
    "gpu_memory_MB": ("GPU memory", "MB"),
    "gpu_compute_capability": ("Compute capability", ""),
    "storage_MB": ("Disk", "MB"),
}
# <img class='fit', src='…'/>: the comma keeps it from being HTML, and old templates had it so
_PICTURE = re.compile(
    r"""^[ \t]*<img\b[^<>\n]*?\bsrc=["']([^"'<>\s()]+)["'][^<>\n]*>[ \t]*$""",
    re.IGNORECASE | re.MULTILINE,
)
_IMAGE = re.compile(r"[a-z0-9._-]+/[a-z0-9._-]+(:[\w.-]+)?")


@dataclass(frozen=True, slots=True)
class Link:
    """Something to click on.

    Attributes:
        label: what it is.
        text: what is shown.
        url: where it leads, http or https; "" if it leads nowhere safe.
    """

    label: str
    text: str
    url: str


@dataclass(frozen=True, slots=True)
class Card:
    """A module's card.

    Attributes:
        title: its name.
        summary: one sentence.
        description: Markdown.
        version: of the metadata.
        categories, tasks, libraries, data_types, tags: words.
        facts: label and value: dates, DOI, licence.
        links: where its parts are.
        resources: for "Inference" and "Training", label and value of each need.
    """

    title: str
    summary: str
    description: str
    version: str
    categories: tuple[str, ...]
    tasks: tuple[str, ...]
    libraries: tuple[str, ...]
    data_types: tuple[str, ...]
    tags: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    links: tuple[Link, ...]
    resources: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]

    def document(self) -> dict[str, Any]:
        """Return what `--json` says."""
        return asdict(self)


def card(data: Any) -> Card:
    """Make a card of metadata, whatever version it is and however incomplete.

    Raises:
        UsageError: it is no mapping.
    """
    source = versions.choose(data).version
    old = data if isinstance(data, dict) else {}
    shown = migration.migrate(data, force=True).data
    # the day of a migration that nobody asked for is no fact
    dates = old.get("dates") if isinstance(old.get("dates"), dict) else {}
    updated = text_at(shown, ("dates", "updated")) if dates else ""
    facts = {
        "Created": text_at(shown, ("dates", "created")),
        "Updated": updated,
        "DOI": text_at(shown, ("doi",)),
        "Licence": text_at(shown, ("license",)),
    }
    return Card(
        title=text_at(shown, ("title",)) or "(no title)",
        summary=text_at(shown, ("summary",)),
        description=_pictures(text_at(shown, ("description",))),
        version=source,
        categories=_words(shown, "categories"),
        tasks=_words(shown, "tasks"),
        libraries=_words(shown, "libraries"),
        data_types=_words(shown, "data-type"),
        tags=_words(shown, "tags"),
        facts=tuple((label, value) for label, value in facts.items() if value),
        links=tuple(_links(shown)),
        resources=tuple(_resources(shown)),
    )


def safe_url(text: str) -> str:
    """Return an address that a page may link to: http or https, and a URI; else "".

    >>> safe_url("javascript:alert(1)")
    ''
    """
    text = text.strip()
    if not formats.is_uri(text):
        return ""
    try:
        parts = urlsplit(text)
    except ValueError:
        return ""
    return text if parts.scheme in ("http", "https") and parts.hostname else ""


def doi_url(doi: str) -> str:
    """Return the address of a DOI, or ""."""
    name = re.sub(r"^(https?://(dx\.)?doi\.org/|doi:)", "", doi.strip(), flags=re.IGNORECASE)
    return safe_url(f"https://doi.org/{name}") if formats.is_doi(name) else ""


def image_url(image: str) -> str:
    """Return the page of an image on Docker Hub, or ""."""
    name = image.strip()
    if _IMAGE.fullmatch(name):
        return f"https://hub.docker.com/r/{name.partition(':')[0]}"
    return safe_url(name)


def _pictures(description: str) -> str:
    """Make links of pictures that stand on their own line as HTML, even with the usual slip."""
    return _PICTURE.sub(r"[Picture](\1)", description)


def _words(data: dict[str, Any], name: str) -> tuple[str, ...]:
    values = data.get(name)
    return tuple(str(each) for each in values) if isinstance(values, list) else ()


def _links(data: dict[str, Any]) -> Iterator[Link]:
    for name, label in _LINKS.items():
        text = text_at(data, ("links", name)).strip()
        if text:
            yield Link(label, text, image_url(text) if name == "docker_image" else safe_url(text))


def _resources(data: dict[str, Any]) -> Iterator[tuple[str, tuple[tuple[str, str], ...]]]:
    resources = data.get("resources")
    for name in ("inference", "training"):
        needs = resources.get(name) if isinstance(resources, dict) else None
        if not isinstance(needs, dict):
            continue
        shown = tuple(
            (label, f"{needs[key]:,} {unit}".strip())
            for key, (label, unit) in _RESOURCES.items()
            if isinstance(needs.get(key), int | float)
        )
        if shown:
            yield name.capitalize(), shown
