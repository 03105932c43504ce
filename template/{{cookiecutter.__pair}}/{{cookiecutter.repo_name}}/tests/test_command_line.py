"""The command line: its help, what it refuses, and what it says when something is missing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from {{ cookiecutter.__pkg }} import config
from {{ cookiecutter.__pkg }}.__main__ import main

from helpers import PACKAGE, TIMEOUT, environment, run

COMMANDS = ("data", "features", "train", "evaluate", "predict", "push", "export")


def python(home: Path, code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=home,
        env=environment(home),
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )


def test_help(home: Path) -> None:
    result = run(home, "--help")
    assert result.returncode == 0
    assert result.stdout.startswith(f"usage: python -m {PACKAGE} ")
    for command in COMMANDS:
        assert f"\n    {command} " in result.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_command(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([command, "--help"])
    assert stopped.value.code == 0
    assert f"python -m {PACKAGE} {command}" in capsys.readouterr().out


def test_help_imports_nothing_heavy(home: Path) -> None:
    heavy = ("numpy", "matplotlib", "sklearn", "deepaas", "PIL", *config.FRAMEWORK)
    result = python(
        home,
        f"import sys, {PACKAGE}.__main__ as m; m._parser().format_help();"
        f"print([name for name in {heavy} if name in sys.modules])",
    )
    assert result.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "required: COMMAND"),
        (["nonsense"], "invalid choice: 'nonsense'"),
        (["train", "--epochs", "0"], "'0' is not a whole number between 1 and 10000"),
        (["train", "--epochs", "2.5"], "'2.5' is not a whole number"),
        (["train", "--learning-rate", "nan"], "'nan' is not a number between 1e-06 and 1"),
        (["train", "--learning-rate", "2"], "'2' is not a number"),
        (["train", "--batch-size", "many"], "'many' is not a whole number"),
        (["train", "--seed", "-1"], "'-1' is not a whole number between 0 and 2147483647"),
        (["train", "--device", "tpu"], "invalid choice: 'tpu'"),
        (["train", "--precision", "float8"], "invalid choice: 'float8'"),
        (["train", "--name", "a", "--resume", "b"], "not allowed with"),
        (["features", "--seed", "x"], "'x' is not a whole number"),
        (["predict"], "required: FILE"),
    ],
)
def test_wrong_usage(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["features"], 2, "there is no data in"),
        (["data", "--remote", "nowhere"], 2, "written name:path"),
        (["data", "--remote", "nowhere:x"], 1, "knows no remote 'nowhere'"),
        (["push"], 2, "no trained"),
        (["train", "--push"], 2, "--push: name a remote"),
        (["train", "--resume"], 2, "no unfinished training run"),
        (["train", "--resume", "other"], 2, "no run 'other'"),
        (["train", "--resume", "--seed", "1"], 2, "only --epochs may change"),
        (["train", "--name", "a/b"], 2, "a run's name is"),
    ],
)
def test_refused(
    home: Path, arguments: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == code
    captured = capsys.readouterr()
    assert captured.err.startswith(f"{PACKAGE}: ")
    assert message in captured.err
    assert "Traceback" not in captured.err


def test_data_and_features(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data"]) == 0
    assert main(["features"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"1797 images of 10 classes in {home / 'data' / 'raw'}",
        f"1149 train, 288 validation, 360 test images in {home / 'data' / 'processed'}",
    ]


@pytest.mark.parametrize("command", ["train", "export"])
def test_without_framework(home: Path, command: str) -> None:
    result = python(
        home,
        f"import sys; sys.modules.update(dict.fromkeys({config.FRAMEWORK}));"
        f"from {PACKAGE}.models import runs;"
        f"from {PACKAGE}.config import TrainConfig;"
        "run = runs.create_run(TrainConfig(), 'x'); (run.path / 'metrics.json').write_text('{}');"
        f"from {PACKAGE}.__main__ import main; sys.exit(main(['{command}']))",
    )
    assert result.returncode == 3
    assert f"is not installed: {config.INSTALL}\n" in result.stderr
    assert "run pip install -e '.[cpu]'" in config.INSTALL
    assert result.stderr.count("\n") == 1


def test_interrupted(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(f"{PACKAGE}.dataset.make_dataset.data_path", interrupt)
    assert main(["data"]) == 130
    assert capsys.readouterr().err == f"{PACKAGE}: interrupted\n"


def test_places(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """By default beside pyproject.toml; the current directory for an installed package."""
    for kind in ("DATA", "MODELS", "REPORTS"):
        monkeypatch.delenv(f"{PACKAGE.upper()}_{kind}_PATH", raising=False)
    repository = tmp_path / "repository"
    monkeypatch.setattr(config, "__file__", str(repository / PACKAGE / "config.py"))
    monkeypatch.chdir(tmp_path)
    assert config.data_path() == tmp_path / "data"
    repository.mkdir()
    (repository / "pyproject.toml").touch()
    assert config.data_path() == repository / "data"
    assert config.models_path() == repository / "models"
    assert config.figures_path() == repository / "reports" / "figures"
    monkeypatch.setenv(f"{PACKAGE.upper()}_MODELS_PATH", "~/m")
    assert config.models_path() == Path.home() / "m"
