"""The change of a catalogue as one commit, made without a working tree: bytes in, bytes out.

git's own filters, line ends and hooks have no part in it, so what is committed is what was computed.
"""

from __future__ import annotations

import difflib
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from scaffold.errors import ScaffoldError
from scaffold.marketplace import entries
from scaffold.marketplace.catalogues import LIST, SUBMODULES
from scaffold.marketplace.gitting import Git
from scaffold.marketplace.subject import Subject

_GITLINK = "160000"
_MESSAGES = {"submit": "Add {}", "update": "Update {}", "withdraw": "Remove {}"}


@dataclass(frozen=True, slots=True)
class Change:
    """What changes in a catalogue.

    Attributes:
        files: the content before and after, by path.
        links: the commits before and after, by the submodule's path; "" for none.
    """

    files: Mapping[str, tuple[bytes, bytes]]
    links: Mapping[str, tuple[str, str]]

    def __bool__(self) -> bool:
        """Whether anything changes."""
        return bool(self.files or self.links)

    def diff(self) -> str:
        """Return the change as a patch for people to read."""
        parts: list[str] = []
        for path, (before, after) in self.files.items():
            parts += difflib.unified_diff(
                before.decode(errors="replace").splitlines(),
                after.decode(errors="replace").splitlines(),
                *(f"a/{path}", f"b/{path}"),
                lineterm="",
            )
        for path, (old, new) in self.links.items():
            parts += [f"--- a/{path}", f"+++ b/{path}", "@@ -1 +1 @@"]
            parts += [f"-Subproject commit {old}"] if old else []
            parts += [f"+Subproject commit {new}"] if new else []
        return "\n".join(parts)


def title(subject: Subject, action: str) -> str:
    """Return the first line of the commit's message, and the pull request's title."""
    return _MESSAGES[action].format(subject.path)


def branch_name(subject: Subject, action: str) -> str:
    """Return what the branch of a submission is called."""
    return f"{action}-{subject.path}"


def between(git: Git, revision: str, subject: Subject, action: str, commit: str) -> Change:
    """Work out what an action changes in a revision of a catalogue; nothing if it is done there.

    Args:
        git: in a clone of the catalogue.
        revision: of it.
        subject: what is submitted.
        action: "submit", "update" or "withdraw".
        commit: of the module's listed repository.

    Raises:
        ScaffoldError: the revision has no such list, or it is no UTF-8.
    """
    files: dict[str, tuple[bytes, bytes]] = {}
    links: dict[str, tuple[str, str]] = {}
    url, path, branch = subject.url, subject.path, subject.listed.branch
    name = subject.known.file
    before = _file(git, revision, name)
    if before is None:
        raise ScaffoldError(
            f"{subject.known.url} has no {name}", hint="is it still a catalogue of this kind?"
        )
    try:
        text = before.decode()
    except UnicodeDecodeError as error:
        raise ScaffoldError(
            f"{name} of {subject.known.url} is no UTF-8: {error}", hint="tell its maintainers"
        ) from None
    if name == SUBMODULES:
        path = entries.path_of(text, url) or path  # a module may be listed under another name
    link = _link(git, revision, path)
    if name == LIST:
        if action == "submit":
            text = entries.list_module(text, url)
        elif action == "withdraw":
            text = entries.unlist_module(text, url)
        elif link and link != commit:  # its own server moves links too, when it gets to it
            links[path] = (link, commit)
    elif action == "withdraw":
        text = entries.remove_stanza(text, path)
        if link:
            links[path] = (link, "")
    else:
        text = entries.add_stanza(text, path, url, branch)
        if link != commit:
            links[path] = (link, commit)
    if text.encode() != before:
        files[name] = (before, text.encode())
    return Change(files, links)


def commit(git: Git, change: Change, parents: tuple[str, ...], base: str, message: str) -> str:
    """Commit a change; nothing refers to the commit yet.

    Args:
        git: in a clone of the catalogue.
        change: what changes.
        parents: of the commit.
        base: the revision that the change was worked out for.
        message: of the commit.

    Returns:
        The commit.
    """
    with tempfile.TemporaryDirectory(prefix="scaffold-") as scratch:
        variables = {"GIT_INDEX_FILE": str(Path(scratch) / "index")}
        git.run("read-tree", base, variables=variables)
        rows = []
        for path, (_, after) in change.files.items():
            mode = (git.text("ls-tree", base, "--", path) or "100644").split(" ")[0]
            blob = git.run("hash-object", "-w", "--stdin", given=after).decode().strip()
            rows.append(f"{mode} {blob}\t{path}")
        for path, (_, new) in change.links.items():
            rows.append(f"{_GITLINK if new else '0'} {new or '0' * 40}\t{path}")
        given = "".join(f"{row}\0" for row in rows).encode()
        git.run("update-index", "-z", "--index-info", given=given, variables=variables)
        tree = git.run("write-tree", variables=variables).decode().strip()
    options = [option for parent in parents for option in ("-p", parent)]
    return git.run("commit-tree", tree, *options, given=message.encode()).decode().strip()


def on_branch(
    git: Git, subject: Subject, action: str, module_commit: str, base: str, tip: str
) -> tuple[str, Change]:
    """Return the commit that a submission's branch has to be at, and what it changes.

    A branch that is there already is never rewritten: maintainers may have added to it. It gets the
    catalogue's newest commits if it lacks them, or else GitHub could find the two lists in conflict.

    Args:
        git: in a clone of the catalogue that has both commits.
        subject: what is submitted.
        action: "submit", "update" or "withdraw".
        module_commit: of the module's listed repository.
        base: the newest commit of the catalogue.
        tip: that of the branch; "" if there is none.
    """
    wanted = between(git, base, subject, action, module_commit)
    message = f"{title(subject, action)}\n\n{subject.listed.url}\n"
    if not tip:
        return (commit(git, wanted, (base,), base, message) if wanted else base), wanted
    left = between(git, tip, subject, action, module_commit)
    if git.ask("merge-base", "--is-ancestor", base, tip) is not None:
        return (commit(git, left, (tip,), tip, message) if left else tip), wanted
    fork = git.ask("merge-base", base, tip) or base
    touched = {*git.text("diff", "--name-only", "--ignore-submodules=none", fork, tip).split("\n")}
    if touched - {"", LIST, SUBMODULES, subject.path}:
        # somebody's work that a machine should not merge
        return (commit(git, left, (tip,), tip, message) if left else tip), wanted
    return commit(git, wanted, (tip, base), base, message), wanted


def _file(git: Git, revision: str, path: str) -> bytes | None:
    if not git.text("ls-tree", revision, "--", path):
        return None
    return git.run("cat-file", "blob", f"{revision}:{path}")


def _link(git: Git, revision: str, path: str) -> str:
    said = git.text("ls-tree", revision, "--", path).split()
    return said[2] if said and said[0] == _GITLINK else ""
