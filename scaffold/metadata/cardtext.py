"""A card in the terminal: drawn with rich where there is one, plain text elsewhere."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING

from scaffold.metadata.report import printable

if TYPE_CHECKING:
    from rich.console import RenderableType

    from scaffold.metadata.card import Card

_WIDTH = 88


def show(card: Card) -> None:
    """Print a card to standard output."""
    if sys.stdout.isatty() and not os.environ.get("NO_COLOR"):
        _draw(card)
    else:
        sys.stdout.write("".join(f"{line}\n" for line in plain(card)))


def plain(card: Card, width: int = _WIDTH) -> Iterator[str]:
    """Yield the lines of a card without colours and boxes."""
    title = printable(card.title)
    yield title
    yield "=" * min(len(title), width)
    yield from textwrap.wrap(printable(card.summary), width)
    yield ""
    for label, value in _rows(card):
        yield from _row(label, value, width)
    if card.description.strip():
        yield ""
        for line in card.description.split("\n"):
            yield from textwrap.wrap(printable(line), width) or [""]


def _rows(card: Card) -> Iterator[tuple[str, str]]:
    lists = {
        "Categories": card.categories,
        "Tasks": card.tasks,
        "Libraries": card.libraries,
        "Data types": card.data_types,
        "Tags": card.tags,
    }
    for label, words in lists.items():
        if words:
            yield label, ", ".join(map(printable, words))
    for label, value in card.facts:
        yield label, printable(value)
    for link in card.links:
        yield link.label, printable(link.text)
    for name, needs in card.resources:
        yield name, ", ".join(f"{label} {value}" for label, value in needs)
    yield "Metadata", card.version


def _row(label: str, value: str, width: int) -> list[str]:
    lines = textwrap.wrap(value, width - 15, break_long_words=False, break_on_hyphens=False) or [""]
    return [f"{label:<14} {lines[0]}", *(" " * 15 + line for line in lines[1:])]


def _draw(card: Card) -> None:
    from rich.console import Console, Group
    from rich.markdown import Markdown
    from rich.padding import Padding
    from rich.panel import Panel
    from rich.rule import Rule
    from rich.table import Table
    from rich.text import Text

    console = Console(width=min(shutil.get_terminal_size().columns, 100), highlight=False)
    badges = Text()
    for words, style in (
        (card.categories, "bold white on dark_cyan"),
        (card.tasks, "bold white on blue"),
        (card.libraries, "bold black on orange3"),
        (card.data_types, "bold white on magenta"),
    ):
        for word in words:
            badges.append(f" {printable(word)} ", style=style).append(" ")
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    shown = {"Categories", "Tasks", "Libraries", "Data types"}
    for label, value in _rows(card):
        if label not in shown:
            table.add_row(label, Text(value))
    parts: list[RenderableType] = [Text(printable(card.summary), style="italic"), Text()]
    if badges:
        parts += [badges, Text()]
    parts.append(table)
    if card.description.strip():
        text = "\n".join(printable(line) for line in card.description.split("\n"))
        parts += [
            Text(),
            Rule(style="dim"),
            Padding(Markdown(text, hyperlinks=False), (1, 0, 0, 0)),
        ]
    title = Text(printable(card.title), style="bold")
    console.print(Panel(Group(*parts), title=title, title_align="left", padding=(1, 2)))
