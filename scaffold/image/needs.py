"""What a module asks for: read from its `pyproject.toml`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from scaffold.errors import UsageError
from scaffold.image.table import PACKAGES

# The images are for Linux on x86-64, whatever machine they are built from.
_PLATFORM = {
    "os_name": "posix",
    "platform_machine": "x86_64",
    "platform_system": "Linux",
    "sys_platform": "linux",
}


@dataclass(frozen=True, slots=True)
class Needs:
    """What a module asks for.

    Attributes:
        path: the file that says so.
        python: the Pythons it runs with, like ">=3.10,<3.14"; "" for any.
        extras: requirements by extra.
    """

    path: Path
    python: str
    extras: Mapping[str, tuple[str, ...]]

    def framework(self, framework: str, variant: str) -> str:
        """Return the requirement for a framework, without its marker.

        Args:
            framework: "tensorflow", "pytorch" or "scikit-learn".
            variant: the extra, "cpu" or "gpu".

        Raises:
            UsageError: there is no such extra, or it does not ask for the framework.
        """
        from packaging.requirements import InvalidRequirement, Requirement
        from packaging.utils import canonicalize_name

        if variant not in self.extras:
            raise UsageError(
                f"{self.path} has no extra {variant!r}",
                hint=f"add it under [project.optional-dependencies], with {framework} in it",
            )
        for text in self.extras[variant]:
            try:
                requirement = Requirement(text)
            except InvalidRequirement as error:
                raise UsageError(
                    f"{self.path}: cannot read the requirement {text!r} of the extra {variant!r}",
                    hint=str(error).splitlines()[0],
                ) from None
            applies = not requirement.marker or requirement.marker.evaluate(_PLATFORM)
            if applies and canonicalize_name(requirement.name) in PACKAGES[framework]:
                requirement.marker = None
                return str(requirement)
        raise UsageError(
            f"{self.path}: the extra {variant!r} does not ask for {framework}",
            hint=f"add {' or '.join(PACKAGES[framework])} to it",
        )


def read(path: Path) -> Needs:
    """Read what a module asks for.

    Args:
        path: its `pyproject.toml`.

    Raises:
        UsageError: the file cannot be read.
    """
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib

    try:
        project = tomllib.loads(path.read_text(encoding="utf-8"))["project"]
        return Needs(
            path=path,
            python=str(project.get("requires-python", "")),
            extras={
                str(key): tuple(str(each) for each in value)
                for key, value in project.get("optional-dependencies", {}).items()
            },
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(
            f"cannot read what the module needs from {path}: {error}",
            hint=f"restore it with `git checkout {path.name}`",
        ) from None
