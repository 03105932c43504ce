"""Where the files that are not code lie: the template and the schemas.

They are folders of the repository's root; a wheel carries them inside the package.
"""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parent


def resource(name: str) -> Path:
    """Return the folder `name` (`template` or `schema`), in a wheel or in a checkout.

    Raises:
        FileNotFoundError: the installation is broken.
    """
    for root in (_PACKAGE, _PACKAGE.parent):
        if (path := root / name).is_dir():
            return path
    raise FileNotFoundError(f"the folder {name!r} is missing from {_PACKAGE}")
