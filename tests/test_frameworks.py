"""Each framework, the whole flow: new, train, predict, serve; and not a word more than it must say."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from scaffold import environment, module
from scaffold.errors import UsageError
from scaffold.image import table
from scaffold.questions import FRAMEWORKS
from tests.conftest import REAL_HOME, ROOT
from tests.helpers import Outcome, assert_follows, cpu_torch

# one line tells that PyTorch's index of builds without CUDA cannot be reached, where that is so
EXPECTED = re.compile(
    r"Making the module's environment in \S+ \(once; a minute or so\)\n"
    r"(https://\S+ does not answer: the usual index must do, perhaps with CUDA\n)?"
)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_the_whole_flow_is_good_and_quiet(framework: str, tmp_path: Path) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    torch = cpu_torch(tmp_path) if framework == "pytorch" else {}
    variables = {**os.environ, **REAL_HOME, **torch, "PATH": path, "PYTHONPATH": str(ROOT)}
    # other tests want the other cores: a second thread of PyTorch's would wait for one most of the time
    variables["OMP_NUM_THREADS"] = "1"

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        result = subprocess.run(
            [sys.executable, "-m", "scaffold", *map(str, arguments)],
            cwd=tmp_path,
            env=variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, result.stderr
        return result

    made = tmp_path / "digits"
    run("new", tmp_path, "--no-git", "-d", "project_name=Digits", "-d", f"framework={framework}")
    trained = run("train", made)
    assert EXPECTED.fullmatch(trained.stderr), trained.stderr
    assert len(re.findall(r"^epoch +\d+/30  loss ", trained.stdout, re.MULTILINE)) == 30

    evaluated = run("train", made, "--epochs", "1", "--name", "short", "--json")
    document = json.loads(evaluated.stdout)
    assert_follows(document, "train-output")
    assert (document["device"], document["precision"]) == ("cpu", "float32")

    # the first run, named by its start
    (first,) = [each for each in (made / "models").iterdir() if each.name.startswith("20")]
    metrics = json.loads((first / "metrics.json").read_text())
    assert metrics["test_accuracy"] >= 0.97
    picture = made / "data" / "raw" / "samples" / "digit-3.png"
    predicted = run("predict", made, picture, "--run", first.name)
    assert predicted.stderr == ""
    assert f"{picture}: 3 (" in predicted.stdout

    server = subprocess.Popen(
        [sys.executable, "-m", "scaffold", "serve", str(made), "--port", "0", "--json"],
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout
        url = json.loads(server.stdout.readline())["url"]
        zero = [[0, 0, 5, 13, 9, 1, 0, 0], [0, 0, 13, 15, 10, 15, 5, 0], [0, 3, 15, 2, 0, 11, 8, 0],
                [0, 4, 12, 0, 0, 8, 8, 0], [0, 5, 8, 0, 0, 9, 8, 0], [0, 4, 11, 0, 1, 12, 7, 0],
                [0, 2, 14, 5, 10, 12, 0, 0], [0, 0, 6, 13, 10, 0, 0, 0]]  # fmt: skip
        request = urllib.request.Request(
            f"{url}/v2/models/digits/predict/",
            data=json.dumps({"data": zero, "run": first.name}).encode(),
            headers={"Content-Type": "application/json"},
        )
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(request, timeout=120) as answer:
            (prediction,) = json.load(answer)["predictions"]
    finally:
        server.terminate()
        _, log = server.communicate()
    assert prediction["class"] == "0"
    assert "Traceback" not in log


@pytest.fixture
def made(scaffold: Callable[..., Outcome], tmp_path: Path) -> Callable[[str], module.Module]:
    """Generate a module of a framework."""

    def generate(framework: str) -> module.Module:
        answers = ("-d", "project_name=Digits", "-d", f"framework={framework}")
        assert scaffold("new", tmp_path, "--defaults", "--no-git", *answers).code == 0
        return module.find(tmp_path / "digits")

    return generate


def test_builds_without_cuda_are_looked_for_where_pytorch_has_them(
    made: Callable[[str], module.Module], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("UV_TORCH_BACKEND", raising=False)
    monkeypatch.delenv("PIP_EXTRA_INDEX_URL", raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    found = made("pytorch")
    index = "https://download.pytorch.org/whl/cpu"
    planned = environment.plan(found, "cpu")
    assert planned.index == index
    assert planned.commands[-1][-4:-1] == ("--torch-backend", "cpu", "--editable")
    assert "--torch-backend" not in planned.elsewhere[-1]
    assert environment.plan(found, "gpu").index == ""

    monkeypatch.setenv("SCAFFOLD_INSTALLER", "pip")
    planned = environment.plan(found, "cpu")
    assert planned.commands[-1][-4:-1] == ("--extra-index-url", index, "--editable")
    assert planned.elsewhere[-1][-2:] == planned.commands[-1][-2:]

    # who says where wheels come from is not talked into something else
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "https://wheels.example.org/simple")
    assert environment.plan(found, "cpu").index == ""


@pytest.mark.parametrize("framework", ["tensorflow", "scikit-learn"])
def test_others_are_on_the_usual_index(
    made: Callable[[str], module.Module], framework: str
) -> None:
    assert environment.plan(made(framework), "cpu").index == ""


def test_scikit_learn_has_no_gpu_anywhere(
    made: Callable[[str], module.Module], scaffold: Callable[..., Outcome]
) -> None:
    found = made("scikit-learn")
    message = "error: scikit-learn has no GPU variant\nhint: it computes on the CPU: leave out"
    for command, option in (
        (("build", "--gpu", "--dry-run"), "--gpu"),
        (("run", "--gpu", "--dry-run", "--engine", "udocker"), "--gpu"),
        (("train", "--variant", "gpu", "--dry-run"), "--variant gpu"),
    ):
        outcome = scaffold(command[0], found.model_root, *command[1:])
        assert (outcome.code, outcome.err) == (2, f"{message} {option}\n")
    planned = scaffold("build", found.model_root, "--all", "--dry-run", "--json").document
    assert [each["variant"] for each in planned["would_build"]] == ["cpu"]
    with pytest.raises(UsageError):
        environment.plan(found, "gpu")


def test_variants_are_those_of_the_matrix() -> None:
    assert [table.variants(each) for each in FRAMEWORKS] == [
        ("cpu", "gpu"),
        ("cpu", "gpu"),
        ("cpu",),
    ]
