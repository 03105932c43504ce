"""Print what a module needs, from the pyproject.toml in the working directory.

    python requirements.py run [EXTRA ...]   to run
    python requirements.py build             to be installed
    python requirements.py editable          to be installed so that edits take effect, besides

It is asked before the module's code is there: a change of the code then leaves what is installed
alone.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    from pip._vendor import tomli as tomllib


def to_run(project: dict[str, Any], extras: list[str]) -> list[str]:
    """Return the requirements of the module and of its extras."""
    if "dependencies" in project.get("dynamic", ()):
        sys.exit("pyproject.toml: dependencies are dynamic; list them there instead")
    choices = project.get("optional-dependencies", {})
    if missing := [extra for extra in extras if extra not in choices]:
        sys.exit(
            f"pyproject.toml: no extra {missing[0]!r}; there are {', '.join(choices) or 'none'}"
        )
    return [
        *project.get("dependencies", ()),
        *(line for extra in extras for line in choices[extra]),
    ]


def for_editable(build: dict[str, Any]) -> list[str]:
    """Ask the build backend, which is installed by now (PEP 660)."""
    from pip._vendor.pyproject_hooks import (
        BuildBackendHookCaller,
        quiet_subprocess_runner,
    )

    backend = build.get("build-backend", "setuptools.build_meta:__legacy__")
    hooks = BuildBackendHookCaller(
        ".", backend, build.get("backend-path"), runner=quiet_subprocess_runner
    )
    return list(hooks.get_requires_for_build_editable())


def main(what: str, *extras: str) -> None:
    """Print one requirement a line."""
    document = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))
    build = document.get("build-system", {"requires": ["setuptools"]})
    if what == "run":
        lines = to_run(document["project"], [extra for extra in extras if extra])
    elif what == "build":
        lines = build["requires"]
    else:
        lines = for_editable(build)
    print(*lines, sep="\n")


main(*sys.argv[1:])
