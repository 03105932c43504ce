"""What a machine needs to run a GPU image, what of it is missing, and how to get that."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from scaffold.errors import MissingToolError, ScaffoldError
from scaffold.image.engine import Engine, output, succeeds
from scaffold.module import Module

_CDI_DEVICES = "nvidia.com/gpu=all"
_CDI_FOLDERS = ("/etc/cdi", "/var/run/cdi")


def options(engine: Engine, module: Module) -> tuple[str, ...]:
    """Return the engine's options for GPUs.

    Raises:
        UsageError: the module's framework uses no GPU.
        MissingToolError: it names all that is missing, and how to get it.
    """
    lacks = problems(module)
    if without := toolkit(engine):
        setup = (
            "sudo nvidia-ctk runtime configure --runtime=docker && sudo systemctl restart docker"
            if engine.name == "docker"
            else "sudo nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml"
        )
        remedy = (
            "install the NVIDIA Container Toolkit (https://docs.nvidia.com/datacenter/"
            f"cloud-native/container-toolkit/latest/install-guide.html), then `{setup}`"
        )
        lacks.append((without, remedy))
    refuse(lacks)
    return gpu_options(engine)


def problems(module: Module) -> list[tuple[str, str]]:
    """Return what keeps this machine's NVIDIA driver from running the module's GPU image.

    Returns:
        what is wrong and what to do about it, of each.

    Raises:
        UsageError: the module's framework uses no GPU.
    """
    from scaffold.image import matrix, plan, table

    table.require_variant(module.answers["framework"], "gpu", "--gpu")
    try:
        (planned,) = plan.plan(module, plan.Wish(("gpu",)))
        lowest = planned.resolution.driver
    except ScaffoldError:
        lowest = ""  # an image can be run though it could not be built from what is here now
    found = driver_version()
    problem = matrix.driver_problem(lowest, found)
    which = "a newer" if found else "the"
    remedy = (
        f"install {which} NVIDIA driver (`apt install nvidia-driver` on Debian, "
        "`ubuntu-drivers install` on Ubuntu) and restart the machine"
    )
    return [(problem, remedy)] if problem else []


def refuse(lacks: Sequence[tuple[str, str]]) -> None:
    """Refuse to run on a GPU if anything is missing for it.

    Raises:
        MissingToolError: it names all that is missing, and how to get it.
    """
    if lacks:
        raise MissingToolError(
            "the GPU image cannot run here:" + "".join(f"\n  - {problem}" for problem, _ in lacks),
            hint="; ".join(remedy for _, remedy in lacks) + "; without --gpu the CPU image is run",
        )


def gpus(found: Engine) -> str | None:
    """Say what keeps this engine from giving a container an NVIDIA GPU; None if nothing does."""
    program = shutil.which("nvidia-smi")
    if not program:
        return "no NVIDIA driver on this machine (no `nvidia-smi`)"
    if not succeeds(program):
        return f"the NVIDIA driver does not answer (`{program}` fails)"
    return toolkit(found)


def toolkit(found: Engine) -> str | None:
    """Say what an engine lacks to hand NVIDIA GPUs on; None if nothing."""
    if gpu_options(found):
        return None
    return "the NVIDIA Container Toolkit is not installed, or not set up for this engine"


def gpu_options(found: Engine) -> tuple[str, ...]:
    """Return the options of its `run` that give a container all NVIDIA GPUs; none if it cannot."""
    info = found.client.info()
    if found.name == "docker":
        hook = shutil.which("nvidia-container-runtime-hook")
        if "nvidia" in (info.get("Runtimes") or {}) or hook:
            return ("--gpus=all",)
    described = json.dumps(info.get("DiscoveredDevices") or [])
    # Container Device Interface: podman, and Docker 25 and newer, read the devices from a file
    files = [file for folder in _CDI_FOLDERS for file in Path(folder).glob("*nvidia*")]
    if _CDI_DEVICES in described or (found.name == "podman" and files):
        return (f"--device={_CDI_DEVICES}",)
    return ()


def driver_version() -> str | None:
    """Return the version of this machine's NVIDIA driver, None without one."""
    program = shutil.which("nvidia-smi")
    if not program:
        return None
    said = output(program, "--query-gpu=driver_version", "--format=csv,noheader").split()
    return said[0] if said else None
