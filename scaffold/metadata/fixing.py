"""Repairs metadata files on disk, or shows how it would."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scaffold.metadata import checks, loading, writing
from scaffold.metadata.checks import Options, Report
from scaffold.metadata.fix import Fix, fix
from scaffold.metadata.report import Tally, as_text, printable

_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Repair:
    """What was done to one file.

    Attributes:
        report: what is left in it.
        fixes: what was repaired.
        diff: the same as a unified diff.
        written: the file was changed.
        valid: the file as it is on disk now is valid.
    """

    report: Report
    fixes: tuple[Fix, ...] = ()
    diff: str = ""
    written: bool = False
    valid: bool = True

    def document(self) -> dict[str, Any]:
        """Return what `--json` says of the file."""
        return {
            **self.report.document(),
            "valid": self.valid,
            "written": self.written,
            "fixes": [
                {
                    "rule": each.rule,
                    "pointer": each.pointer,
                    "line": each.line,
                    "message": each.message,
                }
                for each in self.fixes
            ],
            "diff": self.diff,
        }


def repair(paths: Iterable[str], options: Options, *, dry_run: bool) -> Iterator[Repair]:
    """Repair files one after the other, and check what is left.

    Args:
        paths: the files.
        options: what to check afterwards.
        dry_run: change nothing, only say what would be done.

    Raises:
        ScaffoldError: a file cannot be written.
    """
    check = checks.checker(options)
    for path in paths:
        try:
            raw = Path(path).read_bytes()
        except OSError:
            yield Repair(check(path), valid=False)
            continue
        yield _repair(path, raw, options, dry_run=dry_run)


def _repair(path: str, raw: bytes, options: Options, *, dry_run: bool) -> Repair:
    before = loading.parse(raw, path)
    after, fixes = fix(before, options.schema_version)
    if not fixes:
        report = checks.check(before, options)
        return Repair(report, valid=report.valid)
    content = _encoded(before.text, after.text, raw)
    if not dry_run:
        writing.replace(Path(path), content)
    shown = writing.diff(_shown(before.text, raw), after.text, path)
    report = checks.check(loading.parse(content, path), options)
    valid = checks.check(before, options).valid if dry_run else report.valid
    return Repair(report, tuple(fixes), shown, not dry_run, valid)


def _encoded(before: str, after: str, raw: bytes) -> bytes:
    """Write the repaired text with the line breaks that each line of the file has."""
    if b"\r" not in raw:
        return after.encode("utf-8")
    written = raw.decode("utf-8").removeprefix("\ufeff")
    old = re.findall(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+", written)
    usual = "\r\n" if "\r\n" in written else "\r"
    new = writing.lines(after)
    lines: list[str] = []
    matcher = difflib.SequenceMatcher(None, writing.lines(before), new, autojunk=False)
    for tag, start, end, first, last in matcher.get_opcodes():
        if tag == "equal":
            lines += old[start:end]
        else:
            lines += [line.replace("\n", usual) for line in new[first:last]]
    return "".join(lines).encode("utf-8")


def _shown(text: str, raw: bytes) -> str:
    return "\ufeff" + text if raw.startswith(_BOM) else text


def as_text_pieces(
    repairs: Iterable[Repair], tally: Tally, *, dry_run: bool, colour: bool, quiet: bool
) -> Iterator[str]:
    """Yield what is shown in a terminal: for each file the diff, then what is left."""
    done = "would fix" if dry_run else "fixed"
    shown: list[Repair] = []

    def reports() -> Iterator[Report]:
        for each in repairs:
            shown.append(each)
            yield each.report

    for piece in as_text(reports(), tally, colour=colour, quiet=quiet):
        while shown:
            yield from _changes(shown.pop(0), done, colour=colour, quiet=quiet)
        yield piece
    while shown:
        yield from _changes(shown.pop(0), done, colour=colour, quiet=quiet)


def _changes(each: Repair, done: str, *, colour: bool, quiet: bool) -> Iterator[str]:
    if quiet or not each.fixes:
        return
    for line in writing.lines(each.diff):
        text = printable(line.removesuffix("\n"))
        code = {"+": "32", "-": "31", "@": "36"}.get(line[:1], "")
        yield f"\x1b[{code}m{text}\x1b[0m\n" if colour and code else f"{text}\n"
    for one in each.fixes:
        yield f"{printable(each.report.path)}:{one.line}: {done}: {printable(one.message)}\n"


def as_json(repairs: Iterable[Repair], tally: Tally) -> Iterator[str]:
    """Yield one JSON document: that of `scaffold validate --json`, with what was repaired."""
    separator = '{"files": ['
    valid = True
    for each in repairs:
        for _ in tally.watch([each.report]):
            pass
        valid = valid and each.valid
        yield separator + json.dumps(each.document(), ensure_ascii=False)
        separator = ",\n"
    if not tally.files:
        yield separator
    yield f'], "valid": {json.dumps(valid)}}}\n'
