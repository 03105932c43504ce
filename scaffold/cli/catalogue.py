"""`scaffold catalogue`: what the marketplaces list, and whether it is in order."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click

from scaffold.cli.output import Output, common_options

if TYPE_CHECKING:
    from scaffold.marketplace.catalogues import Catalogue, Entry

_Command = TypeVar("_Command", bound=Callable[..., Any])

_EPILOG = """\b
WHERE is one of
    deep, ai4eosc     the catalogue of DEEP, or of AI4EOSC: it is cloned
    https://…         another one's address: it is cloned
    FOLDER            a clone of your own; `git submodule update --init`
                      in it brings the modules along"""

_where = click.option(
    "--catalogue",
    "where",
    metavar="WHERE",
    default=".",
    help="Which catalogue. Default: the folder you are in.",
)


@click.group("catalogue", epilog=_EPILOG)
def command() -> None:
    """Look into the marketplaces' catalogues: what they list, and whether it is in order."""


@contextmanager
def _opened(out: Output, where: str, *, modules: bool) -> Iterator[Catalogue]:
    from scaffold.marketplace import catalogues, cloning

    with cloning.clone(where, modules=modules, say=out.progress) as root:
        yield catalogues.read(root)


def _row(catalogue: Catalogue, entry: Entry) -> dict[str, Any]:
    return {
        "name": entry.name,
        "url": entry.url,
        "branch": entry.branch or None,
        "commit": catalogue.gitlinks.get(entry.path),
    }


def _line(entry: Entry, width: int) -> str:
    return f"{entry.name:{width}}  {entry.url}{f'  ({entry.branch})' if entry.branch else ''}"


def _table(entries: list[Entry]) -> str:
    width = max((len(entry.name) for entry in entries), default=0)
    return "\n".join(_line(entry, width) for entry in entries)


@command.command("list", epilog=_EPILOG)
@_where
@common_options
def list_(out: Output, where: str) -> None:
    """List the modules."""
    with _opened(out, where, modules=False) as catalogue:
        rows = [_row(catalogue, entry) for entry in catalogue.entries]
        out.result(
            _table([*catalogue.entries]), {"catalogue": catalogue.known.name, "modules": rows}
        )


@command.command("search", epilog=_EPILOG)
@click.argument("words", nargs=-1, required=True)
@_where
@common_options
def search(out: Output, words: tuple[str, ...], where: str) -> None:
    """Find modules whose name, address or metadata hold all WORDS.

    Exit code 1 if there is none.
    """
    from scaffold.marketplace import searching

    with _opened(out, where, modules=True) as catalogue:
        found = [entry for entry in catalogue.entries if searching.holds(catalogue, entry, words)]
        rows = [_row(catalogue, entry) for entry in found]
        _say_not_cloned(out, catalogue)
        out.result(_table(found), {"catalogue": catalogue.known.name, "modules": rows})
    if not found:
        sys.exit(1)


@command.command("show", epilog=_EPILOG)
@click.argument("name")
@_where
@common_options
def show(out: Output, name: str, where: str) -> None:
    """Show a module as the marketplace would."""
    from scaffold.marketplace import searching
    from scaffold.metadata import card, cardtext

    with _opened(out, where, modules=True) as catalogue:
        entry = searching.find(catalogue, name)
        made = card.card(searching.data(catalogue, entry))
        document = {**_row(catalogue, entry), "card": made.document()}
    if out.as_json:
        out.result("", document)
        return
    if not out.quiet:
        cardtext.show(made)
        click.echo(f"\n{_line(entry, 0)}")


@command.command("check", epilog=_EPILOG)
@click.option(
    "--jobs", "-j", type=click.IntRange(min=1), help="Processes. Default: one on each core."
)
@_where
@common_options
def check(out: Output, where: str, jobs: int | None) -> None:
    """Check the list, git's links and the metadata of all modules.

    Exit code 1 if anything is wrong.
    """
    from itertools import chain

    from scaffold.marketplace import drift
    from scaffold.metadata.report import printable

    findings = 0
    documents = []
    with _opened(out, where, modules=True) as catalogue:
        for each in chain(drift.listed(catalogue), drift.modules(catalogue, jobs)):
            findings += 1
            if out.as_json:
                documents.append(each.document())
                continue
            click.echo(
                f"{each.where}: {printable(each.module)}: {printable(each.message)} [{each.id}]"
            )
            if each.hint and not out.quiet:
                click.echo(f"  hint: {printable(each.hint)}")
        _say_not_cloned(out, catalogue)
        summary = {
            "catalogue": catalogue.known.name,
            "modules": len(catalogue.entries),
            "not_cloned": drift.not_cloned(catalogue),
            "good": not findings,
            "findings": documents,
        }
    wrong = f"{findings} finding{'' if findings == 1 else 's'}" if findings else "nothing wrong"
    out.result(f"{summary['modules']} modules: {wrong}", summary)
    if findings:
        sys.exit(1)


def _say_not_cloned(out: Output, catalogue: Catalogue) -> None:
    from scaffold.marketplace import drift

    if missing := drift.not_cloned(catalogue):
        out.progress(
            f"note: {missing} of {len(catalogue.entries)} modules are not cloned, and their metadata "
            f"is not known; `git -C {catalogue.root} submodule update --init` gets them"
        )
