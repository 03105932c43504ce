"""`scaffold predict`: the module's prediction on this machine."""

from __future__ import annotations

from scaffold.cli.passthrough import passthrough

command = passthrough(
    "predict",
    """Predict with the module that PATH (or the working directory) lies in.

    Its environment is made on the first call and reused afterwards. ARGUMENTS go to the module:

        scaffold predict digit.png
    """,
)
