"""`scaffold metadata`: the schemas and the rules of metadata."""

from __future__ import annotations

import click

from scaffold.cli.output import Output, common_options


@click.group("metadata")
def command() -> None:
    """Schemas and rules of module metadata."""


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
