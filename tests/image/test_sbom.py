"""An image's bill of materials: asked for by a real Python, written as CycloneDX, the same each time."""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scaffold import __version__
from scaffold.errors import ScaffoldError
from scaffold.image import inventory_probe
from scaffold.image.inventory import (
    Distribution,
    Inventory,
    Package,
    Program,
    constraints,
    parse,
    probe,
)
from scaffold.image.sbom import digest, document, requirements

MARKERS = {"python_version": "3.11", "sys_platform": "linux", "platform_machine": "x86_64"}
IMAGE = Inventory(
    python="3.11.9",
    markers=MARKERS,
    architecture="x86_64",
    os_release={
        "ID": "debian",
        "VERSION_ID": "12",
        "PRETTY_NAME": "Debian GNU/Linux 12 (bookworm)",
    },
    distributions=(
        Distribution(
            "Plant_Module",
            "0.1.0",
            license_expression="MIT",
            requires=(
                "deepaas>=2.6",
                'tensorflow-cpu; extra == "cpu"',
                'tensorflow; extra == "gpu"',
            ),
            requested=True,
            direct_url={"url": "file:///srv/plants", "dir_info": {}},
        ),
        Distribution(
            "deepaas",
            "2.6.0",
            license="Apache License, Version 2.0",
            requires=(
                "Requests[Socks]>=2",
                'pyreadline; sys_platform == "win32"',
                'tomli; python_version < "3.11"',
                'pytest; extra == "test"',
                "old style requirement (no specification)",
            ),
            home_page="https://github.com/ai4os/DEEPaaS",
        ),
        Distribution(
            "pip", "24.0", license_classifiers=("License :: OSI Approved :: MIT License",)
        ),
        Distribution("pysocks", "1.7.1", license="BSD"),
        Distribution("pytest", "8.4", license_expression="MIT"),
        Distribution("requests", "2.34", requires=('PySocks!=1.5.7; extra == "socks"',)),
        Distribution(
            "tensorflow_cpu",
            "2.21.0",
            license_expression="Apache-2.0 AND (MIT OR BSD-3-Clause)",
        ),
        Distribution(
            "timm",
            "1.0",
            license_classifiers=(
                "License :: OSI Approved",
                "License :: OSI Approved :: Mozilla Public License 2.0 (MPL 2.0)",
            ),
            direct_url={
                "url": "https://github.com/x/timm",
                "vcs_info": {"vcs": "git", "commit_id": "0" * 40},
            },
        ),
        Distribution("tomli", "2.0"),
    ),
    packages=(
        Package(
            "libc6",
            "2.36-9+deb12u9",
            "amd64",
            "glibc",
            "2.36-9+deb12u9",
            "GNU Libc <libc@debian.org>",
        ),
        Package("bsdutils", "1:2.38.1-5", "amd64", "util-linux", "2.38.1-5"),
        Package("tini", "0.19.0-1", "amd64", "tini", "0.19.0-1"),
    ),
    programs=(Program("/usr/local/bin/rclone", "1.75.2", "ab" * 32),),
)


def written(inventory: Inventory = IMAGE) -> Any:
    return json.loads(raw(inventory))


def raw(inventory: Inventory = IMAGE) -> bytes:
    return document(
        inventory,
        name="deephdc/deep-oc-plants",
        version="0.1.0",
        module="plant-module",
        epoch=1_700_000_000,
    )


def component(name: str, inventory: Inventory = IMAGE) -> Any:
    (found,) = [each for each in written(inventory)["components"] if each["name"] == name]
    return found


def assert_valid(content: bytes) -> None:
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    errors = JsonStrictValidator(SchemaVersion.V1_6).validate_str(content.decode(), all_errors=True)
    assert [str(each) for each in errors or []] == []


def probed(*arguments: str, cwd: Path | None = None) -> Inventory:
    answer = subprocess.run(
        [sys.executable, *arguments, "-"],
        input=probe(),
        stdout=subprocess.PIPE,
        check=True,
        cwd=cwd,
    )
    return parse(answer.stdout)


