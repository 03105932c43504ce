"""List what is installed around the Python that runs this, as one JSON document on standard output.

It is read from standard input by the Python of an image (`python -`), so it is one file and imports the standard
library alone. It writes nothing and needs neither network nor root. `inventory.py` reads what it prints.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import platform
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

FORMAT = 1
# programs that no package manager knows of: path, how to ask for the version
PROGRAMS = (("/usr/local/bin/rclone", ("version",)),)
_SECONDS = 20
# what environment markers may ask (PEP 508); platform_release and platform_version tell of the machine, not of the image
_MARKERS: dict[str, str] = {
    "implementation_name": sys.implementation.name,
    "implementation_version": platform.python_version(),
    "os_name": os.name,
    "platform_machine": platform.machine(),
    "platform_python_implementation": platform.python_implementation(),
    "platform_system": platform.system(),
    "python_full_version": platform.python_version(),
    "python_version": ".".join(platform.python_version_tuple()[:2]),
    "sys_platform": sys.platform,
}


def distributions() -> list[dict[str, Any]]:
    """Describe every Python distribution of this environment once, sorted by normalised name."""
    found: dict[str, dict[str, Any]] = {}
    # "" is the current folder, of which what lies there by chance is no part of the environment
    for each in importlib.metadata.distributions(path=[entry for entry in sys.path if entry]):
        # a folder that an interrupted installation left behind has no metadata
        if each.metadata is None or not each.metadata["Name"]:
            continue
        name = each.metadata["Name"]
        found.setdefault(re.sub(r"[-_.]+", "-", name).lower(), _distribution(name, each))
    return [found[name] for name in sorted(found)]


def _distribution(name: str, each: importlib.metadata.Distribution) -> dict[str, Any]:
    fields = each.metadata

    def one(field: str) -> str:
        return str(fields[field] or "") if field in fields else ""

    def every(field: str) -> list[str]:
        return [str(value) for value in fields.get_all(field) or []]

    record = each.read_text("RECORD")
    direct = each.read_text("direct_url.json")
    return {
        "name": name,
        "version": one("Version"),
        "license_expression": one("License-Expression"),
        "license": one("License"),
        "license_classifiers": [
            value for value in every("Classifier") if value.startswith("License ::")
        ],
        "summary": one("Summary"),
        "home_page": one("Home-page"),
        "project_urls": sorted(every("Project-URL")),
        "requires": sorted(each.requires or []),
        "installer": (each.read_text("INSTALLER") or "").strip(),
        "requested": each.read_text("REQUESTED") is not None,
        "direct_url": json.loads(direct) if direct else None,
        "record_sha256": hashlib.sha256(record.encode()).hexdigest() if record else "",
    }


def packages(status: Path = Path("/var/lib/dpkg/status")) -> list[dict[str, str]]:
    """Describe every installed Debian package, sorted; none where dpkg is not used."""
    if not status.is_file():
        return []
    found = []
    for stanza in status.read_text(encoding="utf-8", errors="replace").split("\n\n"):
        fields: dict[str, str] = {}
        for line in stanza.splitlines():
            key, colon, value = line.partition(":")
            if colon and not key.startswith((" ", "\t")):
                fields[key.lower()] = value.strip()
        if fields.get("status", "").endswith(" installed"):
            names = ("package", "version", "architecture", "source", "maintainer", "homepage")
            found.append({name: fields.get(name, "") for name in names})
    return sorted(found, key=lambda fields: (fields["package"], fields["architecture"]))


def os_release() -> dict[str, str]:
    """Return /etc/os-release as a mapping, empty where there is none."""
    try:
        return dict(platform.freedesktop_os_release())
    except OSError:
        return {}


def programs() -> list[dict[str, str]]:
    """Describe those of `PROGRAMS` that are there: path, version, sha256."""
    found = []
    for path, arguments in PROGRAMS:
        if Path(path).is_file():
            digest = hashlib.sha256()
            with Path(path).open("rb") as file:
                while block := file.read(1 << 20):
                    digest.update(block)
            version = _version(path, arguments)
            found.append({"path": path, "version": version, "sha256": digest.hexdigest()})
    return found


def _version(path: str, arguments: tuple[str, ...]) -> str:
    """Return the first number like 1.2 or 1.2.3-beta that a program prints when asked, or ""."""
    try:
        answer = subprocess.run(
            [path, *arguments],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    number = re.search(r"\d+\.\d+[\w.+-]*", answer.stdout)
    return number.group() if number else ""


def main() -> None:
    """Print the inventory."""
    inventory = {
        "format": FORMAT,
        "python": {"version": platform.python_version(), "markers": _MARKERS},
        "architecture": platform.machine(),
        "os_release": os_release(),
        "distributions": distributions(),
        "packages": packages(),
        "programs": programs(),
    }
    json.dump(inventory, sys.stdout, sort_keys=True)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
