"""Makes `matrix.json` anew: run `python -m scaffold.image.refresh` when a framework has a new release.

What a wheel says is taken from the wheel's own metadata, by way of pip: nothing is downloaded but
metadata. What no wheel says (CUDA builds on PyTorch's own index, the frameworks' images, the lowest
drivers) is in the tables below, each with where it was read.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scaffold.image.table import PATH, Row, release

FIRST = {"tensorflow": (2, 16), "pytorch": (2, 4), "scikit-learn": (1, 4)}
"""The oldest releases that the matrix holds: Keras 3, NumPy 2 and the template's requirements."""

DRIVERS = {"11": "450.80.02", "12": "525.60.13", "13": "580"}
"""Lowest Linux driver for every release of a CUDA major version."""

DRIVERS_SOURCE = (
    "https://docs.nvidia.com/cuda/cuda-toolkit-release-notes/ (lowest driver for minor version "
    "compatibility)"
)

# PyTorch's CUDA builds: {minor release: {CUDA: cuDNN}}; "" where the page does not say.
TORCH_CUDA = {
    "2.4": {"11.8": "9.1", "12.1": "9.1", "12.4": "9.1"},
    "2.5": {"11.8": "9.1", "12.1": "9.1", "12.4": "9.1"},
    "2.6": {"11.8": "", "12.4": "9.1", "12.6": "9.5"},
    "2.7": {"11.8": "9.1", "12.6": "9.5", "12.8": "9.7"},
    "2.8": {"12.6": "9.10", "12.8": "9.10", "12.9": "9.10"},
    "2.9": {"12.6": "9.10", "12.8": "9.10", "13.0": "9.13"},
    "2.10": {"12.6": "9.10", "12.8": "9.10", "13.0": "9.15"},
    "2.11": {"12.6": "9.10", "12.8": "9.17", "13.0": "9.17"},
    "2.12": {"12.6": "9.10", "13.0": "9.20", "13.2": "9.20"},
    "2.13": {"12.6": "9.10", "13.0": "9.20", "13.2": "9.20"},
    "2.14": {"12.6": "9.10", "13.0": "9.24", "13.2": "9.24"},
}
TORCH_SOURCE = "https://github.com/pytorch/pytorch/blob/main/RELEASE.md (compatibility matrix)"
TORCH_INDEX = "https://download.pytorch.org/whl/"
TORCH_INDEX_SOURCE = "https://pytorch.org/get-started/locally/ (one index of wheels for each build)"
TORCH_IMAGES_SOURCE = (
    "https://github.com/pytorch/pytorch .github/scripts/generate_docker_release_matrix.py "
    "(a runtime image for each CUDA build)"
)
TORCH_IMAGES_PYTHON = {
    (2, 4): ("3.11", "https://github.com/pytorch/pytorch Dockerfile (PYTHON_VERSION=3.11)"),
    (2, 10): ("3.12", "https://github.com/pytorch/pytorch/pull/170338 (the distribution's 3.12)"),
}

# TensorFlow publishes an image for most releases, not for all.
TENSORFLOW_IMAGES = ("2.16.1", "2.17.0", "2.18.0", "2.19.0", "2.20.0", "2.21.0")
TENSORFLOW_IMAGES_PYTHON = "3.11"
TENSORFLOW_IMAGES_SOURCE = (
    "https://www.tensorflow.org/install/docker (tags are a release, with -gpu for GPU support); "
    "https://github.com/tensorflow/build tensorflow_runtime_dockerfiles (PYTHON_VERSION=python3.11)"
)
TENSORFLOW_IMAGES_FAULT = "it holds cuDNN 8.9 where this TensorFlow needs 9.3, so it finds no GPU"
TENSORFLOW_IMAGES_FAULT_SOURCE = (
    "https://github.com/tensorflow/build/issues/221, "
    "https://github.com/tensorflow/tensorflow/issues/81344"
)
TENSORFLOW_IMAGES_WARNING = (
    "the GPU images of TensorFlow 2.18 and 2.19 lack the right cuDNN and find no GPU; "
    "whether this one does is not known, so try it on a GPU first"
)


def package_files(package: str) -> list[str]:
    """Return the names of all wheels of a package that pip finds, whatever they run on."""
    command = ["install", "--dry-run", "--ignore-installed", "--no-deps", "-vv", package]
    # pip lists them and then fails where none of them fits the Python that runs it
    seen = _pip(*command, check=False)
    return sorted(set(re.findall(r"[A-Za-z_]+-\d[A-Za-z0-9.]*-cp3\d+-cp3\d+-[\w.]+\.whl", seen)))