# -- the probe


def test_the_probe_lists_the_environment_of_the_python_that_reads_it() -> None:
    inventory = probed()
    assert inventory.python == sys.version.split()[0]
    installed = {each.name: each.version for each in importlib.metadata.distributions()}
    assert {each.name: each.version for each in inventory.distributions} == installed
    (click,) = [each for each in inventory.distributions if each.name == "click"]
    assert click.license_expression == "BSD-3-Clause"
    assert click.home_page.startswith("https://")
    assert len(click.record_sha256) == 64
    (own,) = [each for each in inventory.distributions if each.name == "deep-scaffold"]
    assert own.direct_url is not None
    assert "click>=8.1.8" in own.requires


def test_the_probe_needs_nothing_but_the_standard_library(tmp_path: Path) -> None:
    # -S leaves the environment out: an import of anything installed would fail
    bare = probed("-S", cwd=tmp_path)
    assert bare.distributions == ()


def test_what_lies_in_the_current_folder_is_not_installed(tmp_path: Path) -> None:
    stray = tmp_path / "stray-1.0.dist-info"
    stray.mkdir()
    (stray / "METADATA").write_text("Metadata-Version: 2.1\nName: stray\nVersion: 1.0\n")
    assert "stray" not in {each.name for each in probed(cwd=tmp_path).distributions}


def test_debian_packages_are_read_from_dpkg(tmp_path: Path) -> None:
    status = tmp_path / "status"
    status.write_text(
        "Package: zlib1g\nStatus: install ok installed\nArchitecture: amd64\nSource: zlib (1:1.2)\n"
        "Version: 1:1.2-5\nDescription: compression\n Source: not a field\nMaintainer: Ann <a@b.c>\n\n"
        "Package: gone\nStatus: deinstall ok config-files\nArchitecture: all\nVersion: 1\n\n"
        "Package: apt\nStatus: install ok installed\nArchitecture: amd64\nVersion: 2.6\n"
    )
    found = inventory_probe.packages(status)
    assert [(each["package"], each["version"], each["source"]) for each in found] == [
        ("apt", "2.6", ""),
        ("zlib1g", "1:1.2-5", "zlib (1:1.2)"),
    ]
    assert inventory_probe.packages(tmp_path / "none") == []


def test_programs_are_named_with_version_and_digest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rclone = tmp_path / "rclone"
    rclone.write_text("#!/bin/sh\necho rclone v1.75.2-beta\n")
    rclone.chmod(0o755)
    broken = tmp_path / "broken"
    broken.write_text("not a program")
    paths = [rclone, broken, tmp_path / "absent"]
    monkeypatch.setattr(inventory_probe, "PROGRAMS", [(str(path), ("version",)) for path in paths])
    found = inventory_probe.programs()
    assert [(Path(each["path"]).name, each["version"]) for each in found] == [
        ("rclone", "1.75.2-beta"),
        ("broken", ""),
    ]
    assert all(len(each["sha256"]) == 64 for each in found)


def test_lines_that_a_start_up_file_prints_are_passed_over() -> None:
    answer = subprocess.run([sys.executable, "-"], input=probe(), capture_output=True, check=True)
    assert parse(b"Welcome to the image\n" + answer.stdout) == parse(answer.stdout)


@pytest.mark.parametrize("text", ["", "Traceback", "{}", "[]", "\n"])
def test_what_is_no_inventory_is_an_error(text: str) -> None:
    with pytest.raises(ScaffoldError, match="did not list what is installed"):
        parse(text)


def test_an_inventory_of_another_scaffold_is_an_error() -> None:
    with pytest.raises(ScaffoldError, match="format 99, not 1"):
        parse('{"format": 99}')


# -- the document


def test_this_environment_makes_a_valid_document() -> None:
    assert_valid(document(probed(), name="x/y", version="1", module="deep-scaffold", epoch=0))


