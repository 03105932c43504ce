"""`scaffold serve`: the module's REST API on this machine."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

import click

from scaffold.cli.output import Output, common_options
from scaffold.cli.passthrough import VARIANT
from scaffold.errors import EXIT_INTERRUPTED


@click.command("serve")
@click.argument("path", default=".", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    default=5000,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="Port to listen on; 0 for any free one.",
)
@VARIANT
@click.option("--dry-run", is_flag=True, help="Show what would be run.")
@common_options
def command(out: Output, path: Path, host: str, port: int, variant: str, dry_run: bool) -> None:
    """Serve the REST API of the module that PATH lies in, until Ctrl-C.

    Its environment is made on the first call and reused afterwards.
    """
    from scaffold import environment, local, module

    found = module.find(path)
    planned = environment.plan(found, variant)
    if dry_run:
        line = (planned.program("deepaas-run"), "--listen-ip", host, "--listen-port", str(port))
        steps = [*([] if planned.ready else planned.commands), line]
        text = "\n".join(shlex.join(step) for step in steps)
        out.result(f"Would run:\n{text}", {"commands": [list(step) for step in steps]})
        return
    environment.make(planned, out.progress)
    out.progress(f"Starting the API of {found.package} …")
    code = 0
    with local.sigterm_raises():
        try:
            with local.server(planned, found, host, port) as server:
                out.result(
                    f"{found.package} answers on {server.url}\n"
                    f"Swagger page: {server.swagger}\n"
                    "Stop it with Ctrl-C.",
                    {
                        "url": server.url,
                        "swagger": server.swagger,
                        "model": found.package,
                        "pid": os.getpid(),
                    },
                )
                sys.stdout.flush()
                server.forward_output()
                code = server.process.wait()
        except KeyboardInterrupt:
            out.progress("Stopped.")
            sys.exit(EXIT_INTERRUPTED)
        except local.Terminated:
            out.progress("Stopped.")
            sys.exit(143)
    sys.exit(code)
