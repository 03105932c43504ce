"""Metadata as CITATION.cff 1.2.0, the file by which GitHub and Zenodo tell how to cite software.

Source: https://github.com/citation-file-format/citation-file-format, schema guide of 1.2.0.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from scaffold.metadata import card, formats, licences, mldcat, writing
from scaffold.metadata.platform import text_at

_DOI = re.compile(r"10\.\d{4,9}(\.\d+)?/[A-Za-z0-9:/_;\-.()\[\]\\]+")
_PERSON = re.compile(r"\s*(?P<name>[^<>]*?)\s*(?:<(?P<email>[^<>\s]+@[^<>\s]+)>)?\s*")


def citation(
    data: dict[str, Any], version: str = "", authors: Sequence[str] = ()
) -> tuple[str, list[str]]:
    """Write CITATION.cff.

    Args:
        data: metadata 2.x, valid.
        version: of the module, if it is known.
        authors: "Ann Lee" or "Ann Lee <ann@example.org>", if they are known.

    Returns:
        The file's text, and what to know about it.
    """
    notes = []
    people = [person(each) for each in authors if each.strip()]
    if not people:
        people = [{"name": f"The authors of {data['title']}"}]
        notes.append('the metadata names no authors: give them with --author "Ann Lee"')
    out: dict[str, Any] = {
        "cff-version": "1.2.0",
        "message": "If you use this module, please cite it as below.",
        "type": "software",
        "title": data["title"],
        "abstract": data["summary"].strip() or data["title"],
        "authors": people,
    }
    if version:
        out["version"] = version
    doi = re.sub(r"^(https?://(dx\.)?doi\.org/|doi:)", "", text_at(data, ("doi",)))
    if _DOI.fullmatch(doi):
        out["doi"] = doi
    if formats.is_date(day := text_at(data, ("dates", "updated"))):
        out["date-released"] = day
    licence = text_at(data, ("license",))
    if licences.is_spdx(licence) and " " not in licence and not licence.endswith("+"):
        out["license"] = licence
    addresses = {
        "repository-code": mldcat.iri(text_at(data, ("links", "source_code"))),
        "repository-artifact": card.image_url(text_at(data, ("links", "docker_image"))),
        "url": mldcat.iri(text_at(data, ("links", "documentation"))),
    }
    out.update({key: address for key, address in addresses.items() if address})
    if words := list(dict.fromkeys(filter(None, map(str.strip, data["tags"])))):
        out["keywords"] = words
    if cited := mldcat.iri(text_at(data, ("links", "citation"))):
        out["identifiers"] = [
            {"type": "url", "value": cited, "description": "The publication to cite"}
        ]
    return writing.dump(out, "yaml"), notes


def person(text: str) -> dict[str, str]:
    """Take a person's name apart.

    >>> person("Ludwig van Beethoven <lvb@example.org>")["name-particle"]
    'van'
    """
    match = _PERSON.fullmatch(text)
    name, email = (match["name"], match["email"]) if match else (text.strip(), None)
    words = name.split()
    out: dict[str, str] = {}
    if len(words) > 1:
        particle = [word for word in words[1:-1] if word.islower()]
        given = [word for word in words[:-1] if word not in particle]
        out = {"given-names": " ".join(given)}
        if particle:
            out["name-particle"] = " ".join(particle)
    out["family-names"] = words[-1] if words else text.strip()
    if email and re.fullmatch(r"[\S]+@[\S]+\.[\S]{2,}", email):
        out["email"] = email
    return out