def package_metadata(package: str, version: str, python: str) -> dict[str, Any]:
    """Return the metadata of a release, as in PEP 566's JSON.

    Args:
        package: name on PyPI.
        version: the release.
        python: a Python that it has a wheel for, like "3.12".
    """
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        platforms = [f"--platform=manylinux_2_{glibc}_x86_64" for glibc in (28, 27, 17)]
        _pip(
            "install", "--dry-run", "--ignore-installed", "--no-deps", "--only-binary=:all:",
            f"--python-version={python}", "--implementation=cp", *platforms,
            "--platform=manylinux1_x86_64", f"--target={folder}", f"--report={report}",
            f"{package}=={version}",
        )  # fmt: skip
        document = json.loads(report.read_text(encoding="utf-8"))
    metadata: dict[str, Any] = document["install"][0]["metadata"]
    return metadata


def _pip(*arguments: str, check: bool = True) -> str:
    command = [sys.executable, "-m", "pip", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=check).stdout


def pythons(files: list[str]) -> dict[str, tuple[str, ...]]:
    """Return for each release the Pythons that it has wheels for, on Linux with x86-64.

    Args:
        files: names of wheels.
    """
    found: dict[str, set[int]] = {}
    for name in files:
        match = re.fullmatch(r"\w+?-([\d.]+(?:post\d+)?)-cp3(\d+)-cp3\2-(.*)\.whl", name)
        if match and "manylinux" in match[3] and "x86_64" in match[3]:
            found.setdefault(match[1], set()).add(int(match[2]))
    return {key: tuple(f"3.{minor}" for minor in sorted(found[key])) for key in found}


def cuda_of(metadata: dict[str, Any]) -> tuple[str, str]:
    """Return the CUDA and the cuDNN, as MAJOR.MINOR, that a wheel asks for.

    Where a range is asked for, it is the lowest.

    Args:
        metadata: of a GPU wheel.
    """
    text = "\n".join(metadata["requires_dist"])
    runtime = re.search(
        r"^(?:nvidia-cuda-runtime-cu\d+|cuda-toolkit\[.*\]).*?=(\d+\.\d+)", text, re.M
    )
    cudnn = re.search(r"^nvidia-cudnn-cu\d+.*?=(\d+\.\d+)", text, re.M)
    assert runtime
    assert cudnn
    return runtime[1], cudnn[1]


def _wheel(package: str, version: str, what: str) -> str:
    return f"https://pypi.org/project/{package}/{version}/ ({what})"


def tensorflow_rows(
    wheels: dict[str, tuple[str, ...]],
    cpu_wheels: dict[str, tuple[str, ...]],
    cuda: dict[str, tuple[str, str]],
) -> Iterator[Row]:
    """Yield the rows of TensorFlow.

    Args:
        wheels: of the package tensorflow, as from `pythons`.
        cpu_wheels: of the package tensorflow-cpu.
        cuda: CUDA and cuDNN of each release, as from `cuda_of`.
    """
    for version in sorted(wheels, key=release):
        toolkit, cudnn = cuda[version]
        driver = DRIVERS[toolkit.partition(".")[0]]
        names = "names of its wheels"
        yield Row(
            framework="tensorflow",
            version=version,
            variant="cpu",
            pythons=cpu_wheels[version],
            requirement=f"tensorflow-cpu=={version}",
            source=(_wheel("tensorflow-cpu", version, names),),
        )
        yield Row(
            framework="tensorflow",
            version=version,
            variant="gpu",
            pythons=wheels[version],
            cuda=toolkit,
            cudnn=cudnn,
            driver=driver,
            requirement=f"tensorflow[and-cuda]=={version}",
            source=(
                _wheel("tensorflow", version, f"{names}; Requires-Dist of and-cuda"),
                DRIVERS_SOURCE,
            ),
        )
        if version in TENSORFLOW_IMAGES:
            broken = version in ("2.18.0", "2.19.0")
            doubtful = release(version) >= (2, 20)
            for variant, suffix in (("cpu", ""), ("gpu", "-gpu")):
                gpu = variant == "gpu"
                sources = [TENSORFLOW_IMAGES_SOURCE]
                if gpu:
                    sources += [_wheel("tensorflow", version, "Requires-Dist"), DRIVERS_SOURCE]
                if gpu and (broken or doubtful):
                    sources.append(TENSORFLOW_IMAGES_FAULT_SOURCE)
                yield Row(
                    framework="tensorflow",
                    version=version,
                    variant=variant,
                    pythons=(TENSORFLOW_IMAGES_PYTHON,),
                    cuda=toolkit if gpu else "",
                    cudnn=cudnn if gpu else "",
                    driver=driver if gpu else "",
                    image="tensorflow/tensorflow",
                    tag=version + suffix,
                    fault=TENSORFLOW_IMAGES_FAULT if gpu and broken else "",
                    warning=TENSORFLOW_IMAGES_WARNING if gpu and doubtful else "",
                    source=tuple(sources),
                )


