"""What gets into an image and what must not: passwords on its way in, the same twice, and what it says of itself."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from scaffold.image import reproducible
from tests.engines import Here
from tests.image import light, servers
from tests.image.builds import Built, build, git, needing, write_pair
from tests.image.layers import search

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("engine")]

PROXY = servers.Login("ann", "pr0xy/Kr4ken!")
INDEX = servers.Login("bob", "1ndex@Narwhal")
IN_REPOSITORY = b"r3pository-Basilisk"
IN_IMAGE = b"urgency=medium"  # in packed changelogs: they are looked into, too


def in_container(here: Here, image: str, script: str) -> str:
    """Run a shell script as the start command of a container."""
    with here.open() as engine:
        result = engine.call("run", "--rm", "--network", "none", image, "bash", "-c", script)
    assert result.returncode == 0, result.stderr
    return result.stdout


def content(here: Here, image: str) -> dict[str, reproducible.Entry]:
    """Read the file system of an image."""
    with here.open() as engine:
        container = engine.client.containers.create(image)
        try:
            line = engine.command("export", container.id or "")
            with subprocess.Popen(line, env=engine.variables(), stdout=subprocess.PIPE) as process:
                assert process.stdout
                return reproducible.content(process.stdout)
        finally:
            container.remove()


# --- one revision, built twice; the second time anew and through a proxy


@dataclass(frozen=True)
class Twice:
    """Two builds of one revision."""

    here: Here
    pair: light.Light
    first: Built
    anew: Built
    proxy: servers.Proxy


@pytest.fixture(scope="module")
def twice(docker_engine: Here, tmp_path_factory: pytest.TempPathFactory) -> Twice:
    """Build the light pair, its repositories full of files with passwords; then anew, through a proxy."""
    folder = tmp_path_factory.mktemp("twice")
    pair = write_pair(folder, "supply_digits")
    for repository, name in (
        (pair.model, "rclone.conf"),
        (pair.model, ".env"),
        (pair.model, "data/raw/rclone.conf"),
        (pair.container, "rclone.conf"),
        (pair.container, "image/rclone.conf"),
        (pair.container, ".env"),
        (pair.container, ".netrc"),
    ):
        (repository / name).write_bytes(b"[rshare]\npass = " + IN_REPOSITORY + b"\n")
    (folder / ".netrc").write_bytes(b"machine example.org login ann password " + IN_REPOSITORY)
    first = build(docker_engine, pair, folder, "--json")
    assert first.code == 0, first.out + first.err
    first = replace(first, folder=shutil.copytree(first.folder, folder / "first"))
    with servers.proxy(PROXY) as proxy:
        variables = {"HTTP_PROXY": proxy.address, "HTTPS_PROXY": proxy.address}
        line = ("--json", "--no-cache", "--tag", "anew")
        anew = build(docker_engine, pair, folder, *line, **variables)
    assert anew.code == 0, anew.out + anew.err
    return Twice(docker_engine, pair, first, anew, proxy)


def test_behind_a_proxy_everything_comes_through_it_and_its_password_stays_nowhere(
    twice: Twice,
) -> None:
    hosts = set(twice.proxy.reached)
    # apt asks for addresses; pip asks to be connected, with the index and with where its files lie
    asked = {host for host in hosts if host.startswith("http://")}
    assert asked
    assert len(hosts - asked) >= 2
    assert twice.proxy.refused == 0
    for trace in PROXY.traces:
        assert trace not in twice.anew.text
    assert "HTTPS_PROXY" in twice.anew.called.splitlines()  # by name: others can see command lines


def test_no_layer_nor_configuration_holds_a_password(twice: Twice) -> None:
    wanted = [*PROXY.traces, IN_REPOSITORY, IN_IMAGE]
    with twice.here.open() as engine:
        attributes = engine.image(twice.anew.image["id"]) or {}
        looked = search(engine, twice.anew.image["id"], wanted)
        history = engine.call("history", "--no-trunc", twice.anew.image["id"]).stdout
    assert looked.layers == len(attributes["RootFS"]["Layers"])
    assert looked.found.pop(IN_IMAGE)
    assert {name for names in looked.found.values() for name in names} == set()
    about = history + json.dumps(attributes)
    assert "COPY /layer /" in about
    assert [trace for trace in looked.found if trace.decode() in about] == []


def test_two_builds_of_one_revision_hold_the_same(twice: Twice) -> None:
    one, other = (content(twice.here, each.image["id"]) for each in (twice.first, twice.anew))
    assert f"srv/{twice.pair.package}/pyproject.toml" in one
    assert reproducible.report(reproducible.differences(one, other)) == ""
    assert twice.anew.image["cached_steps"] == 0
    boms = [(each.folder / "sbom.cdx.json").read_bytes() for each in (twice.first, twice.anew)]
    assert boms[0] == boms[1]


def test_the_layer_of_the_dependencies_is_the_same_and_need_not_be_pulled_again(
    twice: Twice,
) -> None:
    def dependencies(image: str) -> str:
        with twice.here.open() as engine:
            found = engine.client.images.get(image)
        steps = [each for each in reversed(found.history()) if each["Size"]]
        layers: list[str] = found.attrs["RootFS"]["Layers"]
        # steps that change nothing have no layer, and there may be empty layers
        number = [each["CreatedBy"] for each in steps].index("COPY /layer / # buildkit")
        return layers[number]

    assert dependencies(twice.first.image["id"]) == dependencies(twice.anew.image["id"])


def test_the_bill_of_materials_in_the_image_is_the_one_that_the_build_left(twice: Twice) -> None:
    image = twice.first.image
    with twice.here.open() as engine:
        label = (engine.image(image["id"]) or {})["Config"]["Labels"]["eu.ai4eosc.scaffold.sbom"]
    bom = (twice.first.folder / "sbom.cdx.json").read_bytes()
    assert in_container(twice.here, image["id"], "cat /usr/local/share/sbom/*").encode() == bom
    assert image["sbom_digest"] == label == f"sha256:{hashlib.sha256(bom).hexdigest()}"


def test_labels_say_what_it_is_and_what_it_was_made_of(twice: Twice) -> None:
    image = twice.first.image
    with twice.here.open() as engine:
        labels = (engine.image(image["id"]) or {})["Config"]["Labels"]
        base = (engine.image(image["base"]) or {})["Id"]
    prefix = "org.opencontainers.image"
    assert {name: labels[f"{prefix}.{name}"] for name in ("version", "licenses", "source")} == {
        "version": "0.1.0",
        "licenses": "MIT",
        "source": f"https://github.com/deephdc/{twice.pair.package}",
    }
    assert labels[f"{prefix}.revision"] == git(twice.pair.model, "rev-parse", "HEAD").strip()
    assert labels[f"{prefix}.base.name"] == f"{light.BASE}:{light.CPU_TAG}"
    assert labels[f"{prefix}.base.digest"] == base  # it never came from a registry
    metadata = json.loads((twice.pair.container / "metadata.json").read_text())
    assert json.loads(labels["eu.ai4eosc.metadata"]) == metadata


def test_it_runs_as_a_user_below_tini_without_compilers_and_without_anybodys_passwords(
    twice: Twice,
) -> None:
    said = in_container(
        twice.here,
        twice.first.image["id"],
        "id -u; cat /proc/1/comm; stat -c %s $RCLONE_CONFIG; echo then;"
        "for each in gcc cc g++ c++ make ld git; do ! command -v $each || echo there: $each; done;"
        r"find / -xdev \( -name rclone.conf -o -name .env -o -name .netrc \) 2>/dev/null; true",
    )
    assert said.splitlines() == ["1000", "tini", "0", "then", "/srv/.rclone/rclone.conf"]


# --- a package index of one's own


@dataclass(frozen=True)
class Private:
    """A pair that needs a package which only a private index has."""

    here: Here
    pair: light.Light
    index: servers.Index
    bundle: Path
    home: Path

    def build(self, *arguments: object, login: servers.Login | None = INDEX) -> Built:
        """Build; what was asked of the index before does not count."""
        # another list of requirements, so that pip is asked again; not committed
        needing(self.pair, f"ours_alone != 0.{uuid.uuid4().int}")
        address = self.index.address(login)
        line = ("--json", *arguments)
        return build(self.here, self.pair, self.home, *line, PIP_EXTRA_INDEX_URL=address)


@pytest.fixture(scope="module")
def private(docker_engine: Here, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Private]:
    """Let the index run, its certificate by an authority that nobody else knows."""
    folder = tmp_path_factory.mktemp("private")
    pair = write_pair(folder, "supply_private")
    known_by = servers.authority(folder)
    bundle = folder / "bundle.pem"
    usual = light.CA.read_bytes() if light.CA.is_file() else b""
    bundle.write_bytes(usual + known_by.certificate.read_bytes())
    with servers.index(INDEX, known_by) as index:
        index.add("ours_alone", "1.0")
        yield Private(docker_engine, pair, index, bundle, folder)


@pytest.fixture(scope="module")
def with_ours(private: Private) -> Built:
    """Build the image with the package of one's own."""
    result = private.build("--ca-bundle", private.bundle)
    assert result.code == 0, result.out + result.err
    return replace(result, folder=shutil.copytree(result.folder, private.home / "first"))


