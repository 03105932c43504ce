"""All checks of `scaffold doctor`, in the order in which they are shown. One entry adds one."""

from __future__ import annotations

from scaffold.doctor import rclone
from scaffold.doctor.check import Check

CHECKS: tuple[Check, ...] = (*rclone.CHECKS,)
