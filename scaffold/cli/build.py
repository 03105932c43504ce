"""`scaffold build`: the module's container image, tested before it gets its name."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from scaffold.cli.output import Output, common_options
from scaffold.errors import ScaffoldError

if TYPE_CHECKING:
    from scaffold.image.build import Image
    from scaffold.image.engine import Engine
    from scaffold.image.network import Network
    from scaffold.image.plan import Plan
    from scaffold.image.smoke import Report

_PRINTED = "container.log"


@click.command("build")
@click.argument("path", default=".", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--cpu", "which", flag_value="cpu", default="cpu", help="The CPU image (default).")
@click.option(
    "--gpu", "which", flag_value="gpu", help="The GPU image; no GPU is needed to build it."
)
@click.option("--all", "which", flag_value="all", help="Every image that the framework has.")
@click.option(
    "--source",
    type=click.Choice(["local", "git"]),
    default="local",
    show_default=True,
    help="The working tree, or a branch of the module's repository.",
)
@click.option("--branch", default="", help="Branch that decides the tags and, from git, the code.")
@click.option("--image", default="", metavar="NAME", help="Name of the image, without a tag.")
@click.option("--tag", default="", help="Tag instead of those of the branch.")
@click.option("--base-tag", default="", metavar="TAG", help="Tag of the base image.")
@click.option("--jlab", is_flag=True, help="Put JupyterLab into it.")
@click.option(
    "--engine", "wanted", type=click.Choice(["docker", "podman"]), help="Build with this."
)
@click.option("--no-cache", is_flag=True, help="Build every step anew.")
@click.option("--no-smoke-test", is_flag=True, help="Do not try the image.")
@click.option("--push", is_flag=True, help="Push it with the engine's registry login.")
@click.option(
    "--ca-bundle",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Certificates to trust during the build (default: those of PIP_CERT and the like).",
)
@click.option("--network", default="", metavar="MODE", help="Network of the build, `host` for one.")
@click.option("--platform", default="", help="Build for another machine, linux/arm64 for one.")
@click.option("--dry-run", is_flag=True, help="Show what would be built.")
@common_options
def command(
    out: Output,
    path: Path,
    which: str,
    source: str,
    branch: str,
    image: str,
    tag: str,
    base_tag: str,
    jlab: bool,
    wanted: str | None,
    no_cache: bool,
    no_smoke_test: bool,
    push: bool,
    ca_bundle: Path | None,
    network: str,
    platform: str,
    dry_run: bool,
) -> None:
    """Build the container image of the module that PATH lies in, and try it.

    The image is made from the working tree, uncommitted changes included, or with --source git from
    the branch that has been pushed. It is started, trained for one epoch and asked for a prediction;
    only then it gets its tags. The log, the bill of materials and the provenance are left in build/ of
    the container repository.
    """
    from scaffold import local, module
    from scaffold.image import engine, plan, table
    from scaffold.image import network as reach

    found = module.find(path)
    every = table.variants(found.answers["framework"]) or table.VARIANTS
    variants = every if which == "all" else (which,)
    wish = plan.Wish(
        variants=variants,
        source=source,
        branch=branch,
        image=image,
        tag=tag,
        base_tag=base_tag,
        jlab=jlab,
        no_cache=no_cache,
        platform=platform,
    )
    plans = plan.plan(found, wish)
    reached = reach.detect(ca_bundle, network, clone=source == "git")
    for planned in plans:
        for warning in planned.resolution.warnings:
            out.progress(f"warning: {warning}")
    if dry_run:
        out.result(
            "\n".join(map(_described, plans)),
            {"would_build": [_planned(planned) for planned in plans]},
        )
        return
    documents: list[dict[str, Any]] = []
    try:
        with local.sigterm_raises(), engine.engine(wanted or "") as used:
            for planned in plans:
                document = _build(out, used, planned, reached, smoke=not no_smoke_test, push=push)
                documents.append(document)
                if document["smoke_test"] and not document["smoke_test"]["passed"]:
                    break  # the other one would fail in the same way
    except local.Terminated:
        out.progress("Stopped.")
        sys.exit(143)
    good = [document for document in documents if document["tagged"]]
    if good or out.as_json:
        out.result("\n".join(map(_summary, good)), {"images": documents})
    if len(good) < len(documents):
        if out.as_json:
            sys.exit(1)
        raise _refused(documents[-1], used)


def _build(
    out: Output, engine: Engine, planned: Plan, reached: Network, *, smoke: bool, push: bool
) -> dict[str, Any]:
    """Build, try, name and push one image; return what `--json` says of it."""
    from scaffold.cli.build_progress import drawing
    from scaffold.image import build, records
    from scaffold.image.engine import push as push_image
    from scaffold.image.engine import tag

    title = f"Building {planned.references[0]} from {planned.base} with {engine.title}"
    with drawing(out, title) as draw:
        image = build.execute(planned, engine, reached, draw, out.progress)
    out.progress(
        f"Built in {image.seconds:.1f} s ({image.cached} of {image.steps} steps from the cache), "
        f"{image.size / 1e9:.2f} GB; log: {planned.folder / 'build.log'}"
    )
    report = _try(out, engine, planned, image) if smoke else None
    digests: dict[str, str] = {}
    good = report is None or report.passed
    provenance = records.write_provenance(image, engine)  # before it has a name: no image without
    if good:
        tag(engine, image.id, planned.name, planned.tags)
        if push:
            records.write_provenance(image, engine)  # of this image, should pushing fail
            for reference in planned.references:
                out.progress(f"Pushing {reference}")
                digests[reference] = push_image(engine, reference)
    repo_digests = tuple(
        sorted({f"{planned.name}@{digest}" for digest in digests.values() if digest})
    )
    if repo_digests:
        records.write_provenance(image, engine, repo_digests)
    return {
        "tag": planned.references[0],
        "tags": list(planned.references),
        "tagged": good,
        "id": image.id,
        "variant": planned.variant,
        "size": image.size,
        "seconds": round(image.seconds, 1),
        "engine": engine.title,
        "base": planned.base,
        "base_digest": image.base_digest,
        "revision": planned.model_revision.label,
        "steps": image.steps,
        "cached_steps": image.cached,
        "log": str(planned.folder / "build.log"),
        "sbom": str(planned.folder / "sbom.cdx.json"),
        "sbom_digest": image.sbom,
        "provenance": str(provenance),
        "pushed": digests,
        "smoke_test": report.as_json() if report else None,
    }


def _try(out: Output, engine: Engine, planned: Plan, image: Image) -> Report:
    """Run the smoke test, and show every check as soon as it is made."""
    import json

    from scaffold.image import records, smoke
    from scaffold.image.gpu import gpus

    lacks = gpus(engine) if planned.variant == "gpu" else "not wanted"
    if planned.variant == "gpu":
        where = f"on the CPU: {lacks}" if lacks else "on the GPU"
        out.progress(f"Trying the GPU image {where}")
    else:
        out.progress("Trying the image")

    def show(check: smoke.Check) -> None:
        mark = {True: "passed", False: "FAILED", None: "left out"}[check.passed]
        out.progress(f"  {mark:8} {check.id}: {check.evidence.splitlines()[0]}")

    report = smoke.try_image(
        engine,
        image.id,
        planned.module,
        gpu=lacks is None,
        unlike=planned.unlike,
        say=out.detail,
        seen=show,
    )
    document = {"image": image.id, "variant": planned.variant, **report.as_json()}
    text = json.dumps(document, indent=1) + "\n"
    records.write(planned.folder / "smoke-test.json", text.encode())
    records.write(planned.folder / _PRINTED, report.log.encode())
    return report


def _planned(planned: Plan) -> dict[str, Any]:
    return {
        "tags": list(planned.references),
        "variant": planned.variant,
        "base": planned.base,
        "source": planned.source,
        "branch": planned.branch,
        "revision": planned.model_revision.label,
        "arguments": dict(planned.arguments),
    }


def _described(planned: Plan) -> str:
    arguments = " ".join(f"{name}={value}" for name, value in planned.arguments.items())
    code = "the working tree" if planned.source == "local" else f"branch {planned.branch}"
    return (
        f"Would build {', '.join(planned.references)}\n"
        f"  from {planned.base} and {code}, revision {planned.model_revision.label or 'none'}\n"
        f"  build arguments: {arguments}"
    )


def _refused(document: dict[str, Any], engine: Engine) -> ScaffoldError:
    from scaffold.image.smoke import ADVICE

    lines = [f"the {document['variant']} image failed its smoke test and got no tag"]
    for check in document["smoke_test"]["checks"]:
        if check["passed"] is False:
            lines += [f"  {check['id']}: {check['evidence']}", f"    → {ADVICE[check['id']]}"]
    printed = Path(document["log"]).with_name(_PRINTED)
    image = document["id"].removeprefix("sha256:")[:12]
    return ScaffoldError(
        "\n".join((*lines, f"what it printed: {printed}")),
        hint=f"`{engine.name} run --rm -it --entrypoint bash {image}` looks around in it",
    )


def _summary(document: dict[str, Any]) -> str:
    report = document["smoke_test"]
    tried = f"tried on the {report['device'].upper()}" if report else "not tried"
    lines = [f"{', '.join(document['tags'])}  {document['size'] / 1e9:.2f} GB, {tried}"]
    lines += [f"pushed {reference} {digest}" for reference, digest in document["pushed"].items()]
    return "\n".join(lines)
