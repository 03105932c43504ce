"""What several test files arrange or read in the same way."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from scaffold.answers import complete, context
from scaffold.cli import main
from scaffold.render import Tree, render
from scaffold.resources import resource

NAME = "Plant classification"


@dataclass(frozen=True)
class Outcome:
    """What a command left behind for its caller."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on standard output."""
        return json.loads(self.out)


def run_in_process(capfd: pytest.CaptureFixture[str], arguments: list[str]) -> Outcome:
    """Run the command line and return its exit code and output."""
    capfd.readouterr()
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    out, err = capfd.readouterr()
    code = exit_.value.code
    return Outcome(code if isinstance(code, int) else 0, out, err)


def rendered(**answers: str) -> dict[str, Tree]:
    """Render both repositories from a few answers."""
    return render(context(complete({"project_name": NAME, **answers})))


def cpu_torch(folder: Path) -> dict[str, str]:
    """Return the variables that lead uv to a PyTorch without CUDA, which is small.

    That is a wheel in the folder that pip has been told of, if one is there, else PyTorch's own index.

    Args:
        folder: where a file of constraints may be written.
    """
    links = os.environ.get("PIP_FIND_LINKS", "").split()
    for link in links:
        for wheel in sorted(
            Path(link).glob(f"torch-*+cpu-cp{sys.version_info[0]}{sys.version_info[1]}-*")
        ):
            constraints = folder / "cpu-torch.txt"
            constraints.write_text(f"torch=={wheel.name.split('-')[1]}\n", encoding="utf-8")
            return {"UV_FIND_LINKS": link, "UV_CONSTRAINT": str(constraints)}
    return {"UV_TORCH_BACKEND": "cpu"}


def files_below(folder: Path) -> dict[str, tuple[bytes, bool]]:
    """Return every file below a folder, git's own aside: content and whether it is executable."""
    return {
        str(path.relative_to(folder)): (path.read_bytes(), bool(path.stat().st_mode & 0o100))
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".git" not in path.relative_to(folder).parts
    }


def published(name: str) -> Any:
    """Return a schema that we publish, `serve-output` for one."""
    return json.loads((resource("schema") / f"{name}.schema.json").read_text(encoding="utf-8"))


def assert_follows(document: Any, name: str) -> None:
    """Fail, saying where, if a document is not what a schema that we publish says."""
    validator = jsonschema.Draft202012Validator(published(name))
    faults = [f"{error.json_path}: {error.message}" for error in validator.iter_errors(document)]
    assert faults == []
