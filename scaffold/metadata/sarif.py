"""Reports as SARIF 2.1.0, the format that code-scanning services read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from scaffold import __version__
from scaffold.metadata.checks import Finding, Report
from scaffold.metadata.report import Tally
from scaffold.metadata.rules import RULES

_SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
_INDEX = {rule: index for index, rule in enumerate(RULES)}


def as_sarif(reports: Iterable[Report], tally: Tally) -> Iterator[str]:
    """Yield one SARIF document."""
    # the document up to where its results go: `… "results": []}]}` without what closes it
    separator = json.dumps(_head(), ensure_ascii=False).removesuffix("]}]}") + "\n"
    for report in tally.watch(reports):
        for finding in report.findings:
            yield separator + json.dumps(_result(report.path, finding), ensure_ascii=False)
            separator = ",\n"
    yield "\n]}]}\n" if separator == ",\n" else separator + "]}]}\n"


def _head() -> dict[str, Any]:
    rules = [
        {
            "id": rule.id,
            "shortDescription": {"text": rule.title},
            "fullDescription": {"text": rule.why},
            "help": {"text": rule.why},
            "defaultConfiguration": {"level": rule.severity},
            "properties": {"tags": [rule.group]},
        }
        for rule in RULES.values()
    ]
    driver = {"name": "scaffold validate", "version": __version__, "rules": rules}
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": []}
    return {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [run],
    }


def _result(path: str, finding: Finding) -> dict[str, Any]:
    region = {
        "startLine": finding.line,
        "startColumn": finding.column,
        "endColumn": finding.end_column,
        "snippet": {"text": finding.excerpt},
    }
    location: dict[str, Any] = {
        "physicalLocation": {"artifactLocation": {"uri": _uri(path)}, "region": region}
    }
    if finding.pointer:
        location["logicalLocations"] = [{"fullyQualifiedName": finding.pointer, "kind": "member"}]
    text = f"{finding.message}. {finding.hint}" if finding.hint else finding.message
    return {
        "ruleId": finding.rule,
        "ruleIndex": _INDEX[finding.rule],
        "level": finding.severity,
        "message": {"text": text},
        "locations": [location],
        "partialFingerprints": {"rulePointer/v1": f"{finding.rule}:{finding.pointer}"},
    }


def _uri(path: str) -> str:
    file = Path(path)
    if file.is_absolute():
        return file.as_uri()
    return quote(file.as_posix(), errors="surrogateescape")
