"""From a module to an open pull request: steps that each look first whether they are done.

No file keeps what has been done: the remotes themselves tell. So a submission that was cut off is
finished by running it again, and one that is finished has nothing left to do.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scaffold.errors import RefusedError, ScaffoldError
from scaffold.marketplace import change, description
from scaffold.marketplace.catalogues import plain_url
from scaffold.marketplace.github import GitHub, UncertainError, server
from scaffold.marketplace.gitting import Git
from scaffold.marketplace.preflight import Finding
from scaffold.marketplace.subject import Repository, Subject
from scaffold.marketplace.tokens import Token

YOU = "YOUR-ACCOUNT"
_ALONG = ("test", "dev")
_SUMMARY = 350  # characters, the most that GitHub takes


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that a step does.

    Attributes:
        kind: "api", "git" or "file".
        text: the call, the command or the patch.
    """

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Step:
    """One step.

    Attributes:
        id: its stable name.
        title: what it does.
        operations: all that it does, if it is not done.
        look: returns what came of it if it is done, else None; changes nothing.
        do: does it, and returns what came of it.
    """

    id: str
    title: str
    operations: tuple[Operation, ...]
    look: Callable[[], str | None]
    do: Callable[[], str]


@dataclass(frozen=True, slots=True)
class Work:
    """All that a submission needs to know.

    Attributes:
        subject: what is submitted.
        action: "submit", "update" or "withdraw".
        findings: of the pre-flight, for the description.
        clone: git in a clone of the catalogue.
        base: the catalogue's default branch.
        token: the user's; None without one.
        github: the API; None for what stays on this machine.
        login: the user's account.
    """

    subject: Subject
    action: str
    findings: tuple[Finding, ...]
    clone: Git
    base: str
    token: Token | None
    github: GitHub | None
    login: str

    @property
    def branch(self) -> str:
        """The branch that the pull request is for."""
        return change.branch_name(self.subject, self.action)

    @property
    def base_commit(self) -> str:
        """The newest commit of the catalogue."""
        return self.clone.text("rev-parse", f"refs/remotes/origin/{self.base}")

    @property
    def module_commit(self) -> str:
        """The commit of the module that is listed."""
        listed = self.subject.listed
        return Git(listed.folder).text("rev-parse", f"refs/heads/{listed.branch}")

    def change(self) -> change.Change:
        """Return what changes in the catalogue as it is."""
        return change.between(
            self.clone, self.base_commit, self.subject, self.action, self.module_commit
        )


def open_clone(folder: Path, subject: Subject, token: Token | None) -> tuple[Git, str]:
    """Clone the catalogue, or bring a clone up to date; return git in it and its default branch.

    Args:
        folder: where the clone is to be, or is.
        subject: what is submitted.
        token: the user's, if there is one.

    Raises:
        RefusedError: something else is in the folder.
        ScaffoldError: it cannot be cloned.
    """
    url = subject.catalogue_url
    git = Git(folder, token)
    if folder.exists():
        origin = git.ask("config", "--get", "remote.origin.url") or ""
        if plain_url(origin) != plain_url(url) or not (folder / ".git").exists():
            raise RefusedError(
                f"{folder} is there, and is no clone of {url}", hint="move it out of the way"
            )
        git.run("fetch", "--quiet", "origin")
        git.ask("remote", "set-head", "origin", "--auto")
    else:
        Git(folder.parent, token).run("clone", "--quiet", "--no-checkout", url, str(folder))
    head = git.text("symbolic-ref", "--short", "refs/remotes/origin/HEAD")
    return git, head.removeprefix("origin/")


def steps(work: Work) -> list[Step]:
    """Return the whole way of a submission, whatever of it is done."""
    found: list[Step] = []
    if work.action != "withdraw":
        for each in work.subject.repositories:
            found += _publishing(work, each)
    if work.change():
        found += _proposing(work)
    return found


def run(wanted: Iterable[Step], tell: Callable[[Step, bool, str], None]) -> dict[str, str]:
    """Take the steps that are not done; return what came of each, by its id.

    Args:
        wanted: the steps.
        tell: gets each step that is done, whether it was so before, and what came of it.

    Raises:
        ScaffoldError: one failed; the message says which, and what is done.
    """
    results: dict[str, str] = {}
    made: list[str] = []
    for step in wanted:
        try:
            before = step.look()
            results[step.id] = _taken(step) if before is None else before
        except ScaffoldError as error:
            done = f"; done before: {', '.join(made)}" if made else ""
            error.message = f"{step.title}: {error.message}{done}"
            error.hint = f"{error.hint}. Running the command again continues from here"
            raise
        if before is None:
            made.append(step.title)
        tell(step, before is not None, results[step.id])
    return results


def _taken(step: Step) -> str:
    try:
        return step.do()
    except UncertainError:
        result = step.look()  # it may have been carried out all the same
        return step.do() if result is None else result


def document(
    step: Step, state: str, result: str | None = None, *, operations: bool = True
) -> dict[str, Any]:
    """Return what `--json` says of a step; state is "done", "made" or "planned"."""
    return {
        "id": step.id,
        "title": step.title,
        "state": state,
        "result": result,
        "operations": [
            {"kind": each.kind, "text": each.text} for each in step.operations if operations
        ],
    }


def _call(method: str, path: str, body: Mapping[str, Any]) -> Operation:
    return Operation("api", f"{method} {path} {json.dumps(body, ensure_ascii=False)}")


