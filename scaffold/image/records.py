"""What a build leaves behind: the bill of materials, pinned versions and the provenance."""

from __future__ import annotations

import os
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from scaffold.answers import account_url
from scaffold.errors import ScaffoldError
from scaffold.image import context, revision
from scaffold.image.engine import Engine
from scaffold.image.plan import FOLDER, Plan, repository_url

if TYPE_CHECKING:
    from scaffold.image import provenance
    from scaffold.image.build import Image
    from scaffold.image.inventory import Inventory


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Say what cannot be written, where writing fails.

    Args:
        path: the file or folder that the block writes.

    Raises:
        ScaffoldError: it cannot.
    """
    try:
        yield
    except OSError as error:
        raise ScaffoldError(
            f"cannot write {path}: {error.strerror or error}",
            hint=f"a build leaves its log and records in {FOLDER}/ of the container repository; make "
            "room there, and see that you may write to it",
        ) from None


def write(path: Path, content: bytes) -> None:
    """Write one of the records of a build.

    Raises:
        ScaffoldError: it cannot be written; there is no half of it then.
    """
    with writing(path):
        try:
            path.write_bytes(content)
        except OSError:
            with suppress(OSError):
                path.unlink()
            raise


def take_inventory(engine: Engine, image_id: str) -> Inventory:
    """Ask an image what is installed in it.

    Raises:
        ScaffoldError: it cannot be run.
    """
    from scaffold.image import inventory

    line = engine.command(
        "run", "--rm", "--interactive", "--network", "none", "--entrypoint", "python", image_id, "-"
    )
    result = subprocess.run(
        line, env=engine.variables(), input=inventory.probe(), capture_output=True, check=False
    )
    if result.returncode:
        said = result.stderr.decode(errors="replace").strip().splitlines()
        raise ScaffoldError(
            f"the image {image_id} was built, but its Python does not run: {said[-1] if said else ''}",
            hint=f"try it: `{engine.name} run --rm -it --entrypoint bash {image_id}`",
        )
    return inventory.parse(result.stdout)


def bake_sbom(
    planned: Plan, engine: Engine, image_id: str, inventory: Inventory
) -> tuple[str, str]:
    """Put the bill of materials into the image and beside its log.

    Args:
        planned: what was to be built.
        engine: what built it.
        image_id: the image.
        inventory: what is installed in it.

    Returns:
        the id of the image with the bill, and the bill's digest.

    Raises:
        ScaffoldError: the engine cannot write it.
    """
    from scaffold.image import inventory as listing
    from scaffold.image import sbom

    content = sbom.document(
        inventory,
        name=planned.name,
        version=planned.module.answers["app_version"],
        module=planned.module.answers["repo_name"],
        epoch=planned.epoch,
    )
    digest = sbom.digest(content)
    pinned = listing.constraints(inventory, planned.module.answers["repo_name"])
    write(planned.folder / "sbom.cdx.json", content)
    write(planned.folder / "constraints.txt", pinned.encode())
    # a local image can be built upon by a name, not by its id
    name = f"scaffold-build/{uuid.uuid4().hex}"
    engine.client.api.tag(image_id, name, "latest")
    dockerfile = f"FROM {name}\nCOPY sbom {sbom.SBOM_PATH}\nLABEL {sbom.SBOM_LABEL}={digest}\n"
    try:
        with tempfile.TemporaryDirectory() as scratch:
            id_file = Path(scratch) / "id"
            arguments: list[tuple[str, str | None]] = []
            if engine.builder == "buildx":
                arguments.append(("SOURCE_DATE_EPOCH", str(planned.epoch)))
            line = engine.build_command(arguments=arguments, secrets=(), id_file=id_file)
            packed = context.archive({"Dockerfile": dockerfile.encode(), "sbom": content})
            result = subprocess.run(
                line, env=engine.variables(), input=packed, capture_output=True, check=False
            )
            if result.returncode:
                raise ScaffoldError(
                    "the bill of materials cannot be put into the image:\n"
                    + result.stderr.decode(errors="replace").strip(),
                    hint="the engine's disk may be full: `docker system df`",
                )
            return id_file.read_text(encoding="ascii").strip(), digest
    finally:
        engine.client.api.remove_image(name, noprune=True)


def _recorded(name: str, state: revision.Revision, address: str) -> provenance.Revision:
    from scaffold.image import provenance

    return provenance.Revision(name, state.commit, address, state.branch, state.dirty)


def _revisions(planned: Plan) -> tuple[provenance.Revision, ...]:
    model = _recorded("model", planned.model_revision, repository_url(planned.module))
    if planned.module.single:
        return (model,)
    account = account_url(planned.module.answers["git_base_url"])
    address = f"{account}/{planned.container.name}"
    return model, _recorded("container", planned.container_revision, address)


def write_provenance(image: Image, engine: Engine, digests: tuple[str, ...] = ()) -> Path:
    """Write the provenance of an image beside its log.

    Args:
        image: the image.
        engine: what built it.
        digests: what registries call it, `name@sha256:…`, after it has been pushed.

    Returns:
        The file.
    """
    from scaffold.image import provenance, sbom

    planned = image.plan
    attributes = engine.image(image.id) or {}
    platform = (
        f"{attributes.get('Os', 'linux')}/{attributes.get('Architecture', os.uname().machine)}"
    )
    statement = provenance.document(
        provenance.Build(
            product=provenance.Product(
                planned.references, image.id, digests, image.sbom, sbom.SBOM_PATH
            ),
            source="local" if planned.source == "local" else "git",
            variant=planned.variant,
            revisions=_revisions(planned),
            base=provenance.Base(planned.base, image.base_digest),
            context=image.context_digest,
            arguments=dict(planned.arguments),
            engine=engine.name,
            engine_version=engine.version,
            platform=platform,
            epoch=planned.epoch,
            invocation=image.invocation,
            started=image.started,
            finished=datetime.now(timezone.utc),
        )
    )
    path = planned.folder / "provenance.json"
    write(path, statement)
    return path
