"""`scaffold metadata export`: MLDCAT-AP as JSON-LD and Turtle, and CITATION.cff."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.resources import files as resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import rdflib
import yaml
from rdflib.compare import isomorphic
from rdflib.namespace import DCAT, DCTERMS, FOAF, RDF, SKOS, XSD

from scaffold.metadata import cff, exporting, loading, migration, mldcat
from tests.metadata.conftest import Run
from tests.metadata.samples import V1, replaced
from tests.metadata.test_show import FULL, HOSTILE

IT6 = rdflib.Namespace("http://data.europa.eu/it6/")
LPWCC = rdflib.Namespace("https://linkedpaperswithcode.com/class/")
BIRO = rdflib.Namespace("http://purl.org/spar/biro/")
MODEL = rdflib.URIRef("https://dashboard.cloud.ai4eosc.eu/marketplace/modules/plants")
# what rdflib says to itself when it reads JSON-LD
pytestmark = pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated:DeprecationWarning")
CITATION = """\
cff-version: 1.2.0
message: If you use this module, please cite it as below.
type: software
title: Tell 10,000 plants apart
abstract: Takes a photograph and says which of 10,000 plant species it shows, and how sure it is.
authors:
  - name: The authors of Tell 10,000 plants apart
doi: 10.5281/zenodo.7654321
date-released: '2024-06-30'
license: Apache-2.0
repository-code: https://github.com/ai4os-hub/plants
repository-artifact: https://hub.docker.com/r/ai4oshub/plants
url: https://plants.readthedocs.io
keywords:
  - deep learning
  - botany
  - vo.imagine-ai.eu
