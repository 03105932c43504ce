"""A short run of the fuzzer; `make fuzz` is the long one."""

from __future__ import annotations

import subprocess
import sys

from tests.fuzz import metadata


def test_a_thousand_spoilt_files_get_a_verdict() -> None:
    command = [sys.executable, "-m", "tests.fuzz.metadata", "--count", "1000", "--seed", "3"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.startswith("1,000 files (")


def test_a_case_follows_from_the_seed_and_its_number() -> None:
    files = metadata.seeds()
    assert metadata.case(1, 5, files) == metadata.case(1, 5, files)
    assert metadata.case(1, 5, files) != metadata.case(2, 5, files)
