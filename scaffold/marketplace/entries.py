"""An entry of a catalogue's list put in, changed or taken out; every other byte stays as it is.

Text goes in and text comes out, line ends included: read the files as bytes. The style of a new
entry, its indentation and its line end, is that of the last one in the file.
"""

from __future__ import annotations

import re

from scaffold.errors import ScaffoldError
from scaffold.marketplace.catalogues import plain_url

_ITEM = re.compile(
    r"""(?P<before>[ \t]*-[ \t]+module[ \t]*:[ \t]*)(?P<quote>["']?)(?P<url>[^\s"'#]+)(?P=quote)"""
    r"(?P<after>[ \t]*(?:[ \t]#[^\r\n]*)?)(?:\r?\n)?\Z"
)
_HEADING = re.compile(r'[ \t]*\[[ \t]*submodule[ \t]+"(?P<name>(?:[^"\\]|\\.)*)"[ \t]*\]')
_ANY_HEADING = re.compile(r"[ \t]*\[")
_VARIABLE = re.compile(
    r"(?P<before>[ \t]*(?P<key>[A-Za-z][A-Za-z0-9-]*)[ \t]*=[ \t]*)(?P<value>[^\r\n]*?)(?P<after>[ \t]*(?:\r?\n)?)\Z"
)


def listed(text: str, url: str) -> bool:
    """Whether a list of the form `- module: URL` names a repository."""
    return _line_of(text.splitlines(keepends=True), url) is not None


def list_module(text: str, url: str) -> str:
    """Put `- module: URL` at the end of a list; one that is there already changes nothing.

    Args:
        text: the list, `MODULES.yml`.
        url: the address of the module's repository.
    """
    lines = text.splitlines(keepends=True)
    if _line_of(lines, url) is not None:
        return text
    last = next((match for line in reversed(lines) if (match := _ITEM.match(line))), None)
    before = last["before"] if last else "- module: "
    quote = last["quote"] if last else ""
    return _appended(text, [f"{before}{quote}{url}{quote}"])


def unlist_module(text: str, url: str) -> str:
    """Take the line of a module out of a list.

    Raises:
        ScaffoldError: the line holds something else too, so a person has to decide.
    """
    lines = text.splitlines(keepends=True)
    number = _line_of(lines, url)
    if number is None:
        if any(plain_url(url) in line.lower() for line in lines):
            raise ScaffoldError(
                f"cannot tell where the entry of {url} begins and ends",
                hint="edit the file by hand: the entry is not one line `- module: URL`",
            )
        return text
    return _without(lines, number, number + 1)


def _line_of(lines: list[str], url: str) -> int | None:
    for number, line in enumerate(lines):
        match = _ITEM.match(line)
        if match and plain_url(match["url"]) == plain_url(url):
            return number
    return None


def add_stanza(text: str, path: str, url: str, branch: str) -> str:
    """Put a submodule at the end of `.gitmodules`; one of this path is changed instead.

    Args:
        text: the file.
        path: where the submodule is; its name too.
        url: of its repository.
        branch: the branch that is listed.
    """
    lines = text.splitlines(keepends=True)
    if _stanza(lines, path):
        return change_stanza(text, path, url, branch)
    indents = [
        line[: len(line) - len(line.lstrip())]
        for line in lines
        if _VARIABLE.match(line) and not _ANY_HEADING.match(line)
    ]
    indent = indents[-1] if indents else "\t"
    values = (("path", path), ("url", url), ("branch", branch))
    return _appended(
        text, [f'[submodule "{path}"]', *(f"{indent}{key} = {value}" for key, value in values)]
    )


def change_stanza(text: str, path: str, url: str, branch: str) -> str:
    """Write another address or branch into the entry of a submodule; equal ones stay as written.

    Args:
        text: the file.
        path: where the submodule is; if there is none, nothing is changed.
        url: of its repository.
        branch: the branch that is listed.
    """
    lines = text.splitlines(keepends=True)
    span = _stanza(lines, path)
    if span is None:
        return text
    wanted = {"url": url, "branch": branch}
    last = None
    for number in range(span[0] + 1, span[1]):
        match = _VARIABLE.match(lines[number])
        if match is None or lines[number].lstrip()[:1] in "#;":
            continue
        last = number
        value = wanted.pop(match["key"].lower(), None)
        same = value is None or (
            plain_url(value) == plain_url(match["value"])
            if match["key"].lower() == "url"
            else value == match["value"]
        )
        if not same:
            lines[number] = f"{match['before']}{value}{match['after']}"
    if last is not None:
        line = lines[last]
        indent = line[: len(line) - len(line.lstrip())]
        end = _line_end("".join(lines))
        if not line.endswith("\n"):
            lines[last], tail = line + end, ""
        else:
            tail = end
        more = [f"{indent}{key} = {value}" for key, value in wanted.items()]
        if more:
            lines.insert(last + 1, end.join(more) + tail)
        else:
            lines[last] = line
    return "".join(lines)


def path_of(text: str, url: str) -> str | None:
    """Return where `.gitmodules` has the submodule of a repository; None if it has none."""
    path, found = "", False
    for line in [*text.splitlines(keepends=True), "["]:
        if _ANY_HEADING.match(line):
            if found:
                return path
            heading = _HEADING.match(line)
            path, found = re.sub(r"\\(.)", r"\1", heading["name"]) if heading else "", False
        elif (variable := _VARIABLE.match(line)) and line.lstrip()[:1] not in "#;":
            if variable["key"].lower() == "path":
                path = variable["value"].strip('"')
            found |= variable["key"].lower() == "url" and plain_url(variable["value"]) == plain_url(
                url
            )
    return None


def remove_stanza(text: str, path: str) -> str:
    """Take the entry of a submodule out of `.gitmodules`; comments after it stay."""
    lines = text.splitlines(keepends=True)
    span = _stanza(lines, path)
    return text if span is None else _without(lines, *span)


def _stanza(lines: list[str], path: str) -> tuple[int, int] | None:
    """Return the lines of the entry of a path: its heading, to its last variable."""
    start = end = None
    found: tuple[int, int] | None = None
    name = at = ""

    def close() -> tuple[int, int] | None:
        return (start, end) if start is not None and end and (at or name) == path else None

    for number, line in enumerate(lines):
        if _ANY_HEADING.match(line):
            found = found or close()
            heading = _HEADING.match(line)
            start, end, at = (number, number + 1, "") if heading else (None, None, "")
            name = re.sub(r"\\(.)", r"\1", heading["name"]) if heading else ""
        elif start is not None and line.lstrip()[:1] not in "#;":
            variable = _VARIABLE.match(line)
            if variable:
                end = number + 1
                if variable["key"].lower() == "path":
                    at = variable["value"].strip('"')
    return found or close()


def _appended(text: str, added: list[str]) -> str:
    """Put lines at the end: after the last one with content, before trailing blank ones."""
    end = _line_end(text)
    body = text.rstrip(" \t\r\n")
    trailing = text[len(body) :]
    if not body:
        return text + end.join(added) + end
    if not trailing:  # the file's last line has no end, and keeps none
        return text + end + end.join(added)
    return body + end + end.join(added) + trailing


def _without(lines: list[str], start: int, stop: int) -> str:
    kept = [*lines[:start], *lines[stop:]]
    if stop == len(lines) and kept and not lines[-1].endswith("\n"):
        kept[-1] = kept[-1].rstrip("\r\n")
    return "".join(kept)


def _line_end(text: str) -> str:
    first = text.find("\n")
    return "\r\n" if first > 0 and text[first - 1] == "\r" else "\n"
