"""`scaffold sync`: data in and results out."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from scaffold.cli import sync_options, syncshow
from scaffold.cli.output import Output
from scaffold.cli.transferbar import TransferBar, counted, human

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scaffold.data.binary import Rclone
    from scaffold.data.engine import Engine
    from scaffold.data.job import Job
    from scaffold.data.remotes import Remote, UnknownRemoteError

_SHOWN = 20


@click.group("sync")
def command() -> None:
    """Copy data in and results out, with rclone, and prove that all is there.

    Nothing is deleted unless --mirror asks for it.
    """


@command.command("pull", epilog=sync_options.EPILOG)
@sync_options.options
@sync_options.filters
@sync_options.copying
def pull(out: Output, **options: Any) -> None:
    """Bring data here.

    PATH is a module (its data/raw is meant) or any folder. Files that are there and have not
    changed are left alone; each file is whole or not there; checksums are compared at the end and
    kept in .data-manifest.json.
    """
    _copy("pull", out, **options)


@command.command("push", epilog=sync_options.EPILOG)
@sync_options.options
@sync_options.filters
@sync_options.copying
def push(out: Output, **options: Any) -> None:
    """Bring results to a remote.

    PATH is a module (its models folder is meant) or any folder. See `scaffold sync pull --help`
    for what is promised.
    """
    _copy("push", out, **options)


def _copy(
    direction: str,
    out: Output,
    *,
    path: Path | None,
    remote: str | None,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    dry_run: bool,
    mirror: bool,
    yes: bool,
    **limits: Any,
) -> None:
    from scaffold.data import transfer, web
    from scaffold.data.job import Job
    from scaffold.data.listing import Filters
    from scaffold.data.places import find

    documents, texts = [], []
    for place in find(path, remote, direction):
        with _engine(out, place.remote, **limits) as (engine, there):
            job = Job(direction, place.folder, there, Filters(include, exclude))
            _insist_possible(job, mirror=mirror, filtered=bool(include or exclude))
            if there.kind == "http":
                if dry_run:
                    planned = web.plan(place.folder, place.remote)
                else:
                    done = web.fetch(engine, place.folder, place.remote)
            else:
                delete: dict[str, int] = {}
                if dry_run or mirror:
                    planned = transfer.plan(engine, job, mirror=mirror)
                    delete = planned.delete
                if not dry_run:
                    if delete and not yes:
                        _confirm(out, job, delete)
                    done = transfer.transfer(engine, job, delete=delete)
        if dry_run:
            documents.append(syncshow.plan_document(place, planned))
            texts.append(syncshow.plan_text(place, planned, direction))
        else:
            for note in done.notes:
                out.progress(f"note: {note}")
            documents.append(syncshow.summary_document(place, done))
            texts.append(syncshow.summary_text(job, done))
    key = "plans" if dry_run else "copies"
    out.result("\n".join(texts), {"direction": direction, key: documents})


def _insist_possible(job: Job, *, mirror: bool, filtered: bool) -> None:
    from scaffold.errors import UsageError

    if job.remote.kind in ("doi", "http") and job.direction == "push":
        raise UsageError(
            f"{job.remote.label} can be read only", hint="push to a remote of your own, rshare: …"
        )
    if job.remote.kind == "http" and (mirror or filtered):
        raise UsageError(
            f"{job.remote.label} is one file: nothing to mirror or to choose from",
            hint="leave --mirror, --include and --exclude out",
        )


def _confirm(out: Output, job: Job, delete: dict[str, int]) -> None:
    """Show what would be deleted and ask; refuse where nobody can answer."""
    from scaffold.errors import RefusedError

    where = job.destination.label
    names = [f"  {name}" for name in list(delete)[:_SHOWN]]
    if len(delete) > _SHOWN:
        names.append(f"  … and {len(delete) - _SHOWN:,} more (--dry-run --json lists all)")
    listed = "\n".join(names)
    if not sys.stdin.isatty():
        raise RefusedError(
            f"--mirror would delete {counted(len(delete))} in {where}:\n{listed}",
            hint="look at them, then add --yes",
        )
    click.echo(f"--mirror deletes {counted(len(delete))} in {where}:\n{listed}", err=True)
    if not click.confirm("Delete them?", default=False, err=True):
        raise RefusedError(
            "nothing was copied or deleted", hint="without --mirror nothing is deleted"
        )
    out.detail("agreed")


@command.command("check", epilog=sync_options.EPILOG)
@sync_options.options
@sync_options.filters
@click.option(
    "--download",
    is_flag=True,
    help="Compare the contents, for remotes that have no checksums; as slow as a copy.",
)
@click.option(
    "--source",
    type=click.Choice(["remote", "folder"]),
    help="Which side must be on the other one completely. Default: what .scaffold.yml says, or "
    "remote.",
)
def check(
    out: Output,
    path: Path | None,
    remote: str | None,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    download: bool,
    source: str | None,
    **limits: Any,
) -> None:
    """Compare both sides, by checksum, and change nothing.

    Exit code 1 if something is missing or different at the destination.
    """
    from scaffold.data import checking
    from scaffold.data.job import Job
    from scaffold.data.listing import Filters
    from scaffold.data.places import find
    from scaffold.errors import UsageError

    wanted = {"remote": "pull", "folder": "push", None: None}[source]
    rows, texts, good = [], [], True
    for place in find(path, remote, wanted):
        with _engine(out, place.remote, **limits) as (engine, there):
            if there.kind == "http":
                raise UsageError(
                    f"{place.remote} is checked when it is pulled", hint="pull it again"
                )
            job = Job(wanted or place.direction, place.folder, there, Filters(include, exclude))
            report = checking.check(engine, job, download=download)
        good = good and report.good
        for note in report.notes:
            out.progress(f"note: {note}")
        rows.append(syncshow.check_document(place, job, report))
        texts.append(syncshow.check_text(place, report))
    out.result("\n".join(texts), {"good": good, "checks": rows})
    if not good:
        sys.exit(1)


@command.command("ls", epilog=sync_options.EPILOG)
@sync_options.options
@sync_options.filters
def ls(
    out: Output,
    path: Path | None,
    remote: str | None,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    **limits: Any,
) -> None:
    """List the files in a remote, with size and time."""
    rows, lines = [], []
    for label, files in _listings(out, path, remote, (include, exclude), checksums=True, **limits):
        entries = []
        for name, each in sorted(files.items()):
            checksums = dict(each.checksums)
            entries.append(
                {"path": name, "bytes": each.size, "time": each.time, "checksums": checksums}
            )
            lines.append(f"{each.size:>15,}  {each.time[:19]:19}  {name}")
        rows.append({"remote": label, "files": entries})
    out.result("\n".join(lines), {"remotes": rows})


@command.command("size", epilog=sync_options.EPILOG)
@sync_options.options
@sync_options.filters
def size(
    out: Output,
    path: Path | None,
    remote: str | None,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    **limits: Any,
) -> None:
    """Count the files in a remote, and their bytes."""
    from scaffold.data.listing import sizes

    rows, lines = [], []
    for label, files in _listings(out, path, remote, (include, exclude), **limits):
        rows.append({"remote": label, "files": len(files), "bytes": sizes(files)})
        lines.append(f"{label}: {counted(len(files))}, {human(sizes(files))}")
    out.result("\n".join(lines), {"remotes": rows})


def _listings(
    out: Output,
    path: Path | None,
    remote: str | None,
    patterns: tuple[tuple[str, ...], tuple[str, ...]],
    *,
    checksums: bool = False,
    **limits: Any,
) -> Iterator[tuple[str, Any]]:
    from scaffold.data.listing import Filters, abilities, listing
    from scaffold.data.places import find
    from scaffold.errors import UsageError

    named = [remote] if remote else [each.remote for each in find(path, None, None)]
    for label in dict.fromkeys(named):
        with _engine(out, label, **limits) as (engine, there):
            if there.kind == "http":
                raise UsageError(f"{label} is one file on the web", hint="pull it")
            wanted = checksums and abilities(engine, there).cheap
            yield label, listing(engine, there, Filters(*patterns), checksums=wanted)


@command.command("doctor", epilog=sync_options.EPILOG)
@sync_options.options
@click.option("--fix", is_flag=True, help="Mend what can be mended; installs what is missing.")
def doctor(out: Output, path: Path | None, remote: str | None, fix: bool, **limits: Any) -> None:
    """Check rclone, its configuration, and whether the remotes can be reached."""
    from scaffold.cli.doctor import show
    from scaffold.data import reaching
    from scaffold.doctor import check, rclone
    from scaffold.errors import MissingToolError

    where = path or Path()
    results = check.run(rclone.CHECKS, where, fix=fix)
    engine: Engine | None
    try:
        with _engine(out, "", **limits) as (engine, _):
            results += check.run(reaching.checks(engine, path, remote), where)
    except MissingToolError:
        results += check.run(reaching.checks(None, path, remote), where)
    show(out, results)


@contextmanager
def _engine(
    out: Output, text: str, *, timeout: float, time_limit: float, retries: int
) -> Iterator[tuple[Engine, Remote]]:
    """Give rclone, with a progress bar if there is a terminal, and the remote that is meant."""
    from scaffold.data import binary, remotes
    from scaffold.data.engine import Engine, Limits

    reads_dois = text.lower().startswith(("doi:", "https://doi.org/"))
    program = binary.find(binary.MINIMUM_DOI if reads_dois else binary.MINIMUM)
    remote = remotes.Remote("", "")
    if text:
        try:
            remote = remotes.parse(text, program)
        except remotes.UnknownRemoteError as error:
            if out.as_json or not sys.stdin.isatty():
                raise
            _ask(program, error)
            remote = remotes.parse(text, program)
    bar = TransferBar(shown=not out.quiet and not out.as_json)

    def detail(line: str) -> None:
        bar.clear()
        out.detail(line)

    limits = Limits(stall=timeout, total=time_limit, retries=retries)
    try:
        yield Engine(program, limits, bar.draw, detail), remote
    finally:
        bar.clear()


def _ask(program: Rclone, error: UnknownRemoteError) -> None:
    """Ask for a remote that nobody has configured, and keep it."""
    from scaffold.data import keeping

    click.echo(f"{error.message}. Its settings are kept in rclone's own file.", err=True)
    kind = click.prompt("Type", type=click.Choice(["webdav", "s3"]), default="webdav", err=True)
    settings = {"type": kind}
    if kind == "webdav":
        settings["url"] = click.prompt("URL", err=True)
        vendors = click.Choice(["nextcloud", "owncloud", "other"])
        settings["vendor"] = click.prompt("Vendor", type=vendors, default="nextcloud", err=True)
        settings["user"] = click.prompt("User", err=True)
        settings["pass"] = click.prompt("Password", hide_input=True, err=True)
    else:
        settings["provider"] = click.prompt("Provider", default="Other", err=True)
        settings["endpoint"] = click.prompt("Endpoint", err=True)
        settings["access_key_id"] = click.prompt("Access key", err=True)
        settings["secret_access_key"] = click.prompt("Secret key", hide_input=True, err=True)
    path = keeping.keep(program, error.name, settings)
    click.echo(f"kept in {path}", err=True)
