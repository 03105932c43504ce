"""Checks against a JSON Schema of the user's own, with the `jsonschema` package."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from scaffold.errors import UsageError
from scaffold.metadata import formats, loading, references
from scaffold.metadata.structure import Violation, repeated

Check = Callable[[Any], Iterator[Violation]]


def compile_schema(path: Path) -> Check:
    """Read a schema, JSON or YAML, and make a check of it. Nothing it refers to is fetched.

    Raises:
        UsageError: it cannot be read, is no JSON Schema, or refers to what it does not contain.
            The check itself raises nothing, as the results of other files may have been printed.
    """
    import jsonschema
    import referencing.exceptions
    from jsonschema_specifications import REGISTRY

    schema = _read(path)
    try:
        chosen = jsonschema.validators.validator_for(schema, jsonschema.Draft202012Validator)
    except (AttributeError, TypeError, ValueError):
        raise UsageError(f"{path} is no JSON Schema: its $schema is no address") from None
    try:
        chosen.check_schema(schema)
        references.check(schema, chosen, REGISTRY, path)
    except jsonschema.SchemaError as error:
        at = "/".join(str(part) for part in error.absolute_path)
        raise UsageError(f"{path} is no JSON Schema: /{at}: {error.message[:300]}") from None
    except RecursionError:
        raise UsageError(f"{path} is no JSON Schema: it is nested too deeply") from None
    extend: Any = jsonschema.validators.extend
    validator_class = extend(chosen, {"uniqueItems": _unique_items})
    checker = jsonschema.FormatChecker(formats=())
    for name, check in formats.CHECKS.items():
        checker.checks(name)(_of_text(check))
    validator = validator_class(schema, format_checker=checker, registry=REGISTRY)

    def check_data(data: Any) -> Iterator[Violation]:
        try:
            yield from _violations(validator.iter_errors(data))
        except RecursionError:
            detail = f"{path} leads too deep into it to be checked"
            yield Violation((), "other", schema, data, {}, detail)
        except (referencing.exceptions.Unresolvable, re.error) as error:
            # where a part of another dialect has what `references` does not see
            yield Violation((), "other", schema, data, {}, f"{path} cannot be used for it: {error}")

    return check_data


def _read(path: Path) -> Any:
    try:
        document = loading.load(path)
    except OSError as error:
        raise UsageError(f"cannot read the schema {path}: {error.strerror}") from None
    if document.problems or not document.readable:
        problem = document.problems[0]
        line, column = document.lines.position(document.span(problem).start)
        raise UsageError(
            f"{path}:{line}:{column}: cannot read the schema: {problem.message}", hint=problem.hint
        )
    if not isinstance(document.data, dict | bool):
        raise UsageError(f"{path} is no JSON Schema: it is not a mapping")
    return document.data


def _of_text(check: Callable[[str], bool]) -> Callable[[object], bool]:
    return lambda value: not isinstance(value, str) or check(value)


def _unique_items(validator: Any, wanted: Any, value: Any, schema: Any) -> Iterator[Any]:
    """Yield an error if a list repeats a value; `jsonschema` takes the square of its length."""
    del schema
    import jsonschema

    if wanted and validator.is_type(value, "array") and repeated(value):
        yield jsonschema.ValidationError("entries are repeated")


def _violations(errors: Iterator[Any]) -> Iterator[Violation]:
    missing_reported = set()
    for error in errors:
        path = tuple(error.absolute_path)
        keyword, expected, value = str(error.validator), error.validator_value, error.instance
        schema = error.schema if isinstance(error.schema, dict) else {}
        if keyword == "required":
            if (place := (path, id(expected))) not in missing_reported:
                missing_reported.add(place)
                for key in expected:
                    if key not in value:
                        yield Violation(path, keyword, expected, key, schema)
        elif keyword == "uniqueItems":
            for index in repeated(value):
                yield Violation((*path, index), keyword, expected, value[index], schema)
        elif keyword == "not":
            yield Violation(path, "other", expected, value, schema, "it is what `not` rules out")
        else:
            yield Violation(path, keyword, expected, value, schema, error.message)