def _publishing(work: Work, repository: Repository) -> Iterator[Step]:
    github = work.github
    assert github
    slug, login = repository.slug, work.login
    account, _, name = slug.partition("/")
    summary = " ".join(work.subject.module.answers.get("description", "").split())[:_SUMMARY]
    path = "/user/repos" if account.lower() == login.lower() else f"/orgs/{account}/repos"

    def create() -> str:
        github.create_repository(slug, summary, login)
        return repository.url

    if repository.on_github:
        yield Step(
            f"create-{repository.role}",
            f"create {slug}",
            (_call("POST", path, {"name": name, "description": summary, "private": False}),),
            lambda: repository.url if github.repository(slug) else None,
            create,
        )
    git = Git(repository.folder, work.token)
    address = "origin" if git.ask("config", "--get", "remote.origin.url") else repository.remote

    def missing() -> list[str]:
        there = git.heads(address) or {}
        here = git.text("for-each-ref", "--format=%(refname:short) %(objectname)", "refs/heads")
        heads = dict(line.split(" ") for line in here.splitlines())
        wanted = [] if heads.get(repository.branch) == there.get(repository.branch) else [repository.branch]  # fmt: skip
        # a branch that has gone on elsewhere is nobody's business here
        return wanted + [each for each in _ALONG if each in heads and each not in there]

    def push() -> str:
        refs = [f"refs/heads/{each}:refs/heads/{each}" for each in missing()]
        git.run("push", "--quiet", address, *refs)
        return repository.branch

    yield Step(
        f"push-{repository.role}",
        f"push {name}",
        (
            Operation(
                "git", f"git -C {repository.folder} push {address} {' '.join(missing())}".rstrip()
            ),
        ),
        lambda: None if missing() else repository.branch,
        push,
    )


def _proposing(work: Work) -> Iterator[Step]:
    github, subject, branch = work.github, work.subject, work.branch
    assert github
    slug, login = subject.catalogue_slug, work.login
    fork = f"{login}/{slug.partition('/')[2]}"
    if slug.partition("/")[0].lower() != login.lower():
        yield Step(
            "fork",
            f"fork {slug}",
            (_call("POST", f"/repos/{slug}/forks", {}),),
            lambda: None if login == YOU else github.own_fork(slug, login),
            lambda: github.fork(slug, login),
        )

    def ready() -> tuple[str, str, str]:
        address = f"{server()}/{github.fork(slug, login)}.git"
        tip = (work.clone.heads(address) or {}).get(branch, "")
        if tip:
            work.clone.run("fetch", "--quiet", address, f"refs/heads/{branch}")
        wanted, _ = change.on_branch(
            work.clone, subject, work.action, work.module_commit, work.base_commit, tip
        )
        return address, tip, wanted

    def pushed() -> str | None:
        if login == YOU or github.own_fork(slug, login) is None:
            return None
        _, tip, wanted = ready()
        return branch if tip == wanted else None

    def push() -> str:
        address, _, wanted = ready()
        work.clone.run("push", "--quiet", address, f"{wanted}:refs/heads/{branch}")
        return branch

    title = change.title(subject, work.action)
    yield Step(
        "branch",
        f"push the branch {branch} of {fork}",
        (
            Operation("file", work.change().diff()),
            Operation("git", f'git commit -m "{title}"'),
            Operation("git", f"git push {server()}/{fork}.git {branch}"),
        ),
        pushed,
        push,
    )
    body = description.text(subject, work.action, work.findings)
    wanted = {
        "title": title,
        "head": f"{login}:{branch}",
        "base": work.base,
        "body": body,
        "maintainer_can_modify": True,
    }

    def renewed(found: Mapping[str, Any]) -> str:
        return description.renewed(str(found.get("body") or ""), body)

    def opened() -> str | None:
        found = None if login == YOU else github.pull_request(slug, wanted["head"], work.base)  # type: ignore[arg-type]
        if found is None or renewed(found) != str(found.get("body") or "").replace("\r\n", "\n"):
            return None
        return str(found["html_url"])

    def propose() -> str:
        found = github.pull_request(slug, str(wanted["head"]), work.base)
        if found is None:
            found = github.open_pull_request(slug, wanted)
        else:
            github.change_pull_request(slug, int(found["number"]), {"body": renewed(found)})
        return str(found["html_url"])

    yield Step(
        "pull-request",
        f"open or renew the pull request on {slug}",
        (_call("POST", f"/repos/{slug}/pulls", wanted),),
        opened,
        propose,
    )


def leave_branch(work: Work) -> str:
    """Make the branch in the clone and switch to it; return the page to open the pull request on."""
    tip = work.clone.ask("rev-parse", "--verify", "--quiet", f"refs/heads/{work.branch}") or ""
    wanted, _ = change.on_branch(
        work.clone, work.subject, work.action, work.module_commit, work.base_commit, tip
    )
    if work.clone.ask("symbolic-ref", "--quiet", "HEAD") == f"refs/heads/{work.branch}":
        work.clone.run("reset", "--quiet", "--keep", wanted)
    else:
        work.clone.run("update-ref", f"refs/heads/{work.branch}", wanted)
        work.clone.run("switch", "--quiet", work.branch)
    return f"{work.subject.catalogue_url}/compare/{work.base}...{work.login}:{work.branch}?expand=1"
