"""Finding modules in a catalogue, and what their metadata say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scaffold.errors import ScaffoldError, UsageError
from scaffold.marketplace.catalogues import Catalogue, Entry


def find(catalogue: Catalogue, name: str) -> Entry:
    """Return the module of that name, as people write it.

    Raises:
        UsageError: there is none; the message names those that are close.
    """
    wanted = _bare(name)
    for entry in catalogue.entries:
        if wanted in (_bare(entry.name), _bare(entry.path)):
            return entry
    import difflib

    names = {_bare(entry.name): entry.name for entry in catalogue.entries}
    close = [names[each] for each in difflib.get_close_matches(wanted, names, n=3)]
    raise UsageError(
        f"there is no module {name!r} in {catalogue.known.file}",
        hint=f"did you mean {', '.join(close)}?"
        if close
        else "`scaffold catalogue list` names all",
    )


def _bare(name: str) -> str:
    return name.lower().removeprefix("deep-oc-").replace("_", "-")


def data(catalogue: Catalogue, entry: Entry) -> Any:
    """Return the metadata of a module.

    Raises:
        ScaffoldError: its repository has not been cloned, holds none, or they cannot be read.
    """
    from scaffold.metadata.loading import load

    path = catalogue.metadata(entry)
    if path is None:
        cloned = catalogue.is_cloned(entry)
        raise ScaffoldError(
            f"{entry.name} holds no {catalogue.known.metadata[0]}"
            if cloned
            else f"{entry.name} is not cloned",
            hint=f"see {entry.url}"
            if cloned
            else f"`git -C {catalogue.root} submodule update --init {entry.path}`",
        )
    document = load(path)
    if document.problems:
        raise ScaffoldError(
            f"cannot read {path}: {document.problems[0].message}",
            hint="`scaffold catalogue check` lists all that is wrong",
        )
    return document.data


def holds(catalogue: Catalogue, entry: Entry, words: Sequence[str]) -> bool:
    """Whether name, address and metadata of a module hold all words, whatever their case."""
    text = f"{entry.name}\n{entry.url}\n"
    if path := catalogue.metadata(entry):
        text += path.read_text(encoding="utf-8", errors="replace")
    text = text.casefold()
    return all(word.casefold() in text for word in words)
