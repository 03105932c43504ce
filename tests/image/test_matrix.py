"""The matrix of base images, and what is refused with its help before anything is built."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from scaffold.answers import complete, context
from scaffold.errors import UsageError
from scaffold.image import needs, refresh
from scaffold.image.matrix import Resolution, driver_problem, resolve, rows
from scaffold.image.table import (
    PATH,
    PLAIN_IMAGE,
    TITLES,
    USUAL_PYTHON,
    Row,
    pythons,
    release,
    variants,
)
from scaffold.questions import BY_KEY, FRAMEWORKS
from scaffold.render import render
from scaffold.workspace import write_tree

CPU = "tensorflow-cpu>=2.18,<3"
GPU = "tensorflow[and-cuda]>=2.18,<3"
TORCH = "torch>=2.4,<3"
PYTHONS = ">=3.10,<3.14"


def asked(base: str, framework: str, variant: str, requirement: str) -> Resolution:
    image, _, tag = base.rpartition(":")
    return resolve(framework, image, tag, variant, requirement, PYTHONS)


def refusal(base: str, framework: str, variant: str, requirement: str) -> tuple[str, str]:
    with pytest.raises(UsageError) as caught:
        asked(base, framework, variant, requirement)
    return caught.value.message, caught.value.hint


# What is possible


def test_plain_python_installs_the_newest_release_without_cuda() -> None:
    found = asked("python:3.11-slim", "tensorflow", "cpu", CPU)
    assert found == Resolution(
        framework="tensorflow",
        variant="cpu",
        base="python:3.11-slim",
        row=found.row,
        unchecked="",
        extra="cpu",
        python="3.11",
    )
    assert found.row
    assert found.row.requirement == "tensorflow-cpu==2.21.0"


def test_plain_python_gets_cuda_with_the_wheels_of_the_gpu_extra() -> None:
    found = asked("python:3.13-slim", "tensorflow", "gpu", GPU)
    assert found.row
    assert found.row.requirement == "tensorflow[and-cuda]==2.21.0"
    assert (found.extra, found.python) == ("gpu", "3.13")
    assert (found.cuda, found.cudnn, found.driver) == ("12.5", "9.3", "525.60.13")
    assert found.warnings == ()


@pytest.mark.parametrize(
    "base",
    [
        "python:3.12",
        "python:3.12.7-slim-bookworm",
        "docker.io/library/python:3.12-slim",
        "registry.example.org:5000/python:3.12-slim",
        "localhost/python:3.12-slim",
    ],
)
def test_plain_python_is_known_by_any_of_its_names(base: str) -> None:
    assert asked(base, "tensorflow", "cpu", CPU).python == "3.12"


def test_a_requirement_chooses_the_release() -> None:
    found = asked("python:3.12-slim", "tensorflow", "gpu", "tensorflow[and-cuda]==2.17.*")
    assert found.row
    assert (found.row.version, found.cuda, found.cudnn) == ("2.17.1", "12.3", "8.9")


def test_pytorch_for_cpu_comes_from_its_own_index() -> None:
    found = asked("python:3.12-slim", "pytorch", "cpu", TORCH)
    assert (found.extra, found.index) == ("cpu", "https://download.pytorch.org/whl/cpu")


def test_pytorch_for_gpu_comes_from_pypi_with_the_cuda_that_pip_takes() -> None:
    found = asked("python:3.12-slim", "pytorch", "gpu", "torch==2.9.1")
    assert (found.index, found.cuda, found.driver) == ("", "12.8", "525.60.13")


def test_a_build_of_pytorch_is_chosen_by_its_local_version() -> None:
    found = asked("python:3.12-slim", "pytorch", "gpu", "torch==2.12.1+cu126")
    assert (found.index, found.cuda, found.driver) == (
        "https://download.pytorch.org/whl/cu126",
        "12.6",
        "525.60.13",
    )


@pytest.mark.parametrize(
    ("base", "framework", "variant", "requirement", "cuda"),
    [
        ("tensorflow/tensorflow:2.21.0", "tensorflow", "cpu", CPU, ""),
        ("tensorflow/tensorflow:2.21.0-jupyter", "tensorflow", "cpu", CPU, ""),
        ("tensorflow/tensorflow:2.17.0-gpu", "tensorflow", "gpu", "tensorflow", "12.3"),
        ("pytorch/pytorch:2.9.0-cuda12.6-cudnn9-runtime", "pytorch", "gpu", TORCH, "12.6"),
    ],
)
def test_an_image_of_the_framework_itself_installs_neither_extra(
    base: str, framework: str, variant: str, requirement: str, cuda: str
) -> None:
    found = asked(base, framework, variant, requirement)
    assert (found.extra, found.cuda, found.python) == ("", cuda, "3.11")
    assert found.warnings == ()


def test_a_gpu_image_of_doubtful_worth_is_warned_of() -> None:
    (warning,) = asked("tensorflow/tensorflow:2.21.0-gpu", "tensorflow", "gpu", GPU).warnings
    assert warning == (
        "the GPU images of TensorFlow 2.18 and 2.19 lack the right cuDNN and find no GPU; whether "
        "this one does is not known, so try it on a GPU first"
    )


@pytest.mark.parametrize(
    ("base", "framework", "variant", "extra", "reason"),
    [
        (
            "ubuntu:24.04",
            "tensorflow",
            "gpu",
            "gpu",
            "unknown base image ubuntu:24.04, not checked",
        ),
        (
            "example/python:3.11-slim",
            "tensorflow",
            "cpu",
            "cpu",
            "unknown base image example/python:3.11-slim, not checked",
        ),
        (
            "python:slim",
            "tensorflow",
            "cpu",
            "cpu",
            "the tag of python:slim names no Python, not checked",
        ),
        (
            "tensorflow/tensorflow:latest-gpu",
            "tensorflow",
            "gpu",
            "",
            "the tag of tensorflow/tensorflow:latest-gpu names no release, not checked",
        ),
        (
            "tensorflow/tensorflow:2.18.1",
            "tensorflow",
            "cpu",
            "",
            "whether there is an image tensorflow/tensorflow:2.18.1 is not known, not checked",
        ),
    ],
)
def test_what_the_matrix_does_not_know_is_let_through_and_says_so(
    base: str, framework: str, variant: str, extra: str, reason: str
) -> None:
    found = asked(base, framework, variant, CPU if variant == "cpu" else GPU)
    assert (found.row, found.unchecked, found.extra) == (None, reason, extra)
    assert found.warnings == (reason,)


def test_cuda_under_a_cpu_image_is_warned_of() -> None:
    base = "nvidia/cuda:12.5.1-base-ubuntu22.04"
    assert asked(base, "tensorflow", "cpu", CPU).warnings == (
        f"unknown base image {base}, not checked",
        f"{base} brings CUDA, which a CPU image has no use for",
    )


# What is refused: message and hint, whole

TENSORFLOW_3 = (
    "nearest possible: python:3.11-slim (TensorFlow 2.21.0), python:3.10-slim (TensorFlow 2.21.0), "
    "python:3.12-slim (TensorFlow 2.21.0)"
)


@pytest.mark.parametrize(
    ("base", "framework", "variant", "requirement", "message", "hint"),
    [
        pytest.param(
            "python:3.14-slim",
            "tensorflow",
            "cpu",
            CPU,
            "python:3.14-slim has Python 3.14, for which no release of TensorFlow fits "
            "`tensorflow-cpu>=2.18,<3`",
            "nearest possible: python:3.13-slim (TensorFlow 2.21.0), python:3.12-slim "
            "(TensorFlow 2.21.0), python:3.11-slim (TensorFlow 2.21.0)",
            id="Python newer than the framework",
        ),
        pytest.param(
            "python:3.13-slim",
            "tensorflow",
            "gpu",
            "tensorflow[and-cuda]>=2.18,<2.20",
            "python:3.13-slim has Python 3.13, for which no release of TensorFlow fits "
            "`tensorflow[and-cuda]>=2.18,<2.20`",
            "nearest possible: python:3.12-slim (TensorFlow 2.19.1), python:3.11-slim "
            "(TensorFlow 2.19.1), python:3.10-slim (TensorFlow 2.19.1)",
            id="Python newer than the releases asked for",
        ),
        pytest.param(
            "python:3.9-slim",
            "tensorflow",
            "gpu",
            GPU,
            "python:3.9-slim has Python 3.9, and the module asks for >=3.10,<3.14",
            "nearest possible: python:3.10-slim (TensorFlow 2.21.0), python:3.11-slim "
            "(TensorFlow 2.21.0), python:3.12-slim (TensorFlow 2.21.0)",
            id="Python older than the module",
        ),
        pytest.param(
            "python:3.11-alpine",
            "tensorflow",
            "cpu",
            CPU,
            "python:3.11-alpine is Alpine Linux, for which TensorFlow has no wheels",
            TENSORFLOW_3,
            id="another C library",
        ),
        pytest.param(
            "tensorflow/tensorflow:2.21.0-gpu",
            "tensorflow",
            "cpu",
            CPU,
            "tensorflow/tensorflow:2.21.0-gpu brings CUDA, which a CPU image has no use for",
            "nearest possible: tensorflow/tensorflow:2.21.0, tensorflow/tensorflow:2.20.0, "
            "python:3.11-slim (TensorFlow 2.21.0)",
            id="GPU tag for the CPU image",
        ),
        pytest.param(
            "tensorflow/tensorflow:2.21.0",
            "tensorflow",
            "gpu",
            GPU,
            "tensorflow/tensorflow:2.21.0 has no GPU support",
            "nearest possible: tensorflow/tensorflow:2.21.0-gpu, tensorflow/tensorflow:2.20.0-gpu, "
            "python:3.11-slim (TensorFlow 2.21.0)",
            id="CPU tag for the GPU image",
        ),
        pytest.param(
            "pytorch/pytorch:2.9.0-cuda12.6-cudnn9-runtime",
            "pytorch",
            "cpu",
            TORCH,
            "pytorch/pytorch:2.9.0-cuda12.6-cudnn9-runtime brings CUDA, which a CPU image has no "
            "use for",
            "nearest possible: python:3.11-slim (PyTorch 2.15.0), python:3.12-slim "
            "(PyTorch 2.15.0), python:3.10-slim (PyTorch 2.14.1)",
            id="PyTorch has no CPU images",
        ),
        pytest.param(
            "tensorflow/tensorflow:2.19.0-gpu",
            "tensorflow",
            "gpu",
            GPU,
            "tensorflow/tensorflow:2.19.0-gpu cannot be used: it holds cuDNN 8.9 where this "
            "TensorFlow needs 9.3, so it finds no GPU",
            "nearest possible: tensorflow/tensorflow:2.20.0-gpu, tensorflow/tensorflow:2.21.0-gpu, "
            "python:3.11-slim (TensorFlow 2.21.0)",
            id="image that finds no GPU",
        ),
        pytest.param(
            "nvidia/cuda:12.5.1-cudnn-devel-ubuntu22.04",
            "tensorflow",
            "gpu",
            GPU,
            "nvidia/cuda:12.5.1-cudnn-devel-ubuntu22.04 brings CUDA, and "
            "`tensorflow[and-cuda]>=2.18,<3` brings it again: the image would hold it twice",
            TENSORFLOW_3,
            id="CUDA twice",
        ),
        pytest.param(
            "nvcr.io/nvidia/tensorflow:25.02-tf2-py3",
            "tensorflow",
            "gpu",
            GPU,
            "nvcr.io/nvidia/tensorflow:25.02-tf2-py3 brings CUDA, and "
            "`tensorflow[and-cuda]>=2.18,<3` brings it again: the image would hold it twice",
            TENSORFLOW_3,
            id="CUDA twice, NVIDIA's registry",
        ),
        pytest.param(
            "pytorch/pytorch:2.9.0-cuda12.6-cudnn9-runtime",
            "tensorflow",
            "gpu",
            GPU,
            "pytorch/pytorch:2.9.0-cuda12.6-cudnn9-runtime brings CUDA, and "
            "`tensorflow[and-cuda]>=2.18,<3` brings it again: the image would hold it twice",
            TENSORFLOW_3,
            id="CUDA twice, another framework's image",
        ),
        pytest.param(
            "pytorch/pytorch:2.9.0-cuda12.6-cudnn9-devel",
            "pytorch",
            "gpu",
            TORCH,
            "pytorch/pytorch:2.9.0-cuda12.6-cudnn9-devel brings CUDA twice: for building programs, "
            "and in the wheels",
            "nearest possible: pytorch/pytorch:2.9.0-cuda12.6-cudnn9-runtime, "
            "pytorch/pytorch:2.9.0-cuda12.8-cudnn9-runtime, python:3.11-slim (PyTorch 2.15.0)",
            id="CUDA twice, development image",
        ),
        pytest.param(
            "python:3.11-slim",
            "tensorflow",
            "cpu",
            "tensorflow-cpu==2.18.7",
            "no TensorFlow that scaffold knows (2.16.1 to 2.21.0) fits `tensorflow-cpu==2.18.7`",
            "nearest possible: python:3.11-slim (TensorFlow 2.18.1), python:3.10-slim "
            "(TensorFlow 2.18.1), python:3.12-slim (TensorFlow 2.18.1)",
            id="no such release",
        ),
        pytest.param(
            "tensorflow/tensorflow:9.9.9",
            "tensorflow",
            "cpu",
            "tensorflow-cpu>=2.18",
            "tensorflow/tensorflow:9.9.9: no TensorFlow that scaffold knows (2.16.1 to 2.21.0) is "
            "9.9.9",
            "nearest possible: tensorflow/tensorflow:2.21.0, tensorflow/tensorflow:2.20.0, "
            "python:3.11-slim (TensorFlow 2.21.0)",
            id="no such release in the tag",
        ),
        pytest.param(
            "tensorflow/tensorflow:2.9.1",
            "tensorflow",
            "cpu",
            CPU,
            "tensorflow/tensorflow:2.9.1 brings TensorFlow 2.9.1, and the module asks for "
            "`tensorflow-cpu>=2.18,<3`",
            "nearest possible: tensorflow/tensorflow:2.18.0, tensorflow/tensorflow:2.19.0, "
            "python:3.11-slim (TensorFlow 2.21.0)",
            id="release that the module does not want",
        ),
        pytest.param(
            "pytorch/pytorch:2.9.0-cuda12.1-cudnn9-runtime",
            "pytorch",
            "gpu",
            TORCH,
            "pytorch/pytorch:2.9.0-cuda12.1-cudnn9-runtime: there is no such image of PyTorch 2.9.0",
            "nearest possible: pytorch/pytorch:2.9.0-cuda12.6-cudnn9-runtime, "
            "pytorch/pytorch:2.9.0-cuda12.8-cudnn9-runtime, python:3.11-slim (PyTorch 2.15.0)",
            id="CUDA that the release was not built with",
        ),
        pytest.param(
            "python:3.12-slim",
            "scikit-learn",
            "gpu",
            "scikit-learn>=1.4",
            "scikit-learn has no GPU variant",
            "nearest possible: python:3.12-slim (scikit-learn 1.9.1), python:3.11-slim "
            "(scikit-learn 1.9.1), python:3.13-slim (scikit-learn 1.9.1)",
            id="no GPU variant",
        ),
        pytest.param(
            "python:3.12-slim",
            "tensorflow",
            "tpu",
            CPU,
            "the matrix knows nothing of 'tpu'",
            "it is one of cpu, gpu",
            id="no such variant",
        ),
        pytest.param(
            "python:3.12-slim",
            "jax",
            "cpu",
            CPU,
            "the matrix knows nothing of 'jax'",
            "it is one of tensorflow, pytorch, scikit-learn",
            id="no such framework",
        ),
        pytest.param(
            "python:3.12-slim",
            "tensorflow",
            "cpu",
            "tensorflow 2.18",
            "cannot read the requirement 'tensorflow 2.18'",
            "it is like tensorflow>=2.18,<3",
            id="requirement",
        ),
    ],
)
def test_the_impossible_is_refused_with_the_nearest_that_is_possible(
    base: str, framework: str, variant: str, requirement: str, message: str, hint: str
) -> None:
    assert refusal(base, framework, variant, requirement) == (message, hint)


def test_a_framework_image_whose_python_the_module_does_not_run_with_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        resolve(
            "pytorch",
            "pytorch/pytorch",
            "2.10.0-cuda13.0-cudnn9-runtime",
            "gpu",
            TORCH,
            ">=3.10,<3.12",
        )
    assert caught.value.message == (
        "pytorch/pytorch:2.10.0-cuda13.0-cudnn9-runtime has Python 3.12, and the module asks for "
        ">=3.10,<3.12"
    )
    assert caught.value.hint == (
        "nearest possible: pytorch/pytorch:2.9.0-cuda13.0-cudnn9-runtime, "
        "pytorch/pytorch:2.9.0-cuda12.6-cudnn9-runtime, python:3.11-slim (PyTorch 2.15.0)"
    )


def test_pythons_that_cannot_be_read_are_refused() -> None:
    with pytest.raises(UsageError) as caught:
        resolve("tensorflow", "python", "3.11-slim", "cpu", CPU, "3.10+")
    assert caught.value.message == "cannot read the Pythons '3.10+'"
    assert caught.value.hint == "they are like >=3.10,<3.14"


def test_what_is_called_possible_is_possible() -> None:
    for base in ("python:3.14-slim", "nvidia/cuda:12.5.1-devel-ubuntu22.04"):
        _, hint = refusal(base, "tensorflow", "gpu", GPU)
        for each in hint.removeprefix("nearest possible: ").split(", "):
            assert asked(each.split(" ")[0], "tensorflow", "gpu", GPU).row


# The driver


@pytest.mark.parametrize(
    ("lowest", "found", "problem"),
    [
        ("525.60.13", "525.60.13", None),
        ("525.60.13", "580.82.07", None),
        ("580", "580.65.06", None),
        (
            "525.60.13",
            "525.60.9",
            "this machine's NVIDIA driver is 525.60.9, and the image needs 525.60.13 or newer",
        ),
        (
            "580",
            "570.172.08",
            "this machine's NVIDIA driver is 570.172.08, and the image needs 580 or newer",
        ),
        (
            "525.60.13",
            None,
            "this machine has no NVIDIA driver, and the image needs one 525.60.13 or newer",
        ),
        ("", None, "this machine has no NVIDIA driver, and the image needs one"),
        ("", "390.157", None),
    ],
)
def test_the_driver(lowest: str, found: str | None, problem: str | None) -> None:
    assert driver_problem(lowest, found) == problem


# The rows


@pytest.mark.parametrize("row", rows(), ids=lambda row: f"{row.version}-{row.variant}-{row.tag}")
def test_a_row_is_complete_and_has_sources(row: Row) -> None:
    assert row.source
    assert all(source.startswith("https://") for source in row.source)
    assert row.framework in TITLES
    assert list(row.pythons) == sorted(row.pythons, key=release)
    gpu = row.variant == "gpu"
    assert bool(row.cuda) == bool(row.driver) == gpu
    assert not row.cuda or row.driver == refresh.DRIVERS[row.cuda.split(".")[0]]


@pytest.mark.parametrize("row", rows(), ids=lambda row: f"{row.version}-{row.variant}-{row.tag}")
def test_no_row_ships_cuda_twice(row: Row) -> None:
    from_pip, from_image = bool(row.requirement), row.image != PLAIN_IMAGE
    assert from_pip != from_image


def test_no_two_rows_say_the_same() -> None:
    keys = [
        (row.framework, row.version, row.variant, row.image, row.tag, row.cuda) for row in rows()
    ]
    assert len(set(keys)) == len(keys)


def test_the_usual_python_fits_every_release() -> None:
    assert all(USUAL_PYTHON in row.pythons for row in rows() if row.requirement)


def test_the_file_is_as_refresh_writes_it() -> None:
    assert PATH.read_text(encoding="utf-8") == refresh.text(list(rows()))
    assert all(isinstance(row, dict) for row in json.loads(PATH.read_text(encoding="utf-8")))


def test_the_supported_frameworks_are_there_from_the_first_release_on() -> None:
    oldest = {row.framework: row.version for row in reversed(rows())}
    assert oldest == {"tensorflow": "2.16.1", "pytorch": "2.4.0", "scikit-learn": "1.4.0"}


# The module and the questions


def rendered(folder: Path, **answers: str) -> Path:
    """Write the model repository of a module, and return its pyproject.toml."""
    complete_answers = complete({"project_name": "Plants", **answers})
    for name, tree in render(context(complete_answers)).items():
        write_tree(tree, folder / name)
    return folder / "plants" / "pyproject.toml"


def test_a_new_module_asks_for_what_its_extras_say(tmp_path: Path) -> None:
    read = needs.read(rendered(tmp_path))
    assert read.python == ">=3.10,<3.14"
    assert read.framework("tensorflow", "cpu") == "tensorflow-cpu<3,>=2.18"
    assert read.framework("tensorflow", "gpu") == "tensorflow[and-cuda]<3,>=2.18"


@pytest.mark.parametrize("python", BY_KEY["python_version"].choices)
@pytest.mark.parametrize(
    ("framework", "variant"), [(each, kind) for each in FRAMEWORKS for kind in variants(each)]
)
def test_every_python_that_is_offered_is_possible(
    python: str, framework: str, variant: str, tmp_path: Path
) -> None:
    answers = complete({"project_name": "Plants", "framework": framework, "python_version": python})
    read = needs.read(rendered(tmp_path, framework=framework, python_version=python))
    found = resolve(
        framework,
        answers["docker_baseimage"],
        answers[f"baseimage_{variant}_tag"],
        variant,
        read.framework(framework, variant),
        read.python,
    )
    assert found.row
    assert (found.extra, found.python, found.warnings) == (variant, python, ())


def test_the_pythons_of_the_questions_are_those_that_every_framework_has() -> None:
    assert pythons("tensorflow") == ("3.10", "3.11", "3.12", "3.13")
    assert set(pythons("tensorflow")) < set(pythons("pytorch"))
    assert set(pythons("tensorflow")) < set(pythons("scikit-learn"))
    assert BY_KEY["python_version"].choices == ("3.11", "3.12", "3.13", "3.10")


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        (
            "",
            "cannot read what the module needs from {path}: 'project'",
            "restore it with `git checkout pyproject.toml`",
        ),
        (
            "[project]\nname = 'x'\n",
            "{path} has no extra 'gpu'",
            "add it under [project.optional-dependencies], with tensorflow in it",
        ),
        (
            "[project.optional-dependencies]\ngpu = ['jax']\n",
            "{path}: the extra 'gpu' does not ask for tensorflow",
            "add tensorflow or tensorflow-cpu to it",
        ),
    ],
)
def test_a_module_that_does_not_say_what_it_needs_is_refused(
    text: str, message: str, hint: str, tmp_path: Path
) -> None:
    path = tmp_path / "pyproject.toml"
    path.write_text(text)
    with pytest.raises(UsageError) as caught:
        needs.read(path).framework("tensorflow", "gpu")
    assert caught.value.message == message.format(path=path)
    assert caught.value.hint == hint


def test_a_requirement_that_cannot_be_read_is_told_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "pyproject.toml"
    path.write_text("[project.optional-dependencies]\ngpu = ['tensorflow 2']\n")
    with pytest.raises(UsageError) as caught:
        needs.read(path).framework("tensorflow", "gpu")
    assert caught.value.message == (
        f"{path}: cannot read the requirement 'tensorflow 2' of the extra 'gpu'"
    )


def test_start_up_does_not_read_the_matrix() -> None:
    code = (
        "import sys, scaffold.cli\n"
        "try: scaffold.cli.main(['--version'])\n"
        "except SystemExit: pass\n"
        "assert not [name for name in sys.modules if name.startswith('scaffold.image')]\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


# What the wheels themselves say


def test_wheels_are_read_from_their_names() -> None:
    assert refresh.pythons(
        [
            "torch-2.9.0-cp310-cp310-manylinux_2_28_x86_64.whl",
            "torch-2.9.0-cp39-cp39-manylinux_2_28_x86_64.whl",
            "torch-2.9.0-cp314-cp314t-manylinux_2_28_x86_64.whl",
            "torch-2.9.0-cp311-cp311-manylinux_2_28_aarch64.whl",
            "torch-2.9.0-cp312-cp312-win_amd64.whl",
            "torch-2.9.0rc1-cp313-cp313-manylinux_2_28_x86_64.whl",
        ]
    ) == {"2.9.0": ("3.9", "3.10")}


@pytest.mark.parametrize(
    ("requirements", "found"),
    [
        (
            [
                "nvidia-cuda-runtime-cu12 ==12.5.82 ; extra == 'and-cuda'",
                "nvidia-cudnn-cu12 ==9.3.0.75 ; extra == 'and-cuda'",
            ],
            ("12.5", "9.3"),
        ),
        (
            [
                'nvidia-cuda-runtime-cu12<13.0,>=12.5.82; extra == "and-cuda"',
                'nvidia-cudnn-cu12<10.0,>=9.3.0.75; extra == "and-cuda"',
            ],
            ("12.5", "9.3"),
        ),
        (
            [
                "cuda-toolkit[cublas,cudart]==13.2.2; platform_system == 'Linux'",
                "nvidia-cudnn-cu13==9.26.0.51; platform_system == 'Linux'",
            ],
            ("13.2", "9.26"),
        ),
    ],
)
def test_cuda_is_read_from_requirements(requirements: list[str], found: tuple[str, str]) -> None:
    assert refresh.cuda_of({"requires_dist": requirements}) == found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("package", "version"),
    [("tensorflow", "2.18.0"), ("tensorflow", "2.21.0"), ("torch", "2.15.0")],
)
def test_a_row_agrees_with_the_metadata_on_pypi(package: str, version: str) -> None:
    row = next(
        row
        for row in rows()
        if row.version == version and row.variant == "gpu" and row.requirement and not row.index
    )
    metadata = refresh.package_metadata(package, version, row.pythons[-1])
    assert refresh.cuda_of(metadata) == (row.cuda, row.cudnn)
    assert row.requirement in (f"{package}=={version}", f"{package}[and-cuda]=={version}")


@pytest.mark.slow
def test_the_pythons_of_a_framework_agree_with_its_wheels_on_pypi() -> None:
    found = refresh.pythons(refresh.package_files("tensorflow-cpu"))
    for row in rows():
        if row.requirement.startswith("tensorflow-cpu"):
            assert found[row.version] == row.pythons
