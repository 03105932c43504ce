"""Is this combination of framework, Python, CUDA and base image possible, and what does it install?

`resolve` answers before anything is built. What the matrix knows to be impossible is refused, with
the nearest combinations that are possible; what it does not know is let through, and it says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from scaffold.errors import UsageError
from scaffold.image.base import Base, read
from scaffold.image.table import (
    PLAIN_IMAGE,
    TITLES,
    USUAL_PYTHON,
    VARIANTS,
    Row,
    release,
    rows,
    variants,
)

if TYPE_CHECKING:
    from packaging.specifiers import SpecifierSet

__all__ = ["Resolution", "Row", "driver_problem", "resolve", "rows"]


@dataclass(frozen=True, slots=True)
class Resolution:
    """What an image is made of.

    Attributes:
        framework: "tensorflow", "pytorch" or "scikit-learn".
        variant: "cpu" or "gpu".
        base: base image with its tag.
        row: the row of the matrix that says it works; None when none does.
        unchecked: why there is no row; "" if there is.
        extra: the extra of the module to install: "cpu", "gpu", or "" when the base image brings
            the framework, and CUDA with it.
        index: address of the index that pip finds the framework at, beside PyPI; "" for PyPI.
        python: the image's Python, like "3.12"; "" when it is not known.
        cuda: CUDA's version as MAJOR.MINOR; "" when there is none or it is not known.
        cudnn: cuDNN's version as MAJOR.MINOR; "" when there is none or it is not known.
        driver: lowest version of NVIDIA's Linux driver on the host; "" when none is needed or it is
            not known.
        warnings: what to know before it is built.
    """

    framework: str
    variant: str
    base: str
    row: Row | None
    unchecked: str
    extra: str
    index: str = ""
    python: str = ""
    cuda: str = ""
    cudnn: str = ""
    driver: str = ""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Wish:
    """What was asked for."""

    framework: str
    variant: str
    base: Base
    requirement: str
    versions: SpecifierSet
    pythons: SpecifierSet
    python_range: str

    @property
    def title(self) -> str:
        return TITLES[self.framework]

    @property
    def known(self) -> str:
        """The releases that the matrix holds, for a message."""
        releases = [row.version for row in rows() if row.framework == self.framework]
        return f"that scaffold knows ({releases[0]} to {releases[-1]})"

    def fits(self, row: Row) -> bool:
        """Whether a row is about what was asked for, whatever its Python and its base image."""
        return (
            row.framework == self.framework
            and row.variant == self.variant
            and self.asks(row)
            and not row.fault
        )

    def asks(self, row: Row) -> bool:
        """Whether the module's requirement allows the row's release; `==2.9.0+cu126` chooses CUDA."""
        build = row.index.rpartition("/")[2]
        versions = [row.version, f"{row.version}+{build}"] if build else [row.version]
        return any(self.versions.contains(version) for version in versions)


def resolve(
    framework: str, image: str, tag: str, variant: str, requirement: str, python_range: str
) -> Resolution:
    """Work out what an image is made of.

    Args:
        framework: "tensorflow", "pytorch" or "scikit-learn".
        image: base image without its tag.
        tag: its tag.
        variant: "cpu" or "gpu".
        requirement: what the module asks pip for, like "tensorflow[and-cuda]>=2.18,<3"; see
            `scaffold.image.needs`.
        python_range: the Pythons that the module runs with, like ">=3.10,<3.14"; "" for any.

    Raises:
        UsageError: it is known to be impossible; the hint names the nearest that is possible.
    """
    wish = _wish(framework, read(image, tag), variant, requirement, python_range)
    base = wish.base
    if variant not in variants(framework):
        _refuse(wish, f"{wish.title} has no GPU variant", variant="cpu")
    if not any(wish.fits(row) for row in rows()):
        _refuse(wish, f"no {wish.title} {wish.known} fits `{requirement}`")
    if base.framework == framework:
        return _own_image(wish)
    if base.cuda and variant == "gpu":
        _refuse(
            wish,
            f"{base.reference} brings CUDA, and `{requirement}` brings it again: the image would "
            "hold it twice",
        )
    if base.musl:
        _refuse(wish, f"{base.reference} is Alpine Linux, for which {wish.title} has no wheels")
    if base.python:
        return _plain_image(wish)
    if base.name == PLAIN_IMAGE:
        return _unchecked(wish, f"the tag of {base.reference} names no Python, not checked")
    return _unchecked(wish, f"unknown base image {base.reference}, not checked")


def _wish(framework: str, base: Base, variant: str, requirement: str, python_range: str) -> _Wish:
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    for value, allowed in ((framework, tuple(TITLES)), (variant, VARIANTS)):
        if value not in allowed:
            raise UsageError(
                f"the matrix knows nothing of {value!r}", hint=f"it is one of {', '.join(allowed)}"
            )
    try:
        versions = Requirement(requirement).specifier
    except InvalidRequirement:
        raise UsageError(
            f"cannot read the requirement {requirement!r}", hint="it is like tensorflow>=2.18,<3"
        ) from None
    try:
        pythons = SpecifierSet(python_range)
    except InvalidSpecifier:
        raise UsageError(
            f"cannot read the Pythons {python_range!r}", hint="they are like >=3.10,<3.14"
        ) from None
    return _Wish(framework, variant, base, requirement, versions, pythons, python_range)


def _plain_image(wish: _Wish) -> Resolution:
    """What is made of an image that holds Python: pip brings the framework and CUDA."""
    base = wish.base
    possible = [
        row
        for row in rows()
        if wish.fits(row) and row.image == PLAIN_IMAGE and base.python in row.pythons
    ]
    if not possible:
        _refuse(
            wish,
            f"{base.reference} has Python {base.python}, for which no release of {wish.title} "
            f"fits `{wish.requirement}`",
        )
    _check_python(wish, base.python)
    # what pip would take: the newest release, and PyPI before other indexes with other CUDAs
    row = max(possible, key=lambda row: (release(row.version), not row.index))
    return _resolution(wish, row, wish.variant, base.python)


def _own_image(wish: _Wish) -> Resolution:
    """What is made of an image of the framework's own project: all but the module is there."""
    base = wish.base
    if base.cuda and wish.variant == "cpu":
        _refuse(wish, f"{base.reference} brings CUDA, which a CPU image has no use for")
    if not base.cuda and wish.variant == "gpu":
        _refuse(wish, f"{base.reference} has no GPU support")
    if base.devel:
        _refuse(
            wish, f"{base.reference} brings CUDA twice: for building programs, and in the wheels"
        )
    if not base.version:
        return _unchecked(wish, f"the tag of {base.reference} names no release, not checked")
    if not wish.versions.contains(base.version):
        _refuse(
            wish,
            f"{base.reference} brings {wish.title} {base.version}, and the module asks for "
            f"`{wish.requirement}`",
        )
    if all(row.framework != wish.framework or row.version != base.version for row in rows()):
        _refuse(wish, f"{base.reference}: no {wish.title} {wish.known} is {base.version}")
    published = [row for row in rows() if row.image == base.name and row.version == base.version]
    row = next((row for row in published if row.tag == base.tag), None)
    if row is None and published:
        _refuse(wish, f"{base.reference}: there is no such image of {wish.title} {base.version}")
    if row is None:
        return _unchecked(
            wish, f"whether there is an image {base.reference} is not known, not checked"
        )
    if row.fault:
        _refuse(wish, f"{base.reference} cannot be used: {row.fault}")
    _check_python(wish, row.pythons[0])
    return _resolution(wish, row, "", row.pythons[0])


