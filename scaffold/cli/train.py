"""`scaffold train`: the module's training on this machine."""

from __future__ import annotations

from scaffold.cli.passthrough import passthrough

command = passthrough(
    "train",
    """Train the module that PATH (or the working directory) lies in.

    Its environment is made on the first call and reused afterwards. ARGUMENTS go to the module:

        scaffold train --epochs 5
    """,
)
