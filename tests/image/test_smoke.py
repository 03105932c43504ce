"""The smoke test finds what is wrong with an image, says what to do about it, and gives it no name."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scaffold import module
from scaffold.image import container, smoke
from tests.engines import Here
from tests.helpers import assert_follows
from tests.image import light, trial
from tests.image.trial import NAME, Trial

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("engine")]

GOOD = (
    *("answers", "names-the-model", "describes-itself", "not-root", "no-rclone-config"),
    *("tensorboard", "trains", "predicts", "same-as-without", "stops"),
)


@pytest.fixture(scope="module")
def made(
    docker_engine: Here, light_pair: light.Light, tmp_path_factory: pytest.TempPathFactory
) -> Trial:
    """A pair whose image is good and has the tag `tried`."""
    assert light_pair.image  # it has been built
    made = trial.make(tmp_path_factory.mktemp("smoke"), docker_engine, "smoke_digits")
    result = made.build("--tag", "tried")
    assert (result.returncode, result.stderr) == (0, "")
    assert verdicts(made) == dict.fromkeys(GOOD, True)
    return made


@pytest.fixture
def pair(made: Trial) -> Iterator[Trial]:
    """The pair, to be spoilt; the good image keeps its tag and no container stays."""
    before = made.image("tried")
    yield made
    made.restore()
    assert made.image("tried") == before is not None
    assert made.containers() == {}


def verdicts(pair: Trial) -> dict[str, bool | None]:
    return {each["id"]: each["passed"] for each in report(pair)["checks"]}


def report(pair: Trial) -> Any:
    return json.loads((pair.records / "smoke-test.json").read_text())


def source(pair: Trial, path: str) -> Path:
    """Return a file of the package."""
    return pair.pair.model / pair.pair.package / path


def dockerfile(pair: Trial, pattern: str, new: str) -> None:
    trial.replace(pair.pair.container / "Dockerfile", pattern, new)


def refused(pair: Trial, *failed: tuple[str, str]) -> None:
    """Build, and assert that the image is refused for these checks with this evidence, and no others.

    All that the user sees is looked at: each check with what to do about it, where to read on, how to
    look around in the image; and that the report says the same.
    """
    shutil.rmtree(pair.records, ignore_errors=True)
    result = pair.build("--tag", "tried")
    assert (result.returncode, result.stdout) == (1, "")
    first, *lines = result.stderr.splitlines()
    assert first == "error: the cpu image failed its smoke test and got no tag"
    shown = "\n".join(lines)
    expected = "".join(
        rf"  {name}: {evidence}\n    → {re.escape(smoke.ADVICE[name])}\n"
        for name, evidence in failed
    )
    written = report(pair)
    image = written["image"].removeprefix("sha256:")[:12]
    expected += re.escape(
        f"what it printed: {pair.records / 'container.log'}\n"
        f"hint: `docker run --rm -it --entrypoint bash {image}` looks around in it"
    )
    assert re.fullmatch(expected, shown, re.DOTALL), shown
    assert written["passed"] is False
    assert [name for name, passed in verdicts(pair).items() if passed is False] == [
        name for name, _ in failed
    ]
    for name, evidence in failed:
        (check,) = (each for each in written["checks"] if each["id"] == name)
        assert re.fullmatch(evidence, check["evidence"], re.DOTALL)


def test_a_model_that_cannot_be_imported(pair: Trial) -> None:
    with source(pair, "models/deep_api.py").open("a") as file:
        file.write('\nraise RuntimeError("the weights are gone")\n')
    traceback = (
        r"the container ended with exit code 1:\n.*Traceback \(most recent call last\):\n.*"
        r'raise RuntimeError\("the weights are gone"\)\n  RuntimeError: the weights are gone\n.*'
    )
    refused(pair, ("answers", traceback))
    assert list(verdicts(pair)) == ["answers"]  # nothing else can be looked at
    assert "RuntimeError: the weights are gone" in (pair.records / "container.log").read_text()


def test_the_document_of_an_image_that_was_refused(pair: Trial) -> None:
    dockerfile(pair, "(?m)^USER 1000$", "USER 0")
    trial.replace(source(pair, "models/loop.py"), r"def epoch\(self.*\n", r"\g<0>        1 / 0\n")
    result = pair.build("--tag", "tried", "--json")
    assert result.returncode == 1
    document = json.loads(result.stdout)
    assert_follows(document, "build-output")
    (image,) = document["images"]
    assert image["tagged"] is False
    written = report(pair)
    assert image["smoke_test"] == {key: written[key] for key in image["smoke_test"]}
    checks = {check["id"]: (check["passed"], check["evidence"]) for check in written["checks"]}
    assert checks["not-root"] == (False, "runs as user 0")
    passed, evidence = checks["trains"]
    assert not passed
    assert re.fullmatch(r"one epoch, \d+\.\d s, error: .*division by zero.*", evidence)
    # what could not be looked at is neither good nor bad, and does not end the test
    assert checks["predicts"] == (None, "left out: nothing was trained")
    assert checks["stops"][0] is True


def test_a_start_command_that_never_listens(pair: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process, with less patience."""
    monkeypatch.setattr(container, "START_SECONDS", 2.0)
    found = module.find(pair.pair.model)
    command = ["bash", "-c", "echo starting; exec sleep 1000"]
    changed = _changed(pair, f"FROM {NAME}:tried\nCMD {json.dumps(command)}\n")
    start = time.monotonic()
    with pair.here.open() as engine:
        report = smoke.try_image(
            engine, changed, found, gpu=False, unlike="", say=lambda _: None, seen=lambda _: None
        )
    assert time.monotonic() - start < 10
    (check,) = report.checks
    assert (check.id, check.passed, report.passed) == ("answers", False, False)
    assert re.fullmatch(
        r"the container did not answer within 2 s \(.+\):\n  starting", check.evidence
    )


