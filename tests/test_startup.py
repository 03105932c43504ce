"""Start-up stays quick because it imports next to nothing; counted, not timed."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

FORBIDDEN = {
    "git",
    "jinja2",
    "jsonschema",
    "requests",
    "rich",
    "scaffold.answers",
    "scaffold.render",
    "urllib.request",
    "yaml",
}


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["new", "--help"]])
def test_start_up_imports_click_and_the_standard_library_only(arguments: list[str]) -> None:
    modules = loaded(f"__import__('scaffold.cli').cli.main({arguments!r})") - loaded("pass")
    assert not modules & FORBIDDEN
    packages = {name.partition(".")[0] for name in modules}
    assert packages - sys.stdlib_module_names <= {"click", "scaffold"}


def loaded(statement: str) -> set[str]:
    """Return the modules that a fresh Python has after a statement."""
    code = (
        "import json, sys\n"
        f"try: {statement}\n"
        "except SystemExit: pass\n"
        "print(json.dumps(sorted(sys.modules)), file=sys.stderr)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    return set(json.loads(result.stderr.splitlines()[-1]))
