"""`scaffold submit`: from a module to an open pull request on a marketplace's catalogue."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from scaffold.cli.output import Output, common_options

if TYPE_CHECKING:
    from scaffold.marketplace.catalogues import Catalogue
    from scaffold.marketplace.github import GitHub
    from scaffold.marketplace.preflight import Finding
    from scaffold.marketplace.subject import Subject
    from scaffold.marketplace.submission import Step, Work
    from scaffold.marketplace.tokens import Token

_SIGNS = {"good": ("✓", "green"), "warning": ("!", "yellow"), "failed": ("✗", "red")}
_PLANNED, _DONE, _MADE = "planned", "done", "made"


@click.command("submit")
@click.argument("path", default=".", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option(
    "--catalogue",
    type=click.Choice(["deep", "ai4eosc"]),
    help="Where to. Default: deep for a pair, ai4eosc for a single repository.",
)
@click.option("--branch", metavar="NAME", help="Branch to list. Default: the module's own.")
@click.option("--check", is_flag=True, help="Look whether all is ready, and stop there.")
@click.option("--update", is_flag=True, help="It is listed: announce what is new in it.")
@click.option("--withdraw", is_flag=True, help="It is listed: ask to take it out.")
@click.option(
    "--accept",
    multiple=True,
    metavar="ID",
    help="Go on although this check has failed; the pull request says so. Repeatable.",
)
@click.option("--dry-run", is_flag=True, help="Show every change, git operation and API call.")
@click.option(
    "--no-push",
    is_flag=True,
    help="Change nothing elsewhere: leave a branch in a clone beside the module.",
)
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@common_options
def command(
    out: Output,
    path: Path,
    catalogue: str | None,
    branch: str | None,
    check: bool,
    update: bool,
    withdraw: bool,
    accept: tuple[str, ...],
    dry_run: bool,
    no_push: bool,
    yes: bool,
) -> None:
    """Submit the module that PATH lies in to a marketplace's catalogue.

    Checks all that a submission depends on; then creates and pushes the module's repositories,
    forks the catalogue, lists the module on a branch and opens the pull request. Run again it
    continues, or renews the same pull request. The GitHub token is GITHUB_TOKEN, that of
    `gh auth login`, or the keyring's.

    Exit code 1 if a check has failed, 4 if it may not ask and has no --yes.
    """
    from scaffold import module
    from scaffold.errors import UsageError
    from scaffold.marketplace import subject, tokens
    from scaffold.marketplace.github import GitHub
    from scaffold.marketplace.preflight import CHECKS

    if update and withdraw:
        raise UsageError("--update and --withdraw exclude each other", hint="name one of them")
    known = {*CHECKS, "password"}
    if unknown := [each for each in accept if each not in known]:
        raise UsageError(
            f"--accept {unknown[0]}: there is no such check",
            hint=f"there are {', '.join(sorted(known))}",
        )
    action = "update" if update else "withdraw" if withdraw else "submit"
    submitted = subject.of(module.find(path), catalogue or "", branch or "")
    token = tokens.find() if check or dry_run or no_push else tokens.need()
    with ExitStack() as stack:
        github = stack.enter_context(GitHub(token, say=out.progress))
        found = _checked(out, submitted, action, token, github)
        stopping = _stopping(found, accept)
        document = _document(submitted, action, found, ready=not stopping)
        if check or (stopping and not dry_run):
            _end(out, document, len(stopping))
        folder = _folder(stack, submitted, no_push=no_push)
        work = _work(out, submitted, action, found, token, github, folder, offline=no_push)
        document["branch"] = work.branch
        if no_push and not dry_run:
            _leave(out, document, work)
            return
        _submit(out, document, work, dry_run=dry_run, yes=yes)
        if stopping:
            sys.exit(1)


def _checked(
    out: Output,
    submitted: Subject,
    action: str,
    token: Token | None,
    github: GitHub,
) -> list[Finding]:
    from scaffold.marketplace import preflight

    out.progress(f"Checking {submitted.listed.name} for the catalogue {submitted.known.name} …")
    with _catalogue(submitted, token) as catalogue:
        found = preflight.run(preflight.Look(submitted, action, token, github, catalogue))
    if not out.as_json and not out.quiet:
        for each in found:
            sign, colour = _SIGNS["warning" if each.mended else each.verdict]
            about = f" {each.about}" if each.about else ""
            click.echo(f"{click.style(sign, fg=colour)} {each.id}{about}: {each.evidence}")
            if each.remedy:
                click.echo(f"    {each.remedy}")
    return found


@contextmanager
def _catalogue(submitted: Subject, token: Token | None) -> Iterator[Catalogue | Any]:
    from scaffold.errors import ScaffoldError
    from scaffold.marketplace import catalogues
    from scaffold.marketplace.gitting import Git

    with tempfile.TemporaryDirectory(prefix="scaffold-") as folder:
        root = Path(folder) / "catalogue"
        try:
            Git(Path(folder), token).run(
                *("clone", "--quiet", "--depth", "1", submitted.catalogue_url, str(root))
            )
            read = catalogues.read(root)
        except ScaffoldError as error:
            yield error
        else:
            yield read


def _stopping(found: Sequence[Finding], accept: Sequence[str]) -> list[Finding]:
    from scaffold.marketplace import preflight

    return preflight.blocking(found, accept)


def _document(
    submitted: Subject, action: str, found: Sequence[Finding], *, ready: bool
) -> dict[str, Any]:
    return {
        "catalogue": submitted.known.name,
        "action": action,
        "module": submitted.url,
        "ready": ready,
        "findings": [each.document() for each in found],
        "steps": [],
        "branch": None,
        "folder": None,
        "page": None,
        "pull_request": None,
    }


def _end(out: Output, document: dict[str, Any], stopping: int) -> None:
    text = f"{stopping} to mend" if stopping else "ready to be submitted"
    out.result(text, document)
    sys.exit(1 if stopping else 0)


def _folder(stack: ExitStack, submitted: Subject, *, no_push: bool) -> Path:
    """Return where the catalogue's clone is: beside the module if the user is to have it."""
    if no_push:
        return submitted.listed.folder.parent / submitted.catalogue_slug.rpartition("/")[2]
    return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="scaffold-"))) / "catalogue"


