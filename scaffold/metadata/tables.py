"""The reference page of migration, made from the tables that do it.

`python -m scaffold.frontdoors` writes docs/reference/metadata-migration.md; a test compares.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator

from scaffold.metadata import keywords, moving


def page() -> str:
    """Return the page as Markdown."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "# What becomes of metadata 1.0.0"
    yield ""
    yield "<!-- Made from the code by `python -m scaffold.frontdoors`. -->"
    yield ""
    yield "`scaffold metadata migrate` puts every key into its place in metadata 2. What has none is"
    yield "listed on standard error, and under `lost` with `--json`."
    yield ""
    yield "## Keys"
    yield ""
    documentation = inspect.getdoc(moving) or ""
    yield documentation[documentation.index("|") :].replace("see `keywords`", "see below")
    yield ""
    yield "Values that a template left to fill in (`http://add-some-url…`, `YYYY-MM-DD`) are left out and"
    yield "listed. A DOI loses the address before it."
    yield ""
    yield "## Keywords"
    yield ""
    yield "Case, spaces, punctuation and `library/` before a keyword count for nothing. A keyword that is"
    yield "not in this table becomes a tag."
    yield ""
    yield f"| keyword | {' | '.join(keywords.LISTS)} | a tag, too |"
    yield f"| --- |{' --- |' * (len(keywords.LISTS) + 1)}"
    for row in keywords.table().values():
        words = " | ".join(", ".join(row.words[name]) for name in keywords.LISTS)
        yield f"| {row.keyword} | {words} | {'yes' if row.stays else 'no'} |"
