"""The template and the answers make files in memory; nothing here touches the user's disk or git."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from scaffold.resources import resource

_BRACES = "{{cookiecutter.__pair}}"
_JINJA = (b"{{", b"{%", b"{#")


@dataclass(frozen=True, slots=True)
class File:
    """One generated file.

    Attributes:
        content: the bytes of the file.
        executable: whether its owner may run it.
    """

    content: bytes
    executable: bool = False


Tree = dict[PurePosixPath, File]
"""Files by their path relative to the repository's root, in sorted order."""


def render(context: Mapping[str, str]) -> dict[str, Tree]:
    """Render the template.

    Args:
        context: the answers and derived values, from `scaffold.answers.context`.

    Returns:
        The repositories by the name of their folder: the model repository, then the container
        repository, or the single one that is both.
    """
    root = resource("template") / _BRACES
    environment = _environment(root)
    repositories: dict[str, Tree] = {context["repo_name"]: {}, context["__container"]: {}}

    def fill(folder: Path, parts: tuple[str, ...]) -> None:
        for entry in sorted(folder.iterdir()):
            name = _text(environment, entry.name, context)
            if not name or name == "__pycache__":
                continue  # a name that renders to nothing is a file these answers do not want
            if entry.is_dir():
                fill(entry, (*parts, name))
                continue
            content = entry.read_bytes()
            if any(mark in content for mark in _JINJA):
                template = environment.get_template(entry.relative_to(root).as_posix())
                content = template.render(cookiecutter=context).encode()
            repository, *rest = (*parts, name)
            path = PurePosixPath(*rest)
            assert path not in repositories[repository], f"the template has {path} twice"
            repositories[repository][path] = File(content, executable=os.access(entry, os.X_OK))

    fill(root, ())
    return {name: dict(sorted(tree.items())) for name, tree in repositories.items()}


def _environment(root: Path) -> Any:
    import jinja2

    return jinja2.Environment(
        # the same two places in which cookiecutter looks for what a template includes
        loader=jinja2.FileSystemLoader([root, root.parent / "templates"]),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - what is rendered is no HTML
    )


def _text(environment: Any, template: str, context: Mapping[str, str]) -> str:
    if "{" not in template:
        return template
    return str(environment.from_string(template).render(cookiecutter=context))
