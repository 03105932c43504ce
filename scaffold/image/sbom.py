"""The software bill of materials of an image: what is installed in it, as a CycloneDX 1.6 document.

The format is that of the CycloneDX specification; package URLs follow the purl specification, with the qualifier
`upstream` for a Debian package's source as vulnerability scanners read it. Equal inventories give equal bytes.
"""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from scaffold import __version__
from scaffold.image.inventory import Distribution, Inventory, Package, Program, normalised

if TYPE_CHECKING:
    from cyclonedx.model import ExternalReference, Property
    from cyclonedx.model.component import Component
    from cyclonedx.model.license import License
    from packageurl import PackageURL

__all__ = ["SBOM_LABEL", "SBOM_MEDIA_TYPE", "SBOM_PATH", "digest", "document", "requirements"]

SBOM_LABEL = "eu.ai4eosc.scaffold.sbom"
"""The image label that holds the document's digest, `sha256:…`."""
SBOM_PATH = "/usr/local/share/sbom/image.cdx.json"
"""Where the document lies in the image; scanners look for names that end so."""
SBOM_MEDIA_TYPE = "application/vnd.cyclonedx+json; version=1.6"

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "urn:scaffold:sbom")
_PROPERTY = "scaffold"


def document(inventory: Inventory, *, name: str, version: str, module: str, epoch: int) -> bytes:
    """Write the bill of materials of an image.

    Args:
        inventory: what is installed in the image.
        name: the image's name, without a tag.
        version: the image's version: the module's, or the tag.
        module: the name of the module's own distribution, which no package index has.
        epoch: the date to write, in seconds since 1970 (SOURCE_DATE_EPOCH): the revision's, not today's.

    Returns:
        JSON in UTF-8 with a line break at its end. It depends on the arguments and on scaffold's version alone.
    """
    from cyclonedx.model.bom import Bom, BomMetaData
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.model.dependency import Dependency
    from cyclonedx.model.tool import ToolRepository
    from cyclonedx.output import make_outputter
    from cyclonedx.schema import OutputFormat, SchemaVersion

    image = Component(
        type=ComponentType.CONTAINER,
        name=name,
        version=version,
        bom_ref="image",
        properties=_properties(architecture=inventory.architecture, python=inventory.python),
    )
    python = {each.key: _distribution(each, normalised(module)) for each in inventory.distributions}
    others = [
        *_operating_system(inventory.os_release),
        *(_package(each, inventory.os_release) for each in inventory.packages),
        *(_program(each) for each in inventory.programs),
    ]
    edges = requirements(inventory)
    needed = {key for keys in edges.values() for key in keys}
    # the image brings along what nothing else asks for; a circle of requirements has no such member, so the module
    # and all that was asked for by name count as well
    roots = [
        python[each.key]
        for each in inventory.distributions
        if each.key not in needed or each.requested or each.key == normalised(module)
    ]
    bom = Bom(
        serial_number=uuid.UUID(int=0),
        metadata=BomMetaData(
            timestamp=datetime.fromtimestamp(epoch, timezone.utc),
            component=image,
            tools=ToolRepository(
                components=[
                    Component(type=ComponentType.APPLICATION, name="scaffold", version=__version__)
                ]
            ),
        ),
        components=[*python.values(), *others],
        dependencies=[
            Dependency(image.bom_ref, [Dependency(each.bom_ref) for each in [*roots, *others]]),
            *(
                Dependency(python[key].bom_ref, [Dependency(python[to].bom_ref) for to in keys])
                for key, keys in edges.items()
            ),
            *(Dependency(each.bom_ref) for each in others),
        ],
    )
    text = make_outputter(bom, OutputFormat.JSON, SchemaVersion.V1_6).output_as_string()
    content: dict[str, Any] = json.loads(text)
    serial = uuid.uuid5(_NAMESPACE, json.dumps(content, sort_keys=True))
    content["serialNumber"] = serial.urn
    return (json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


def digest(content: bytes) -> str:
    """Return the value of the label `SBOM_LABEL` for a document: `sha256:…`."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def requirements(inventory: Inventory) -> dict[str, list[str]]:
    """Work out which installed Python distribution needs which others.

    Markers are evaluated for the image's Python. An extra counts when another distribution asks for it, or when
    the distribution was asked for by name (with which extras, nothing records) and all that the extra needs is there.

    Returns:
        Normalised name -> sorted normalised names of what it needs, for every distribution.
    """
    from packaging.requirements import InvalidRequirement, Requirement

    parsed: dict[str, list[Requirement]] = {}
    for each in inventory.distributions:
        parsed[each.key] = []
        for line in each.requires:
            try:
                parsed[each.key].append(Requirement(line))
            except InvalidRequirement:  # metadata older than PEP 508; pip passes over it as well
                continue
    environment = dict(inventory.markers)

    def needs(key: str, extra: str) -> list[Requirement]:
        return [
            each
            for each in parsed[key]
            if each.marker is None or each.marker.evaluate({**environment, "extra": extra})
        ]

    edges: dict[str, set[str]] = {key: set() for key in parsed}
    todo = [(key, "") for key in parsed]
    for each in inventory.distributions:
        if each.requested:
            todo += [(each.key, extra) for extra in _whole_extras(each, parsed, needs)]
    seen = set(todo)
    while todo:
        key, extra = todo.pop()
        for need in needs(key, extra):
            other = normalised(need.name)
            if other not in parsed:
                continue
            if other != key:
                edges[key].add(other)
            new = {(other, wanted) for wanted in need.extras} - seen
            seen |= new
            todo += new
    return {key: sorted(edges[key]) for key in sorted(edges)}


def _whole_extras(each: Distribution, parsed: Mapping[str, Any], needs: Any) -> list[str]:
    found = re.compile(r"""extra\s*==\s*['"]([^'"]+)['"]""")
    extras = {name for line in each.requires for name in found.findall(line)}
    basic = {str(need) for need in needs(each.key, "")}
    whole = []
    for extra in sorted(extras):
        more = [need for need in needs(each.key, extra) if str(need) not in basic]
        if more and all(normalised(need.name) in parsed for need in more):
            whole.append(extra)
    return whole


def _distribution(each: Distribution, module: str) -> Component:
    from cyclonedx.model.component import Component, ComponentType

    purl = None if each.key == module else _pypi(each)
    return Component(
        type=ComponentType.APPLICATION if each.key == module else ComponentType.LIBRARY,
        name=each.name,
        version=each.version,
        description=each.summary or None,
        purl=purl,
        bom_ref=purl.to_string() if purl else f"python:{each.key}@{each.version}",
        licenses=_licences(each),
        external_references=_website(each.home_page),
        properties=_properties(installer=each.installer, record_sha256=each.record_sha256),
    )


def _pypi(each: Distribution) -> PackageURL | None:
    """Return the package URL, or None for what came from a folder: an index may have another thing of this name."""
    from packageurl import PackageURL

    qualifiers: dict[str, str] = {}
    if each.direct_url is not None:
        url = str(each.direct_url["url"])
        if "vcs_info" in each.direct_url:
            info = each.direct_url["vcs_info"]
            qualifiers["vcs_url"] = f"{info['vcs']}+{url}@{info['commit_id']}"
        elif url.startswith("file:"):
            return None
        else:
            qualifiers["download_url"] = url
    return PackageURL("pypi", None, each.name, each.version, qualifiers)


def _package(each: Package, os_release: Mapping[str, str]) -> Component:
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.model.contact import OrganizationalEntity
    from packageurl import PackageURL

    system = os_release.get("ID", "debian")
    qualifiers = {"arch": each.architecture}
    if os_release.get("VERSION_ID"):
        qualifiers["distro"] = f"{system}-{os_release['VERSION_ID']}"
    if (each.source, each.source_version) != (each.name, each.version):
        differs = each.source_version != each.version
        qualifiers["upstream"] = each.source + (f"@{each.source_version}" if differs else "")
    purl = PackageURL("deb", system, each.name, each.version, qualifiers)
    maintainer = each.maintainer.partition(" <")[0]
    return Component(
        type=ComponentType.LIBRARY,
        name=each.name,
        version=each.version,
        purl=purl,
        bom_ref=purl.to_string(),
        supplier=OrganizationalEntity(name=maintainer) if maintainer else None,
        external_references=_website(each.homepage),
    )


def _operating_system(os_release: Mapping[str, str]) -> list[Component]:
    from cyclonedx.model.component import Component, ComponentType

    if "ID" not in os_release:
        return []
    return [
        Component(
            type=ComponentType.OPERATING_SYSTEM,
            name=os_release["ID"],
            version=os_release.get("VERSION_ID"),
            description=os_release.get("PRETTY_NAME"),
            bom_ref="operating-system",
        )
    ]


def _program(each: Program) -> Component:
    from cyclonedx.model import HashAlgorithm, HashType
    from cyclonedx.model.component import Component, ComponentType
    from packageurl import PackageURL

    name = PurePosixPath(each.path).name
    return Component(
        type=ComponentType.APPLICATION,
        name=name,
        version=each.version or None,
        purl=PackageURL("generic", None, name, each.version) if each.version else None,
        bom_ref=f"file:{each.path}",
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=each.sha256)],
        properties=_properties(path=each.path),
    )


def _licences(each: Distribution) -> list[License]:
    """Return the declared licence: the SPDX form where the text is one, or is another spelling of one; else its name."""
    from cyclonedx.contrib.license.factories import LicenseFactory
    from cyclonedx.model.license import LicenseAcknowledgement

    from scaffold.metadata.licences import is_spdx, respelt

    make = LicenseFactory()
    declared = LicenseAcknowledgement.DECLARED
    # some put the whole text of the licence into the field
    field = each.license.strip() if "\n" not in each.license.strip() else ""
    texts = [text for text in (each.license_expression, field) if text and text != "UNKNOWN"]
    for text in texts:
        if is_spdx(text) or text == each.license_expression:
            return [make.make_from_string(text, license_acknowledgement=declared)]
    names = [line.rpartition("::")[2].strip() for line in each.license_classifiers]
    for text in [*texts, *names]:
        # "Mozilla Public License 2.0 (MPL 2.0)" holds two spellings
        for spelling in (text, *re.findall(r"^[^(]+|(?<=\()[^)]+", text)):
            if identifier := respelt(spelling):
                return [make.make_from_string(identifier, license_acknowledgement=declared)]
    named = [text for text in texts if len(text) <= 100] or names
    return [make.make_with_name(text, acknowledgement=declared) for text in sorted(set(named))]


def _website(address: str) -> Iterable[ExternalReference]:
    from cyclonedx.model import ExternalReference, ExternalReferenceType, XsUri

    if not re.fullmatch(r"https?://[^\s<>\"{}|\\^`]+", address):
        return []
    return [ExternalReference(type=ExternalReferenceType.WEBSITE, url=XsUri(address))]


def _properties(**values: str) -> list[Property]:
    from cyclonedx.model import Property

    return [
        Property(name=f"{_PROPERTY}:{name.replace('_', '-')}", value=value)
        for name, value in values.items()
        if value
    ]
