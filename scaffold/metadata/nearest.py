"""Did you mean …? The known word that somebody probably wanted to write."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches
from functools import lru_cache

_MAX_LENGTH = 60  # no key and no allowed value is longer; comparing takes the square of it


def nearest(word: str, known: Iterable[str], cutoff: float = 0.75) -> str:
    """Return the known word nearest to `word`, or "" if none is near.

    Case, spaces and punctuation count for nothing: "scikit learn" is as good as "Scikit-learn".
    """
    return _nearest(word, tuple(known), cutoff) if len(word) <= _MAX_LENGTH else ""


@lru_cache(maxsize=4096)
def _nearest(word: str, known: tuple[str, ...], cutoff: float) -> str:
    plain = {_plain(candidate): candidate for candidate in reversed(known)}
    wanted = _plain(word)
    if not wanted:
        return ""
    close = [wanted] if wanted in plain else get_close_matches(wanted, plain, 1, cutoff)
    return plain[close[0]] if close else ""


def _plain(word: str) -> str:
    return re.sub(r"[\W_]+", "", word.casefold())
