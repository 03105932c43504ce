"""What is done with a trained network: evaluation, prediction, export."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import matplotlib
import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient
from PIL import Image, ImageDraw, ImageFont

from {{ cookiecutter.__pkg }} import config
from {{ cookiecutter.__pkg }}.__main__ import main
from {{ cookiecutter.__pkg }}.dataset.make_dataset import (
    load_raw,
)
from {{ cookiecutter.__pkg }}.features.build_features import (
    load_features,
)
from {{ cookiecutter.__pkg }}.models import (
    evaluate,
    network,
    runs,
)
from {{ cookiecutter.__pkg }}.models.export import export
from {{ cookiecutter.__pkg }}.models.predict import (
    predict,
    read_file,
)

from helpers import TIMEOUT


@pytest.fixture
def samples(at_trained: Path) -> list[str]:
    return [str(at_trained / "data" / "raw" / "samples" / f"digit-{n}.png") for n in range(10)]


def test_evaluate(
    trained: SimpleNamespace, at_trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    metrics = json.loads((trained.run / "metrics.json").read_text())
    assert main(["evaluate", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result == {
        "run": trained.run.name,
        "accuracy": metrics["test_accuracy"],
        "loss": metrics["test_loss"],
        "recall": metrics["recall"],
    }
    assert main(["evaluate"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"run {trained.run.name}: test accuracy 0.9")
    assert lines[1].startswith("  recall of 0: ")
    assert len(lines) == 11


def test_evaluate_refuses_other_features(
    trained: SimpleNamespace, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["data"]) == main(["features", "--seed", "1"]) == 0
    monkeypatch.setenv(f"{config.PACKAGE.upper()}_MODELS_PATH", str(trained.root / "models"))
    with pytest.raises(config.UserError, match=r"not what run .* was trained with"):
        evaluate.evaluate(runs.find_run())


def test_score() -> None:
    probabilities = np.array([[0.8, 0.2, 0], [0.6, 0.4, 0], [0, 1, 0]], np.float32)
    scores = evaluate.score(probabilities, np.array([0, 1, 1]))
    assert scores.accuracy == pytest.approx(2 / 3)
    assert scores.recall == [1.0, 0.5, None]
    assert scores.confusion.tolist() == [[1, 0, 0], [1, 1, 0], [0, 0, 0]]
    assert scores.loss == pytest.approx(-np.log([0.8, 0.4, 1]).mean(), rel=1e-5)
    assert np.isfinite(evaluate.score(probabilities, np.array([2, 2, 2])).loss)


def test_predict_pictures(
    trained: SimpleNamespace, samples: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", "--json", *samples]) == 0
    answers = json.loads(capsys.readouterr().out)
    assert [answer["source"] for answer in answers] == samples
    assert {answer["run"] for answer in answers} == {trained.run.name}
    assert [answer["class"] for answer in answers] == list("0123456789")
    for answer in answers:
        assert list(answer["probabilities"]) == list("0123456789")
        assert sum(answer["probabilities"].values()) == pytest.approx(1, abs=1e-4)
    assert main(["predict", samples[3]]) == 0
    accuracy = json.loads((trained.run / "metrics.json").read_text())["test_accuracy"]
    first, line = capsys.readouterr().out.splitlines()
    assert first == f"run {trained.run.name} (test accuracy {accuracy:.4f})"
    assert line.startswith(f"{samples[3]}: 3 (")
    assert line.count("%") == 3


def drawn(digit: int, font: str, size: int, centre: tuple[int, int], dark_ink: bool) -> Image.Image:
    """A page with one printed digit on it."""
    ink, paper = (0, 255) if dark_ink else (255, 0)
    page = Image.new("L", (800, 800), paper)
    path = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / font
    letters = ImageFont.truetype(str(path), size)
    ImageDraw.Draw(page).text(centre, str(digit), fill=ink, font=letters, anchor="mm")
    return page


@pytest.mark.parametrize("font", ["DejaVuSans.ttf", "DejaVuSans-Bold.ttf"])
@pytest.mark.parametrize(
    ("size", "centre", "dark_ink", "suffix"),
    [
        (700, (400, 400), True, "png"),
        (400, (400, 400), True, "jpg"),
        (400, (600, 250), True, "png"),
        (400, (400, 400), False, "png"),
        (120, (100, 650), True, "jpg"),
    ],
)
def test_predict_drawn(
    at_trained: Path,
    font: str,
    size: int,
    centre: tuple[int, int],
    dark_ink: bool,
    suffix: str,
    tmp_path: Path,
) -> None:
    """Also what is not handwritten, and small on its page, is mostly read right."""
    labels = []
    for digit in range(10):
        path = tmp_path / f"{digit}.{suffix}"
        drawn(digit, font, size, centre, dark_ink).save(path)
        labels += [answer.label for answer in predict(read_file(path), "", runs.find_run())]
    right = sum(label == str(digit) for digit, label in enumerate(labels))
    assert right >= 7, labels


def test_predict_numbers(
    home: Path, samples: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    raw = load_raw()
    path = home / "digits.json"
    path.write_text(json.dumps(raw.images[:20].tolist()))
    assert main(["predict", "--json", str(path)]) == 0
    answers = json.loads(capsys.readouterr().out)
    assert [answer["source"] for answer in answers] == [f"{path}[{n}]" for n in range(20)]
    right = [int(answer["class"]) for answer in answers] == raw.labels[:20]
    assert right.mean() > 0.9


def test_annotate(home: Path, samples: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    out = home / "new" / "answer.png"
    assert main(["predict", samples[7], "--annotate", str(out)]) == 0
    with Image.open(out) as picture:
        assert picture.format == "PNG"
        assert picture.width > 500
    assert main(["predict", *samples, "--annotate", str(out)]) == 2
    assert "draws one picture, and these are 10" in capsys.readouterr().err


def test_prediction_needs_only_the_run(
    trained: SimpleNamespace, home: Path, samples: list[str]
) -> None:
    image = load_raw().images[:1]
    run = runs.Run(Path(trained.run).rename(home / "moved"))
    try:
        (answer,) = predict(image, "x", run)
        assert (answer.source, answer.label) == ("x", "0")
    finally:
        run.path.rename(trained.run)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("missing.png", None, "No such file"),
        ("text.png", b"hello", "not a readable PNG or JPEG file\n"),
        ("short.json", b"[1, 2]", "expected 8x8"),
        ("bad.json", b"[1, ", "not a JSON array"),
    ],
)
def test_predict_refused(
    home: Path,
    at_trained: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    content: bytes | None,
    message: str,
) -> None:
    path = home / name
    if content is not None:
        path.write_bytes(content)
    assert main(["predict", str(path)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"{config.PACKAGE}: {path}: ")
    assert message in captured.err
    assert captured.err.count("\n") == 1


@pytest.mark.parametrize("command", ["evaluate", "export"])
def test_nothing_trained(home: Path, capsys: pytest.CaptureFixture[str], command: str) -> None:
    assert main([command]) == 2
    assert "there is no trained model" in capsys.readouterr().err


def test_damaged_network(home: Path) -> None:
    path = home / network.MODEL_FILE
    path.write_bytes(b"PK nonsense")
    for broken in (path, home / f"missing-{network.MODEL_FILE}"):
        with pytest.raises(config.UserError, match="cannot read"):
            network.load(broken)


def test_exports_are_numbered(at_trained: Path, tmp_path: Path) -> None:
    """Each complete and beside the ones before it; the copy of the network works alone."""
    run, suffix = runs.find_run(), Path(network.MODEL_FILE).suffix
    raw = load_raw().images[:50]
    for number in (1, 2):
        single, folder = export(run, tmp_path / "export")
        assert (single.name, folder.name) == (f"{number}{suffix}", str(number))
    names = sorted(path.name for path in (tmp_path / "export").iterdir())
    assert names == sorted(["1", f"1{suffix}", "2", f"2{suffix}"])

    features = load_features()[0]
    expected = [list(each.probabilities.values()) for each in predict(raw, "", run)]
    alone = network.probabilities(network.load(single), features.scale(raw))
    np.testing.assert_allclose(alone, expected, atol=1e-5)


def test_export_command(
    at_trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", "--output", str(tmp_path / "out")]) == 0
    captured = capsys.readouterr()
    assert captured.out.splitlines() == [
        str((tmp_path / "out" / "1").with_suffix(Path(network.MODEL_FILE).suffix)),
        str(tmp_path / "out" / "1"),
    ]
    assert captured.err == ""


def test_notebook(home: Path) -> None:
    """Jupyter runs every cell without a word on standard error; none is stored with its output."""
    path = Path(__file__).parents[1] / "notebooks" / "1.0-getting-started.ipynb"
    notebook = nbformat.read(path, as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.outputs for cell in cells] == [[]] * len(cells)
    kernel = {"resources": {"metadata": {"path": str(home)}}, "kernel_name": "python3"}
    NotebookClient(notebook, timeout=TIMEOUT, **kernel).execute()
    outputs = [output for cell in cells for output in cell.outputs]
    assert [output for output in outputs if output.get("name") == "stderr"] == []
    results = [output.data for output in outputs if output.output_type == "execute_result"]
    assert "(1797, 8, 8)" in results[0]["text/plain"]
    assert ["image/png" in result for result in results[-3:]] == [True, False, True]
    assert "'class': '" in results[-2]["text/plain"]