def test_a_private_index_serves_the_build_and_its_password_stays_nowhere(
    private: Private, with_ours: Built
) -> None:
    assert private.index.served == ["ours_alone-1.0-py3-none-any.whl"]
    image = with_ours.image["id"]
    said = in_container(
        private.here, image, "python -c 'import ours_alone; print(ours_alone.VERSION)'"
    )
    assert said == "1.0\n"
    assert "ours-alone==1.0" in with_ours.constraints()
    for trace in INDEX.traces:
        assert trace not in with_ours.text
    with private.here.open() as engine:
        looked = search(engine, image, [*INDEX.traces, IN_IMAGE, b"Private authority of the tests"])
        labels = (engine.image(image) or {})["Config"]["Labels"]
    assert looked.found.pop(IN_IMAGE)
    assert {name for names in looked.found.values() for name in names} == set()
    revision = git(private.pair.model, "rev-parse", "HEAD").strip()
    assert labels["org.opencontainers.image.revision"] == f"{revision}-dirty"


def test_an_authority_that_the_build_does_not_know_is_named_as_the_cause(private: Private) -> None:
    result = private.build()
    assert result.code == 1
    assert result.error["hint"] == (
        "probably a command in the build does not trust a certificate: "
        "give your network's certificates with --ca-bundle FILE"
    )
    for trace in INDEX.traces:
        assert trace not in result.text


