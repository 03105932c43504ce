"""From a model idea to a catalogued, GPU-ready, deployable machine-learning module."""

from __future__ import annotations

__version__ = "0.1.0"
