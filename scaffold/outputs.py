"""`docs/reference/outputs.md`: the schemas that are published, from what they say of themselves."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from scaffold.resources import resource

_SUFFIX = ".schema.json"


def page() -> str:
    """Return the text of `docs/reference/outputs.md`."""
    files = sorted(resource("schema").glob(f"*{_SUFFIX}"))
    printed = [path for path in files if path.name.endswith(f"-output{_SUFFIX}")]
    read = [path for path in files if path not in printed]
    return "\n".join([_HEAD, *_table(printed), _READ, *_table(read)]) + "\n"


def _table(files: list[Path]) -> Iterator[str]:
    yield "| schema | of | which is |"
    yield "| --- | --- | --- |"
    for path in files:
        schema = json.loads(path.read_text(encoding="utf-8"))
        name = path.name.removesuffix(_SUFFIX)
        yield (
            f"| [{name}](../../schema/{path.name}) | {schema['title']} | {schema['description']} |"
        )


_HEAD = """# Machine output

<!-- Made from schema/ by `python -m scaffold.frontdoors`; do not edit. -->

With `--json` a command prints one JSON document on standard output, and everything else on standard
error. If it fails, the document is that of `error`; where a check failed, it is the command's own, and
the exit code tells. What the module itself says of its failure, in `train` and `predict`, is on
standard error. These schemas are JSON Schema 2020-12, in the folder `schema` of the repository and of the installed
package.
"""

_READ = """
## What scaffold reads
"""
