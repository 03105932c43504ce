"""A card as a page: one file, nothing fetched from anywhere, no script, everything escaped."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import Any

from scaffold.metadata.card import Card, doi_url, safe_url

_STYLE = Path(__file__).with_name("card.css")
_TAG = re.compile(r"<!--.*?(?:-->|\Z)|</?[A-Za-z][^>]*(?:>|\Z)", re.DOTALL)
# the page may use the styles in it, and nothing else: no script, no picture, no connection
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def page(card: Card) -> str:
    """Return a card as HTML."""
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="referrer" content="no-referrer">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(card.title)}</title>
<style>
{_STYLE.read_text(encoding="utf-8")}</style>
</head>
<body>
<main>
<div class="card">
<header>
<div class="head">
<div class="mark" aria-hidden="true">{escape(_initial(card.title))}</div>
<div>
<h1>{escape(card.title)}</h1>
<p class="summary">{escape(card.summary)}</p>
</div>
</div>
{_badges(card)}</header>
<div class="body">
<article>
{_markdown(card.description) if card.description.strip() else "<p>There is no description.</p>"}
</article>
<aside>
{_facts("About", card.facts)}{_links(card)}{"".join(_facts(*each) for each in card.resources)}</aside>
</div>
</div>
<footer>Metadata {escape(card.version)}</footer>
</main>
</body>
</html>
"""


def _initial(title: str) -> str:
    return next((char.upper() for char in title if char.isalnum()), "·")


def _badges(card: Card) -> str:
    kinds: Iterable[tuple[str, Sequence[str]]] = (
        ("category", card.categories),
        ("task", card.tasks),
        ("library", card.libraries),
        ("data", card.data_types),
        ("tag", card.tags),
    )
    items = [f'<li class="{kind}">{escape(word)}</li>' for kind, words in kinds for word in words]
    return f'<ul class="badges">{"".join(items)}</ul>\n' if items else ""


def _facts(heading: str, rows: Sequence[tuple[str, str]]) -> str:
    if not rows:
        return ""
    cells = "".join(
        f"<dt>{escape(label)}</dt><dd>{_fact(label, value)}</dd>" for label, value in rows
    )
    return f"<section><h2>{escape(heading)}</h2><dl>{cells}</dl></section>\n"


def _fact(label: str, value: str) -> str:
    return _anchor(value, doi_url(value)) if label == "DOI" else escape(value)


def _links(card: Card) -> str:
    if not card.links:
        return ""
    items = "".join(
        f'<li><span class="label">{escape(link.label)}</span>'
        f"{_anchor(_short(link.text), link.url)}</li>"
        for link in card.links
    )
    return f'<section><h2>Links</h2><ul class="links">{items}</ul></section>\n'


def _short(address: str) -> str:
    return re.sub(r"^https?://(www\.)?", "", address).rstrip("/") or address


def _anchor(text: str, url: str) -> str:
    if not url:
        return escape(text)
    return f'<a href="{escape(url)}" rel="noopener noreferrer nofollow">{escape(text)}</a>'


def _markdown(text: str) -> str:
    """Render Markdown; tags in it are left out, pictures become links."""
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": True, "typographer": False}).enable("table")
    parser.validateLink = lambda url: bool(safe_url(url))  # type: ignore[method-assign]
    parser.add_render_rule("html_inline", _without_tags)
    parser.add_render_rule("html_block", _without_tags)
    parser.add_render_rule("image", _picture)
    parser.add_render_rule("link_open", _link)
    return str(parser.render(text)).strip()


def _without_tags(_: Any, tokens: Sequence[Any], index: int, *__: Any) -> str:
    content = tokens[index].content
    if re.fullmatch(r"\s*<br\s*/?>\s*", content, re.IGNORECASE):
        return "<br>"
    left = escape(_TAG.sub("", content)).strip()
    return f"<p>{left}</p>\n" if left and tokens[index].type == "html_block" else left


def _picture(_: Any, tokens: Sequence[Any], index: int, *__: Any) -> str:
    token = tokens[index]
    url = str(token.attrs.get("src", ""))
    return _anchor(token.content or _short(url), safe_url(url))


def _link(_: Any, tokens: Sequence[Any], index: int, *__: Any) -> str:
    url = safe_url(str(tokens[index].attrs.get("href", "")))
    return f'<a href="{escape(url)}" rel="noopener noreferrer nofollow">' if url else "<a>"
