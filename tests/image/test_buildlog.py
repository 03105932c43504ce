"""Logs of real builds, read line by line: what ran, what was cached, what failed, which image."""

from __future__ import annotations

import tracemalloc

import pytest

from scaffold.image.buildevents import (
    Event,
    Finished,
    StepBytes,
    StepCached,
    StepCancelled,
    StepDone,
    StepFailed,
    StepOutput,
    StepStarted,
)
from scaffold.image.buildlog import Kind, Parser, redacted
from tests.image.logs_of import names, read

PIP = (
    "RUN --mount=type=secret,id=ca PIP_CERT=/run/secrets/ca"
    " pip install --no-cache-dir --progress-bar on numpy==2.0.0"
)
LOOP = "RUN for i in 1 2 3; do echo working $i; sleep 1; done"
MADE = {  # by the Dockerfile of `ok` and `cached`: stage, index, total, name
    ("build", 2, 3, PIP),
    ("build", 3, 3, LOOP),
    ("stage-1", 2, 5, "WORKDIR /srv"),
    ("stage-1", 3, 5, "COPY blob /srv/blob"),
    ("stage-1", 4, 5, "COPY --from=build /etc/hostname /srv/x"),
    ("stage-1", 5, 5, 'RUN echo "done $(date +%s%N)" > y'),
}


def fed(kind: Kind, text: str, returncode: int = 0) -> tuple[Parser, list[Event]]:
    ticks = iter(range(100))
    parser = Parser(kind, clock=lambda: next(ticks))
    events = [event for line in text.splitlines() for event in parser.feed(line)]
    return parser, events + parser.close(returncode)


@pytest.mark.parametrize("engine", ["docker20", "docker28", "buildx", "podman4"])
def test_every_engine_tells_the_same_steps(engine: str) -> None:
    parser, events = read(f"ok.{engine}")

    steps = [step.started for step in parser.dockerfile_steps]
    assert {(step.stage, step.index, step.total, step.name) for step in steps} == MADE
    loop = next(step.id for step in steps if step.name == LOOP)
    printed = [e.text for e in events if isinstance(e, StepOutput) and e.id == loop]
    assert printed == ["working 1", "working 2", "working 3"]
    assert all(step.state in {"done", "cached"} for step in parser.steps)
    assert parser.failure is None


@pytest.mark.parametrize("name", names())
def test_every_step_starts_once_and_ends_once(name: str) -> None:
    _, events = read(name)

    started = [event.id for event in events if isinstance(event, StepStarted)]
    ended = [
        event.id
        for event in events
        if isinstance(event, StepDone | StepCached | StepCancelled | StepFailed)
    ]
    assert sorted(started) == sorted(set(started))
    assert sorted(ended) == sorted(set(ended))
    assert set(ended) <= set(started)
    assert sum(isinstance(event, Finished) for event in events) == 1


@pytest.mark.parametrize("engine", ["docker20", "buildx", "podman4"])
def test_a_second_build_is_all_cache_hits(engine: str) -> None:
    parser, _ = read(f"cached.{engine}")

    assert (parser.cache_hits, len(parser.dockerfile_steps)) == (6, 6)


@pytest.mark.parametrize(
    ("name", "image_id"),
    [
        (
            "ok.docker20",
            "sha256:ec837415b3098180bede5682f43f7a95e44a30f342d8c49d4a17de38348eaff6",
        ),
        (
            "ok.docker28",
            "sha256:fac28921b51444cb7f876890bda8bbeddbea69b71c476f61b433438d8854847e",
        ),
        (  # which is what `docker images` showed for it
            "ok-containerd-store.docker28",
            "sha256:24074a838b4d4db761609d58e298a778669d4aa258c6989c04fcce44c5d08aff",
        ),
        ("ok.podman4", "56dba66989a6ed6e42fb912213b848fe092c0367c7ed4d3fc16bfd2fd60f7a38"),
        ("cached.podman4", "56dba66989a6ed6e42fb912213b848fe092c0367c7ed4d3fc16bfd2fd60f7a38"),
        ("plain-fail.docker28", None),
        ("plain-fail.podman4", None),
    ],
)
def test_the_image_is_known_at_the_end(name: str, image_id: str | None) -> None:
    parser, events = read(name)

    assert parser.image_id == image_id
    assert events[-1] == Finished(image_id)


