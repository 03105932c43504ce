"""How an image came to be: an in-toto statement (v1) with a SLSA provenance predicate (v1).

Sources: the in-toto attestation framework's `spec/v1` (Statement, ResourceDescriptor, DigestSet) and SLSA's
`provenance` page, version 1.1. What the parameters of our build type mean is in docs/explanation/supply-chain.md. The
statement is not signed: it says what scaffold did, it does not prove it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Literal

from scaffold import __version__
from scaffold.image.addresses import git_uri, recordable, without_secrets
from scaffold.image.sbom import SBOM_MEDIA_TYPE

__all__ = ["BUILDER_ID", "BUILD_TYPE", "Base", "Build", "Product", "Revision", "document"]

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://slsa.dev/provenance/v1"
BUILD_TYPE = "urn:scaffold:build-type:image:1"
BUILDER_ID = "urn:scaffold:builder:local:1"
MEDIA_TYPE = "application/vnd.in-toto+json"


@dataclass(frozen=True, slots=True)
class Revision:
    """The state of a repository that was built.

    Attributes:
        name: "model" or "container".
        commit: the commit in hexadecimal, "" for a folder outside git.
        repository: the address of its remote, "" for none.
        ref: the branch, tag or reference, "" for none.
        dirty: whether the working tree differed from the commit.
    """

    name: str
    commit: str
    repository: str = ""
    ref: str = ""
    dirty: bool = False


@dataclass(frozen=True, slots=True)
class Base:
    """The base image: the reference as the Dockerfile has it, and its digest `sha256:…`, "" unknown.

    Attributes:
        reference: `python:3.11-slim` for one.
        digest: of the image as its registry knows it; the engine's own identifier where it has never been in one.
    """

    reference: str
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Product:
    """What came out.

    Attributes:
        names: the image's names with their tags.
        image_id: the engine's identifier, `sha256:…`.
        repo_digests: `name@sha256:…` of every registry it was pushed to.
        sbom: digest `sha256:…` of the bill of materials, "" for none.
        sbom_path: where in the image that lies.
    """

    names: tuple[str, ...]
    image_id: str
    repo_digests: tuple[str, ...] = ()
    sbom: str = ""
    sbom_path: str = ""


@dataclass(frozen=True, slots=True)
class Build:
    """One build of one image.

    Attributes:
        product: what came out.
        source: "local" for the working tree, "git" for what the remote has.
        variant: "cpu" or "gpu".
        revisions: the model repository and the container repository.
        base: the base image.
        context: digest `sha256:…` of all that the engine was given to build from.
        arguments: the build arguments; of those that hold secrets the statement has the name alone.
        engine: "docker" or "podman".
        engine_version: `20.10.24` for one.
        platform: `linux/amd64` for one.
        epoch: SOURCE_DATE_EPOCH, in seconds since 1970.
        invocation: an identifier of this build that no other has.
        started: when it began, with a time zone.
        finished: when it ended, with a time zone.
    """

    product: Product
    source: Literal["local", "git"]
    variant: str
    revisions: tuple[Revision, ...]
    base: Base
    context: str
    arguments: Mapping[str, str]
    engine: str
    engine_version: str
    platform: str
    epoch: int
    invocation: str
    started: datetime
    finished: datetime


def document(build: Build) -> bytes:
    """Write the provenance of an image.

    Args:
        build: what was done.

    Returns:
        JSON in UTF-8 with a line break at its end, without user names, passwords, tokens and paths of this machine.

    Raises:
        ValueError: a digest is none, or a time has no time zone.
    """
    statement = {
        "_type": STATEMENT_TYPE,
        "subject": _subjects(build.product),
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {
                    "source": build.source,
                    "variant": build.variant,
                    **{each.name: _asked(each) for each in build.revisions},
                    "baseImage": without_secrets(build.base.reference),
                    "arguments": {
                        name: recordable(name, value)
                        for name, value in sorted(build.arguments.items())
                    },
                },
                "internalParameters": {
                    "platform": build.platform,
                    "sourceDateEpoch": build.epoch,
                },
                "resolvedDependencies": [
                    *_revisions(build.revisions),
                    {"name": "context", "digest": _sha256(build.context)},
                    _base(build.base),
                ],
            },
            "runDetails": {
                "builder": {
                    "id": BUILDER_ID,
                    "version": {"scaffold": __version__, build.engine: build.engine_version},
                },
                "metadata": {
                    "invocationId": build.invocation,
                    "startedOn": _moment(build.started),
                    "finishedOn": _moment(build.finished),
                },
                "byproducts": _byproducts(build.product),
            },
        },
    }
    return (json.dumps(statement, indent=1, ensure_ascii=False) + "\n").encode()


def _subjects(product: Product) -> list[dict[str, Any]]:
    """The image is known by its own identifier here, and by the digest of its manifest in a registry."""
    identified = [
        {
            "name": name,
            "digest": _sha256(product.image_id),
            "annotations": {"digestOf": "image configuration"},
        }
        for name in product.names
    ]
    pushed = []
    for each in product.repo_digests:
        name, _, digest = each.rpartition("@")
        pushed.append(
            {
                "name": name,
                "digest": _sha256(digest),
                "annotations": {"digestOf": "image manifest"},
            }
        )
    return identified + pushed


def _asked(revision: Revision) -> dict[str, str]:
    """What was asked for, as far as others can ask for it too: no path of this machine."""
    asked = {"repository": git_uri(revision.repository), "ref": revision.ref}
    return {name: value for name, value in asked.items() if value}


def _revisions(revisions: tuple[Revision, ...]) -> list[dict[str, Any]]:
    """Describe the repositories; a folder outside git has neither address nor digest, its files are in the context."""
    found = []
    for each in revisions:
        described: dict[str, Any] = {"name": each.name}
        if uri := git_uri(each.repository, each.ref):
            described["uri"] = uri
        if each.commit:
            if not re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", each.commit):
                raise ValueError(f"not a commit: {each.commit!r}")
            described["digest"] = {"gitCommit": each.commit}
        if len(described) > 1:
            found.append({**described, "annotations": {"dirty": each.dirty}})
    return found


def _base(base: Base) -> dict[str, Any]:
    reference = without_secrets(base.reference)
    found: dict[str, Any] = {"name": "baseImage", "uri": f"docker://{reference}"}
    if base.digest:
        found["digest"] = _sha256(base.digest)
    return found


def _byproducts(product: Product) -> list[dict[str, Any]]:
    if not product.sbom:
        return []
    return [
        {
            "name": product.sbom_path,
            "digest": _sha256(product.sbom),
            "mediaType": SBOM_MEDIA_TYPE,
        }
    ]


def _sha256(digest: str) -> dict[str, str]:
    algorithm, _, value = digest.partition(":")
    if algorithm != "sha256" or not re.fullmatch(r"[0-9a-f]{64}", value):
        raise ValueError(f"not a sha256 digest: {digest!r}")
    return {"sha256": value}


def _moment(moment: datetime) -> str:
    if moment.tzinfo is None:
        raise ValueError(f"a time without a time zone: {moment}")
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
