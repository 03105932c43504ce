"""Where the keys of metadata 1.0.0 have gone in metadata 2.

| metadata 1.0.0 | metadata 2 |
| --- | --- |
| description (list) | description: its entries as lines of one Markdown text |
| date_creation | dates.created; dates.updated is the day of the migration |
| license | license: an extra key, with the SPDX identifier; metadata 2 has no key of its own |
| sources.code | links.source_code |
| sources.docker_registry_repo | links.docker_image |
| sources.pre_trained_weights | links.weights |
| sources.zenodo_doi, doi | links.zenodo_doi, doi |
| dataset_url, cite_url | links.dataset, links.citation |
| training_files_url | links.weights: it is where the trained model and its logs are kept |
| sources.ai4_template | links.ai4_template, an extra key that the platform's own files carry |
| keywords | tags, libraries, tasks, categories, data-type; see `keywords` |
| sources.dockerfile_repo | none, unless it is the only repository: metadata 2 has one |
| tosca, continuous_integration, docker_tags | none |

Every other key stays where it is: the schemas allow extra keys.
"""

from __future__ import annotations

import re
from typing import Any

from scaffold.metadata import formats, keywords, licences, versions
from scaffold.metadata.migrated import Migration
from scaffold.metadata.positions import Path

_TO_LINKS: tuple[tuple[Path, str], ...] = (
    (("sources", "code"), "source_code"),
    (("sources", "source_code"), "source_code"),
    (("sources", "docker_registry_repo"), "docker_image"),
    (("sources", "docker_image"), "docker_image"),
    (("sources", "zenodo_doi"), "zenodo_doi"),
    (("sources", "pre_trained_weights"), "weights"),
    (("sources", "weights"), "weights"),
    (("dataset_url",), "dataset"),
    (("sources", "dataset_url"), "dataset"),
    (("links", "dataset_url"), "dataset"),
    (("cite_url",), "citation"),
    (("sources", "cite_url"), "citation"),
    (("links", "cite_url"), "citation"),
    (("links", "doi"), "zenodo_doi"),
    (("training_files_url",), "weights"),
    (("sources", "training_files_url"), "weights"),
    (("links", "training_files_url"), "weights"),
    (("sources", "ai4_template"), "ai4_template"),
    # last: in one repository for both, it is the source code as well
    (("sources", "dockerfile_repo"), "source_code"),
)
_GONE = {
    "tosca": "the platform no longer reads it: it deploys every module alike",
    "continuous_integration": "the platform knows the state of the build itself",
    "docker_tags": "the platform reads the image's tags from its registry",
}
# what the templates leave to fill in where an address or a date belongs
_UNFILLED = re.compile(r"add-some-|^\w*:?/*<[^>]*>$|^YYYY-MM-DD$", re.IGNORECASE)
_HUB = re.compile(r"(?:https?://)?(?:www\.)?hub\.docker\.com/r/([a-z0-9._-]+/[a-z0-9._-]+)/?")
_DOI = re.compile(r"^(?:https?://(?:dx\.|www\.)?doi\.org/|doi:)?(10\.\d{4,9}/\S+)$", re.IGNORECASE)


def move(result: Migration, today: str) -> None:
    """Give every key of metadata 1.0.0 its place in metadata 2.

    Args:
        result: the migration; its data, lost and notes change.
        today: the day of the migration, YYYY-MM-DD.
    """
    data = result.data
    old = result.source.startswith("1.") or any(key in data for key in versions.ONLY_IN_1[:-1])
    _description(data)
    _links(result)
    _dates(result, today)
    if old:
        _licence(result)
        _doi(data)
        for key, reason in _GONE.items():
            if key in data:
                result.lose((key,), data.pop(key), reason)
    _keywords(result)


def _description(data: dict[str, Any]) -> None:
    """Make one text of a description in lines, as the old marketplace did."""
    lines = data.get("description")
    if not isinstance(lines, list):
        return
    text = "\n".join(str(line) for line in lines if line is not None)
    # one space at the end of a line means nothing in Markdown, two are a line break
    data["description"] = re.sub(r"(?<! ) $", "", text, flags=re.MULTILINE).strip("\n")