def test_layers_that_are_pulled_add_up() -> None:
    _, events = read("pull.docker28")

    moved = [(e.done, e.total) for e in events if isinstance(e, StepBytes) and e.id == "4"]
    assert moved[0] == (913, 913)
    assert moved[-1] == (24_431_941, 24_431_941)
    assert [done for done, _ in moved] == sorted(done for done, _ in moved)
    assert (2_101_941, 24_431_941) in moved


def test_what_is_sent_to_the_engine_is_counted() -> None:
    _, events = read("ok.docker28")

    context = next(
        e.id for e in events if isinstance(e, StepStarted) and e.name == "load build context"
    )
    assert StepBytes(context, 300_090, None) in events


@pytest.mark.parametrize("engine", ["docker28", "podman4"])
def test_the_bar_that_pip_draws_is_bytes_and_no_output(engine: str) -> None:
    _, events = read(f"ok.{engine}")

    assert [e for e in events if isinstance(e, StepBytes) and e.done == 19_300_000]
    assert not [e for e in events if isinstance(e, StepOutput) and "━" in e.text]


def test_times_are_the_engines_own() -> None:
    parser, _ = read("ok.docker28")

    seconds = {step.started.name: step.seconds for step in parser.dockerfile_steps}
    assert (seconds[PIP], seconds[LOOP], seconds["WORKDIR /srv"]) == (2.5, 3.1, 0.0)


def test_podman_gives_no_times_so_they_are_taken() -> None:
    _, events = fed("podman", "STEP 1/2: FROM x\nSTEP 2/2: RUN y\nCOMMIT z\n--> 0123456789ab")

    # the clock ticks once at each start and once at each end
    assert [e for e in events if isinstance(e, StepDone)] == [
        StepDone("1.1", 1.0),
        StepDone("1.2", 1.0),
        StepDone("1.commit", 1.0),
    ]


@pytest.mark.parametrize("engine", ["docker20", "docker28", "podman4"])
def test_a_failed_step_is_known_with_what_it_printed(engine: str) -> None:
    parser, events = read(f"no-network.{engine}")

    failure = parser.failure
    assert failure is not None
    assert failure.step is not None
    assert failure.step.started.name == "RUN pip install --no-cache-dir deepaas==2.6.0"
    assert failure.step.state == "failed"
    assert StepFailed(failure.step.started.id, failure.said) in events
    assert failure.said.endswith(("exit code: 1", "exit status 1"))
    assert failure.last_lines[-1] == "ERROR: No matching distribution found for deepaas==2.6.0"
    assert len(failure.last_lines) == 7


@pytest.mark.parametrize("engine", ["docker20", "docker28", "podman4"])
def test_the_user_sees_the_last_fifteen_lines(engine: str) -> None:
    failure = read(f"no-compiler.{engine}")[0].failure

    assert failure is not None
    assert len(failure.last_lines) == 15
    assert "Could not build wheels for psutil" in failure.last_lines[-1]
    assert failure.printed[-15:] == failure.last_lines
    assert len(failure.printed) == 60


def test_a_step_that_is_given_up_did_not_fail() -> None:
    parser, events = read("cancelled.docker28")

    assert StepCancelled("6") in events
    assert parser.failure is not None
    assert parser.failure.step is not None
    assert parser.failure.step.started.name == "RUN sleep 3; false"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("no-buildx.docker28", "ERROR: BuildKit is enabled but the buildx component is missing"),
        ("no-engine.docker20", "Cannot connect to the Docker daemon at unix:///var/run/docker.s"),
        ("dockerfile-typo.docker20", "failed to solve with frontend dockerfile.v0: failed to cre"),
        ("dockerfile-typo.docker28", "ERROR: failed to build: failed to solve: dockerfile parse "),
        ("no-runtime.podman4", 'Error: default OCI runtime "crun" not found: invalid argument'),
    ],
)
def test_an_engine_that_does_not_come_to_building_is_quoted(name: str, said: str) -> None:
    failure = read(name)[0].failure

    assert failure is not None
    assert failure.step is None
    assert failure.said.startswith(said)


def test_a_cache_that_cannot_be_read_does_not_fail_the_build() -> None:
    text = "#4 importing cache manifest from demo\n#4 ERROR: demo: not found\n#5 [1/1] RUN x\n"

    fine, _ = fed("buildkit", f"{text}#5 DONE 1.0s")
    broken, _ = fed("buildkit", f"{text}#5 ERROR: exit code: 1", 1)

    assert fine.failure is None
    assert broken.failure is not None
    assert broken.failure.said == "exit code: 1"