"""
# (property, least, most, class of its values) of it6:MachineLearningModel in MLDCAT-AP 3.0.0; what
# only the module's people can know (trainedOn, version, created) is 0 here and noted instead
SHAPE: tuple[tuple[rdflib.URIRef, int, int, rdflib.URIRef | None], ...] = (
    (DCTERMS.identifier, 1, 1, None),
    (DCTERMS.title, 1, 99, None),
    (DCTERMS.description, 0, 99, None),
    (DCTERMS.created, 0, 1, None),
    (DCTERMS.modified, 0, 99, None),
    (DCTERMS.license, 0, 99, DCTERMS.LicenseDocument),
    (DCTERMS.type, 0, 99, SKOS.Concept),
    (DCTERMS.creator, 0, 99, FOAF.Agent),
    (DCAT.keyword, 0, 99, None),
    (IT6.shortDescription, 0, 1, None),
    (IT6.version, 0, 1, None),
    (IT6.trainedOn, 0, 99, DCAT.Dataset),
    (IT6.hasFile, 0, 99, IT6.File),
    (IT6.hasRepository, 0, 99, LPWCC.repository),
    (IT6.hasInputModalitity, 0, 99, IT6.Modality),
    (IT6.hasBibliographicReference, 0, 99, BIRO.BibliographicReference),
    (IT6.fineTunedFrom, 0, 1, IT6.MachineLearningModel),
)


@pytest.fixture(autouse=True)
def files(tmp_path: Path) -> None:
    (tmp_path / "full.yml").write_text(FULL)
    (tmp_path / "old.json").write_text(V1)


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is exported or parsed here needs no network."""

    def refused(*_: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr("socket.socket.connect", refused)


def parsed(text: str, syntax: str) -> rdflib.Graph:
    return rdflib.Graph().parse(data=text, format=syntax)


def shape_errors(graph: rdflib.Graph) -> Iterator[str]:
    """Yield what MLDCAT-AP does not allow in the models of a graph."""
    models = [
        model
        for model in graph.subjects(RDF.type, IT6.MachineLearningModel)
        if (model, DCTERMS.identifier, None) in graph
    ]
    if len(models) != 1:
        yield f"{len(models)} models"
    for model in models:
        for property_, least, most, class_ in SHAPE:
            values = list(graph.objects(model, property_))
            if not least <= len(values) <= most:
                yield f"{len(values)} x {property_}"
            for value in values:
                if class_ is None and not isinstance(value, rdflib.Literal):
                    yield f"{property_} {value} is no literal"
                if class_ is not None and (value, RDF.type, class_) not in graph:
                    yield f"{property_} {value} is no {class_}"


def test_json_ld_and_turtle_say_the_same(run: Run) -> None:
    arguments = ("metadata", "export", "full.yml", "--format", "mldcat-ap")
    document = run(*arguments)
    turtle = run(*arguments, "--serialization", "turtle")
    said = """\
note: MLDCAT-AP requires version: add the key version
note: MLDCAT-AP has no place for resources
"""
    assert (document.code, document.err, turtle.err) == (0, said, said)
    graph = parsed(turtle.out, "turtle")
    assert isomorphic(parsed(document.out, "json-ld"), graph)
    assert list(shape_errors(graph)) == []
    assert graph.value(MODEL, DCTERMS.title) == rdflib.Literal("Tell 10,000 plants apart")
    assert graph.value(MODEL, DCTERMS.identifier) == rdflib.Literal("10.5281/zenodo.7654321")
    assert graph.value(MODEL, DCTERMS.created) == rdflib.Literal("2024-01-31", datatype=XSD.date)
    assert set(map(str, graph.objects(MODEL, DCAT.keyword))) == {
        *("deep learning", "botany", "vo.imagine-ai.eu")
    }
    assert set(map(str, graph.objects(MODEL, IT6.hasRepository))) == {
        "https://github.com/ai4os-hub/plants",
        "https://hub.docker.com/r/ai4oshub/plants",
    }
    assert {
        str(graph.value(each, SKOS.prefLabel)) for each in graph.objects(MODEL, DCTERMS.type)
    } == {
        *("AI4 trainable", "AI4 inference", "AI4 pre trained"),
        *("Computer Vision", "Classification"),
    }
    file = graph.value(MODEL, IT6.hasFile)
    assert graph.value(file, IT6.url) == rdflib.URIRef(
        "https://zenodo.org/records/7654321/files/weights.pt"
    )
    library = graph.value(None, RDF.type, IT6.Library)
    assert graph.value(library, DCTERMS.title) == rdflib.Literal("PyTorch")
    assert graph.value(library, IT6.isExecutedBy) == file
    prefixes = {line.split()[1] for line in turtle.out.splitlines() if line.startswith("@prefix")}
    assert {"dcat:", "dct:", "it6:", "lpwcc:", "skos:"} <= prefixes


def test_the_context_is_in_the_document(run: Run) -> None:
    document = json.loads(run("metadata", "export", "full.yml", "--format", "mldcat-ap").out)
    assert document["@context"] == mldcat.context()
    assert list(document) == ["@context", "@graph"]
    used: set[str] = set()

    def collect(node: Any) -> None:
        if isinstance(node, dict):
            used.update(node)
            used.update(filter(None, [node.get("type")]))
            for value in node.values():
                collect(value)
        elif isinstance(node, list):
            for value in node:
                collect(value)

    collect(document["@graph"])
    assert used <= set(mldcat.context())


def test_metadata_1_is_exported_too(run: Run) -> None:
    result = run("metadata", "export", "old.json", "--format", "mldcat-ap", "-q")
    graph = parsed(result.out, "json-ld")
    assert (result.err, list(shape_errors(graph))) == ("", [])
    assert (MODEL, DCTERMS.modified, None) not in graph  # nobody said when it was changed
    reference = graph.value(MODEL, IT6.hasBibliographicReference)
    assert str(graph.value(reference, DCTERMS.references)) == "https://doi.org/10.1000/182"


def test_a_file_by_its_name(run: Run, tmp_path: Path) -> None:
    for name, syntax in (("a.ttl", "turtle"), ("a.jsonld", "json-ld")):
        arguments = ("metadata", "export", "full.yml", "--format", "mldcat-ap", "-o", name)
        assert run(*arguments).out == f"wrote {name}\n"
        assert len(parsed((tmp_path / name).read_text(), syntax)) > 30
        assert run(*arguments).code == 4
        assert run(*arguments, "--force").code == 0
    wrong = run("metadata", "export", "full.yml", "--format", "mldcat-ap", "-o", "a.txt")
    assert (wrong.code, wrong.err) == (
        2,
        """\
error: a.txt: the name does not say which serialization
hint: end it in .jsonld or .ttl, or say --serialization
""",
    )


def test_without_rdflib_only_turtle_is_missing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rdflib", None)
    arguments = ("metadata", "export", "full.yml", "--format", "mldcat-ap", "-q")
    assert run(*arguments).code == 0
    result = run(*arguments, "--serialization", "turtle")
    assert (result.code, result.err) == (
        3,
        """\
error: Turtle is written with rdflib, which is not installed
hint: pip install 'deep-scaffold[rdf]', or use --serialization jsonld
""",
    )


def test_an_invalid_file_is_told_off(run: Run, tmp_path: Path) -> None:
    (tmp_path / "bad.yml").write_text("metadata_version: 2.3.0\ntitle: T\n")
    result = run("metadata", "export", "bad.yml", "--format", "cff")
    assert (result.code, result.err) == (
        2,
        """\
error: bad.yml lacks summary, description, links.source_code
hint: `scaffold validate bad.yml` says what is wrong with it
""",
    )


@pytest.mark.parametrize(
    ("address", "iri"),
    [
        ("https://example.org/a b", "https://example.org/a%20b"),
        ("https://example.org/é?q=<x>", "https://example.org/%C3%A9?q=%3Cx%3E"),
        ("https://example.org/a%20b", "https://example.org/a%20b"),
        ("javascript:alert(1)", ""),
        ("ai4oshub/plants", ""),
        ("", ""),
    ],
)
def test_addresses_become_iris_that_parse(address: str, iri: str) -> None:
    assert mldcat.iri(address) == iri


def test_hostile_text_is_only_text() -> None:
    data = migration.migrate(loading.parse(HOSTILE.encode(), "a.yml").data).data
    document, _ = mldcat.jsonld(data)
    graph = parsed(mldcat.turtle(document), "turtle")
    assert isomorphic(parsed(json.dumps(document), "json-ld"), graph)
    assert not [each for each in graph.all_nodes() if str(each).startswith("javascript:")]


def test_citation(run: Run) -> None:
    result = run("metadata", "export", "full.yml", "--format", "cff")
    assert (result.code, result.out) == (0, CITATION)
    assert result.err == 'note: the metadata names no authors: give them with --author "Ann Lee"\n'
    named = run(
        *("metadata", "export", "full.yml", "--format", "cff", "-o", "CITATION.cff"),
        *("--author", "Ann Lee <ann@example.org>", "--author", "Plato"),
    )
    assert (named.out, named.err) == ("wrote CITATION.cff\n", "")
    assert yaml.safe_load(Path("CITATION.cff").read_text())["authors"] == [
        {"given-names": "Ann", "family-names": "Lee", "email": "ann@example.org"},
        {"family-names": "Plato"},
    ]


def citation_schema() -> jsonschema.Draft7Validator:
    """The schema of the Citation File Format 1.2.0, as the package check-jsonschema brings it."""
    folder = resources("check_jsonschema") / "builtin_schemas" / "vendor"
    text = (folder / "citation-file-format.json").read_text(encoding="utf-8")
    return jsonschema.Draft7Validator(
        json.loads(text), format_checker=jsonschema.Draft7Validator.FORMAT_CHECKER
    )


@pytest.mark.parametrize(
    "name",
    [
        "Ann Lee",
        "Ludwig van Beethoven <l@example.org>",
        "x",
        "",
        "<>",
        "Ann <not an address>",
        "李",
    ],
)
def test_whatever_an_author_is_called(name: str) -> None:
    data = migration.migrate(yaml.safe_load(FULL)).data
    text, _ = cff.citation(data, "1.0.0", [name])
    assert list(citation_schema().iter_errors(yaml.safe_load(text))) == []


def test_every_corpus_file_is_exported(corpus: Path) -> None:
    schema = citation_schema()
    count = 0
    for path in sorted((corpus / "metadata").iterdir()):
        data = loading.load(path).data
        if not isinstance(data, dict) or migration.migrate(data).needed:
            continue
        citation = exporting.export(data, str(path), "cff").text
        errors = [each.message for each in schema.iter_errors(yaml.safe_load(citation))]
        assert errors == [], path.name
        document = exporting.export(data, str(path), "mldcat-ap", "jsonld").text
        graph = parsed(document, "json-ld")
        assert list(shape_errors(graph)) == [], path.name
        if count % 20 == 0:  # Turtle takes as long as everything else together
            turtle = exporting.export(data, str(path), "mldcat-ap", "turtle").text
            assert isomorphic(parsed(turtle, "turtle"), graph), path.name
        count += 1
    assert count >= 450


@pytest.mark.slow
def test_cffconvert_accepts_it(tmp_path: Path, run: Run, real_home: dict[str, str]) -> None:
    """The reference tool; it pins old libraries, so uv runs it in an environment of its own."""
    licence = replaced(V1, '"MIT"', '"BSD 3-Clause License"')
    (tmp_path / "old.json").write_text(licence)
    for name in ("full.yml", "old.json"):
        run("metadata", "export", name, "--format", "cff", "-o", f"{name}.cff")
        command = ["uv", "tool", "run", "--from", "cffconvert==2.0.0", "cffconvert", "--validate"]
        done = subprocess.run(
            [sys.executable, "-m", *command, "-i", f"{name}.cff"],
            cwd=tmp_path,
            env={**os.environ, **real_home},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert "valid" in done.stdout