def _check_python(wish: _Wish, python: str) -> None:
    if not _allows(wish.pythons, python):
        _refuse(
            wish,
            f"{wish.base.reference} has Python {python}, and the module asks for {wish.python_range}",
        )


def _allows(pythons: SpecifierSet, python: str) -> bool:
    """Whether some patch release of a Python is allowed; `>=3.10.4` allows 3.10."""
    return any(pythons.contains(f"{python}.{patch}") for patch in (0, 99))


def _resolution(wish: _Wish, row: Row, extra: str, python: str) -> Resolution:
    return Resolution(
        framework=wish.framework,
        variant=wish.variant,
        base=wish.base.reference,
        row=row,
        unchecked="",
        extra=extra,
        index=row.index,
        python=python,
        cuda=row.cuda,
        cudnn=row.cudnn,
        driver=row.driver,
        warnings=(row.warning,) if row.warning else (),
    )


def _unchecked(wish: _Wish, reason: str) -> Resolution:
    base = wish.base
    warnings = [reason]
    if base.cuda and wish.variant == "cpu":
        warnings.append(f"{base.reference} brings CUDA, which a CPU image has no use for")
    brought = bool(base.framework) and base.framework == wish.framework
    return Resolution(
        framework=wish.framework,
        variant=wish.variant,
        base=base.reference,
        row=None,
        unchecked=reason,
        extra="" if brought else wish.variant,
        warnings=tuple(warnings),
    )


