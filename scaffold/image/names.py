"""What an image is called: its repository, and the tags that a branch gives it.

The conventions of DEEP (the pair of repositories) and of AI4OS (the single one), as their build
servers apply them: a release branch makes `latest` and `cpu`, the branch `test` makes `cpu-test`.
"""

from __future__ import annotations

import re

from scaffold.errors import UsageError
from scaffold.module import Module

VARIANTS = ("cpu", "gpu")
_RELEASES = ("main", "master")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}\Z")
# the grammar of github.com/distribution/reference, without a digest; what has neither a dot nor a
# port is no registry, but a part of the name
_REPOSITORY = re.compile(
    r"((?=[^/]*[.:]|localhost/)"
    r"[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?(\.[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?)*(:[0-9]{1,5})?/)?"
    r"[a-z0-9]+((\.|_{1,2}|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_{1,2}|-+)[a-z0-9]+)*)*\Z"
)


def repository(module: Module, given: str = "") -> str:
    """Return the name of the module's image, without a tag.

    Args:
        module: the module.
        given: the user's choice, `registry.example.org:5000/group/name` for one.

    Raises:
        UsageError: what the user chose is no image name.
    """
    name = given or default_repository(module)
    if not _REPOSITORY.match(name):
        raise UsageError(
            f"{name!r} is not the name of an image",
            hint="lower-case letters and digits, with a registry before it if need be and no tag: "
            "registry.example.org:5000/group/name",
        )
    return name


def default_repository(module: Module) -> str:
    """Return the name that the module's answers give its image."""
    user, name = module.answers["dockerhub_user"], module.answers["repo_name"]
    if module.answers.get("layout", "pair") == "pair":
        name = f"deep-oc-{name}"
    return f"{user}/{name}".lower()


def tags(layout: str, branch: str, variant: str, *, alone: bool = True) -> tuple[str, ...]:
    """Return the tags of an image, the most telling one first.

    Args:
        layout: "pair" for DEEP's scheme, "single" for that of AI4OS.
        branch: the branch that it is built from; empty if it is none.
        variant: "cpu" or "gpu".
        alone: whether this is the variant that an image without one means (the CPU one).
    """
    cpu = variant == "cpu" and alone
    if branch in _RELEASES:
        return (variant, "latest") if cpu else (variant,)
    name = _slug(branch.removeprefix("release/")) or "detached"
    if layout == "single":
        return (f"{name}-{variant}", name) if cpu else (f"{name}-{variant}",)
    return (f"{variant}-{name}", name) if cpu and name == "test" else (f"{variant}-{name}",)


def chosen_tags(given: str, variants: tuple[str, ...], variant: str) -> tuple[str, ...]:
    """Return the tags when the user names one: it alone, or with `-cpu` and `-gpu` for two images.

    Raises:
        UsageError: it is no tag.
    """
    if not _TAG.match(given):
        raise UsageError(
            f"{given!r} is not a tag",
            hint="at most 128 letters, digits, `_`, `.` and `-`, beginning with a letter, a digit "
            "or `_`; the image's name goes into --image",
        )
    return (given,) if len(variants) == 1 else (f"{given}-{variant}",)


def _slug(branch: str) -> str:
    """Return the branch as a part of a tag: `feature/new-loss` as `feature-new-loss`."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", branch).strip("-.")[:100]
