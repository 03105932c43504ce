"""Is this the SPDX identifier of a licence, and if not, which one was meant?"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from scaffold.metadata.nearest import nearest

_LIST = Path(__file__).with_name("spdx.txt")
# what people write, without punctuation, spaces, "licence" and "version"
_MEANT = {
    "apache": "Apache-2.0",
    "apache2": "Apache-2.0",
    "apache20": "Apache-2.0",
    "asl20": "Apache-2.0",
    "expat": "MIT",
    "bsd": "BSD-3-Clause",
    "bsd3": "BSD-3-Clause",
    "newbsd": "BSD-3-Clause",
    "bsd2": "BSD-2-Clause",
    "gpl": "GPL-3.0-or-later",
    "gpl3": "GPL-3.0-only",
    "gplv3": "GPL-3.0-only",
    "gpl30": "GPL-3.0-only",
    "gnugpl3": "GPL-3.0-only",
    "gnugplv3": "GPL-3.0-only",
    "gplv2": "GPL-2.0-only",
    "gpl2": "GPL-2.0-only",
    "lgpl3": "LGPL-3.0-only",
    "lgplv3": "LGPL-3.0-only",
    "agpl": "AGPL-3.0-only",
    "agpl3": "AGPL-3.0-only",
    "agplv3": "AGPL-3.0-only",
    "agpl30": "AGPL-3.0-only",
    "mpl2": "MPL-2.0",
    "mpl20": "MPL-2.0",
    "eupl": "EUPL-1.2",
    "ccby4": "CC-BY-4.0",
    "ccby40": "CC-BY-4.0",
    "cc0": "CC0-1.0",
}


@cache
def _known() -> tuple[dict[str, str], frozenset[str]]:
    """Return the identifiers by their lower-case form, and the exceptions."""
    lines = _LIST.read_text(encoding="utf-8").splitlines()
    rows = [line for line in lines if not line.startswith("#")]
    middle = rows.index("[exceptions]")
    identifiers = {row.lstrip("-").lower(): row.lstrip("-") for row in rows[1:middle]}
    return identifiers, frozenset(rows[middle + 1 :])


def is_spdx(text: str) -> bool:
    """Tell whether text is an SPDX licence expression, `MIT` or `MIT OR Apache-2.0 WITH …`."""
    identifiers, exceptions = _known()
    words = re.findall(r"[()]|[^\s()]+", text)
    if len(words) == 1:
        return identifiers.get(text.removesuffix("+").lower()) == text.removesuffix("+")
    names = [word for word in words if word not in ("(", ")", "AND", "OR", "WITH")]
    return (
        bool(names)
        and words.count("(") == words.count(")")
        and len(names) == 1 + sum(word in ("AND", "OR", "WITH") for word in words)
        and all(name in exceptions or is_spdx(name) for name in names)
    )


def meant(text: str) -> str:
    """Return the identifier that somebody meant, or "".

    >>> meant("Apache 2.0")
    'Apache-2.0'
    """
    identifiers, _ = _known()
    plain = re.sub(r"[\W_]+|licen[cs]e|version|\bthe\b", "", text.casefold())
    if plain in _MEANT:
        return _MEANT[plain]
    exact = identifiers.get(text.strip().lower())
    return exact or nearest(plain, identifiers.values(), 0.8)


def respelt(text: str) -> str:
    """Return the identifier that text is another spelling of, or "": nothing is guessed.

    Case, punctuation, "licence", "version" and a zero at the end count for nothing. GPLv3 is no
    spelling of anything: it may be "only" or "or later".

    >>> respelt("Apache License, Version 2.0"), respelt("GPLv3")
    ('Apache-2.0', '')
    """
    return _spellings().get(_spelling(text), "")


@cache
def _spellings() -> dict[str, str]:
    lines = _LIST.read_text(encoding="utf-8").splitlines()
    rows = [line for line in lines if line and not line.startswith("#")]
    current = [row for row in rows[1 : rows.index("[exceptions]")] if not row.startswith("-")]
    found: dict[str, list[str]] = {}
    for identifier in current:
        found.setdefault(_spelling(identifier), []).append(identifier)
    return {spelling: each[0] for spelling, each in found.items() if len(each) == 1}


def _spelling(text: str) -> str:
    words = re.sub(r"licen[cs]e|version|\bthe\b|\bv(?=\.?\s*\d)", " ", text.casefold())
    words = re.sub(r"(?<=\d)\.0\b", "", words)
    return re.sub(r"[\W_]+", "", words)
