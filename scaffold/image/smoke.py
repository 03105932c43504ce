"""The smoke test: an image is used as its users will use it before it gets its name.

It is started, asked who it is, trained for one epoch and asked for a prediction, which must be the one
that the module makes without a container; then it has to end when it is asked to.
"""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
import tarfile
import tempfile
import time
import urllib.error
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scaffold import environment, local
from scaffold.errors import ScaffoldError
from scaffold.image import container
from scaffold.image.container import API_PORT, MONITOR_PORT, Running
from scaffold.image.engine import Engine
from scaffold.module import Module

TRAIN_SECONDS = 600.0
"""How long one epoch may take."""
TENSORBOARD_SECONDS = 30.0
"""How long TensorBoard may take to answer once the API does."""
ADVICE = {
    "answers": "what it printed says why; `scaffold serve` starts the same API without a container",
    "names-the-model": 'pyproject.toml names it, in [project.entry-points."deepaas.v2.model"]: as the package',
    "describes-itself": "`get_metadata` of models/deep_api.py takes them from pyproject.toml",
    "not-root": "end the Dockerfile's last stage with `USER 1000`",
    "no-rclone-config": "leave it out of the image; a container is given it when it is started",
    "tensorboard": "pyproject.toml has to list tensorboard among the dependencies",
    "trains": "`scaffold train --epochs 1` does the same without a container",
    "predicts": "`scaffold predict FILE` does the same without a container",
    "same-as-without": "compare constraints.txt, beside the log, with what `.venv` of the module has, and "
    "see that the code does not look at where it runs",
    "stops": 'process 1 has to hand SIGTERM on (`ENTRYPOINT ["tini", "-g", "--"]`), and the start '
    "command has to `exec` the server",
}
"""What to do about a check that failed, by its id."""
_GRACEFUL = (0, 143)
_END_SECONDS = 2.0
_PLACE = "/srv"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at.

    Attributes:
        id: its stable name.
        passed: whether it is as it should be; None if it could not be looked at.
        evidence: what was seen.
    """

    id: str
    passed: bool | None
    evidence: str


@dataclass(slots=True)
class Report:
    """What the smoke test saw.

    Attributes:
        checks: in the order in which they were made; those after one that stops it are not there.
        device: what it ran on, "cpu" or "gpu".
        seconds: what it took.
        log: what the container printed.
    """

    device: str
    checks: list[Check] = field(default_factory=list)
    seconds: float = 0.0
    log: str = ""

    @property
    def passed(self) -> bool:
        """Whether nothing was wrong."""
        return bool(self.checks) and all(check.passed is not False for check in self.checks)

    def as_json(self) -> dict[str, Any]:
        """The report for programs."""
        return {
            "passed": self.passed,
            "device": self.device,
            "seconds": round(self.seconds, 1),
            "checks": [
                {"id": each.id, "passed": each.passed, "evidence": each.evidence}
                for each in self.checks
            ],
        }


class _Stop(Exception):  # noqa: N818 - not an error: the check that failed is in the report
    """What follows cannot be looked at any more."""


def try_image(
    engine: Engine,
    image_id: str,
    module: Module,
    *,
    gpu: bool,
    unlike: str,
    say: Callable[[str], None],
    seen: Callable[[Check], None],
) -> Report:
    """Use an image, and report.

    Args:
        engine: what runs it.
        image_id: the image.
        module: what the image should hold.
        gpu: whether it gets this machine's GPUs.
        unlike: why the module on this machine is not the one in the image, if it is not: then the
            predictions are not compared.
        say: gets a line when something takes its time.
        seen: gets every check as soon as it is made.

    Raises:
        ScaffoldError: the engine cannot start it.
    """
    from docker.errors import APIError

    report, start = Report("gpu" if gpu else "cpu"), time.monotonic()
    ports = {API_PORT: ("127.0.0.1", 0), MONITOR_PORT: ("127.0.0.1", 0)}
    running = container.start(engine, image_id, ports=ports, gpu=gpu)
    try:
        _Smoke(running, module, report, unlike, say, seen).run()
    except _Stop:
        pass
    finally:
        with suppress(OSError, APIError):
            report.log = running.log()
        running.remove()
        report.seconds = time.monotonic() - start
    return report


@dataclass(frozen=True, slots=True)
class _Smoke:
    running: Running
    module: Module
    report: Report
    unlike: str
    say: Callable[[str], None]
    seen: Callable[[Check], None]

    def run(self) -> None:
        self.answers()
        self.look("names-the-model", self.names_the_model)
        self.look("not-root", self.is_not_root)
        self.look("no-rclone-config", self.keeps_no_secret)
        self.look("tensorboard", self.draws_training)
        self.look("trains", self.trains)
        self.look("predicts", self.predicts)
        self.stops()

    def look(self, check: str, look: Callable[[], None]) -> None:
        """Make a check; one that cannot be made fails, and ends the test if the container has ended."""
        from docker.errors import APIError

        try:
            look()
        except (OSError, ValueError, LookupError, APIError) as error:
            ended = self.has_ended(error)
            self.note(check, False, self.because(error), vital=ended)

    def has_ended(self, error: Exception) -> bool:
        """Return whether the container has ended; one that does not answer any more gets a moment."""
        deadline = time.monotonic() + _END_SECONDS
        while self.running.ended() is None:
            answers = not isinstance(error, OSError) or isinstance(error, urllib.error.HTTPError)
            if answers or time.monotonic() > deadline:
                return False
            time.sleep(0.1)
        return True

    def note(self, check: str, passed: bool | None, evidence: str, *, vital: bool = False) -> None:
        made = Check(check, passed, evidence)
        self.report.checks.append(made)
        self.seen(made)
        if vital and passed is False:
            raise _Stop

    def answers(self) -> None:
        try:
            seconds = self.running.wait_until_it_answers(container.START_SECONDS)
        except ScaffoldError as error:
            self.note("answers", False, error.message, vital=True)
        else:
            self.note("answers", True, f"the API answered after {seconds:.1f} s")

    def names_the_model(self) -> None:
        package = self.module.package
        models = self.running.ask("/v2/models/")["models"]
        found = [str(model.get("id")) for model in models]
        good = package in found and "deepaas-test" not in found
        self.note("names-the-model", good, f"it serves {', '.join(found) or 'nothing'}", vital=True)
        missing = [
            key for key in ("author", "license") if not models[found.index(package)].get(key)
        ]
        evidence = f"no {' and no '.join(missing)}" if missing else "author and licence are there"
        # what the marketplace's own check looks for
        self.note("describes-itself", not missing, evidence)

    def is_not_root(self) -> None:
        user = self.inside("id", "-u").strip()
        self.note("not-root", user != "0", f"runs as user {user}")

    def keeps_no_secret(self) -> None:
        command = 'echo "$RCLONE_CONFIG"; cat "$RCLONE_CONFIG" 2>/dev/null | wc -c'
        path, size = self.inside("sh", "-c", command).splitlines()
        self.note("no-rclone-config", size == "0", f"{path} has {size} bytes")

    def draws_training(self) -> None:
        if not self.inside("sh", "-c", "command -v tensorboard"):
            self.note("tensorboard", False, "tensorboard is not installed in the image")
            return
        deadline = time.monotonic() + TENSORBOARD_SECONDS
        url = self.running.url(MONITOR_PORT)
        while True:
            try:
                with container.direct(url, 5) as answer:
                    good = b"tensorboard" in answer.read().lower()
                break
            except OSError as error:
                if time.monotonic() > deadline:
                    self.note("tensorboard", False, f"TensorBoard does not answer: {error}")
                    return
                time.sleep(0.2)
        self.note("tensorboard", good, f"TensorBoard answers on port {MONITOR_PORT}")

    def trains(self) -> None:
        path = f"/v2/models/{self.module.package}/train/"
        if "epochs" not in self.parameters(path, "post"):
            self.note("trains", None, "left out: its training takes no argument `epochs`")
            return
        self.say("Training one epoch in the container")
        start = time.monotonic()
        run = self.running.ask(f"{path}?epochs=1", method="POST")["uuid"]
        while True:
            state = self.running.ask(f"{path}{run}")
            status = str(state.get("status"))
            seconds = time.monotonic() - start
            if status in ("done", "error") or seconds > TRAIN_SECONDS:
                break
            time.sleep(0.3)
        detail = f": {state.get('message')}" if status == "error" else ""
        self.note("trains", status == "done", f"one epoch, {seconds:.1f} s, {status}{detail}")

    def predicts(self) -> None:
        trained = any(check.id == "trains" and check.passed for check in self.report.checks)
        path = f"/v2/models/{self.module.package}/predict/"
        uploads = [
            name
            for name, each in self.parameters(path, "post").items()
            if each.get("type") == "file"
        ]
        with self.copied() as (samples, models):
            sample = next((each for each in sorted(samples.rglob("*")) if each.is_file()), None)
            if not (trained and uploads and sample):
                why = (
                    "nothing was trained" if not trained
                    else "its prediction takes no file" if not uploads
                    else "data/raw/samples holds no file"
                )  # fmt: skip
                self.note("predicts", None, f"left out: {why}")
                return
            inside = self.running.ask(path, **_form(uploads[0], sample), method="POST")
            answer = inside.get("predictions")
            self.note("predicts", True, f"{sample.name}: {_short(answer)}")
            if self.unlike:
                self.note("same-as-without", None, f"left out: {self.unlike}")
                return
            self.say("Predicting the same without a container")
            try:
                outside = self.without_a_container(sample, models)
            except ScaffoldError as error:
                said = error.message.strip().splitlines()
                self.note("same-as-without", None, f"left out: {said[0].rstrip(':')}: {said[-1]}")
                return
        unlike = _difference(answer, outside)
        self.note("same-as-without", not unlike, unlike or "equal to the bit")

    def without_a_container(self, sample: Path, models: Path) -> Any:
        planned = environment.plan(self.module, "auto")
        environment.make(planned, self.say, lambda _: None)
        line = local.command(planned, self.module, ("predict", "--json", sample.name))
        variables = {f"{self.module.package.upper()}_MODELS_PATH": str(models)}
        result = subprocess.run(
            line,
            env=local.variables() | variables,
            cwd=sample.parent,  # the answer names the file as it was given
            capture_output=True,
            text=True,
            check=False,
        )
        try:
            return json.loads(result.stdout)
        except ValueError:
            said = result.stderr.strip() or f"exit code {result.returncode}"
            raise ScaffoldError(
                f"the module does not predict without a container\n{said}"
            ) from None

    def stops(self) -> None:
        code, seconds = self.running.stop()
        good = code in _GRACEFUL
        how = f"exit code {code}" if code is not None else "it had to be killed"
        self.note("stops", good, f"{how}, {seconds:.1f} s after SIGTERM")

    def parameters(self, path: str, method: str) -> dict[str, Any]:
        paths = self.running.ask("/swagger.json").get("paths", {})
        operation = paths.get(path, {}).get(method, {})
        return {each["name"]: each for each in operation.get("parameters", ()) if "name" in each}

    def inside(self, *command: str) -> str:
        output = self.running.container.exec_run(list(command)).output
        assert isinstance(output, bytes)  # neither streamed nor split
        return output.decode(errors="replace")

    @contextmanager
    def copied(self) -> Iterator[tuple[Path, Path]]:
        """Copy the samples and the models of the container to this machine, for a while."""
        top = f"{_PLACE}/{self.module.answers['repo_name']}"
        with tempfile.TemporaryDirectory(prefix="scaffold-") as folder:
            places = []
            for path in (f"{top}/data/raw/samples", f"{top}/models"):
                self.copy(path, Path(folder))
                places.append(Path(folder) / path.rpartition("/")[2])
            yield places[0], places[1]

    def copy(self, path: str, to: Path) -> None:
        from docker.errors import NotFound

        try:
            blocks, _ = self.running.container.get_archive(path)
        except NotFound:
            (to / path.rpartition("/")[2]).mkdir()
            return
        with tarfile.open(fileobj=io.BytesIO(b"".join(blocks))) as tar:
            for member in tar:
                # files and folders only, and only below `to`
                name = Path(member.name)
                if name.is_absolute() or ".." in name.parts:
                    continue
                if member.isdir():
                    (to / name).mkdir(parents=True, exist_ok=True)
                elif content := tar.extractfile(member):
                    (to / name).parent.mkdir(parents=True, exist_ok=True)
                    with (to / name).open("wb") as file:
                        shutil.copyfileobj(content, file)

    def because(self, error: Exception) -> str:
        code = self.running.ended()
        if code is not None:
            killed = " (killed, for want of memory perhaps)" if code == 137 else ""
            said = f"the container ended with exit code {code}{killed}"
        elif isinstance(error, urllib.error.HTTPError):
            said = f"{error}: {error.read().decode(errors='replace').strip()[:300]}"
        else:
            said = f"{type(error).__name__}: {error}"
        log = self.running.log(20).strip().splitlines()
        printed = [line for line in log if " aiohttp.access " not in line]
        return f"{said}; the last line that it printed: {printed[-1] if printed else 'none'}"


def _form(name: str, path: Path) -> dict[str, Any]:
    """Return a file as the form field of a request."""
    boundary = uuid.uuid4().hex
    head = (
        f"--{boundary}\r\n"
        f'Content-Disposition: form-data; name="{name}"; filename="{path.name}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    data = head.encode() + path.read_bytes() + f"\r\n--{boundary}--\r\n".encode()
    return {"data": data, "content_type": f"multipart/form-data; boundary={boundary}"}


def _short(value: Any) -> str:
    text = re.sub(r"\s+", " ", json.dumps(value, ensure_ascii=False))
    return text if len(text) < 100 else f"{text[:97]}..."


def _difference(inside: Any, outside: Any, place: str = "the answer") -> str:
    """Say where two answers differ first; empty if they are equal."""
    if isinstance(inside, dict) and isinstance(outside, dict) and inside.keys() == outside.keys():
        pairs = [(f"{place}.{key}", inside[key], outside[key]) for key in inside]
    elif isinstance(inside, list) and isinstance(outside, list) and len(inside) == len(outside):
        pairs = [
            (f"{place}[{at}]", *each) for at, each in enumerate(zip(inside, outside, strict=True))
        ]
    else:
        same = inside == outside
        return "" if same else f"{place}: {_short(inside)} inside, {_short(outside)} outside"
    return next((found for at, one, two in pairs if (found := _difference(one, two, at))), "")