def test_all_that_podman_says_at_the_end_is_its_message() -> None:
    failure = read("pull-denied.podman4")[0].failure

    assert failure is not None
    assert failure.said.splitlines()[1:3] == [
        "denied: requested access to the resource is denied",
        "unauthorized",
    ]


def test_a_command_that_prints_error_does_not_end_podmans_build() -> None:
    parser, events = fed(
        "podman",
        "STEP 1/2: FROM x\nSTEP 2/2: RUN conda\nError: none\nfine\nCOMMIT y\n--> 0123456789ab",
    )

    assert StepOutput("1.2", "Error: none") in events
    assert parser.failure is None


def test_podmans_last_words_may_be_new_to_us() -> None:
    parser, _ = fed("podman", "STEP 1/1: FROM x\ntrying\nError: the moon is full", 125)

    assert parser.failure is not None
    assert parser.failure.said == "the moon is full"


@pytest.mark.parametrize(
    ("header", "stage", "index", "name"),
    [
        ("[ 1/11] FROM base", "", 1, "FROM base"),
        ("[builder  2/12] RUN x", "builder", 2, "RUN x"),
        ("[linux/amd64 build 3/4] COPY a b", "linux/amd64 build", 3, "COPY a b"),
        ("[auth] deep/base:pull token", "auth", None, "deep/base:pull token"),
        ("exporting to image", "internal", None, "exporting to image"),
        (
            "importing cache manifest from demo",
            "internal",
            None,
            "importing cache manifest from demo",
        ),
        ("[2/2] RUN [ 1 = 1 ] && echo [x]", "", 2, "RUN [ 1 = 1 ] && echo [x]"),
    ],
)
def test_headers_of_buildkit(header: str, stage: str, index: int | None, name: str) -> None:
    _, events = fed("buildkit", f"#7 {header}")

    started = events[0]
    assert isinstance(started, StepStarted)
    assert (started.stage, started.index, started.name) == (stage, index, name)


def test_output_that_looks_like_buildkits_own_lines_stays_output() -> None:
    text = "#5 [2/2] RUN x\n#5 0.1 DONE 3.0s\n#5 0.2 ERROR: no\n#5 0.3 #6 [1/1] FROM\n#5 0.4 ------\n#5 0.5"
    _, events = fed("buildkit", text)

    assert [e.text for e in events if isinstance(e, StepOutput)] == [
        "DONE 3.0s",
        "ERROR: no",
        "#6 [1/1] FROM",
        "------",
        "",
    ]
    assert not [e for e in events if isinstance(e, StepDone | StepFailed)]


def test_bars_and_colours_leave_only_their_text() -> None:
    _, events = fed("buildkit", "#5 [2/2] RUN x\n#5 0.1 \x1b[31mred\x1b[0m\x07 end\n")
    parser = Parser("podman")
    parser.feed("STEP 1/1: RUN x")
    drawn = parser.feed("Receiving 10%\rReceiving 100%\r\n")

    assert events[1] == StepOutput("5", "red end")
    assert drawn == [StepOutput("1.1", "Receiving 100%")]


def test_secrets_are_in_no_event() -> None:
    parser = Parser("buildkit", secrets=["t0p", ""])
    parser.feed("#5 [2/2] RUN git clone https://ann:pw@git.example.org/x?key=t0p")
    events = [
        *parser.feed("#5 0.1 cloning https://ann:pw@git.example.org/x with t0p"),
        *parser.feed("#5 ERROR: process git clone https://ann:pw@git.example.org failed: t0p"),
    ]

    assert events == [
        StepOutput("5", "cloning https://***@git.example.org/x with ***"),
        StepFailed("5", "process git clone https://***@git.example.org failed: ***"),
    ]
    assert parser.steps[0].started.name == "RUN git clone https://***@git.example.org/x?key=***"


@pytest.mark.parametrize(
    "text", ["ann@example.org", "pip install a@1", "https://example.org/@ann", "git@host:x"]
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redacted(text) == text


def test_a_long_log_takes_no_more_memory_than_a_short_one() -> None:
    parser = Parser("buildkit")
    parser.feed("#5 [2/2] RUN x")
    tracemalloc.start()
    try:
        for number in range(50_000):
            parser.feed(f"#5 {number / 100:.2f} Collecting package-{number} from {'x' * 80}")
        parser.feed(f"#5 600.0 {'y' * 1_000_000}")
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert kept < 100_000
