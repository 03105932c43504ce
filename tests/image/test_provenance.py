"""Provenance is an in-toto statement that others can check, and it gives no secret away."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from scaffold import __version__
from scaffold.image.addresses import git_uri, recordable, without_secrets
from scaffold.image.provenance import Base, Build, Product, Revision, document

IMAGE = "a" * 64
MANIFEST = "b" * 64
SBOM = "c" * 64
CONTEXT = "d" * 64
BASE = "e" * 64
COMMIT = "0123456789abcdef0123456789abcdef01234567"
BUILD = Build(
    product=Product(
        names=("deephdc/deep-oc-plants:latest", "deephdc/deep-oc-plants:cpu"),
        image_id=f"sha256:{IMAGE}",
        repo_digests=(f"registry.example.org:5000/deephdc/deep-oc-plants@sha256:{MANIFEST}",),
        sbom=f"sha256:{SBOM}",
        sbom_path="/usr/local/share/sbom/image.cdx.json",
    ),
    source="git",
    variant="cpu",
    revisions=(
        Revision("model", COMMIT, "https://ann:s3cret@github.com/deephdc/plants.git", "test"),
        Revision("container", COMMIT, "git@github.com:deephdc/DEEP-OC-plants.git", dirty=True),
    ),
    base=Base("python:3.11-slim", f"sha256:{BASE}"),
    context=f"sha256:{CONTEXT}",
    arguments={
        "tag": "3.11-slim",
        "http_proxy": "http://ann:s3cret@proxy:3128",
        "PIP_TOKEN": "s3cret",
    },
    engine="docker",
    engine_version="20.10.24",
    platform="linux/amd64",
    epoch=1_700_000_000,
    invocation="9f1c",
    started=datetime(2026, 11, 22, 12, 0, tzinfo=timezone(timedelta(hours=1))),
    finished=datetime(2026, 11, 22, 11, 2, 3, 999999, tzinfo=timezone.utc),
)


def written(build: Build) -> Any:
    return json.loads(document(build))


def test_the_whole_statement() -> None:
    assert written(BUILD) == {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [
            {
                "name": "deephdc/deep-oc-plants:latest",
                "digest": {"sha256": IMAGE},
                "annotations": {"digestOf": "image configuration"},
            },
            {
                "name": "deephdc/deep-oc-plants:cpu",
                "digest": {"sha256": IMAGE},
                "annotations": {"digestOf": "image configuration"},
            },
            {
                "name": "registry.example.org:5000/deephdc/deep-oc-plants",
                "digest": {"sha256": MANIFEST},
                "annotations": {"digestOf": "image manifest"},
            },
        ],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": "urn:scaffold:build-type:image:1",
                "externalParameters": {
                    "source": "git",
                    "variant": "cpu",
                    "model": {
                        "repository": "git+https://github.com/deephdc/plants.git",
                        "ref": "test",
                    },
                    "container": {
                        "repository": "git+ssh://git@github.com/deephdc/DEEP-OC-plants.git"
                    },
                    "baseImage": "python:3.11-slim",
                    "arguments": {
                        "PIP_TOKEN": "(not recorded)",
                        "http_proxy": "http://proxy:3128",
                        "tag": "3.11-slim",
                    },
                },
                "internalParameters": {"platform": "linux/amd64", "sourceDateEpoch": 1_700_000_000},
                "resolvedDependencies": [
                    {
                        "name": "model",
                        "uri": "git+https://github.com/deephdc/plants.git@test",
                        "digest": {"gitCommit": COMMIT},
                        "annotations": {"dirty": False},
                    },
                    {
                        "name": "container",
                        "uri": "git+ssh://git@github.com/deephdc/DEEP-OC-plants.git",
                        "digest": {"gitCommit": COMMIT},
                        "annotations": {"dirty": True},
                    },
                    {"name": "context", "digest": {"sha256": CONTEXT}},
                    {
                        "name": "baseImage",
                        "uri": "docker://python:3.11-slim",
                        "digest": {"sha256": BASE},
                    },
                ],
            },
            "runDetails": {
                "builder": {
                    "id": "urn:scaffold:builder:local:1",
                    "version": {"scaffold": __version__, "docker": "20.10.24"},
                },
                "metadata": {
                    "invocationId": "9f1c",
                    "startedOn": "2026-11-22T11:00:00Z",
                    "finishedOn": "2026-11-22T11:02:03Z",
                },
                "byproducts": [
                    {
                        "name": "/usr/local/share/sbom/image.cdx.json",
                        "digest": {"sha256": SBOM},
                        "mediaType": "application/vnd.cyclonedx+json; version=1.6",
                    }
                ],
            },
        },
    }


def test_in_toto_itself_reads_every_field() -> None:
    from google.protobuf.json_format import ParseDict
    from in_toto_attestation.predicates.provenance.v1.provenance_pb2 import Provenance
    from in_toto_attestation.v1.statement import Statement
    from in_toto_attestation.v1.statement_pb2 import Statement as Message

    whole = written(BUILD)
    Statement.copy_from_pb(ParseDict(whole, Message())).validate()
    # refuses a field that the specification does not have, and a value of another type
    read = ParseDict(whole["predicate"], Provenance())
    assert read.run_details.metadata.started_on.ToDatetime() == datetime(2026, 11, 22, 11, 0)
    assert [each.name for each in read.build_definition.resolved_dependencies] == [
        "model",
        "container",
        "context",
        "baseImage",
    ]


def test_no_secret_and_no_path_of_this_machine_is_written() -> None:
    build = replace(
        BUILD,
        revisions=(Revision("model", "", "/home/mary/plants"), Revision("container", COMMIT)),
        base=Base("registry.example.org/python:3.11"),
        arguments={
            "PIP_INDEX_URL": "https://mary:s3cret@index.example.org/simple?token=s3cret",
            "HTTPS_PROXY": "mary:s3c/ret@proxy:3128",
            "api-key": "s3cret",
        },
    )
    text = document(build).decode()
    assert "s3c" not in text
    assert "mary" not in text
    assert "/home" not in text
    predicate = json.loads(text)["predicate"]["buildDefinition"]
    # a folder outside git without a remote is known by the files in the context alone
    assert [each["name"] for each in predicate["resolvedDependencies"]] == [
        "container",
        "context",
        "baseImage",
    ]
    assert predicate["externalParameters"]["arguments"] == {
        "HTTPS_PROXY": "proxy:3128",
        "PIP_INDEX_URL": "https://index.example.org/simple?token=hidden",
        "api-key": "(not recorded)",
    }


def test_the_same_build_is_written_in_the_same_bytes() -> None:
    turned = replace(BUILD, arguments=dict(sorted(BUILD.arguments.items(), reverse=True)))
    assert document(turned) == document(BUILD)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (replace(BUILD, context="sha256:abc"), "not a sha256 digest: 'sha256:abc'"),
        (replace(BUILD, base=Base("python", "python@x")), "not a sha256 digest: 'python@x'"),
        (replace(BUILD, revisions=(Revision("model", "test"),)), "not a commit: 'test'"),
        (replace(BUILD, started=datetime(2026, 1, 1)), "a time without a time zone"),
    ],
)
def test_what_would_prove_nothing_is_refused(wrong: Build, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        document(wrong)


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("https://user:p@ss@example.org/x", "https://example.org/x"),
        ("https://token@example.org", "https://example.org"),
        ("ssh://git@example.org/x", "ssh://git@example.org/x"),
        ("ssh://ann:pw@example.org/x", "ssh://example.org/x"),
        ("https://example.org/a@b", "https://example.org/a@b"),
        ("https://h/?a=1&access_token=x#y", "https://h/?a=1&access_token=hidden#y"),
        ("one https://a:b@c two http://d:e@f", "one https://c two http://f"),
        ("plain text, a@b", "plain text, a@b"),
    ],
)
def test_addresses_lose_what_is_secret(text: str, safe: str) -> None:
    assert without_secrets(text) == safe


@pytest.mark.parametrize(
    ("name", "value", "safe"),
    [
        ("tag", "3.11-slim", "3.11-slim"),
        ("no_proxy", "localhost,@x", "localhost,@x"),
        ("GITHUB_TOKEN", "x", "(not recorded)"),
        ("password", "x", "(not recorded)"),
        ("TOKENIZER", "bert", "bert"),
        ("author", "Ann", "Ann"),
    ],
)
def test_arguments_that_are_secret_by_name_are_hidden(name: str, value: str, safe: str) -> None:
    assert recordable(name, value) == safe


@pytest.mark.parametrize(
    ("remote", "uri"),
    [
        ("https://github.com/a/b", "git+https://github.com/a/b@main"),
        ("git@github.com:a/b.git", "git+ssh://git@github.com/a/b.git@main"),
        ("ann@host.example:/srv/b.git", "git+ssh://host.example/srv/b.git@main"),
        ("/srv/b.git", ""),
        ("../b", ""),
        ("file:///srv/b.git", ""),
        ("C:\\b", ""),
        ("", ""),
    ],
)
def test_addresses_of_repositories(remote: str, uri: str) -> None:
    assert git_uri(remote, "main") == uri
