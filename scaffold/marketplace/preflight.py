"""Everything that a submission depends on, looked at before anything is done.

A check is a function of what is submitted and yields findings; `CHECKS` lists them in the order in
which they are shown. What a platform demands, and where it says so, is in `catalogues.py`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from scaffold.doctor.check import FAILED, GOOD, WARNING
from scaffold.errors import ScaffoldError
from scaffold.image import names
from scaffold.image.plan import FOLDER
from scaffold.marketplace import registry
from scaffold.marketplace.catalogues import Catalogue, owner_of, plain_url
from scaffold.marketplace.github import GitHub
from scaffold.marketplace.gitting import Git, has_password
from scaffold.marketplace.subject import Repository, Subject
from scaffold.marketplace.tokens import Token

_KEBAB = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*\Z")
_DEEP = re.compile(r"(UC-[A-Za-z0-9-]+-)?DEEP-OC-[A-Za-z0-9._-]+\Z")
# ai4papi/routers/v1/catalog has routes of these names
_RESERVED = ("tags", "detail")
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check has found.

    Attributes:
        id: of the check, which never changes.
        about: the repository that it is about; "" for the module.
        verdict: "good", "warning" or "failed".
        evidence: what was seen.
        remedy: what to do about it; "" if nothing is to be done.
        mended: whether `scaffold submit` does that itself, so that it stops nothing.
    """

    id: str
    about: str
    verdict: str
    evidence: str
    remedy: str = ""
    mended: bool = False

    def document(self) -> dict[str, Any]:
        """Return what `--json` says of it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Look:
    """What the checks look at.

    Attributes:
        subject: what is submitted.
        action: "submit", "update" or "withdraw".
        token: the user's, if there is one.
        github: the API; None to leave it out.
        catalogue: the catalogue, or why it cannot be read.
    """

    subject: Subject
    action: str
    token: Token | None
    github: GitHub | None
    catalogue: Catalogue | ScaffoldError


Check = Callable[[Look], Iterable[Finding]]


def run(look: Look) -> list[Finding]:
    """Run all checks; one that breaks is a failed one, and the others run all the same."""
    found: list[Finding] = []
    for name, check in CHECKS.items():
        if look.action == "withdraw" and name not in _WITHDRAWING:
            continue
        try:
            found += check(look)
        except ScaffoldError as error:
            found.append(Finding(name, "", FAILED, error.message, error.hint))
    return found


def blocking(findings: Iterable[Finding], accepted: Iterable[str] = ()) -> list[Finding]:
    """Return what stops a submission: what has failed, is not mended by it and not accepted."""
    accepted = {*accepted}
    return [
        each
        for each in findings
        if each.verdict == FAILED and not each.mended and each.id not in accepted
    ]


def _metadata(look: Look) -> Iterator[Finding]:
    from scaffold.metadata.checks import Options, checker
    from scaffold.metadata.versions import NEWEST

    path = look.subject.metadata
    # AI4EOSC's platform goes by the newest schema, DEEP's by the first, whatever a file declares
    version = NEWEST if look.subject.known.branch_needed else "1.0.0"
    if not path.is_file():
        yield Finding(
            *("metadata", look.subject.listed.name, FAILED, f"there is no {path.name}"),
            f"`scaffold metadata new -o {path.name} --schema-version {version}` writes one",
        )
        return
    report = checker(Options(schema_version=version))(str(path))
    errors = [each for each in report.findings if each.severity == "error"]
    if errors:
        shown = "; ".join(f"line {each.line}: {each.message}" for each in errors[:_SHOWN])
        yield Finding(
            *("metadata", look.subject.listed.name, FAILED),
            f"{path.name} has {len(errors)} errors at version {version}: {shown}",
            f"`scaffold validate {path.name} --schema-version {version}` shows all, `--fix` mends some",
        )
    else:
        evidence = f"{path.name} is valid at version {version}, which the platform uses"
        yield Finding("metadata", look.subject.listed.name, GOOD, evidence)


def _branch(look: Look) -> Iterator[Finding]:
    for each in look.subject.repositories:
        current = Git(each.folder).ask("symbolic-ref", "--quiet", "--short", "HEAD") or "no branch"
        if current == each.branch:
            yield Finding("branch", each.name, GOOD, f"it is on {each.branch}")
        else:
            yield Finding(
                *("branch", each.name, FAILED, f"it is on {current}, and {each.branch} is listed"),
                f"`git -C {each.folder} switch {each.branch}`, or list another with --branch",
            )


def _clean(look: Look) -> Iterator[Finding]:
    for each in look.subject.repositories:
        changed = Git(each.folder).text("status", "--porcelain").splitlines()
        if changed:
            yield Finding(
                *("clean", each.name, FAILED, f"{len(changed)} files differ from the last commit"),
                f"`git -C {each.folder} status` lists them: commit them, or take them back",
            )
        else:
            yield Finding("clean", each.name, GOOD, "all is committed")


def _license(look: Look) -> Iterator[Finding]:
    for each in look.subject.repositories:
        files = (Git(each.folder).ask("ls-tree", "--name-only", each.branch) or "").splitlines()
        found = [name for name in files if re.match(r"(?i)(licen[sc]e|copying)(\.|$)", name)]
        if found:
            yield Finding("license", each.name, GOOD, f"it holds {found[0]}")
        else:
            yield Finding(
                *("license", each.name, FAILED, f"{each.branch} holds no file LICENSE"),
                "add one, https://choosealicense.com helps to choose, and commit it",
            )


def _remote(look: Look) -> Iterator[Finding]:
    for each in look.subject.repositories:
        if has_password(each.remote):
            yield Finding(
                *("password", each.name, FAILED, "the address of its origin holds a password"),
                f"`git -C {each.folder} remote set-url origin {each.url}.git`, and revoke it",
            )
        if not each.on_github:
            yield _readable(each)
        elif look.github:
            yield _published(look.github, each)


def _readable(repository: Repository) -> Finding:
    """Look whether everybody can clone from a forge whose API we do not know, GitLab for one."""
    if Git(repository.folder).is_public(repository.url):
        return Finding("remote", repository.name, GOOD, f"{repository.url} is public")
    return Finding(
        *("remote", repository.name, FAILED, f"nobody can clone {repository.url} without a login"),
        "create it there as a public repository; `scaffold submit` creates them on GitHub only",
    )


def _published(github: GitHub, repository: Repository) -> Finding:
    found = github.repository(repository.slug)
    if found is None:
        return Finding(
            *("remote", repository.name, FAILED, f"there is no public {repository.url}"),
            f"`scaffold submit` creates it; or create {repository.slug} yourself",
            mended=True,
        )
    if found.get("private"):
        return Finding(
            *("remote", repository.name, FAILED, f"{repository.url} is private"),
            "make it public, in its settings: the platform has to read it",
        )
    if found.get("archived"):
        return Finding(
            *("remote", repository.name, FAILED, f"{repository.url} is archived"),
            "take it out of the archive, in its settings",
        )
    return Finding("remote", repository.name, GOOD, f"{repository.url} is public")


def _pushed(look: Look) -> Iterator[Finding]:
    for each in look.subject.repositories:
        git = Git(each.folder, look.token)
        here = git.ask("rev-parse", "--verify", "--quiet", f"refs/heads/{each.branch}")
        there = (git.heads(each.remote) or {}).get(each.branch)
        if not here:
            yield Finding(
                *("pushed", each.name, FAILED, f"there is no branch {each.branch}"),
                "name the one to list with --branch",
            )
        elif here == there:
            yield Finding("pushed", each.name, GOOD, f"{each.branch} is there at {here[:12]}")
        elif there and git.ask("merge-base", "--is-ancestor", there, here) is None:
            yield Finding(
                *("pushed", each.name, FAILED, f"{each.url} has commits that are not here"),
                f"`git -C {each.folder} pull origin {each.branch}`",
            )
        else:
            what = "is not there" if there is None else f"is there at {there[:12]}, not {here[:12]}"
            yield Finding(
                *("pushed", each.name, FAILED, f"{each.branch} {what}"),
                f"`scaffold submit` pushes it; or `git -C {each.folder} push origin {each.branch}`",
                mended=True,
            )


def _names(look: Look) -> Iterator[Finding]:
    subject = look.subject
    name, deep = subject.listed.name, not subject.known.branch_needed
    fits = _DEEP.match(name) if deep else _KEBAB.match(name) and name not in _RESERVED
    if fits:
        yield Finding("name", name, GOOD, f"{name} follows the catalogue's convention")
    elif deep:
        yield Finding(
            *("name", name, FAILED, f"{name} does not begin with DEEP-OC-"),
            f"rename the container repository: DEEP-OC-{name}",
        )
    else:
        what = "is a name that the platform keeps" if name in _RESERVED else "is not kebab-case"
        yield Finding(
            *("name", name, FAILED, f"{name} {what}"),
            "rename the repository: small letters and digits, with `-` between words",
        )


def _account(look: Look) -> Iterator[Finding]:
    known, listed = look.subject.known, look.subject.listed
    account = owner_of(listed.url)
    if known.owners and account not in known.owners:
        yield Finding(
            *("account", listed.name, FAILED),
            f"the platform shows modules of {', '.join(known.owners)} only, not of {account}",
            f"open an issue at {known.url}: its maintainers create a repository in "
            f"{owner_of(known.url)} and let you write to it; then `git remote set-url origin …`",
        )
    elif look.subject.url != listed.url:
        yield Finding(
            *("account", listed.name, GOOD),
            f"the maintainers fork it, and {look.subject.url} is what is listed",
        )
    else:
        yield Finding("account", listed.name, GOOD, f"{account} is an account that is shown")


def _listed(look: Look) -> Iterator[Finding]:
    if isinstance(look.catalogue, ScaffoldError):
        raise look.catalogue
    url, path = look.subject.url, look.subject.path
    file = look.catalogue.known.file
    found = [
        each
        for each in look.catalogue.entries
        if plain_url(each.url) == plain_url(url) or each.path == path
    ]
    where = f"{file}:{found[0].line}" if found else file
    if look.action == "submit" and found:
        yield Finding(
            *("listed", "", FAILED, f"{where} lists {found[0].url} already"),
            "`scaffold submit --update` announces a new version, `--withdraw` takes it out",
        )
    elif look.action != "submit" and not found:
        yield Finding(
            *("listed", "", FAILED, f"{where} does not list {url}"),
            "`scaffold submit` without --update and --withdraw lists it; a pull request that is "
            "still open is closed on its own page",
        )
    else:
        yield Finding("listed", "", GOOD, f"{where} lists it" if found else f"not in {file} yet")


def _image(look: Look) -> Iterator[Finding]:
    data = look.subject.data()
    part, key = ("sources", "docker_registry_repo") if "sources" in data else ("links", "docker_image")  # fmt: skip
    links = data.get(part)
    image = registry.name_of_image(str((links.get(key) if isinstance(links, dict) else "") or ""))
    if not image:
        yield Finding(
            *("image", "", FAILED, f"the metadata name no image ({part}.{key})"),
            f"write it as {names.default_repository(look.subject.module)}",
        )
        return
    layout = "single" if look.subject.module.single else "pair"
    tag = names.tags(layout, look.subject.listed.branch, "cpu")[0]
    there = registry.has_tag(image, tag)
    if there:
        yield Finding("image", "", GOOD, f"{image}:{tag} is in its registry")
    else:
        what = "cannot be asked for" if there is None else "does not have"
        yield Finding(
            *("image", "", WARNING, f"the registry {what} {image}:{tag}"),
            "the platform builds it once the module is listed; `scaffold build --push` does now",
        )


def _smoke_test(look: Look) -> Iterator[Finding]:
    folder = look.subject.listed.folder / FOLDER
    reports = sorted(folder.glob("*/smoke-test.json"))
    if not reports:
        yield Finding(
            *("smoke-test", "", FAILED, f"no {FOLDER}/cpu/smoke-test.json: no image was tried"),
            "`scaffold build` builds the image and tries it",
        )
    for path in reports:
        variant = path.parent.name
        try:
            passed = json.loads(path.read_bytes())["passed"] is True
        except (OSError, ValueError, KeyError, TypeError):
            passed = False
        if passed:
            yield Finding("smoke-test", variant, GOOD, f"the {variant} image has passed its test")
        else:
            yield Finding(
                *("smoke-test", variant, FAILED, f"the {variant} image failed its test"),
                f"{path} says what failed; `scaffold build --{variant}` tries again",
            )


def _secrets(look: Look) -> Iterator[Finding]:
    from scaffold.marketplace import secrets

    for each in look.subject.repositories:
        found = secrets.leaks(each.folder)
        if not found:
            yield Finding("secrets", each.name, GOOD, "detect-secrets finds none in its history")
            continue
        certain = [leak for leak in found if not leak.doubtful]
        shown = "; ".join(
            f"{leak.kind} in {leak.path}:{leak.line} of {leak.commit[:12]}"
            for leak in (certain or found)[:_SHOWN]
        )
        yield Finding(
            *("secrets", each.name, FAILED if certain else WARNING),
            f"{len(certain or found)} that look like it: {shown}",
            "revoke what is real, and take it out of the history (`git filter-repo`) before the "
            "repository is public; `--accept secrets` if none is",
        )


CHECKS: dict[str, Check] = {
    "metadata": _metadata,
    "branch": _branch,
    "clean": _clean,
    "license": _license,
    "remote": _remote,
    "pushed": _pushed,
    "name": _names,
    "account": _account,
    "listed": _listed,
    "image": _image,
    "smoke-test": _smoke_test,
    "secrets": _secrets,
}
"""All checks by the name that a broken one is reported under, in the order they are shown."""

_WITHDRAWING = ("listed",)