def test_the_head_names_the_image_the_tool_and_the_revisions_date() -> None:
    assert_valid(raw())
    head = written()
    assert head["specVersion"] == "1.6"
    assert head["metadata"]["timestamp"] == "2023-11-14T22:13:20+00:00"
    assert head["metadata"]["component"] == {
        "bom-ref": "image",
        "name": "deephdc/deep-oc-plants",
        "properties": [
            {"name": "scaffold:architecture", "value": "x86_64"},
            {"name": "scaffold:python", "value": "3.11.9"},
        ],
        "type": "container",
        "version": "0.1.0",
    }
    assert head["metadata"]["tools"]["components"] == [
        {"name": "scaffold", "type": "application", "version": __version__}
    ]


def test_every_package_has_the_address_that_scanners_know() -> None:
    assert {each["name"]: each.get("purl") for each in written()["components"]} == {
        # an index may have another thing of the module's name
        "Plant_Module": None,
        "bsdutils": "pkg:deb/debian/bsdutils@1:2.38.1-5?arch=amd64&distro=debian-12&upstream=util-linux%402.38.1-5",
        "debian": None,
        "deepaas": "pkg:pypi/deepaas@2.6.0",
        "libc6": "pkg:deb/debian/libc6@2.36-9%2Bdeb12u9?arch=amd64&distro=debian-12&upstream=glibc",
        "pip": "pkg:pypi/pip@24.0",
        "pysocks": "pkg:pypi/pysocks@1.7.1",
        "pytest": "pkg:pypi/pytest@8.4",
        "rclone": "pkg:generic/rclone@1.75.2",
        "requests": "pkg:pypi/requests@2.34",
        "tensorflow_cpu": "pkg:pypi/tensorflow-cpu@2.21.0",
        "timm": f"pkg:pypi/timm@1.0?vcs_url=git%2Bhttps://github.com/x/timm%40{'0' * 40}",
        "tini": "pkg:deb/debian/tini@0.19.0-1?arch=amd64&distro=debian-12",
        "tomli": "pkg:pypi/tomli@2.0",
    }


@pytest.mark.parametrize(
    ("name", "licences"),
    [
        ("Plant_Module", [{"license": {"id": "MIT"}}]),
        ("deepaas", [{"license": {"id": "Apache-2.0"}}]),
        ("pip", [{"license": {"id": "MIT"}}]),
        ("tensorflow_cpu", [{"expression": "Apache-2.0 AND (MIT OR BSD-3-Clause)"}]),
        ("timm", [{"license": {"id": "MPL-2.0"}}]),
        # which of the BSD licences, nothing says
        ("pysocks", [{"license": {"name": "BSD"}}]),
        ("tomli", None),
    ],
)
def test_licences_are_spdx_where_they_are_and_never_guessed(name: str, licences: Any) -> None:
    found = component(name).get("licenses")
    for each in found or []:
        assert (each.get("license") or each).pop("acknowledgement") == "declared"
    assert found == licences


def test_the_text_of_a_licence_in_the_field_is_not_its_name() -> None:
    text = "Copyright (c) 2026 Ann\n\nPermission is hereby granted ..."
    each = Distribution("a", "1", license=text, license_classifiers=("License :: Public Domain",))
    found = component("a", replace(IMAGE, distributions=(each,)))
    assert found["licenses"] == [
        {"license": {"acknowledgement": "declared", "name": "Public Domain"}}
    ]


def test_a_program_has_its_digest() -> None:
    assert component("rclone")["hashes"] == [{"alg": "SHA-256", "content": "ab" * 32}]


