"""What a check is, and running them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from scaffold.errors import ScaffoldError

GOOD, WARNING, FAILED, SKIPPED = "good", "warning", "failed", "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check has found.

    Attributes:
        verdict: `good`, `warning`, `failed`, or `skipped` if it does not apply here.
        evidence: what was seen.
        remedy: what to do about it; "" if nothing is to be done.
    """

    verdict: str
    evidence: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that is looked at.

    Attributes:
        id: its stable name.
        title: what it is about.
        look: looks, given the module's folder or any other; changes nothing.
        fix: mends what is wrong and says what it has done; None if only a person can.
    """

    id: str
    title: str
    look: Callable[[Path], Finding]
    fix: Callable[[Path], str] | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """A check, what it found, and what was done about it ("" if nothing was)."""

    check: Check
    finding: Finding
    fixed: str = ""


def run(checks: Iterable[Check], path: Path, *, fix: bool = False) -> list[Result]:
    """Run checks; one that breaks is a failed one, and the others run all the same.

    Args:
        checks: the checks.
        path: the folder they are about.
        fix: mend what can be mended, and look again.
    """
    results = []
    for check in checks:
        finding, fixed = _looked(check, path), ""
        if fix and check.fix and finding.verdict in (FAILED, WARNING):
            try:
                fixed = check.fix(path)
            except ScaffoldError as error:
                finding = Finding(finding.verdict, error.message, error.hint)
            else:
                finding = _looked(check, path)
        results.append(Result(check, finding, fixed))
    return results


def _looked(check: Check, path: Path) -> Finding:
    try:
        return check.look(path)
    except ScaffoldError as error:
        return Finding(FAILED, error.message, error.hint)


def document(results: Iterable[Result]) -> dict[str, object]:
    """Return the results as `--json` prints them."""
    rows = [
        {
            "id": each.check.id,
            "title": each.check.title,
            "verdict": each.finding.verdict,
            "evidence": each.finding.evidence,
            "remedy": each.finding.remedy,
            "fixable": each.check.fix is not None,
            "fixed": each.fixed,
        }
        for each in results
    ]
    return {"good": all(row["verdict"] != FAILED for row in rows), "checks": rows}
