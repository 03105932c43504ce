"""What a machine needs to run a GPU image, what of it is missing, and how to get that."""

from __future__ import annotations

from collections.abc import Sequence

from scaffold.errors import MissingToolError, ScaffoldError
from scaffold.image.engine import Engine, driver_version, gpu_options, toolkit
from scaffold.module import Module


def options(engine: Engine, module: Module) -> tuple[str, ...]:
    """Return the engine's options for GPUs.

    Raises:
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
    """
    from scaffold.image import matrix, plan

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