def torch_rows(
    wheels: dict[str, tuple[str, ...]], cuda: dict[str, tuple[str, str]]
) -> Iterator[Row]:
    """Yield the rows of PyTorch; the arguments are those of `tensorflow_rows`."""
    for version in sorted(wheels, key=release):
        minor = ".".join(version.split(".")[:2])
        names = _wheel("torch", version, "names of its wheels")
        yield Row(
            framework="pytorch",
            version=version,
            variant="cpu",
            pythons=wheels[version],
            requirement=f"torch=={version}",
            index=TORCH_INDEX + "cpu",
            source=(names, TORCH_INDEX_SOURCE),
        )
        on_pypi, cudnn = cuda[version]
        yield Row(
            framework="pytorch",
            version=version,
            variant="gpu",
            pythons=wheels[version],
            cuda=on_pypi,
            cudnn=cudnn,
            driver=DRIVERS[on_pypi.partition(".")[0]],
            requirement=f"torch=={version}",
            source=(
                _wheel("torch", version, "names of its wheels; Requires-Dist"),
                DRIVERS_SOURCE,
            ),
        )
        first = max(key for key in TORCH_IMAGES_PYTHON if key <= release(version))
        python, python_source = TORCH_IMAGES_PYTHON[first]
        for toolkit, told in TORCH_CUDA.get(minor, {}).items():
            library = cudnn if toolkit == on_pypi else told  # the wheel knows better than the page
            driver = DRIVERS[toolkit.partition(".")[0]]
            if toolkit != on_pypi:
                yield Row(
                    framework="pytorch",
                    version=version,
                    variant="gpu",
                    pythons=wheels[version],
                    cuda=toolkit,
                    cudnn=library,
                    driver=driver,
                    requirement=f"torch=={version}",
                    index=TORCH_INDEX + "cu" + toolkit.replace(".", ""),
                    source=(names, TORCH_SOURCE, TORCH_INDEX_SOURCE, DRIVERS_SOURCE),
                )
            yield Row(
                framework="pytorch",
                version=version,
                variant="gpu",
                pythons=(python,),
                cuda=toolkit,
                cudnn=library,
                driver=driver,
                image="pytorch/pytorch",
                tag=f"{version}-cuda{toolkit}-cudnn9-runtime",
                source=(TORCH_SOURCE, TORCH_IMAGES_SOURCE, python_source, DRIVERS_SOURCE),
            )


def sklearn_rows(wheels: dict[str, tuple[str, ...]]) -> Iterator[Row]:
    """Yield the rows of scikit-learn; `wheels` as from `pythons`."""
    for version in sorted(wheels, key=release):
        yield Row(
            framework="scikit-learn",
            version=version,
            variant="cpu",
            pythons=wheels[version],
            requirement=f"scikit-learn=={version}",
            source=(_wheel("scikit-learn", version, "names of its wheels"),),
        )


def _wheels(package: str, framework: str) -> dict[str, tuple[str, ...]]:
    found = pythons(package_files(package))
    return {key: found[key] for key in found if release(key) >= FIRST[framework]}


def _cuda(package: str, wheels: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, str]]:
    return {
        version: cuda_of(package_metadata(package, version, wheels[version][-1]))
        for version in wheels
    }


def text(rows: list[Row]) -> str:
    """Return the text of `matrix.json`: one line for each row, without what is empty."""
    lines = []
    for row in rows:
        fields = {key: getattr(row, key) for key in Row.__slots__}
        lines.append(json.dumps({key: value for key, value in fields.items() if value}))
    return "[\n" + ",\n".join(lines) + "\n]\n"


def main() -> None:
    """Ask PyPI, and write `matrix.json`."""
    tensorflow = _wheels("tensorflow", "tensorflow")
    torch = _wheels("torch", "pytorch")
    rows = [
        *tensorflow_rows(
            tensorflow,
            _wheels("tensorflow-cpu", "tensorflow"),
            _cuda("tensorflow", tensorflow),
        ),
        *torch_rows(torch, _cuda("torch", torch)),
        *sklearn_rows(_wheels("scikit-learn", "scikit-learn")),
    ]
    PATH.write_text(text(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