def test_who_needs_whom_by_the_markers_and_extras_of_the_image() -> None:
    assert requirements(IMAGE) == {
        # the extra "cpu" is there as a whole, "gpu" is not
        "plant-module": ["deepaas", "tensorflow-cpu"],
        # pytest and tomli are installed, but not for DEEPaaS
        "deepaas": ["requests"],
        "requests": ["pysocks"],
        "pip": [],
        "pysocks": [],
        "pytest": [],
        "tensorflow-cpu": [],
        "timm": [],
        "tomli": [],
    }
    edges = {each["ref"]: each.get("dependsOn", []) for each in written()["dependencies"]}
    assert edges["python:plant-module@0.1.0"] == [
        "pkg:pypi/deepaas@2.6.0",
        "pkg:pypi/tensorflow-cpu@2.21.0",
    ]
    assert "pkg:pypi/requests@2.34" not in edges["image"]
    assert {"python:plant-module@0.1.0", "pkg:pypi/tomli@2.0", "operating-system"} <= set(
        edges["image"]
    )
    reached, todo = set(), ["image"]
    while todo:
        ref = todo.pop()
        reached.add(ref)
        todo += [each for each in edges[ref] if each not in reached]
    assert reached == {"image", *(each["bom-ref"] for each in written()["components"])}


def test_distributions_that_need_each_other_are_no_trouble() -> None:
    circle = (
        Distribution("a", "1", requires=("b[x]", "a")),
        Distribution("b", "1", requires=("a[y]",)),
    )
    inventory = replace(IMAGE, distributions=circle)
    assert requirements(inventory) == {"a": ["b"], "b": ["a"]}
    assert_valid(raw(inventory))


def test_an_image_without_debian_makes_a_valid_document() -> None:
    bare = replace(IMAGE, os_release={}, packages=(), programs=())
    assert_valid(raw(bare))


def test_equal_inventories_give_equal_bytes_in_any_process() -> None:
    code = "from tests.image.test_sbom import raw; import sys; sys.stdout.buffer.write(raw())"
    answers = {
        subprocess.run(
            [sys.executable, "-c", code],
            stdout=subprocess.PIPE,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("0", "1", "2")
    }
    turned = replace(IMAGE, distributions=IMAGE.distributions[::-1], packages=IMAGE.packages[::-1])
    assert answers == {raw(), raw(turned)}


def test_the_serial_number_and_the_digest_are_those_of_the_content() -> None:
    other = replace(IMAGE, packages=IMAGE.packages[1:])
    assert written()["serialNumber"] != written(other)["serialNumber"]
    assert (
        digest(b"abc") == "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )


def test_start_up_does_not_import_the_library() -> None:
    code = "import sys, scaffold.image.sbom as s; print(sorted({'cyclonedx', 'packaging'} & set(sys.modules)))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout == "[]\n"


# -- constraints


def test_constraints_pin_all_but_the_module_and_pip() -> None:
    folder = Distribution("local_data", "3", direct_url={"url": "file:///data", "dir_info": {}})
    wheel = Distribution(
        "torch",
        "2.13+cpu",
        direct_url={
            "url": "https://example.org/torch.whl",
            "archive_info": {"hashes": {"sha256": "ab"}},
        },
    )
    inventory = replace(IMAGE, distributions=(*IMAGE.distributions, folder, wheel))
    assert constraints(inventory, "plant_module") == (
        "deepaas==2.6.0\n"
        "# local-data 3 came from a folder or file and cannot be pinned\n"
        "pysocks==1.7.1\n"
        "pytest==8.4\n"
        "requests==2.34\n"
        "tensorflow-cpu==2.21.0\n"
        f"timm @ git+https://github.com/x/timm@{'0' * 40}\n"
        "tomli==2.0\n"
        "torch @ https://example.org/torch.whl#sha256=ab\n"
    )


def test_pip_takes_the_constraints(tmp_path: Path) -> None:
    pytest.importorskip("pip", reason="this environment was made without pip")
    file = tmp_path / "constraints.txt"
    file.write_text(constraints(probed(), "deep-scaffold"))
    pip = [sys.executable, "-m", "pip", "install", "--dry-run", "--no-index", "--no-deps"]
    result = subprocess.run(
        [*pip, "--constraint", str(file), "click"], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert "Requirement already satisfied: click" in result.stdout
