"""What is going to be built: names, base image and build arguments, before anything is touched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from scaffold.answers import account_url
from scaffold.errors import UsageError
from scaffold.image import matrix, names, needs, revision, table
from scaffold.module import Module

FOLDER = "build"
"""Where in the container repository a build leaves its log and its records."""
_STEPS = "image/steps.sh"
_OLDEST_EPOCH = 315532800  # 1980-01-01: zip archives know no earlier date


@dataclass(frozen=True, slots=True)
class Wish:
    """What the user asks for.

    Attributes:
        variants: which images, of "cpu" and "gpu".
        source: "local" for the working tree, "git" for the branch of the repository.
        branch: whose tags and, from git, whose code; empty for the branch that is checked out.
        image: name of the image; empty for the module's own.
        tag: instead of the branch's tags; empty for those.
        base_tag: tag of the base image; empty for the answers'.
        jlab: whether JupyterLab is installed in it.
        no_cache: whether every step is built anew.
        platform: the machine it is for, "linux/arm64"; empty for the engine's own.
    """

    variants: tuple[str, ...]
    source: str = "local"
    branch: str = ""
    image: str = ""
    tag: str = ""
    base_tag: str = ""
    jlab: bool = False
    no_cache: bool = False
    platform: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """One image that is going to be built.

    Attributes:
        module: whose.
        container: the container repository.
        variant: "cpu" or "gpu".
        source: "local" or "git".
        name: the image's name, without a tag.
        tags: its tags, the most telling one first.
        base: the base image, with its tag.
        resolution: what the matrix says of it.
        arguments: the build arguments, but for the secret ones.
        model_revision: of the model repository: what is built.
        container_revision: of the container repository.
        branch: the branch that is built from git, and that decided the tags.
        epoch: the date of what is built, in seconds since 1970.
        folder: where the log and the records go.
        wish: what was asked for.
    """

    module: Module
    container: Path
    variant: str
    source: str
    name: str
    tags: tuple[str, ...]
    base: str
    resolution: matrix.Resolution
    arguments: Mapping[str, str]
    model_revision: revision.Revision
    container_revision: revision.Revision
    branch: str
    epoch: int
    folder: Path
    wish: Wish

    @property
    def references(self) -> tuple[str, ...]:
        """The image's names with their tags."""
        return tuple(f"{self.name}:{tag}" for tag in self.tags)

    @property
    def model(self) -> Path | None:
        """The repository whose working tree is built; None for a build from git."""
        return self.module.model_root if self.source == "local" else None

    @property
    def unlike(self) -> str:
        """Why the working tree is not what is built; empty if it is."""
        if self.source == "local":
            return ""
        here = revision.of_working_tree(self.module.model_root)
        if here.commit == self.model_revision.commit and not here.dirty:
            return ""
        return f"the working tree is not at revision {self.model_revision.commit[:12]}"


def plan(module: Module, wish: Wish) -> list[Plan]:
    """Work out the images: names, base images, build arguments.

    Nothing is built here; only the repository whose branch is to be built is asked for its commit.

    Args:
        module: the module.
        wish: what the user asks for.

    Raises:
        UsageError: the container repository is not there or of an older template; the framework has
            no such variant; the combination of base image, Python and framework is impossible; a name
            or tag is none.
        ScaffoldError: the repository to build from cannot be reached.
    """
    container, framework = module.container_root, module.answers["framework"]
    for variant in wish.variants:
        table.require_variant(framework, variant, "--gpu")
    if not (container / _STEPS).is_file():
        raise UsageError(
            f"{container} has no {_STEPS}: its Dockerfile is of an older template",
            hint="bring image/, Dockerfile and .dockerignore over from a new module, `scaffold new`",
        )
    model = module.model_root if wish.source == "local" else None
    asked = needs.read((model or module.model_root) / "pyproject.toml")
    model_revision = revision.of_working_tree(module.model_root)
    branch = wish.branch or model_revision.branch
    if wish.source == "git":
        branch = branch or module.answers["default_branch"]
        address = repository_url(module)
        model_revision = revision.Revision(revision.of_remote(address, branch), branch)
    name = names.repository(module, wish.image)
    container_revision = revision.of_working_tree(container)
    epoch = max(model_revision.epoch, container_revision.epoch, _OLDEST_EPOCH)
    plans = []
    for variant in wish.variants:
        tag = wish.base_tag or module.answers[f"baseimage_{variant}_tag"]
        base = module.answers["docker_baseimage"]
        resolution = matrix.resolve(
            framework, base, tag, variant, asked.framework(framework, variant), asked.python
        )
        tags = (
            names.chosen_tags(wish.tag, wish.variants, variant)
            if wish.tag
            else names.tags(module.answers["layout"], branch, variant)
        )
        plans.append(
            Plan(
                module=module,
                container=container,
                variant=variant,
                source=wish.source,
                name=name,
                tags=tags,
                base=f"{base}:{tag}",
                resolution=resolution,
                arguments=_arguments(
                    module, wish, base, tag, resolution, model_revision.label, branch
                ),
                model_revision=model_revision,
                container_revision=container_revision,
                branch=branch,
                epoch=epoch,
                folder=container / FOLDER / variant,
                wish=wish,
            )
        )
    return plans


def repository_url(module: Module) -> str:
    """Return the address that the module is cloned from: no build has a key for ssh."""
    return f"{account_url(module.answers['git_base_url'])}/{module.answers['repo_name']}"


def _arguments(
    module: Module,
    wish: Wish,
    base: str,
    tag: str,
    resolution: matrix.Resolution,
    label: str,
    branch: str,
) -> dict[str, str]:
    arguments = {
        "base": base,
        "tag": tag,
        "extra": resolution.extra,
        "source": wish.source,
        "revision": label,
    }
    if wish.source == "git":
        arguments |= {"repository": repository_url(module), "branch": branch}
    if resolution.index:
        arguments["extra_index"] = resolution.index
    if wish.jlab:
        arguments["jlab"] = "true"
    return arguments
