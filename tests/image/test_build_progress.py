"""What a user sees while an image is built: drawn live on a terminal, plain lines elsewhere."""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Mapping
from types import MappingProxyType

import pexpect
import pytest

from scaffold.cli.build_progress import drawing
from scaffold.cli.output import Output
from scaffold.image.buildevents import Event, Finished, StepBytes, StepDone, StepOutput, StepStarted
from tests.conftest import ROOT
from tests.image.logs_of import read


def plain(capfd: pytest.CaptureFixture[str], events: list[Event], out: Output) -> str:
    """Draw without a terminal; return what is on standard error, times since the start aside."""
    with drawing(out, "Building demo:cpu") as draw:
        for event in events:
            draw(event)
    printed = capfd.readouterr()
    assert printed.out == ""
    return re.sub(r"(?<=cached, )[\d.]+ s", "T", printed.err)


def terminal(
    *arguments: str, width: int = 100, environment: Mapping[str, str] = MappingProxyType({})
) -> pexpect.spawn:
    """Draw on a terminal of 24 lines."""
    kept = {
        name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "COLUMNS"}
    }
    return pexpect.spawn(
        sys.executable,
        ["-m", "tests.image.drawn", *arguments],
        env={**kept, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8", **environment},
        dimensions=(24, width),
        cwd=str(ROOT),
        encoding="utf-8",
        timeout=60,
    )


def stays(screen: str) -> list[str]:
    """Return the lines that are on the screen at the end."""
    rows: list[str] = [""]
    row = 0
    for part in re.findall(r"\x1b\[[0-9;?]*[A-Za-z]|\r|\n|[^\x1b\r\n]+", screen):
        if part == "\r":
            rows[row] = f"\r{rows[row]}" if not rows[row].startswith("\r") else rows[row]
        elif part == "\n":
            row += 1
            if row == len(rows):
                rows.append("")
        elif part == "\x1b[2K":
            rows[row] = ""
        elif part == "\x1b[1A":
            row -= 1
        elif not part.startswith("\x1b"):
            # what follows a carriage return is written over what was there
            rows[row] = part if rows[row].startswith("\r") else rows[row] + part
    return [text.strip("\r").rstrip() for text in rows if text.strip()]


def test_without_a_terminal_every_step_is_a_line(capfd: pytest.CaptureFixture[str]) -> None:
    assert plain(capfd, read("ok.docker28")[1], Output()) == (
        "Building demo:cpu\n"
        "  step stage-1 2/5 WORKDIR /srv  0.0 s\n"
        "  step stage-1 3/5 COPY blob /srv/blob  0.0 s\n"
        "  step build 2/3 RUN PIP_CERT=/run/secrets/ca pip install --no-cache-dir -- …  2.5 s\n"
        "  step build 3/3 RUN for i in 1 2 3; do echo working $i; sleep 1; done  3.1 s\n"
        "  step stage-1 4/5 COPY --from=build /etc/hostname /srv/x  0.0 s\n"
        '  step stage-1 5/5 RUN echo "done $(date +%s%N)" > y  0.1 s\n'
        "  6 steps, 0 cached, T\n"
    )


def test_what_was_cached_says_so(capfd: pytest.CaptureFixture[str]) -> None:
    assert plain(capfd, read("cached.podman4")[1], Output(as_json=True)) == (
        "Building demo:cpu\n"
        "  step build 2/3 RUN PIP_CERT=/run/secrets/ca pip install --no-cache-dir -- …  cached\n"
        "  step build 3/3 RUN for i in 1 2 3; do echo working $i; sleep 1; done  cached\n"
        "  step stage-1 2/5 WORKDIR /srv  cached\n"
        "  step stage-1 3/5 COPY blob /srv/blob  cached\n"
        "  step stage-1 4/5 COPY --from=build /etc/hostname /srv/x  cached\n"
        '  step stage-1 5/5 RUN echo "done $(date +%s%N)" > y  cached\n'
        "  6 steps, 6 cached, T\n"
    )


def test_what_failed_and_what_was_given_up(capfd: pytest.CaptureFixture[str]) -> None:
    assert plain(capfd, read("cancelled.docker28")[1], Output()) == (
        "Building demo:cpu\n"
        "  step stage-0 2/2 RUN sleep 3; false  failed\n"
        "  step stage-1 2/3 RUN sleep 30  cancelled\n"
    )


def test_a_base_image_that_cannot_be_had(capfd: pytest.CaptureFixture[str]) -> None:
    assert plain(capfd, read("wrong-tag.docker28")[1], Output()) == (
        "Building demo:cpu\n  load metadata for registry.example.org/deep/none:2.99  failed\n"
    )


def test_a_pull_that_takes_time_is_worth_a_line(capfd: pytest.CaptureFixture[str]) -> None:
    assert plain(capfd, read("pull.docker28")[1], Output()) == (
        "Building demo:cpu\n"
        "  step 1/2 FROM registry.example.org/deep/base:1  5.6 s\n"
        "  step 2/2 RUN python3 -c 'import numpy'  0.1 s\n"
        "  1 step, 0 cached, T\n"
    )


def test_verbose_shows_what_the_steps_print(capfd: pytest.CaptureFixture[str]) -> None:
    shown = plain(capfd, read("ok.docker28")[1], Output(verbose=True))

    assert (
        "    working 1\n    working 2\n    working 3\n"
        "  step build 3/3 RUN for i in 1 2 3; do echo working $i; sleep 1; done  3.1 s\n"
    ) in shown


def test_quiet_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    assert plain(capfd, read("cancelled.docker28")[1], Output(quiet=True)) == ""


@pytest.mark.parametrize(
    ("seconds", "shown"), [(59.94, "59.9 s"), (60, "1 min 00 s"), (3725.6, "62 min 06 s")]
)
def test_long_times(capfd: pytest.CaptureFixture[str], seconds: float, shown: str) -> None:
    events: list[Event] = [StepStarted("1", "RUN x", "", 2, 2), StepDone("1", seconds)]

    assert plain(capfd, events, Output()) == f"Building demo:cpu\n  step 2/2 RUN x  {shown}\n"


def test_events_of_steps_nobody_knows_draw_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    events: list[Event] = [
        StepOutput("9", "x"),
        StepBytes("9", 1, 2),
        StepDone("9", 5.0),
        Finished(None),
    ]

    assert plain(capfd, events, Output()) == "Building demo:cpu\n"


def test_a_terminal_shows_bytes_and_the_last_line_while_they_change() -> None:
    child = terminal("pull.docker28", "0.12")

    child.expect_exact("step 1/2 FROM registry.example.org/deep/base:1")
    child.expect(r"\[=+ +\] \d+\.\d MB of 24\.4 MB")
    child.expect("extracting sha256:d79928866")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0


def test_a_terminal_keeps_what_has_ended_and_nothing_else() -> None:
    child = terminal("ok.docker28", "0.05")

    child.expect(pexpect.EOF)

    kept = stays(child.before)
    assert [re.sub(r"(?<=cached, )[\d.]+ s", "T", line) for line in kept] == [
        "Building demo:cpu",
        "  ✓ step stage-1 2/5 WORKDIR /srv  0.0 s",
        "  ✓ step stage-1 3/5 COPY blob /srv/blob  0.0 s",
        "  ✓ step build 2/3 RUN PIP_CERT=/run/secrets/ca pip install --no-cache-dir --progress-bar o …  2.5 s",
        "  ✓ step build 3/3 RUN for i in 1 2 3; do echo working $i; sleep 1; done  3.1 s",
        "  ✓ step stage-1 4/5 COPY --from=build /etc/hostname /srv/x  0.0 s",
        '  ✓ step stage-1 5/5 RUN echo "done $(date +%s%N)" > y  0.1 s',
        "  ✓ 6 steps, 0 cached, T",
    ]


def test_a_terminal_marks_what_failed() -> None:
    child = terminal("cancelled.docker28", "0")

    child.expect(pexpect.EOF)

    assert stays(child.before) == [
        "Building demo:cpu",
        "  ✗ step stage-0 2/2 RUN sleep 3; false  failed",
        "  - step stage-1 2/3 RUN sleep 30  cancelled",
    ]


def test_no_line_is_wider_than_the_terminal() -> None:
    child = terminal("no-network.docker28", "0.05", width=40)

    child.expect(pexpect.EOF)

    rows = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", child.before).replace("\r", "\n").split("\n")
    assert max(len(row) for row in rows) <= 40
    assert "  ✗ step 3/3 RUN pip install - …  failed" in stays(child.before)


def test_control_c_leaves_the_terminal_in_order() -> None:
    child = terminal("pull.docker28", "0.3")
    child.expect_exact("MB of 24.4 MB")

    child.kill(signal.SIGINT)

    child.expect(pexpect.EOF)
    assert "\x1b[?25h" in child.before  # the cursor is there again
    child.close()
    assert child.exitstatus != 0


@pytest.mark.parametrize("variable", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_a_terminal_may_ask_for_plain_lines(variable: dict[str, str]) -> None:
    child = terminal("cancelled.docker28", "0", environment=variable)

    child.expect(pexpect.EOF)

    assert child.before.splitlines() == [
        "Building demo:cpu",
        "  step stage-0 2/2 RUN sleep 3; false  failed",
        "  step stage-1 2/3 RUN sleep 30  cancelled",
    ]
