"""What `scaffold new` will do, as plain data, and doing it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scaffold import history, workspace
from scaffold.answers import Answers, context
from scaffold.errors import UsageError
from scaffold.render import Tree, render
from scaffold.workspace import History


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that a generation writes.

    Attributes:
        destination: the folder that will hold the repositories.
        repositories: the files by repository name.
        histories: the git histories to begin, by repository name.
        model: where the model repository will be; None if it is not generated.
        container: where the container repository will be; None if it is not generated. The same
            as `model` for a single repository.
    """

    destination: Path
    repositories: Mapping[str, Tree]
    histories: Mapping[str, History]
    model: Path | None
    container: Path | None

    def folders(self) -> dict[Path, Tree]:
        """Return the files by the repository folder they go to."""
        return {self.destination / name: tree for name, tree in self.repositories.items()}

    def document(self) -> dict[str, Any]:
        """Return the JSON document of `scaffold new`."""
        return {
            "model": str(self.model) if self.model else None,
            "container": str(self.container) if self.container else None,
            "files": sum(len(tree) for tree in self.repositories.values()),
        }


def plan(answers: Answers, destination: Path, *, only: str | None = None, git: bool = True) -> Plan:
    """Work out what to generate.

    Args:
        answers: a complete set, from `scaffold.answers.complete`.
        destination: the folder that will hold the repositories; it need not exist.
        only: "model" or "container" to leave the other repository out.
        git: whether to begin git histories.

    Raises:
        RefusedError: something is already where a repository would go.
        UsageError: a part is asked for, but the repository has none.
    """
    destination = destination.absolute()
    values = context(answers)
    model, container = values["repo_name"], values["__container"]
    if only and model == container:
        raise UsageError(
            f"--only {only}: with the layout single there is one repository",
            hint="leave --only out, or choose --layout pair",
        )
    both = list(dict.fromkeys((model, container)))
    wanted = {"model": [model], "container": [container], None: both}[only]
    workspace.targets(destination, wanted)
    trees = render(values)
    return Plan(
        destination,
        {name: trees[name] for name in wanted},
        {name: first_history(values, name) for name in wanted} if git else {},
        destination / model if model in wanted else None,
        destination / container if container in wanted else None,
    )


def first_history(values: Mapping[str, str], name: str) -> History:
    """Return how the history of the repository `name` begins."""
    return History(
        branch=values["default_branch"],
        remote=f"{values['git_base_url']}/{name}.git",
        message=f"Generate {name}\n\n{history.TRAILER}: {values['__template_version']}\n",
        others=("test", "dev") if values["layout"] == "single" else ("test",),
    )


def execute(plan: Plan) -> None:
    """Write what was planned, all of it or nothing.

    Raises:
        ScaffoldError: see `scaffold.workspace.write`.
    """
    workspace.write(plan.repositories, plan.destination, plan.histories)
