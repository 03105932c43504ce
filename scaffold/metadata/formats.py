"""The formats that the metadata schemas name, checked as the `jsonschema` package checks them.

`jsonschema` leaves uri and uri-reference to the package rfc3987, which is under the GPL and slow to
import; the grammar is RFC 3986, appendix A, and the tests compare the two. It does not know doi.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from functools import cache

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")

# what a percent-encoded character counts as: it may stand wherever this may, but in a scheme
_ESCAPED = re.compile(r"%[0-9A-Fa-f]{2}")
_STAND_IN = "_"
_NAME = r"[a-zA-Z0-9._~!$&'()*+,;=-]"
_CHAR = r"[a-zA-Z0-9._~!$&'()*+,;=:@-]"
_USER = r"[a-zA-Z0-9._~!$&'()*+,;=:-]"
_OCTET = r"(?:25[0-5]|2[0-4][0-9]|[01]?[0-9][0-9]?)"
_IPV4 = rf"(?:{_OCTET}\.){{3}}{_OCTET}"
_H16 = r"[0-9A-Fa-f]{1,4}"
_LS32 = rf"(?:{_H16}:{_H16}|{_IPV4})"
_IPV6 = "|".join(
    [
        rf"(?:{_H16}:){{6}}{_LS32}",
        rf"::(?:{_H16}:){{5}}{_LS32}",
        *(
            rf"(?:(?:{_H16}:){{0,{before}}}{_H16})?::(?:{_H16}:){{{4 - before}}}{_LS32}"
            for before in range(5)
        ),
        rf"(?:(?:{_H16}:){{0,5}}{_H16})?::{_H16}",
        rf"(?:(?:{_H16}:){{0,6}}{_H16})?::",
    ]
)
_IP_LITERAL = rf"\[(?:{_IPV6}|v[0-9A-Fa-f]+\.[a-zA-Z0-9._~!$&'()*+,;=:-]+)\]"
_AUTHORITY = rf"(?:{_USER}*@)?(?:{_IP_LITERAL}|{_NAME}*)(?::[0-9]*)?"
_AFTER_AUTHORITY = rf"//{_AUTHORITY}(?:/{_CHAR}*)*"
_ABSOLUTE_PATH = rf"/(?:{_CHAR}+(?:/{_CHAR}*)*)?"
_TEXT = r"[a-zA-Z0-9._~!$&'()*+,;=:@/?-]*"
_REST = rf"(?:\?{_TEXT})?(?:#{_TEXT})?"
_URI = (
    rf"[a-zA-Z][a-zA-Z0-9+.-]*:"
    rf"(?:{_AFTER_AUTHORITY}|{_ABSOLUTE_PATH}|{_CHAR}+(?:/{_CHAR}*)*|){_REST}"
)
_RELATIVE = (
    rf"(?:{_AFTER_AUTHORITY}|{_ABSOLUTE_PATH}|[a-zA-Z0-9._~!$&'()*+,;=@-]+(?:/{_CHAR}*)*|){_REST}"
)
_DOI = re.compile(r"10\.[0-9]{4,9}(?:\.[0-9]+)*/\S+")


@cache
def _uri() -> re.Pattern[str]:
    return re.compile(_URI)


@cache
def _relative() -> re.Pattern[str]:
    return re.compile(_RELATIVE)


def is_date(text: str) -> bool:
    """Tell whether text is a day of the calendar, as YYYY-MM-DD."""
    if not _DATE.fullmatch(text):
        return False
    try:
        datetime.date.fromisoformat(text)
    except ValueError:
        return False
    return True


def is_uri(text: str) -> bool:
    """Tell whether text is a URI (RFC 3986); `ai4oshub/plants` is none, it has no scheme."""
    return bool(_uri().fullmatch(_decoded(text)))


def is_uri_reference(text: str) -> bool:
    """Tell whether text is a URI or a relative reference (RFC 3986)."""
    text = _decoded(text)
    return bool(_uri().fullmatch(text) or _relative().fullmatch(text))


def _decoded(text: str) -> str:
    """Put one plain character for each encoded one, which keeps the patterns fast.

    A line break at the end is dropped: the original validators let it pass. An address in brackets
    may hold nothing encoded: what is encoded there stays, and is refused.
    """
    text = text.removesuffix("\n")
    if "%" not in text or text.count("[") > 1:
        return text
    before = text.partition("]")[0]
    if "[" in before and "%" in before[before.index("[") :]:
        return text
    return _ESCAPED.sub(_STAND_IN, text)


def is_doi(text: str) -> bool:
    """Tell whether text is a DOI (10.…/…), without the address of a resolver before it."""
    return bool(_DOI.fullmatch(text))


# a format that is not here is not checked, as JSON Schema has it
CHECKS: dict[str, Callable[[str], bool]] = {
    "date": is_date,
    "uri": is_uri,
    "uri-reference": is_uri_reference,
    "doi": is_doi,
}