def _links(result: Migration) -> None:
    data = result.data
    links = data.get("links")
    links = dict(links) if isinstance(links, dict) else {}
    sources = data.pop("sources", None)
    sources = dict(sources) if isinstance(sources, dict) else {}
    places = {"sources": sources, "links": links}
    for path, name in _TO_LINKS:
        container = places[str(path[0])] if len(path) > 1 else data
        if path[-1] not in container:
            continue
        value = container.pop(str(path[-1]))
        if not _filled(value):
            result.lose(path, value, "it is text that a template left to fill in")
            continue
        value = _address(name, str(value))
        if name not in links:
            links[name] = value
            if path == ("sources", "dockerfile_repo"):
                result.notes.append(
                    "links.source_code is sources.dockerfile_repo: there was no sources.code"
                )
        elif links[name] != value:
            result.lose(path, value, _taken(path, name, links[name]))
    for key, value in sources.items():
        if key in links or not _filled(value):
            result.lose(("sources", key), value, "metadata 2 has no `sources`")
        else:
            links[key] = value
    if links or result.source.startswith("1."):
        data["links"] = links


def _taken(path: Path, name: str, value: str) -> str:
    if path == ("sources", "dockerfile_repo"):
        return "metadata 2 knows one repository, links.source_code"
    return f"links.{name} is {value} already"


def _filled(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip()) and not _UNFILLED.search(value.strip())


def _address(name: str, value: str) -> str:
    value = value.strip()
    if name == "docker_image" and (within := _HUB.fullmatch(value)):
        return within[1]
    return value


def _dates(result: Migration, today: str) -> None:
    data = result.data
    if "date_creation" not in data:
        return
    created = data.pop("date_creation")
    if hasattr(created, "isoformat"):
        created = created.isoformat()[:10]  # YAML made a date of it
    dates = data.get("dates")
    dates = dates if isinstance(dates, dict) else {}
    if isinstance(created, str) and (day := _day(created)):
        data["dates"] = {"created": day, "updated": max(day, today), **dates}
    elif "created" not in dates:
        result.lose(("date_creation",), created, "it is no date; write one to dates.created")


def _day(text: str) -> str:
    """Return a date as YYYY-MM-DD, or ""."""
    parts = re.fullmatch(r"\s*(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})\s*", text)
    day = f"{parts[1]}-{int(parts[2]):02}-{int(parts[3]):02}" if parts else ""
    return day if formats.is_date(day) else ""


def _licence(result: Migration) -> None:
    licence = result.data.get("license")
    if not isinstance(licence, str):
        return
    right = licences.respelt(licence)
    if right and right != licence:
        result.data["license"] = right
        result.notes.append(f"license is {right}, the SPDX identifier of {licence.strip()}")
    result.notes.append(
        "license stays as a note: metadata 2 has no key for it, the platform reads the LICENSE file"
    )


def _doi(data: dict[str, Any]) -> None:
    """Take the resolver off a DOI, and tell Zenodo's from its address."""
    links = data.get("links") or {}
    for text in (data.get("doi"), links.get("zenodo_doi")):
        if isinstance(text, str) and (found := _DOI.match(text.strip())):
            data["doi"] = found[1]
            if "zenodo." in found[1]:
                links["zenodo_doi"] = f"https://doi.org/{found[1]}"
            return


def _keywords(result: Migration) -> None:
    data = result.data
    if "keywords" not in data:
        return
    words = data.pop("keywords")
    words = words if isinstance(words, list) else [words]
    texts = [str(word).strip() for word in words if word not in (None, "")]
    for name, found in keywords.sort(texts).items():
        present = data.get(name)
        present = present if isinstance(present, list) else []
        merged = present + [word for word in found if word not in present]
        if merged or name != "data-type":
            data[name] = merged
