"""`scaffold validate`: everything that is wrong with metadata files, at the line."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from scaffold.cli.output import Output, common_options

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scaffold.metadata.checks import Options, Report
    from scaffold.metadata.report import Tally

_EPILOG = """\b
Exit codes:
    0  every file is valid (warnings do not count)
    1  a file is not valid
    2  a file cannot be opened, or an option makes no sense

`scaffold metadata rules` lists the rules, `scaffold metadata schema` prints a schema."""


@click.command("validate", epilog=_EPILOG)
@click.argument("files", nargs=-1, metavar="FILE…")
@click.option(
    "--schema-version",
    metavar="VERSION",
    help="Check against this version of the schema, whatever the files declare.",
)
@click.option(
    "--schema",
    "schema",
    type=click.Path(path_type=Path),
    help="Check against a JSON Schema of your own, and nothing else.",
)
@click.option("--check-formats", is_flag=True, help="Badly formatted dates, URIs, … are errors.")
@click.option("--strict", is_flag=True, help="Every warning is an error.")
@click.option("--ignore", multiple=True, metavar="RULE", help="Drop this warning; repeatable.")
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["text", "json", "sarif", "github"]),
    default="text",
    help="How to print what was found; --json is the same as --format json.",
)
@click.option(
    "-j", "--jobs", type=click.IntRange(min=1), help="Processes to use. Default: one for each core."
)
@click.option("--fix", is_flag=True, help="Repair what has one right way to; show the changes.")
@click.option("--dry-run", is_flag=True, help="With --fix: only show the changes.")
@common_options
def command(
    out: Output,
    files: tuple[str, ...],
    schema_version: str | None,
    schema: Path | None,
    check_formats: bool,
    strict: bool,
    ignore: tuple[str, ...],
    output_format: str,
    jobs: int | None,
    fix: bool,
    dry_run: bool,
) -> None:
    """Check metadata files: all errors, each with its line and with what would be right.

    FILE is JSON or YAML, a folder to search, or - for standard input; without any, the folder
    you are in. A file is checked against the version it declares, or else the one it looks like.
    """
    from scaffold.cli.progress import Bar
    from scaffold.metadata import batch
    from scaffold.metadata.checks import Options
    from scaffold.metadata.report import Tally

    if schema and schema_version:
        raise click.UsageError("--schema and --schema-version exclude each other")
    if dry_run and not fix:
        raise click.UsageError("--dry-run goes with --fix; without it nothing is changed anyway")
    options = Options(schema_version, schema, check_formats, strict, _known(ignore))
    if fix:
        _fix(out, files or (".",), options, "json" if out.as_json else output_format, dry_run)
        return
    paths = files or (".",)
    shown = not out.quiet and sys.stderr.isatty()
    total = sum(1 for _ in batch.find(paths)) if shown else 0
    bar = Bar("files", total, shown=shown)
    tally = Tally()
    reports = bar.count(batch.run(batch.find(paths), options, jobs))
    with contextlib.suppress(AttributeError):  # a replaced stdout may know no encoding errors
        sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    for piece in _pieces("json" if out.as_json else output_format, reports, tally, out):
        bar.clear()
        click.echo(piece, nl=False, color=True)
    bar.clear()
    click.get_current_context().exit(tally.exit_code)


def _pieces(
    output_format: str, reports: Iterable[Report], tally: Tally, out: Output
) -> Iterator[str]:
    from scaffold.metadata import report

    if output_format == "json":
        return report.as_json(reports, tally)
    if output_format == "github":
        return report.as_github(reports, tally)
    if output_format == "sarif":
        from scaffold.metadata.sarif import as_sarif

        return as_sarif(reports, tally)
    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    return report.as_text(reports, tally, colour=colour, quiet=out.quiet)


def _fix(
    out: Output, paths: tuple[str, ...], options: Options, output_format: str, dry_run: bool
) -> None:
    from scaffold.metadata import batch, fixing
    from scaffold.metadata.report import Tally

    if options.schema or output_format not in ("text", "json"):
        raise click.UsageError("--fix goes with neither --schema nor --format sarif or github")
    if "-" in paths:
        raise click.UsageError("--fix changes files, and - is none")
    tally = Tally()
    invalid = 0

    def counted() -> Iterator[fixing.Repair]:
        nonlocal invalid
        for each in fixing.repair(batch.find(paths), options, dry_run=dry_run):
            invalid += not each.valid
            yield each

    if output_format == "json":
        # all before the first: a file that cannot be written ends it, with a document of its own
        pieces = iter([*fixing.as_json(counted(), tally)])
    else:
        colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        pieces = fixing.as_text_pieces(
            counted(), tally, dry_run=dry_run, colour=colour, quiet=out.quiet
        )
    for piece in pieces:
        click.echo(piece, nl=False, color=True)
    click.get_current_context().exit(tally.exit_code or int(invalid > 0))


def _known(ignored: tuple[str, ...]) -> frozenset[str]:
    from scaffold.metadata.nearest import nearest
    from scaffold.metadata.rules import RULES

    for rule in ignored:
        if rule not in RULES:
            close = nearest(rule, RULES)
            hint = f"Did you mean {close}?" if close else "See `scaffold metadata rules`."
            raise click.UsageError(f"There is no rule {rule!r}. {hint}")
        if RULES[rule].severity == "error":
            raise click.UsageError(f"{rule} is an error; only warnings can be ignored")
    return frozenset(ignored)