def _work(
    out: Output,
    submitted: Subject,
    action: str,
    found: Sequence[Finding],
    token: Token | None,
    github: GitHub,
    folder: Path,
    *,
    offline: bool,
) -> Work:
    from scaffold.marketplace import submission

    out.progress(f"Cloning {submitted.catalogue_url} …")
    clone, base = submission.open_clone(folder, submitted, token)
    login = github.user() if token and not offline else submission.YOU
    return submission.Work(submitted, action, tuple(found), clone, base, token, github, login)


def _leave(out: Output, document: dict[str, Any], work: Work) -> None:
    from scaffold.marketplace import submission

    page = submission.leave_branch(work)
    document |= {"folder": str(work.clone.folder), "page": page}
    out.result(
        f"The branch {work.branch} is ready in {work.clone.folder}.\n"
        f"Push it to a fork of yours, and open the pull request on\n{page}",
        document,
    )


def _submit(out: Output, document: dict[str, Any], work: Work, *, dry_run: bool, yes: bool) -> None:
    from scaffold.marketplace import submission

    steps = submission.steps(work)
    if dry_run:
        rows = [(each, each.look()) for each in steps]
        document["steps"] = [
            submission.document(each, _PLANNED if done is None else _DONE, done)
            for each, done in rows
        ]
        out.result("\n".join(_described(rows)), document)
        return
    if not yes:
        _confirm(steps)
    made: list[dict[str, Any]] = []

    def tell(step: Step, before: bool, result: str) -> None:
        out.progress(f"{'already there' if before else 'done'}: {step.title}")
        made.append(submission.document(step, _DONE if before else _MADE, result, operations=False))

    results = submission.run(steps, tell)
    document["steps"] = made
    document["pull_request"] = results.get("pull-request")
    nothing = f"{work.subject.known.file} needs no change: the platform follows the branch itself"
    out.result(results.get("pull-request", nothing), document)


def _described(rows: list[tuple[Step, str | None]]) -> Iterator[str]:
    for step, done in rows:
        yield f"{'already there' if done is not None else 'would'}: {step.title}"
        if done is None:
            for each in step.operations:
                yield "\n".join(f"    {line}" for line in each.text.splitlines())


def _confirm(steps: Sequence[Step]) -> None:
    """Say what will be done and ask; refuse where nobody can answer."""
    from scaffold.errors import RefusedError

    waiting = [each for each in steps if each.look() is None]
    if not waiting:
        return
    listed = "\n".join(f"  {each.title}" for each in waiting)
    if not sys.stdin.isatty():
        raise RefusedError(
            f"this would, in public:\n{listed}", hint="look at it with --dry-run, then add --yes"
        )
    click.echo(f"This will, in public:\n{listed}", err=True)
    if not click.confirm("Go on?", default=False, err=True):
        raise RefusedError("nothing was done", hint="--dry-run shows all that would be")
