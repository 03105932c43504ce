"""Starting what has been planned, waiting for it, following it, and ending it whatever happens."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any

from scaffold.errors import ScaffoldError
from scaffold.image import rclone
from scaffold.image.container import IDE_PORT, STOP_SECONDS, Running, published
from scaffold.image.engine import Engine, last_line
from scaffold.image.start import Plan
from scaffold.module import Module


@contextmanager
def started(engine: Engine, planned: Plan) -> Iterator[Running]:
    """Start a container in the background, and stop and remove it at the end.

    It is removed even if this process is killed. A detached one is kept, unless an exception comes.

    Raises:
        ScaffoldError: the engine refuses; its own words are in the message.
    """
    make_folders(planned.mounts)
    kept, running = False, None
    with _guarded(engine, planned):
        line = engine.command(*planned.arguments("--detach"))
        try:
            result = subprocess.run(
                line, env=_environment(engine, planned), stdin=subprocess.DEVNULL,
                capture_output=True, text=True, errors="replace", check=False,
            )  # fmt: skip
            if result.returncode:
                raise ScaffoldError(
                    f"{engine.title} cannot start {planned.image}: {last_line(result.stderr)}",
                    hint="if a port is taken, choose another with --port, or 0 for any free one",
                )
            container = engine.client.containers.get(planned.name)
            running = Running(engine, container, published(container, planned.ports))
            if planned.handed:
                rclone.hand_over(engine, planned.name, planned.handed)
            yield running
            kept = planned.wish.detach
        finally:
            if running and not kept:
                running.stop()
            if not kept:
                engine.call("rm", "--force", "--volumes", planned.name)


def attached(engine: Engine, planned: Plan, *, quiet: bool) -> int:
    """Run a command in a container with this process's input and output; return its exit code.

    Args:
        engine: what runs it.
        planned: the container.
        quiet: send what it prints to standard error, since standard output is wanted for a document.
    """
    make_folders(planned.mounts)
    terminal = sys.stdin.isatty() and sys.stdout.isatty() and not quiet
    how = ["--rm", "--interactive", *(["--tty"] if terminal else [])]
    line = engine.command(*planned.arguments(*how))
    output = sys.stderr if quiet else None
    with (
        _guarded(engine, planned),
        subprocess.Popen(line, env=_environment(engine, planned), stdout=output) as process,
    ):
        try:
            if planned.handed:
                rclone.hand_over(engine, planned.name, planned.handed)
            return wait_for(process)
        except BaseException:
            process.terminate()  # the engine's command hands it on
            with suppress(subprocess.TimeoutExpired):
                process.wait(STOP_SECONDS)
            engine.call("rm", "--force", planned.name)
            raise


def wait_for(process: subprocess.Popen[bytes]) -> int:
    """Wait for a process that a terminal's Ctrl-C reaches too: it decides how to end."""
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            continue  # the terminal has sent it to the engine's command too, which hands it on


def _environment(engine: Engine, planned: Plan) -> dict[str, str]:
    return {**engine.variables(), **planned.values}


def make_folders(mounts: Sequence[str]) -> None:
    """Make the folders of this machine that are to be mounted, as their neighbours' owner."""
    for mount in mounts:
        folder = Path(mount.partition(":")[0])
        if folder.is_absolute() and not folder.exists():
            folder.mkdir()
            if os.geteuid() == 0:
                status = folder.parent.stat()
                os.chown(folder, status.st_uid, status.st_gid)


# Waits for the end of its input. If that came without a word, whoever held the other end was killed:
# then the command that follows is run.
_GUARDIAN = (
    "import subprocess, sys\n"
    "if not sys.stdin.read():\n"
    "    subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)"
)


@contextmanager
def guarded(line: Sequence[str], environment: Mapping[str, str] | None = None) -> Iterator[None]:
    """Have a process of its own run a command should this one be killed."""
    guardian = subprocess.Popen(
        [sys.executable, "-ISc", _GUARDIAN, *line],
        env=environment,
        stdin=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is not for it
        text=True,
    )
    try:
        yield
    finally:
        guardian.communicate("all is well")


def _guarded(engine: Engine, planned: Plan) -> AbstractContextManager[None]:
    line = engine.command("rm", "--force", "--volumes", planned.name)
    return guarded(line, engine.variables())


def follow(running: Running) -> int:
    """Copy what a container prints from now on to standard error until it ends; return its exit code."""
    from scaffold.local import shown

    rest = b""
    for block in running.container.logs(stream=True, follow=True, tail=0):
        *lines, rest = (rest + block).split(b"\n")
        for line in lines:
            sys.stderr.write(shown(line.decode(errors="replace") + "\n"))
        sys.stderr.flush()
    return running.ended() or 0


def wait_until_it_answers(running: Running, planned: Plan) -> None:
    """Wait for the API with this module in it, or for JupyterLab.

    Raises:
        ScaffoldError: it ended, did not answer in time, or is another module's.
    """
    if planned.wish.jupyter:
        running.wait_until_it_answers(port=IDE_PORT, path="/api")
    else:
        running.wait_until_it_answers()
        require_model(running.ask("/v2/models/"), planned.module)


def require_model(answer: Any, module: Module) -> None:
    """Refuse an API that is another module's.

    Raises:
        ScaffoldError: it is.
    """
    served = [str(model.get("id")) for model in answer.get("models", ())]
    if module.package not in served:
        raise ScaffoldError(
            f"the image answers for {', '.join(served) or 'nothing'}, not for {module.package}",
            hint="is it the right image? --image and --tag name another",
        )