@pytest.mark.parametrize("login", [servers.Login(INDEX.user, "wr0ng@Manticore"), None])
def test_a_wrong_password_is_named_as_the_cause_and_not_printed(
    private: Private, login: servers.Login | None
) -> None:
    result = private.build("--ca-bundle", private.bundle, login=login)
    assert result.code == 1
    assert result.error["hint"] == (
        "probably the package index wants a user name and a password, or others than it was given: "
        "check those in PIP_INDEX_URL, PIP_EXTRA_INDEX_URL or pip.conf (an @ in them is written %40)"
    )
    for trace in login.traces if login else ():
        assert trace not in result.text


def test_the_versions_that_a_build_wrote_down_hold_the_next_one_to_them(
    private: Private, with_ours: Built
) -> None:
    private.index.add("ours_alone", "2.0")
    constraints = private.pair.container / "image" / "constraints.txt"
    unpinned = constraints.read_text()
    try:
        shutil.copy(with_ours.folder / "constraints.txt", constraints)
        held = private.build("--ca-bundle", private.bundle).constraints()
        constraints.write_text(unpinned)
        newest = private.build("--ca-bundle", private.bundle).constraints()
    finally:
        del private.index.wheels["ours_alone-2.0-py3-none-any.whl"]
        constraints.write_text(unpinned)
    assert held == with_ours.constraints()
    assert "ours-alone==2.0" in newest
