"""Metadata as linked data: MLDCAT-AP 3.0.0, the European profile for machine-learning models.

Source of classes and properties: https://semiceu.github.io/MLDCAT-AP/releases/3.0.0 (SEMIC, 30
September 2025). The context lies beside this file and is written into every document, so nobody
needs the network to read one. `it6:hasInputModalitity` is how the profile spells it. What the
profile has no property for (documentation) is said in the words of FOAF; tasks and categories are
the model's `dct:type`, in the platform's vocabularies; libraries run the model's file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from scaffold.errors import MissingToolError
from scaffold.metadata import card, formats, licences
from scaffold.metadata.platform import ORGANISATIONS, split_address, text_at

_CONTEXT = Path(__file__).with_name("mldcat-ap.context.json")
_VOCABULARY = "http://w3id.org/ai4os/vocabulary"
_MARKETPLACE = "https://dashboard.cloud.ai4eosc.eu/marketplace/modules"

Node = dict[str, Any]


def context() -> Node:
    """Return the JSON-LD context."""
    document: Node = json.loads(_CONTEXT.read_text(encoding="utf-8"))
    return document


def jsonld(
    data: dict[str, Any], version: str = "", authors: Sequence[str] = ()
) -> tuple[Node, list[str]]:
    """Describe a module.

    Args:
        data: metadata 2.x, valid.
        version: of the module, if it is known.
        authors: their names, if they are known.

    Returns:
        The JSON-LD document, and what the profile requires but the metadata does not say.
    """
    model: Node = {
        "id": _identity(data),
        "type": "MachineLearningModel",
        "identifier": text_at(data, ("doi",)) or _name(data),
        "title": data["title"],
        "shortDescription": data["summary"],
        "description": data["description"],
    }
    notes = []
    for key, path in (("created", "created"), ("modified", "updated")):
        if formats.is_date(day := text_at(data, ("dates", path))):
            model[key] = day
    if version:
        model["version"] = version
    if authors:
        model["creator"] = [{"type": "Agent", "name": name} for name in authors]
    model["keyword"] = list(data["tags"])
    model["genre"] = [
        *(_concept("category", word) for word in data["categories"]),
        *(_concept("tasktype", word) for word in data["tasks"]),
    ]
    model["hasInputModality"] = [
        {"type": "Modality", "classification": {"type": "Concept", "prefLabel": word}}
        for word in data.get("data-type", ())
    ]
    if licences.is_spdx(licence := text_at(data, ("license",))):
        address = f"https://spdx.org/licenses/{quote(licence)}"
        model["licence"] = [{"id": address, "type": "LicenceDocument", "title": licence}]
    _parts(model, data)
    wanted = {
        "created": "dates.created",
        "trainedOn": "links.dataset",
        "hasFile": "links.weights",
        "version": "version",
    }
    notes += [
        f"MLDCAT-AP requires {key}: add the key {path}"
        for key, path in wanted.items()
        if key not in model
    ]
    if "resources" in data:
        notes.append("MLDCAT-AP has no place for resources")
    graph = [{key: value for key, value in model.items() if value not in ([], "")}]
    graph += [_library(word, model) for word in data["libraries"] if word != "Other"]
    return {"@context": context(), "@graph": graph}, notes


def turtle(document: Node) -> str:
    """Write a JSON-LD document as Turtle.

    Raises:
        MissingToolError: rdflib is not installed.
    """
    try:
        import rdflib
    except ModuleNotFoundError:
        raise MissingToolError(
            "Turtle is written with rdflib, which is not installed",
            hint="pip install 'deep-scaffold[rdf]', or use --serialization jsonld",
        ) from None
    graph = rdflib.Graph(bind_namespaces="none")
    for prefix, namespace in document["@context"].items():
        if isinstance(namespace, str) and namespace.startswith("http"):
            graph.bind(prefix, namespace)
    graph.parse(data=json.dumps(document), format="json-ld")
    return graph.serialize(format="turtle")


def iri(address: str) -> str:
    """Return an http address as an IRI that every parser takes, or ""."""
    text = re.sub(
        r"[^A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]", lambda char: quote(char[0]), address.strip()
    )
    return card.safe_url(text)


def _name(data: dict[str, Any]) -> str:
    address = split_address(text_at(data, ("links", "source_code")))
    if address and address[1]:
        return address[1][-1].removesuffix(".git")
    return re.sub(r"\W+", "-", str(data["title"]).lower()).strip("-")


def _identity(data: dict[str, Any]) -> str:
    """Return the model's IRI: its own, that of its marketplace page, or one in its repository."""
    if own := iri(text_at(data, ("links", "self"))):
        return own
    code = text_at(data, ("links", "source_code"))
    address = split_address(code)
    if address and len(address[1]) > 1 and address[1][0] in ORGANISATIONS:
        return f"{_MARKETPLACE}/{quote(_name(data))}"
    return f"{iri(code).partition('#')[0] or 'urn:module:' + quote(_name(data))}#model"


def _concept(scheme: str, word: str) -> Node:
    address = f"{_VOCABULARY}/{scheme}/{quote(word.replace(' ', '_'))}"
    return {"id": address, "type": "Concept", "prefLabel": word}


def _library(word: str, model: Node) -> Node:
    node: Node = {
        "id": f"{_VOCABULARY}/library/{quote(word.replace(' ', '_'))}",
        "type": "Library",
        "title": word,
    }
    if files := [each["id"] for each in model.get("hasFile", ()) if "id" in each]:
        node["isExecutedBy"] = files
    return node


def _parts(model: Node, data: dict[str, Any]) -> None:
    """Add what the links lead to."""
    links = {
        key: iri(text_at(data, ("links", key)))
        for key in ("source_code", "dataset", "weights", "citation", "base_model", "documentation")
    }
    image = card.image_url(text_at(data, ("links", "docker_image")))
    repositories = [(links["source_code"], "Source code"), (image, "Image")]
    model["hasRepository"] = [
        {"id": address, "type": "Repository", "title": title}
        for address, title in repositories
        if address
    ]
    if links["dataset"]:
        title = "Data set that the model was trained on"
        model["trainedOn"] = [
            {"id": links["dataset"], "type": "Dataset", "title": title, "description": title}
        ]
    if links["weights"]:
        title = f"Weights of {data['title']}"
        model["hasFile"] = [
            {
                "id": f"{links['weights'].partition('#')[0]}#file",
                "type": "File",
                "identifier": links["weights"],
                "title": title,
                "url": links["weights"],
            }
        ]
    if links["citation"]:
        model["hasBibliographicReference"] = [
            {
                "type": "BibliographicReference",
                "bibliographicCitation": links["citation"],
                "format": "text/uri-list",
                "references": [{"id": links["citation"], "type": "Paper"}],
            }
        ]
    if links["base_model"]:
        model["fineTunedFrom"] = {"id": links["base_model"], "type": "MachineLearningModel"}
    if links["documentation"]:
        model["documentation"] = links["documentation"]
