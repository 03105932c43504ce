"""What a pull request says: the module's card, where everything is, and which checks passed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from scaffold.doctor.check import GOOD
from scaffold.marketplace.preflight import Finding
from scaffold.marketplace.subject import Subject

_PLAIN = ("branch", "clean", "remote", "pushed", "listed")
BEGIN, END = "<!-- scaffold submit -->", "<!-- /scaffold submit -->"
"""What is between them is scaffold's; what people write before or after stays."""

_WHAT = {
    "submit": "This adds",
    "update": "This brings the newest version of",
    "withdraw": "This takes out, as its authors wish,",
}


def text(subject: Subject, action: str, findings: Iterable[Finding]) -> str:
    """Return a description in Markdown; equal for equal modules, whenever it is made.

    Args:
        subject: what is submitted.
        action: "submit", "update" or "withdraw".
        findings: of the pre-flight.
    """
    return "\n".join([BEGIN, *_lines(subject, action, findings), END, ""])


def renewed(old: str, new: str) -> str:
    """Return a description with scaffold's part made new.

    Args:
        old: the description as it is; GitHub may have given it other line ends.
        new: what `text` returned.
    """
    old = old.replace("\r\n", "\n")
    start, end = old.find(BEGIN), old.find(END)
    if start < 0 or end < start:
        return f"{old.rstrip()}\n\n{new}".lstrip()
    return old[:start] + new.rstrip("\n") + old[end + len(END) :]


def _lines(subject: Subject, action: str, findings: Iterable[Finding]) -> Iterator[str]:
    from scaffold.metadata.card import card

    yield f"{_WHAT[action]} [{subject.path}]({subject.url})."
    if action == "withdraw":
        return
    data = subject.data()
    made = card(data)
    yield ""
    yield f"## {_line(made.title or subject.path)}"
    yield ""
    yield _line(made.summary)
    yield ""
    yield "| | |"
    yield "| --- | --- |"
    for repository in subject.repositories:
        what = {"model": "code", "container": "container", "single": "code and container"}
        yield f"| {what[repository.role]} | {repository.url}, branch `{repository.branch}` |"
    for link in made.links:
        if link.url and link.label != "Source code":
            yield f"| {_cell(link.label)} | {_cell(link.url)} |"
    for label, value in made.facts:
        yield f"| {_cell(label)} | {_cell(value)} |"
    for label, words in (
        ("Categories", made.categories),
        ("Tasks", made.tasks),
        ("Libraries", made.libraries),
        ("Data types", made.data_types),
        ("Tags", made.tags),
    ):
        if words:
            yield f"| {label} | {_cell(', '.join(words))} |"
    yield ""
    yield "## Checked by `scaffold submit`"
    yield ""
    for each in findings:
        about = f" ({each.about})" if each.about else ""
        # what a submission does itself is done when this is read; what was seen before is no news
        done = each.verdict == GOOD or each.mended
        said = "" if each.id in _PLAIN else f": {_line(each.evidence)}"
        yield f"- [{'x' if done else ' '}] {each.id}{about}{said}"
    yield "- [x] maintainers may edit this branch"


def _line(text: str) -> str:
    """Return text on one line that mentions nobody and closes no issue."""
    return " ".join(text.split()).replace("@", "@\u200b").replace("<", "&lt;").replace("#", "&#35;")


def _cell(text: str) -> str:
    return _line(text).replace("|", "\\|")
