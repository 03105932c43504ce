"""`scaffold metadata`: schemas, rules, and everything one does with metadata but checking it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from scaffold.cli.output import Output, common_options
from scaffold.errors import UsageError

if TYPE_CHECKING:
    from scaffold.metadata.loading import Document
    from scaffold.metadata.migrated import Migration


@click.group("metadata")
def command() -> None:
    """Schemas, rules, migration, cards and exports of module metadata."""


@command.command("schema")
@click.argument("version", required=False)
@common_options
def schema(out: Output, version: str | None) -> None:
    """Print the JSON Schema of a VERSION of the metadata; of the newest if none is given."""
    del out  # it is one JSON document in any case
    from scaffold.metadata import versions

    text = versions.schema_file(version or versions.NEWEST).read_text(encoding="utf-8")
    click.echo(text, nl=False)


@command.command("rules")
@click.argument("rule", required=False)
@common_options
def rules(out: Output, rule: str | None) -> None:
    """List the rules that `scaffold validate` checks, or explain one RULE."""
    from scaffold.metadata import catalogue

    chosen = catalogue.select(rule)
    text = catalogue.explanation(chosen[0]) if rule else catalogue.listing(chosen)
    out.result(text, {"rules": [catalogue.document(each) for each in chosen]})


_out_option = click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Write to this file; its name says in which format.",
)
_force_option = click.option("--force", is_flag=True, help="Replace a file that is there.")


@command.command("migrate")
@click.argument("file")
@click.option("--to", "target", metavar="VERSION", help="The version to make. Default: the newest.")
@_out_option
@click.option("--set", "pairs", multiple=True, metavar="KEY=VALUE", help="Put this in; repeatable.")
@click.option("--dry-run", is_flag=True, help="Write nothing, only say what would be lost.")
@click.option(
    "--force",
    is_flag=True,
    help="Replace a file that is there; go back to an older version even if something is lost.",
)
@common_options
def migrate(
    out: Output,
    file: str,
    target: str | None,
    output: Path | None,
    pairs: tuple[str, ...],
    dry_run: bool,
    force: bool,
) -> None:
    """Bring metadata to another version; keep what has a place, list what has none.

    Without -o the new metadata goes to standard output, as YAML. What only a person can answer
    is asked for in a terminal; elsewhere it is listed, and the exit code is 2.
    """
    from scaffold.metadata import migration, settable, showing, versions, writing

    version = target or versions.NEWEST
    document = _load(file)
    syntax = writing.syntax_of(output) if output else "yaml"
    answers = settable.parse_pairs(pairs, version)
    result = migration.migrate(document.data, version, answers=answers, force=force)
    if result.needed and not out.as_json and sys.stdin.isatty():
        _ask(result)
    text = "" if result.needed else migration.text(result, document, syntax)
    if output and text and not dry_run:
        writing.create(output, text, force=force)
    if not out.as_json:
        for line in showing.migration(result, quiet=out.quiet):
            click.echo(line, err=True)
        if result.needed:
            raise UsageError(
                f"{file}: {showing.count(len(result.needed), 'answer')} missing, nothing written",
                hint=" ".join(
                    f'--set {".".join(map(str, each.path))}="…"' for each in result.needed
                ),
            )
        if output:
            out.progress(f"{'would write' if dry_run else 'wrote'} {output}")
        elif not dry_run:
            click.echo(text, nl=False)
        return
    where = str(output) if output and text and not dry_run else None
    out.result("", showing.migration_document(result, where))
    if result.needed:
        click.get_current_context().exit(2)


@command.command("new")
@click.argument("path", required=False, type=click.Path(path_type=Path), default=Path())
@_out_option
@click.option(
    "--schema-version", metavar="VERSION", help="Default: the one the module was made for."
)
@click.option("--dry-run", is_flag=True, help="Write nothing, only print it.")
@_force_option
@common_options
def new(
    out: Output,
    path: Path,
    output: Path | None,
    schema_version: str | None,
    dry_run: bool,
    force: bool,
) -> None:
    """Write the metadata of the module that PATH lies in, from its answers and its package.

    Without -o it is written to metadata.json of the container repository, in a single repository to
    ai4-metadata.yml; -o - prints it as YAML.
    """
    from scaffold import module
    from scaffold.metadata import create, writing

    found = module.find(path)
    data = create.create(found, schema_version or "")
    target = output or create.home(found)
    printed = str(target) == "-" or dry_run
    text = writing.dump(data, "yaml" if str(target) == "-" else writing.syntax_of(target))
    if not printed:
        writing.create(target, text, force=force)
    if printed and not out.as_json:
        click.echo(text, nl=False)
        return
    out.result(f"wrote {target}", {"output": None if printed else str(target), "metadata": data})


@command.command("show")
@click.argument("file")
@click.option("--html", type=click.Path(path_type=Path), help="Write a page for a browser instead.")
@_force_option
@common_options
def show(out: Output, file: str, html: Path | None, force: bool) -> None:
    """Show metadata as a card, as the marketplace would."""
    from scaffold.metadata import card, writing

    made = card.card(_load(file).data)
    if html:
        from scaffold.metadata import cardpage

        writing.create(html, cardpage.page(made), force=force)
        out.result(f"wrote {html}", {"output": str(html), "card": made.document()})
        return
    if out.as_json:
        out.result("", made.document())
        return
    from scaffold.metadata import cardtext

    cardtext.show(made)


@command.command("export")
@click.argument("file")
@click.option(
    "--format",
    "export_format",
    type=click.Choice(["mldcat-ap", "cff"]),
    required=True,
    help="mldcat-ap: linked data for catalogues; cff: CITATION.cff.",
)
@click.option(
    "--serialization",
    type=click.Choice(["jsonld", "turtle"]),
    help="Of mldcat-ap. Default: what the name after -o says, or jsonld.",
)
@click.option(
    "--author",
    "authors",
    multiple=True,
    metavar="NAME",
    help='Author to cite, "Ann Lee <ann@example.org>"; repeatable. Default: the module\'s authors.',
)
@_out_option
@_force_option
@common_options
def export(
    out: Output,
    file: str,
    export_format: str,
    serialization: str | None,
    authors: tuple[str, ...],
    output: Path | None,
    force: bool,
) -> None:
    """Write metadata in the words of others, for catalogues and for citing."""
    from scaffold.metadata import exporting, writing

    made = exporting.export(
        _load(file).data, file, export_format, serialization or "", list(authors), output
    )
    for note in made.notes:
        out.progress(f"note: {note}")
    if output:
        writing.create(output, made.text, force=force)
    elif not out.as_json:
        click.echo(made.text, nl=False)
        return
    document = {
        "format": made.format,
        "output": str(output) if output else None,
        "content": made.text,
        "notes": made.notes,
    }
    out.result(f"wrote {output}", document)


def _load(file: str) -> Document:
    from scaffold.metadata import loading

    try:
        document = loading.load(file)
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror or error}") from None
    if not document.readable:
        problem = document.problems[-1]
        line, column = document.lines.position(document.span(problem).start)
        raise UsageError(
            f"{file}:{line}:{column}: {problem.message}",
            hint=problem.hint or f"`scaffold validate {file}` says more",
        )
    return document


def _ask(result: Migration) -> None:
    """Ask in the terminal for what only a person can answer."""
    from scaffold.errors import ScaffoldError
    from scaffold.metadata import migration, settable

    for needed in list(result.needed):
        name = ".".join(map(str, needed.path))
        click.echo(f"\n{click.style(name, bold=True)}: {needed.question}", err=True)
        while True:
            typed = click.prompt("  >", prompt_suffix=" ", err=True)
            try:
                value = settable.parse(needed.path, typed, result.target)
            except ScaffoldError as error:
                click.echo(f"  {error.message}. {error.hint}", err=True)
                continue
            if not (wrong := migration.answer(result, needed.path, value)):
                break
            click.echo(f"  {wrong}", err=True)
