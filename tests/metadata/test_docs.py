"""The documentation of metadata says what happens: its examples are run."""

from __future__ import annotations

import datetime
import re
import shlex
from pathlib import Path

from tests.metadata.conftest import Run

DOCS = Path(__file__).parents[2] / "docs"


def test_the_examples_of_the_how_to_are_true(run: Run, tmp_path: Path) -> None:
    text = (DOCS / "how-to" / "metadata.md").read_text(encoding="utf-8")
    sample = re.search(r"```json\n(.*?)```", text, re.DOTALL)
    assert sample
    (tmp_path / "metadata.json").write_text(sample[1])
    examples = re.findall(r"```console\n\$ scaffold ([^\n]*)\n(.*?)```", text, re.DOTALL)
    assert len(examples) == 3
    for command, expected in examples:
        result = run(*shlex.split(command))
        today = datetime.date.today().isoformat()
        assert result.err + result.out == expected.replace("TODAY", today), command