def _refuse(wish: _Wish, message: str, *, variant: str = "") -> NoReturn:
    """Refuse what was asked for.

    Args:
        wish: what was asked for.
        message: why it is impossible.
        variant: look for what is possible with this variant instead.
    """
    nearest = _nearest(wish, variant or wish.variant)
    hint = f"nearest possible: {', '.join(nearest)}" if nearest else ""
    raise UsageError(message, hint=hint)


def _nearest(wish: _Wish, variant: str) -> list[str]:
    """Return what is possible and nearest to what was asked for, at most three, the nearest first.

    An image of the framework's own is followed by another such image and by plain Python; a plain
    one by other Pythons. The releases are those that the module asks for, if there are any.
    """
    possible = [
        (row, python)
        for row in rows()
        if row.framework == wish.framework and row.variant == variant and not row.fault
        for python in row.pythons
        if _allows(wish.pythons, python)
    ]
    asked = [(row, python) for row, python in possible if wish.asks(row)]
    named = max((release(each.version) for each in wish.versions), default=())
    known = sorted(release(row.version) for row in rows() if row.framework == wish.framework)
    wanted = release(wish.base.version) or named
    wanted = min(max(wanted, known[0]), known[-1])
    cuda = release(wish.base.tag.partition("cuda")[2].split("-")[0])

    def plain_order(candidate: tuple[Row, str]) -> tuple[object, ...]:
        row, python = candidate
        return (
            _apart(release(python), release(wish.base.python or USUAL_PYTHON)),
            # pip takes the newest release that was asked for
            () if asked else _apart(release(row.version), wanted),
            tuple(-number for number in release(row.version)),
        )

    def own_order(candidate: tuple[Row, str]) -> tuple[object, ...]:
        row, _ = candidate
        newest_first = tuple(-number for number in release(row.version))
        apart = _apart(release(row.version), wanted if wish.base.version else known[-1])
        return (apart, newest_first, _apart(release(row.cuda), cuda))

    plain: dict[str, str] = {}
    for row, python in sorted(asked or possible, key=plain_order):
        if row.image == PLAIN_IMAGE:
            plain.setdefault(row.base(python), f"{row.base(python)} ({wish.title} {row.version})")
    own = [
        row.base(python)
        for row, python in sorted(asked, key=own_order)
        if wish.base.framework == wish.framework and row.image == wish.base.name
    ]
    return [*own[:2], *plain.values()][:3]


def _apart(one: tuple[int, ...], other: tuple[int, ...]) -> tuple[int, ...]:
    """Return how far two versions are apart, number by number."""
    length = max(len(one), len(other))
    first, second = (numbers + (0,) * (length - len(numbers)) for numbers in (one, other))
    return tuple(abs(a - b) for a, b in zip(first, second, strict=True))


def driver_problem(lowest: str, found: str | None) -> str | None:
    """Say what is wrong with a host's NVIDIA driver.

    Args:
        lowest: the lowest version that the image runs with, as in `Resolution.driver`; "" when it is
            not known.
        found: the version on the host, as `nvidia-smi` prints it; None when there is no driver.

    Returns:
        What is wrong, as a clause; None if nothing is.
    """
    if found is None:
        needed = f" {lowest} or newer" if lowest else ""
        return f"this machine has no NVIDIA driver, and the image needs one{needed}"
    if lowest and release(found) < release(lowest):
        return f"this machine's NVIDIA driver is {found}, and the image needs {lowest} or newer"
    return None
