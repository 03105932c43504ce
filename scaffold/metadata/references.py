"""Everything that a JSON Schema refers to, looked up before the first file is checked.

`jsonschema` looks a reference up when a value leads to it, maybe in the last of many files, when
half of a JSON document has been printed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import referencing.exceptions
from referencing import Resource, Specification
from referencing import jsonschema as dialects

from scaffold.errors import UsageError

_REFERENCES = ("$ref", "$dynamicRef")
_SAME_VALUE = ("if", "then", "else", "not", "allOf", "anyOf", "oneOf")
"""Keywords whose schemas are for the value itself, not for one inside it."""

# `dependencies` may hold lists and schemas, and the others, in draft 3, one schema, many or none;
# `referencing` takes all for schemas, or leaves some out
_MISSED = ("dependencies", "extends", "type", "disallow")

# up to draft 7, what stands beside $ref counts for nothing
_REF_ALONE = (dialects.DRAFT3, dialects.DRAFT4, dialects.DRAFT6, dialects.DRAFT7)

# a subschema, and what finds what it refers to
_Place = tuple[Resource[Any], Any]


def check(schema: Any, validator: Any, registry: Any, path: Path) -> None:
    """Look up every reference of a schema and compile every pattern.

    Args:
        schema: follows its metaschema.
        validator: the class of `jsonschema` for its dialect.
        registry: the schemas it may refer to besides its own.
        path: its file, for messages.

    Raises:
        UsageError: a reference leads nowhere or round in a circle, or a pattern is none.
    """
    dialect = validator.ID_OF(validator.META_SCHEMA)
    specification = dialects.specification_with(dialect)
    root = specification.create_resource(schema)
    places: list[_Place] = [(root, registry.resolver_with_root(root))]
    targets: list[tuple[str, _Place]] = []
    steps: dict[int, list[int]] = {}  # from a subschema to those for the same value
    names: dict[int, str] = {}
    while places or targets:
        if not places:
            # last, so that only what is no subschema of the schema itself needs to be checked
            reference, place = targets.pop()
            if id(place[0].contents) not in steps:
                _check_target(place[0].contents, validator, reference, path)
                places.append(place)
            continue
        resource, resolver = places.pop()
        contents = resource.contents
        if not isinstance(contents, dict) or id(contents) in steps:
            continue
        alone = "$ref" in contents and specification in _REF_ALONE
        here = steps[id(contents)] = [] if alone else [id(each) for each in _for_same(contents)]
        for keyword in _REFERENCES:
            if keyword in contents and keyword in validator.VALIDATORS:
                reference = contents[keyword]
                resolved = _look_up(resolver, reference, path)
                target = specification.create_resource(resolved.contents)
                targets.append((reference, (target, resolved.resolver)))
                if keyword == "$ref":
                    names[id(contents)] = reference
                    here.append(id(resolved.contents))
        if not alone:
            _compile_patterns(contents, path)
            places += _inside(resource, resolver, specification, validator)
    _refuse_circles(steps, names, path)


def _inside(
    resource: Resource[Any], resolver: Any, specification: Specification[Any], validator: Any
) -> Iterator[_Place]:
    missed = [
        specification.create_resource(each)
        for keyword in _MISSED
        if keyword in validator.VALIDATORS and keyword in resource.contents
        for each in _schemas(keyword, resource.contents[keyword])
    ]
    for each in [*resource.subresources(), *missed]:
        if isinstance(each.contents, dict):
            yield each, resolver.in_subresource(each)


def _schemas(keyword: str, value: Any) -> Iterable[Any]:
    if keyword == "dependencies":
        return value.values() if isinstance(value, dict) else ()
    return value if isinstance(value, list) else [value]


def _for_same(contents: dict[str, Any]) -> Iterator[Any]:
    for keyword in _SAME_VALUE:
        value = contents.get(keyword)
        yield from value if isinstance(value, list) else [value]


def _look_up(resolver: Any, reference: str, path: Path) -> Any:
    try:
        return resolver.lookup(reference)
    except (
        referencing.exceptions.Unresolvable,
        AttributeError,
        LookupError,
        TypeError,
        ValueError,
    ):
        # all but the first: what `referencing` trips over on its way to what is not there
        raise UsageError(
            f"{path} refers to {reference!r}, which it does not contain",
            hint="put it under $defs; nothing is fetched from elsewhere",
        ) from None


def _check_target(contents: Any, validator: Any, reference: str, path: Path) -> None:
    import jsonschema

    try:
        if isinstance(contents, dict | bool):
            validator.check_schema(contents)
            return
        reason = "it is not a mapping"
    except jsonschema.SchemaError as error:
        reason = error.message[:300]
    raise UsageError(f"{path} refers to {reference!r}, which is no JSON Schema: {reason}")


def _compile_patterns(contents: dict[str, Any], path: Path) -> None:
    for pattern in [*contents.get("patternProperties", ()), contents.get("pattern", "")]:
        try:
            re.compile(pattern)
        except (re.error, OverflowError, RecursionError) as error:
            raise UsageError(f"{path} has a pattern that cannot be compiled: {error}") from None


def _refuse_circles(steps: dict[int, list[int]], names: dict[int, str], path: Path) -> None:
    """Refuse a subschema that leads back to itself for the same value: it would never end."""
    done: set[int] = set()
    for start in steps:
        way = {start: iter(steps[start])}  # where the search is, in order
        while way and start not in done:
            last = next(reversed(way))
            ahead = next(way[last], None)
            if ahead is None:
                done.add(last)
                del way[last]
            elif ahead in way:
                places = list(way)
                circle = places[places.index(ahead) :]
                name = next(names[each] for each in circle if each in names)
                raise UsageError(
                    f"{path} refers to itself without end: {name!r} leads back to where it stands"
                )
            elif ahead in steps and ahead not in done:
                way[ahead] = iter(steps[ahead])
