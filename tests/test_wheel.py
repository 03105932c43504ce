"""The installed wheel works in an empty environment with the network cut off."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.helpers import NAME, files_below, rendered

ROOT = Path(__file__).parent.parent
UV = str(Path(sys.executable).with_name("uv"))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of what git tracks or would track."""
    source = tmp_path_factory.mktemp("source") / "scaffold"
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in names.split("\0"):
        if name and (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, source / name)
    out = tmp_path_factory.mktemp("dist")
    build = [UV, "build", "--quiet", "--wheel", "--no-build-isolation", "--python", sys.executable]
    subprocess.run([*build, "--out-dir", str(out), str(source)], check=True)
    (built,) = out.glob("*.whl")
    return built


def test_it_carries_the_template_and_the_schemas(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder in ("template", "schema"):
        for path in files_below(ROOT / folder):
            if "__pycache__" not in path:
                assert f"scaffold/{folder}/{path}" in names


def test_it_generates_without_a_network(
    wheel: Path, tmp_path: Path, real_home: dict[str, str]
) -> None:
    environment = tmp_path / "environment"
    program = str(environment / "bin" / "scaffold")
    python = str(environment / "bin" / "python")
    subprocess.run(
        [UV, "venv", "--quiet", "--python", sys.executable, str(environment)], check=True
    )
    subprocess.run(
        [UV, "pip", "install", "--quiet", "--python", python, str(wheel)],
        check=True,
        env={**os.environ, **real_home},
    )
    new = [program, "new", "here", "--json", "--data", f"project_name={NAME}"]
    result = subprocess.run(
        # a network namespace of its own has no way out, not even to this machine
        ["unshare", "--map-root-user", "--net", *new],
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    document = json.loads(result.stdout)
    for name, key in zip(rendered(), ("model", "container"), strict=True):
        assert document[key] == str(tmp_path / "here" / name)
        assert files_below(Path(document[key])).keys() == {str(path) for path in rendered()[name]}
