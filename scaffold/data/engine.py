"""One run of rclone: started, followed through its JSON log, bounded in time, stopped with us.

rclone's own log is the evidence: with `-vv` it names each file that it has copied and the checksum
that it found on both sides. Should we be killed, its standard error is closed, and it ends at its
next line, a quarter of a second later at most.
"""

from __future__ import annotations

import json
import queue
import re
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO, Any

from scaffold.data import DEFAULT_STALL, faults
from scaffold.data.binary import Rclone
from scaffold.data.remotes import Remote
from scaffold.errors import ScaffoldError

PARTIAL = ".scaffoldpart"
"""What ends the name of a download that is not complete."""
_STOP_SECONDS = 5.0
_TROUBLE_SECONDS = 5.0
_ALIVE_BYTES = 1 << 20  # reading this much between two looks is progress: a checksum is computed
_CHECKSUM = re.compile(r"(\w+) = (\S+) OK")
_TROUBLE = re.compile(r"low level retry|rate limited|received error", re.IGNORECASE)
_INTERESTING = re.compile(r' OK"|Unchanged skipping|"level":"(?!debug)|"stats":\{')


@dataclass(frozen=True, slots=True)
class Limits:
    """How long to wait and how often to try.

    Attributes:
        stall: seconds without any progress after which to give up.
        total: seconds for all runs together; 0 for no limit.
        retries: how often rclone goes through all that has failed.
    """

    stall: float = DEFAULT_STALL
    total: float = 0.0
    retries: int = 3

    def flags(self) -> tuple[str, ...]:
        """Return them as rclone's options; it waits longer from one attempt to the next."""
        idle = f"{self.stall:g}s"
        connect = f"{min(self.stall, 15):g}s"
        return (
            *("--timeout", idle, "--contimeout", connect),
            *("--retries", str(self.retries), "--retries-sleep", "1s"),
            *("--low-level-retries", "5"),
        )


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is: bytes, files, bytes a second, seconds to go (None if not known)."""

    bytes: int = 0
    total_bytes: int = 0
    files: int = 0
    total_files: int = 0
    checked: int = 0
    speed: float = 0.0
    eta: float | None = None

    def moved_on(self, before: Progress, *, bytes_count: bool) -> bool:
        """Whether this is further than `before`; in files, or also in bytes."""
        further = self.files > before.files or self.checked > before.checked
        return further or (bytes_count and self.bytes > before.bytes)


@dataclass
class Outcome:
    """What a run did.

    Attributes:
        code: rclone's exit code.
        output: its standard output.
        copied: bytes of each file that was copied.
        unchanged: files that were there already.
        checksums: kind and value of the checksum that rclone found equal on both sides.
        planned: with --dry-run, (what, path, bytes) for each file.
        complaints: its errors, in order; each the file that it is about, or "", and the message.
        notices: what else it wants a person to know, in the same form.
        trouble: what it was trying to overcome last.
        progress: the last one.
    """

    code: int = 0
    output: str = ""
    copied: dict[str, int] = field(default_factory=dict)
    unchanged: set[str] = field(default_factory=set)
    checksums: dict[str, tuple[str, str]] = field(default_factory=dict)
    planned: list[tuple[str, str, int]] = field(default_factory=list)
    complaints: list[faults.Complaint] = field(default_factory=list)
    notices: list[faults.Complaint] = field(default_factory=list)
    trouble: str = ""
    progress: Progress = field(default_factory=Progress)


OnProgress = Callable[[Progress], None]
OnLine = Callable[[str], None]


def _nothing(_: object) -> None:
    pass


@dataclass(frozen=True)
class Engine:
    """How to run rclone.

    Attributes:
        rclone: the program.
        limits: its limits.
        on_progress: called several times a second.
        on_line: gets each line of the log, without secrets.
        started: when the time limit began to count.
    """

    rclone: Rclone
    limits: Limits = field(default_factory=Limits)
    on_progress: OnProgress = _nothing
    on_line: OnLine = _nothing
    started: float = field(default_factory=time.monotonic)

    def run(
        self,
        remote: Remote,
        *arguments: str,
        doing: str,
        allowed: Iterable[int] = (0,),
        once: bool = False,
    ) -> Outcome:
        """Run rclone to its end.

        Args:
            remote: whose settings and secrets are concerned.
            arguments: the command and its arguments; never a secret.
            doing: what this is, for messages: "listing rshare:x".
            allowed: exit codes that are no failure.
            once: do not repeat it as a whole, as what is not there is an answer too.

        Raises:
            ScaffoldError: rclone failed, made no progress or took too long.
        """
        command = [
            *(self.rclone.path, *arguments, *self.limits.flags(), "--ask-password=false"),
            *(("--retries", "1", "--retries-sleep", "0") if once else ()),
            *("-vv", "--use-json-log", "--stats", "250ms", "--stats-log-level", "INFO"),
        ]
        with tempfile.TemporaryFile("w+", encoding="utf-8", errors="surrogateescape") as output:
            process = subprocess.Popen(
                command,
                env=remote.environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.PIPE,
                text=True,
                encoding="utf-8",
                errors="replace",
                start_new_session=True,  # Ctrl-C comes through us, once
            )
            outcome = self._follow(process, remote, doing)
            output.seek(0)
            outcome.output = output.read()
        if outcome.code not in allowed:
            raise faults.translate(outcome.complaints + outcome.notices[-2:], remote, doing)
        return outcome

    def _follow(self, process: subprocess.Popen[str], remote: Remote, doing: str) -> Outcome:
        outcome = Outcome()
        lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        assert process.stderr
        reader = threading.Thread(target=_read, args=(process.stderr, lines), daemon=True)
        reader.start()
        moved = time.monotonic()
        troubled, read_bytes, reached = -_TROUBLE_SECONDS, 0, outcome.progress
        try:
            while True:
                line: str | None = ""
                with suppress(queue.Empty):
                    line = lines.get(timeout=0.5)
                if line is None:
                    break
                if line and _INTERESTING.search(line):
                    self._note(line, outcome, remote)
                elif line:
                    self.on_line(remote.scrubbed(line.rstrip()))
                now = time.monotonic()
                if line and _TROUBLE.search(line):
                    troubled = now
                    if "ate limited" not in line:  # that only says that there was one
                        outcome.trouble = remote.scrubbed(_message(line))
                elif line and '"level":"debug"' in line:
                    moved = now
                # bytes that are sent into a dead connection again and again are no progress
                in_trouble = now - troubled < min(self.limits.stall / 2, _TROUBLE_SECONDS)
                if outcome.progress.moved_on(reached, bytes_count=not in_trouble):
                    reached, moved = outcome.progress, now
                elif now - moved > self.limits.stall:
                    # a checksum of a large file: it reads, without saying how much
                    done = _read_so_far(process.pid)
                    if done - read_bytes < _ALIVE_BYTES:
                        reason = f"no progress for {self.limits.stall:g} s"
                        raise self._given_up(reason, outcome, remote, doing)
                    read_bytes, moved = done, now
                if self.limits.total and now - self.started > self.limits.total:
                    reason = f"not done within {self.limits.total:g} s"
                    raise self._given_up(reason, outcome, remote, doing)
            outcome.code = process.wait()
        finally:
            _stop(process)
            reader.join(_STOP_SECONDS)
            process.stderr.close()
        return outcome

    def _given_up(self, reason: str, outcome: Outcome, remote: Remote, doing: str) -> ScaffoldError:
        """Return the error: what rclone has been trying to overcome, or only how long it took."""
        if seen := [*outcome.complaints, *([("", outcome.trouble)] if outcome.trouble else [])]:
            error = faults.translate(seen, remote, doing)
            error.message = f"{error.message}; {reason}"
            return error
        return ScaffoldError(
            f"{doing} failed: {reason}",
            hint="run the same command again: it copies what is missing only; --timeout and "
            "--time-limit wait longer",
        )

    def _note(self, line: str, outcome: Outcome, remote: Remote) -> None:
        try:
            entry: dict[str, Any] = json.loads(line)
        except ValueError:
            # what rclone says before its log is set up
            text = remote.scrubbed(line.strip())
            self.on_line(text)
            outcome.complaints.append(("", text))
            return
        message, path, level = (
            str(entry.get("msg", "")),
            str(entry.get("object", "")),
            entry["level"],
        )
        if stats := entry.get("stats"):
            outcome.progress = _progress(stats)
            self.on_progress(outcome.progress)
            return
        self.on_line(remote.scrubbed(f"{level}: {path + ': ' if path else ''}{message}"))
        if what := entry.get("skipped"):
            outcome.planned.append((str(what), path, int(entry.get("size", -1))))
        elif match := _CHECKSUM.fullmatch(message):
            if match[1] != "size":
                outcome.checksums[path] = (match[1].lower(), match[2])
        elif message == "Unchanged skipping":
            outcome.unchanged.add(path)
        elif "Copied (" in message or "Moved (" in message:
            outcome.copied[path] = int(entry.get("size", -1))
        elif level in ("error", "critical", "fatal"):
            outcome.complaints.append((path, remote.scrubbed(message)))
        elif level in ("notice", "warning"):
            outcome.notices.append((path, remote.scrubbed(message)))


def _message(line: str) -> str:
    try:
        return str(json.loads(line)["msg"])
    except (ValueError, KeyError, TypeError):
        return line.strip()


def _read(stream: IO[str], lines: queue.SimpleQueue[str | None]) -> None:
    with suppress(ValueError):  # it was closed
        for line in stream:
            lines.put(line)
    lines.put(None)


def _progress(stats: dict[str, Any]) -> Progress:
    return Progress(
        bytes=int(stats.get("bytes", 0)),
        total_bytes=int(stats.get("totalBytes", 0)),
        files=int(stats.get("transfers", 0)),
        total_files=int(stats.get("totalTransfers", 0)),
        checked=int(stats.get("checks", 0)) + int(stats.get("listed", 0)),
        speed=float(stats.get("speed", 0.0)),
        eta=stats.get("eta"),
    )


def _read_so_far(process: int) -> int:
    """Return how many bytes a process has read and written; 0 where the system does not say."""
    try:
        with open(f"/proc/{process}/io", encoding="ascii") as file:  # noqa: PTH123 - not a file
            return sum(int(line.split()[1]) for line in file if line.startswith(("rchar", "wchar")))
    except OSError:
        return 0


def _stop(process: subprocess.Popen[str]) -> None:
    """End it: as Ctrl-C does, so that it removes what is half done; then for certain."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_SECONDS)
    if process.poll() is None:
        process.kill()
    process.wait()
