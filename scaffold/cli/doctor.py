"""`scaffold doctor`: is everything here that scaffold needs?"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from scaffold.cli.output import Output, common_options

if TYPE_CHECKING:
    from scaffold.doctor.check import Result

_SIGNS = {
    "good": ("✓", "green"),
    "warning": ("!", "yellow"),
    "failed": ("✗", "red"),
    "skipped": ("-", ""),
}


@click.command("doctor")
@click.argument("path", default=".", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--fix", is_flag=True, help="Mend what can be mended; installs what is missing.")
@common_options
def command(out: Output, path: Path, fix: bool) -> None:
    """Check this machine, and the module that PATH lies in.

    Exit code 1 if a check has failed; warnings do not count.
    """
    from scaffold.doctor import check
    from scaffold.doctor.checks import CHECKS

    show(out, check.run(CHECKS, path, fix=fix))


def show(out: Output, results: Sequence[Result]) -> None:
    """Print what checks have found, and exit with 1 if one has failed."""
    from scaffold.doctor import check

    document = check.document(results)
    lines = []
    for each in results:
        sign, colour = _SIGNS[each.finding.verdict]
        lines.append(
            f"{click.style(sign, fg=colour or None)} {each.check.id}: {each.finding.evidence}"
        )
        if each.fixed:
            lines.append(f"    fixed: {each.fixed}")
        if each.finding.remedy:
            lines.append(f"    {each.finding.remedy}")
    out.result("\n".join(lines), document)
    if not document["good"]:
        sys.exit(1)