def _changed(pair: Trial, dockerfile: str) -> str:
    """Build upon an image; return the new one's id."""
    with pair.here.open() as engine:
        line = engine.command("build", "--quiet", "-")
        result = subprocess.run(
            line, env=engine.variables(), input=dockerfile.encode(), capture_output=True, check=True
        )
    return result.stdout.decode().strip()


def test_an_api_that_serves_another_name(pair: Trial) -> None:
    pattern = rf'(?m)^{pair.pair.package} = "{pair.pair.package}\.models'
    trial.replace(
        pair.pair.model / "pyproject.toml", pattern, f'other_name = "{pair.pair.package}.models'
    )
    refused(pair, ("names-the-model", "it serves other_name"))
    assert list(verdicts(pair)) == ["answers", "names-the-model"]


def test_several_faults_are_all_found(pair: Trial) -> None:
    dockerfile(
        pair,
        "(?m)^CMD .*$",
        r"""RUN rm /opt/venv/bin/tensorboard; echo "pass = abc" >"$RCLONE_CONFIG"\n\g<0>""",
    )
    trial.replace(
        source(pair, "models/network.py"),
        r"    powers = ",
        r'    scores = scores * (2 if __import__("os").getuid() == 1000 else 1)\n\g<0>',
    )
    refused(
        pair,
        ("no-rclone-config", r"/srv/\.rclone/rclone\.conf has 11 bytes"),
        ("tensorboard", "tensorboard is not installed in the image"),
        (
            "same-as-without",
            r"the answer\[0\]\.probabilities\.0: 0\.\d+ inside, 0\.\d+ outside",
        ),
    )


def test_an_image_that_ignores_sigterm(pair: Trial) -> None:
    dockerfile(
        pair,
        "(?m)^ENTRYPOINT .*$",
        r"""ENTRYPOINT ["bash", "-c", "trap : TERM; while true; do \\"$@\\" & wait; done", "--"]""",
    )
    refused(pair, ("stops", r"it had to be killed, \d+\.\d s after SIGTERM"))


def test_a_server_that_is_killed_while_it_trains(pair: Trial) -> None:
    trial.replace(
        source(pair, "models/loop.py"),
        r"def epoch\(self.*\n",
        r"\g<0>        __import__('os').kill(__import__('os').getppid(), 9)\n",
    )
    ended = r"the container ended with exit code 137 \(killed, for want of memory perhaps\)"
    refused(pair, ("trains", rf"{ended}; the last line that it printed: .*"))
    assert list(verdicts(pair))[-1] == "trains"


def test_where_the_module_cannot_be_installed_the_image_is_tried_all_the_same(pair: Trial) -> None:
    """Its own environment is only there to compare with; a container is used for want of one."""
    environment = pair.pair.model / ".venv"
    away = environment.rename(environment.with_name("away"))
    try:
        empty = str(away.parent / ".cache")
        result = pair.build("--tag", "tried", "--json", UV_OFFLINE="1", UV_CACHE_DIR=empty)
    finally:
        shutil.rmtree(environment, ignore_errors=True)
        away.rename(environment)
    assert result.returncode == 0, result.stderr
    checks = {check["id"]: check for check in report(pair)["checks"]}
    assert checks["predicts"]["passed"] is True
    assert checks["same-as-without"]["passed"] is None
    assert checks["same-as-without"]["evidence"].startswith("left out: `")


def test_a_container_gets_gpus_from_podman_too(podman_engine: Here) -> None:
    """By the Container Device Interface; a machine without a GPU gets a description of one."""
    folder = Path("/var/run/cdi")
    described = folder / "nvidia-scaffold-test.json"
    if not any(each for known in ("/etc/cdi", folder) for each in Path(known).glob("*nvidia*")):
        folder.mkdir(parents=True, exist_ok=True)
        edits = {"env": ["GIVEN=all"]}
        devices = [{"name": "all", "containerEdits": edits}]
        kind = {"cdiVersion": "0.5.0", "kind": "nvidia.com/gpu"}
        described.write_text(json.dumps({**kind, "devices": devices}))
    try:
        with podman_engine.open() as engine:
            dockerfile = 'FROM python:3.11-slim\nCMD ["sleep", "60"]\n'
            build = engine.command("build", "--quiet", "--tag", "sleeps", "-")
            subprocess.run(build, env=engine.variables(), input=dockerfile, text=True, check=True)
            running = container.start(engine, "sleeps", ports={}, gpu=True)
            where = engine.call("inspect", "--format", "{{.OCIConfigPath}}", running.name).stdout
            given = json.loads(Path(where.strip()).read_text())
            running.remove()
    finally:
        made = described.is_file()
        described.unlink(missing_ok=True)
    names = {each["path"] for each in given["linux"].get("devices", [])}
    assert ("GIVEN=all" in given["process"]["env"]) if made else ("/dev/nvidiactl" in names)
