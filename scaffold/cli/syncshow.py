"""What `scaffold sync` prints of a plan, a copy and a check: for people, and for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scaffold.cli.transferbar import counted, duration, human

if TYPE_CHECKING:
    from scaffold.data.checking import Report
    from scaffold.data.job import Job
    from scaffold.data.places import Place
    from scaffold.data.transfer import Plan, Summary


def plan_document(place: Place, planned: Plan) -> dict[str, Any]:
    """Return a plan as `--json` prints it."""
    return {
        "remote": place.remote,
        "folder": str(place.folder),
        "copy": [{"path": name, "bytes": planned.copy[name]} for name in sorted(planned.copy)],
        "delete": [{"path": name, "bytes": planned.delete[name]} for name in planned.delete],
        "bytes": sum(max(each, 0) for each in planned.copy.values()),
        "unchanged": planned.kept,
    }


def plan_text(place: Place, planned: Plan, direction: str) -> str:
    """Return a plan for people, a line for each file."""
    arrow = "->" if direction == "pull" else "<-"
    amount = human(sum(max(each, 0) for each in planned.copy.values()))
    total = (
        f"{place.remote} {arrow} {place.folder}: would copy {counted(len(planned.copy))} ({amount}), "
        f"delete {len(planned.delete):,}, leave {planned.kept:,} as they are"
    )
    return "\n".join(
        [
            *(f"copy    {name}" for name in sorted(planned.copy)),
            *(f"delete  {name}" for name in planned.delete),
            total,
        ]
    )


def summary_document(place: Place, done: Summary) -> dict[str, Any]:
    """Return a copy as `--json` prints it."""
    return {
        "remote": place.remote,
        "folder": str(place.folder),
        "files": len(done.copied),
        "bytes": sum(max(each, 0) for each in done.copied.values()),
        "seconds": round(done.seconds, 3),
        "unchanged": done.unchanged,
        "checked": done.proof.by_checksum,
        "checked_by_size": done.proof.by_size,
        "deleted": done.deleted,
        "skipped": done.skipped,
        "errors": list(done.overcome),
        "manifest": str(done.manifest),
        "digest": done.digest,
        "notes": list(done.notes),
    }


def summary_text(job: Job, done: Summary) -> str:
    """Return a copy for people, in one line."""
    copied = sum(max(each, 0) for each in done.copied.values())
    rate = f", {human(copied / done.seconds)}/s" if copied else ""
    size = f"{human(copied)} in {duration(done.seconds)}{rate}"
    parts = [
        f"{job.source.label} -> {job.destination.label}: {counted(len(done.copied))} copied ({size})",
        f"{done.unchanged:,} there already",
        f"{done.proof.by_checksum:,} checked by checksum",
    ]
    if done.proof.by_size:
        parts.append(f"{done.proof.by_size:,} by size only")
    if done.deleted:
        parts.append(f"{len(done.deleted):,} deleted")
    return "; ".join(parts)


def check_document(place: Place, job: Job, report: Report) -> dict[str, Any]:
    """Return a check as `--json` prints it."""
    return {
        "remote": place.remote,
        "folder": str(place.folder),
        "source": "remote" if job.direction == "pull" else "folder",
        "checked": report.by_checksum,
        "checked_by_size": report.by_size,
        "missing": report.missing,
        "different": report.different,
        "extra": report.extra,
        "seconds": round(report.seconds, 3),
        "notes": list(report.notes),
    }


def check_text(place: Place, report: Report) -> str:
    """Return a check for people: a line for each fault, and one for the whole."""
    verdict = "all there" if report.good else "not the same"
    total = (
        f"{place.remote} and {place.folder}: {verdict}; {counted(report.by_checksum)} by checksum, "
        f"{report.by_size:,} by size, {len(report.missing):,} missing, "
        f"{len(report.different):,} different, {len(report.extra):,} at the destination only"
    )
    return "\n".join(
        [
            *(f"missing    {each}" for each in report.missing),
            *(f"different  {each}" for each in report.different),
            total,
        ]
    )
