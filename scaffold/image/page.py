"""The reference page of the matrix, made from it.

`python -m scaffold.frontdoors` writes docs/reference/image-matrix.md; a test compares.
"""

from __future__ import annotations

from collections.abc import Iterator

from scaffold.image.table import TITLES, Row, rows

_HEAD = """\
# Base images, Python, CUDA and drivers

<!-- Made from scaffold/image/matrix.json by `python -m scaffold.frontdoors`. -->

What `scaffold build` takes for possible; why it is chosen so is told in
[images](../explanation/images.md). All of it is about Linux on x86-64. The driver is the lowest that
NVIDIA supports for the CUDA on the host. Where pip installs nothing, the base image brings the
framework. Where two GPU rows of a release differ in CUDA only, the one without an index is what pip takes.
Numbers in the last column are those of the [sources](#sources).
"""

_COLUMNS = ("release", "Python", "CUDA", "cuDNN", "driver", "base image", "pip installs", "source")


def page() -> str:
    """Return the page as Markdown."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    numbers: dict[str, int] = {}
    for row in rows():
        for source in row.source:
            if not _is_release(source):
                numbers.setdefault(source, len(numbers) + 1)
    yield _HEAD
    for framework, title in TITLES.items():
        for variant in ("cpu", "gpu"):
            chosen = [r for r in rows() if (r.framework, r.variant) == (framework, variant)]
            if chosen:
                yield f"## {title}, {variant.upper()}\n"
                yield _cells(_COLUMNS)
                yield _cells(["---"] * len(_COLUMNS))
                yield from (_row(row, numbers) for row in reversed(chosen))
                yield ""
    yield "## Sources\n"
    yield from (f"{number}. {_source(source)}" for source, number in numbers.items())


def _row(row: Row, numbers: dict[str, int]) -> str:
    pip = f"`{row.requirement}`" if row.requirement else "-"
    if row.index:
        pip += f" from `{row.index}`"
    image = f"`{row.image}:{row.tag}`"
    if row.fault or row.warning:
        image += f"; {'refused' if row.fault else 'warned of'}: {row.fault or row.warning}"
    sources = [
        f"[PyPI]({source.split(' ')[0]})" if _is_release(source) else str(numbers[source])
        for source in row.source
    ]
    return _cells(
        [
            row.version,
            ", ".join(row.pythons),
            row.cuda or "-",
            row.cudnn or "-",
            row.driver or "-",
            image,
            pip,
            ", ".join(sources),
        ]
    )


def _is_release(source: str) -> bool:
    return source.startswith("https://pypi.org/")


def _source(text: str) -> str:
    return " ".join(
        f"<{w.rstrip(',;')}>{w[len(w.rstrip(',;')) :]}" if "://" in w else w
        for w in text.split(" ")
    )


def _cells(cells: list[str] | tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"
