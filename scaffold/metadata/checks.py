"""From a metadata file to a report: everything that is wrong with it, in the order of its lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any, Literal

from scaffold.metadata import platform, siblings, structure, suspicion, versions, wording
from scaffold.metadata.loading import Document, load
from scaffold.metadata.positions import pointer
from scaffold.metadata.problems import Problem
from scaffold.metadata.rules import RULES

Severity = Literal["error", "warning"]

NAMES = ("metadata.json", "metadata.yml", "metadata.yaml")
"""What the names of metadata files end in."""

_EXCERPT = 120
"""Characters of a line that are shown; of a longer one, those around the place."""


@dataclass(frozen=True, slots=True)
class Options:
    """What to check.

    Attributes:
        schema_version: the version to check against, whatever the file declares.
        schema: a JSON Schema to check against instead.
        check_formats: formats are errors, not warnings.
        strict: every warning is an error.
        ignored: ids of rules whose warnings are dropped.
    """

    schema_version: str | None = None
    schema: FilePath | None = None
    check_formats: bool = False
    strict: bool = False
    ignored: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, as it is reported.

    Attributes:
        pointer: JSON pointer to the value, "" for the whole document.
        line: from 1.
        column: of its first character, from 1.
        end_column: of the character after its last one on this line.
        rule: its id.
        severity: "error" or "warning".
        message: what is wrong.
        hint: what would be right, or "".
        excerpt: the line, or the part of a long line around the column.
        caret: where in the excerpt the place begins, from 0.
    """

    pointer: str
    line: int
    column: int
    end_column: int
    rule: str
    severity: Severity
    message: str
    hint: str
    excerpt: str
    caret: int


@dataclass(frozen=True, slots=True)
class Report:
    """What was found in one file.

    Attributes:
        path: the file, as the user named it.
        schema_version: the version it was checked against; None if it could not be read, or was
            checked against a schema of the user's own.
        findings: in the order of the lines.
        unreadable: the file could not even be opened.
    """

    path: str
    schema_version: str | None
    findings: tuple[Finding, ...]
    unreadable: bool = False

    @property
    def valid(self) -> bool:
        """Whether there is no error; warnings do not count."""
        return all(finding.severity != "error" for finding in self.findings)

    def document(self) -> dict[str, Any]:
        """Return what `--json` says of the file."""
        return {
            "path": self.path,
            "schema_version": self.schema_version,
            "valid": self.valid,
            "errors": [
                {
                    "pointer": finding.pointer,
                    "line": finding.line,
                    "column": finding.column,
                    "rule": finding.rule,
                    "severity": finding.severity,
                    "message": finding.message,
                    "hint": finding.hint,
                }
                for finding in self.findings
            ],
        }


Checker = Callable[[str], Report]


def checker(options: Options) -> Checker:
    """Return a function that checks one file, ready to be called for many.

    Raises:
        UsageError: there is no such version, or the schema cannot be used.
    """
    if options.schema_version:
        versions.schema(options.schema_version)
    own = None
    if options.schema:
        from scaffold.metadata.custom import compile_schema

        own = compile_schema(options.schema)

    def check_file(path: str) -> Report:
        try:
            document = load(path)
        except OSError as error:
            return _unreadable(path, error)
        return check(document, options, own)

    return check_file


def _unreadable(path: str, error: OSError) -> Report:
    message, hint = f"cannot read the file: {error.strerror or error}", ""
    if isinstance(error, IsADirectoryError | PermissionError) and FilePath(path).is_dir():
        message = "there is no metadata file in this folder"
        hint = f"looked for names that end in {', '.join(NAMES)}"
    finding = Finding("", 1, 1, 1, "unreadable", "error", message, hint, "", 0)
    return Report(path, None, (finding,), unreadable=True)


def check(
    document: Document,
    options: Options | None = None,
    own: Callable[[Any], Iterator[structure.Violation]] | None = None,
) -> Report:
    """Check a document.

    Args:
        document: what `loading.load` returned.
        options: what to check; None for the defaults.
        own: violations of the schema of the user's own, see `custom.compile_schema`.
    """
    options = options or Options()
    problems = list(document.problems)
    version = None
    if document.readable and own:
        problems += [wording.problem(each, document) for each in own(document.data)]
    elif document.readable:
        version, found = _check_metadata(document, options.schema_version)
        problems += found
    findings = [
        _finding(problem, document, options)
        for problem in problems
        if problem.rule not in options.ignored or RULES[problem.rule].severity == "error"
    ]
    findings.sort(key=lambda each: (each.line, each.column, each.severity))
    return Report(document.path, version, tuple(findings))


def _check_metadata(document: Document, wanted: str | None) -> tuple[str, list[Problem]]:
    data = document.data
    choice = versions.choose(data)
    version = wanted or choice.version
    schema = versions.schema(version)
    problems = [*_declaration(choice, wanted)]
    problems += [wording.problem(each, document) for each in structure.violations(data, schema)]
    if isinstance(data, dict):
        problems += suspicion.misspelt_keys(data, schema, schema)
        problems += suspicion.placeholders(data, document.text)
        problems += platform.problems(data)
        problems += siblings.problems(data, document.path)
    return version, problems


def _declaration(choice: versions.Choice, wanted: str | None) -> Iterator[Problem]:
    declared, path = choice.declared, (versions.VERSION_KEY,)
    known = ", ".join(versions.VERSIONS)
    if wanted:
        if declared is not None and declared != wanted:
            message = f"the file declares {wording.quoted(declared)} but is checked as {wanted}"
            yield Problem("other-version", message, "", path)
    elif not choice.known:
        message = f"there is no metadata version {wording.quoted(declared)}"
        hint = f"known: {known}; it is checked as {choice.version}"
        yield Problem("unknown-version", message, hint, path)


def _finding(problem: Problem, document: Document, options: Options) -> Finding:
    rule = RULES[problem.rule]
    severity: Severity = rule.severity
    if (options.strict and not problem.excused) or (
        options.check_formats and rule.group == "formats"
    ):
        severity = "error"
    span = document.span(problem)
    line, column = document.lines.position(span.start)
    start, line_end = document.lines.bounds(line)
    length = line_end - start
    end = min(column + max(span.end - span.start, 1), max(length + 1, column + 1))
    if not problem.path and problem.span is None:
        end = column + 1  # a whole document is not underlined
    first = max(0, min(column - 1 - _EXCERPT // 3, length - _EXCERPT))
    return Finding(
        pointer(problem.path),
        line,
        column,
        end,
        problem.rule,
        severity,
        problem.message,
        problem.hint,
        document.text[start + first : min(start + first + _EXCERPT, line_end)],
        column - 1 - first,
    )
