"""`python -m scaffold` is the `scaffold` command."""

from __future__ import annotations

from scaffold.cli import main

if __name__ == "__main__":
    main()
