"""Data in and results out: remotes, copies that are complete or not there, checks (rclone)."""

from __future__ import annotations

DEFAULT_STALL = 60.0
"""Seconds without any progress after which a command gives up."""
