"""Reports as text for people, as JSON, and as GitHub workflow commands.

Each format is a function from reports to pieces of text, so that the first file's result is shown
while the last one is still to be read, and 100,000 files take no more memory than one.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from scaffold.metadata.checks import Finding, Report

Style = Callable[[str, str], str]
"""(text, what it is) -> the text, coloured."""

_COLOURS = {"error": "31;1", "warning": "33;1", "valid": "32;1", "dim": "2", "bold": "1"}


@dataclass(slots=True)
class Tally:
    """Counts what goes by."""

    files: int = 0
    invalid: int = 0
    errors: int = 0
    warnings: int = 0
    unreadable: int = 0

    def watch(self, reports: Iterable[Report]) -> Iterator[Report]:
        """Yield the reports, and count them."""
        for report in reports:
            self.files += 1
            self.invalid += not report.valid
            self.unreadable += report.unreadable
            errors = sum(finding.severity == "error" for finding in report.findings)
            self.errors += errors
            self.warnings += len(report.findings) - errors
            yield report

    @property
    def exit_code(self) -> int:
        """0 if every file is valid, 1 if one is not, 2 if one could not even be opened."""
        return 2 if self.unreadable else int(self.invalid > 0)


def as_text(
    reports: Iterable[Report], tally: Tally, *, colour: bool = False, quiet: bool = False
) -> Iterator[str]:
    """Yield what is shown in a terminal.

    Args:
        reports: what was found.
        tally: what has gone by, for the last line.
        colour: use ANSI colours.
        quiet: nothing but errors.
    """
    style = _coloured if colour else _plain
    for report in tally.watch(reports):
        place = None
        for finding in report.findings:
            if not quiet or finding.severity == "error":
                same_place = place == (finding.line, finding.column)
                place = (finding.line, finding.column)
                yield _finding(report.path, finding, style, excerpt=not same_place)
        if report.valid and not quiet:
            version = f" (metadata {report.schema_version})" if report.schema_version else ""
            yield f"{style(printable(report.path), 'bold')}: {style('valid', 'valid')}{version}\n"
    if not quiet and (tally.files > 1 or tally.errors or tally.warnings):
        yield _summary(tally)


def as_json(reports: Iterable[Report], tally: Tally) -> Iterator[str]:
    """Yield one JSON document, see schema/validate-output.schema.json."""
    separator = '{"files": ['
    for report in tally.watch(reports):
        yield separator + json.dumps(report.document(), ensure_ascii=False)
        separator = ",\n"
    if not tally.files:
        yield separator
    yield f'], "valid": {json.dumps(not tally.invalid)}}}\n'


def as_github(reports: Iterable[Report], tally: Tally) -> Iterator[str]:
    """Yield commands that make a GitHub workflow mark the lines of a pull request."""
    for report in tally.watch(reports):
        for finding in report.findings:
            properties = {
                "file": report.path,
                "line": finding.line,
                "col": finding.column,
                "endColumn": finding.end_column,
                "title": finding.rule,
            }
            where = ",".join(
                f"{key}={_escaped(str(value), _IN_PROPERTY)}" for key, value in properties.items()
            )
            text = _escaped("\n".join(filter(None, (finding.message, finding.hint))), _IN_TEXT)
            yield f"::{finding.severity} {where}::{text}\n"


_IN_TEXT = "%\r\n"
_IN_PROPERTY = "%\r\n:,"


def _escaped(text: str, special: str) -> str:
    return "".join(f"%{ord(char):02X}" if char in special else char for char in text)


def printable(text: str) -> str:
    """Replace what would move the cursor, colour the terminal or be refused by it."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _visible(char) for char in text)


def _visible(char: str) -> str:
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def _finding(path: str, finding: Finding, style: Style, *, excerpt: bool) -> str:
    place = f"{printable(path)}:{finding.line}:{finding.column}"
    about = " ".join(filter(None, (finding.rule, finding.pointer)))
    severity = style(finding.severity + ":", finding.severity)
    rule = style(f"[{printable(about)}]", "dim")
    lines = [f"{style(place + ':', 'bold')} {severity} {printable(finding.message)} {rule}"]
    if excerpt and finding.excerpt.strip():
        number = str(finding.line)
        gap = " " * len(number)
        text = "".join(_same_width(char) for char in finding.excerpt)
        before = _width(text[: finding.caret])
        length = max(1, min(finding.end_column - finding.column, len(text) - finding.caret))
        marked = max(1, _width(text[finding.caret : finding.caret + length]))
        caret = style("^" * marked, finding.severity)
        lines.append(f"  {style(f'{number} |', 'dim')} {text.rstrip()}")
        lines.append(f"  {style(f'{gap} |', 'dim')} {' ' * before}{caret}")
    if finding.hint:
        lines.append(f"  {style('hint:', 'bold')} {printable(finding.hint)}")
    return "\n".join(lines) + "\n"


def _same_width(char: str) -> str:
    """Show a character that a terminal would act upon as one that takes one column."""
    if char == "\t":
        return " "
    return char if char.isprintable() or unicodedata.combining(char) else "\ufffd"


def _width(text: str) -> int:
    """Return how many columns a terminal needs for text."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(char) else 1 + (unicodedata.east_asian_width(char) in "WF")
        for char in text
    )


def _summary(tally: Tally) -> str:
    verdict = f"{tally.invalid} not valid" if tally.invalid else "all valid"
    if tally.files == 1:
        verdict = "not valid" if tally.invalid else "valid"
    counts = f"{_count(tally.errors, 'error')}, {_count(tally.warnings, 'warning')}"
    return f"{_count(tally.files, 'file')}: {verdict}, {counts}\n"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _plain(text: str, what: str) -> str:
    del what
    return text


def _coloured(text: str, what: str) -> str:
    return f"\x1b[{_COLOURS[what]}m{text}\x1b[0m"
