"""What is wrong with a file that can be read: schema, formats, suspicion and platform."""

from __future__ import annotations

from pathlib import Path

import pytest

from scaffold.metadata import licences
from tests.metadata.samples import V1, V2, check, lines, replaced, v1_with

IMAGE = "/links/docker_image"


def test_the_samples_are_right() -> None:
    assert check(V1, "metadata.json").findings == ()
    (finding,) = check(V2).findings
    assert (finding.rule, finding.severity, finding.pointer) == ("format-uri", "warning", IMAGE)
    assert finding.hint == (
        "leave it: the marketplace needs account/image here, whatever the schema says"
    )


YAML = {
    ("libraries:\n  - PyTorch", "libraries:\n  - Pytorch"): [
        (
            '21:5 /libraries/0 error not-allowed: "Pytorch" is no allowed value of `libraries` '
            '| did you mean "PyTorch"?'
        )
    ],
    ("libraries:\n  - PyTorch", "libraries: [sklearn, JAX]"): [
        (
            '20:13 /libraries/0 error not-allowed: "sklearn" is no allowed value of `libraries` '
            '| did you mean "Scikit-learn"?'
        ),
        (
            '20:22 /libraries/1 error not-allowed: "JAX" is no allowed value of `libraries` | allowed: '
            "TensorFlow, PyTorch, Keras, Scikit-learn, XGBoost, LightGBM, CatBoost, Other"
        ),
    ],
    ("  - Classification", "  - Audio Classification"): [
        (
            '18:5 /tasks/1 error not-allowed: "Audio Classification" is no allowed value of `tasks` '
            '| did you mean "Classification"?'
        )
    ],
    ("  - Classification", "  - Computer Vision"): [
        (
            '18:5 /tasks/1 error repeated: "Computer Vision" is in `tasks` already '
            "| delete one of the two"
        )
    ],
    ("created: '2024-01-31'", "created: 2024-01-31"): [
        (
            "9:12 /dates/created error yaml-date: `dates.created` is a date without quotes, which YAML "
            "does not read as text | put quotes around it: '2024-01-31'"
        )
    ],
    ("updated: '2024-06-30'", "updated: '2024-6-30'"): [
        (
            '10:12 /dates/updated warning format-date: "2024-6-30" is not a day written as YYYY-MM-DD '
            '| did you mean "2024-06-30"?'
        )
    ],
    ("updated: '2024-06-30'", "updated: '2024-06-31'"): [
        '10:12 /dates/updated warning format-date: "2024-06-31": there is no such day | correct it'
    ],
    ("updated: '2024-06-30'", "updated: '2023-06-30'"): [
        (
            "10:12 /dates/updated warning date-order: last updated 2023-06-30, before it was created "
            "(2024-01-31) | exchange or correct them"
        )
    ],
    ("libraries:\n  - PyTorch\n", ""): [
        (
            "1:1 (root) error missing-key: `libraries` is missing | add it, for example libraries: "
            '["PyTorch"]'
        )
    ],
    ("libraries:", "library:"): [
        "1:1 (root) error missing-key: `libraries` is missing | is it what you call `library`?",
        (
            "20:1 /library warning unknown-key: the schema has no key `library`; its value is not read "
            "| did you mean `libraries`?"
        ),
    ],
    ("data-type:", "sata-type:"): [
        (
            "22:1 /sata-type warning unknown-key: the schema has no key `sata-type`; its value is not "
            "read | did you mean `data-type`?"
        )
    ],
    ("summary: Tells plants apart in a photograph.", "summary:"): [
        (
            "3:9 /summary error wrong-type: `summary` must be text, not nothing | write a value, or "
            "delete the key"
        )
    ],
    ("summary: Tells plants apart in a photograph.", "summary: ''"): [
        (
            "3:10 /summary warning placeholder: `summary` is empty; the marketplace shows it "
            "| write something"
        )
    ],
    ("summary: Tells plants apart in a photograph.", "summary: 5"): [
        (
            "3:10 /summary error wrong-type: `summary` must be text, not a number | put quotes around "
            'it: "5"'
        )
    ],
    ("tags:\n  - botany", "tags: botany"): [
        '14:7 /tags error wrong-type: `tags` must be a list, not text | make it a list: ["botany"]'
    ],
    ("cpu: 2", "cpu: '2'"): [
        (
            "26:10 /resources/inference/cpu error wrong-type: `resources.inference.cpu` must be a whole "
            "number, not text | delete the quotes: 2"
        )
    ],
    ("cpu: 2", "cpu: 1000-2000"): [
        (
            "26:10 /resources/inference/cpu error wrong-type: `resources.inference.cpu` must be a whole "
            "number, not text | write one number, for example 2000"
        )
    ],
    ("cpu: 2", "cpu: 2.5"): [
        (
            "26:10 /resources/inference/cpu error wrong-type: `resources.inference.cpu` must be a whole "
            "number, not 2.5 | round it: 2"
        )
    ],
    ("cpu: 2", "cpu: -1"): [
        (
            "26:10 /resources/inference/cpu error too-small: `resources.inference.cpu` is -1; it cannot "
            "be below 0 | "
        )
    ],
    ("tags:\n", "keywords: [botany]\ntags:\n"): [
        (
            "14:1 /keywords error old-key: `keywords` belongs to metadata 1.0.0 and is not allowed any "
            "more | its successor is `tags`"
        )
    ],
    ("metadata_version: 2.3.0", "metadata_version: 2.4.0"): [
        (
            '1:19 /metadata_version error unknown-version: there is no metadata version "2.4.0" '
            "| known: 1.0.0, 2.0.0, 2.1.0, 2.2.0, 2.3.0; it is checked as 2.3.0"
        )
    ],
    ("metadata_version: 2.3.0", "metadata_version: 2.1"): [
        (
            "1:19 /metadata_version error unknown-version: there is no metadata version 2.1 "
            "| known: 1.0.0, 2.0.0, 2.1.0, 2.2.0, 2.3.0; it is checked as 2.1.0"
        ),
        (
            "1:19 /metadata_version error wrong-type: `metadata_version` must be text, not a number "
            '| put quotes around it: "2.1"'
        ),
    ],
    ("title: Plant classification", "title: FILL ME"): [
        (
            "2:8 /title warning placeholder: `title` still holds an example's text: FILL ME "
            "| put your own in, or delete the key"
        )
    ],
    ("title: Plant classification", "title: Plant classification\ndoi: doi.org/10.5281/zenodo.7"): [
        (
            '3:6 /doi warning format-doi: "doi.org/10.5281/zenodo.7" is not a DOI '
            '| write only "10.5281/zenodo.7"'
        )
    ],
    ("https://github.com/ai4os-hub/plants", "github.com/ai4os-hub/plants"): [
        (
            '12:16 /links/source_code warning format-uri: "github.com/ai4os-hub/plants" is not an '
            'address (URI) | did you mean "https://github.com/ai4os-hub/plants"?'
        )
    ],
    ("https://github.com/ai4os-hub/plants", "https:/github.com/ai4os-hub/plants"): [
        (
            "12:16 /links/source_code warning url: `links.source_code`: "
            '"https:/github.com/ai4os-hub/plants" names no host | two slashes come after the colon: '
            "https://github.com/…"
        )
    ],
    ("https://github.com/ai4os-hub/plants", "https://github.com/somebody/plants"): [
        (
            "12:16 /links/source_code warning organisation: the marketplace does not list repositories "
            "of github.com/somebody | it lists those of github.com/{ai4os,ai4os-hub,deephdc}; its "
            "maintainers make or fork yours there when you submit"
        )
    ],
    ("\ntitle:", "\nlicence: MIT\ntitle:"): [
        (
            "2:1 /licence warning unknown-key: the schema has no key `licence`; its value is not read "
            "| did you mean `license`?"
        )
    ],
    ("\n  docker_image: ai4oshub/plants", ""): [
        (
            "11:1 /links warning docker-image: `links.docker_image` is missing; the marketplace cannot "
            "show the module | write account/image"
        )
    ],
}


@pytest.mark.parametrize("change", YAML, ids=lambda change: change[1][:40])
def test_one_fault_in_yaml(change: tuple[str, str]) -> None:
    assert lines(check(replaced(V2, *change))) == YAML[change]


JSON = {
    ('"MIT"', '"Apache 2.0"'): [
        (
            '6:14 /license warning licence: "Apache 2.0" is not the SPDX identifier of a licence '
            '| did you mean "Apache-2.0"?'
        )
    ],
    ('"2024-01-31"', '"YYYY-MM-DD"'): [
        (
            '7:20 /date_creation warning format-date: "YYYY-MM-DD" is not a day written as YYYY-MM-DD '
            '| for example "2024-01-31"'
        ),
        (
            "7:20 /date_creation warning placeholder: `date_creation` still holds an example's text: "
            "YYYY-MM-DD | put your own in, or delete the key"
        ),
    ],
    ('"api-v2", "trainable"', '"api-v2", "docker"'): [
        '5:36 /keywords/2 error repeated: "docker" is in `keywords` already | delete one of the two'
    ],
    ('"rclone_url"]', '"rclone-url"]'): [
        (
            '18:33 /tosca/0/inputs/1 error not-allowed: "rclone-url" is no allowed value of '
            '`tosca[0].inputs` | did you mean "rclone_url"?'
        )
    ],
    ('"code": ', '"codes": '): [
        "9:3 /sources error missing-key: `sources.code` is missing | is it what you call `codes`?",
        (
            "12:5 /sources/codes warning unknown-key: the schema has no key `sources.codes`; its value "
            "is not read | did you mean `code`?"
        ),
    ],
    ('"deephdc/deep-oc-plants"', '" deephdc/deep-oc-plants"'): [
        (
            "11:29 /sources/docker_registry_repo warning format-uri-reference: "
            '" deephdc/deep-oc-plants" has spaces around it | delete them'
        )
    ],
    ('"deephdc/deep-oc-plants"', '"https://hub.docker.com/r/deephdc/deep-oc-plants"'): [
        (
            "11:29 /sources/docker_registry_repo warning docker-image: "
            '"https://hub.docker.com/r/deephdc/deep-oc-plants" is not the name of an image '
            '| write only "deephdc/deep-oc-plants"'
        )
    ],
    ('"deephdc/deep-oc-plants"', '"somebody/plants:1.0"'): [
        (
            "11:29 /sources/docker_registry_repo warning docker-image: the marketplace takes images of "
            "ai4oshub and deephdc only | it would look for ai4oshub/plants:1.0 instead"
        )
    ],
    ('"https://doi.org/10.1000/182"', '""'): [
        (
            '8:15 /cite_url warning format-uri: "" is not an address (URI): it is empty '
            "| write one, or delete the key"
        )
    ],
    ('"https://doi.org/10.1000/182"', '"doi:10.1000/182"'): [
        (
            '8:15 /cite_url warning url: `cite_url`: "doi:10.1000/182" opens in no browser '
            '| write "https://doi.org/10.1000/182"'
        )
    ],
    ('"https://doi.org/10.1000/182"', '"https://https://doi.org/10.1000/182"'): [
        (
            '8:15 /cite_url warning url: `cite_url`: "https://https://doi.org/10.1000/182" has two '
            "beginnings | delete one https://"
        )
    ],
    ('"https://doi.org/10.1000/182"', '"https://plants"'): [
        (
            '8:15 /cite_url warning url: `cite_url`: "https://plants" names the host plants, which is '
            "not on the internet | write the whole name"
        )
    ],
    ('"https://doi.org/10.1000/182"', '"https://a.org/ä b"'): [
        (
            '8:15 /cite_url warning format-uri: "https://a.org/ä b" is not an address (URI) | "ä" '
            "cannot be part of one; write it percent-encoded"
        )
    ],
}


@pytest.mark.parametrize("change", JSON, ids=lambda change: change[1][:40])
def test_one_fault_in_json(change: tuple[str, str]) -> None:
    assert lines(check(replaced(V1, *change), "metadata.json")) == JSON[change]


def test_all_faults_are_told_at_once_in_the_order_of_their_lines() -> None:
    text = "title: [a]\ntags: x\nlibraries: [Pytorch, Pytorch]\n"
    found = lines(check(text))
    assert [each.split(" |")[0] for each in found] == [
        "1:1 (root) error missing-key: `metadata_version` is missing",
        "1:1 (root) error missing-key: `summary` is missing",
        "1:1 (root) error missing-key: `description` is missing",
        "1:1 (root) error missing-key: `links` is missing",
        "1:1 (root) error missing-key: `tasks` is missing",
        "1:1 (root) error missing-key: `categories` is missing",
        "1:8 /title error wrong-type: `title` must be text, not a list",
        "2:7 /tags error wrong-type: `tags` must be a list, not text",
        '3:13 /libraries/0 error not-allowed: "Pytorch" is no allowed value of `libraries`',
        '3:22 /libraries/1 error not-allowed: "Pytorch" is no allowed value of `libraries`',
        '3:22 /libraries/1 error repeated: "Pytorch" is in `libraries` already',
    ]


@pytest.mark.parametrize(
    ("text", "version"),
    [
        (V1, "1.0.0"),
        (V2, "2.3.0"),
        (replaced(V2, "2.3.0", "2.0.0"), "2.0.0"),
        (replaced(V2, "metadata_version: 2.3.0\n", ""), "2.3.0"),
        (replaced(V2, "2.3.0", "1.0.1"), "2.3.0"),
        (replaced(V2, "2.3.0", "2.1.9"), "2.1.0"),
        (replaced(V2, "2.3.0", "9.9.9"), "2.3.0"),
        (v1_with(metadata_version="1.0.1"), "1.0.0"),
        (v1_with(metadata_version="9.9.9"), "1.0.0"),
        (v1_with(metadata_version={"a": 1}), "1.0.0"),
        ("{}", "1.0.0"),
        ("[]", "1.0.0"),
        ("just text", "1.0.0"),
    ],
)
def test_the_version_is_the_one_declared_or_the_likely_one(text: str, version: str) -> None:
    assert check(text).schema_version == version


def test_formats_and_strict_change_what_is_an_error() -> None:
    text = replaced(V2, "data-type:", "sata-type:")
    for options, errors in (
        ({}, []),
        ({"check_formats": True}, ["format-uri"]),
        # the image is as the marketplace needs it, and no name could please the schema as well
        ({"strict": True}, ["unknown-key"]),
        ({"strict": True, "check_formats": True}, ["format-uri", "unknown-key"]),
        ({"strict": True, "ignored": frozenset({"unknown-key"})}, []),
    ):
        report = check(text, **options)
        assert [each.rule for each in report.findings if each.severity == "error"] == errors
        assert report.valid is not bool(errors)


def test_a_given_version_goes_before_the_declared_one() -> None:
    report = check(replaced(V2, "cpu: 2", "cpu: two"), schema_version="2.0.0")
    assert report.schema_version == "2.0.0"
    assert lines(report) == [
        (
            '1:19 /metadata_version warning other-version: the file declares "2.3.0" but is checked as '
            "2.0.0 | "
        )
    ]


def module(folder: Path, role: str, name: str, sibling: str) -> None:
    folder.mkdir()
    (folder / ".scaffold.yml").write_text(
        f"template_version: 1.0.0\nrole: {role}\nsibling: {sibling}\n"
        f"answers:\n  repo_name: {name}\n"
    )


def checked(file: Path, text: str) -> list[str]:
    file.write_text(text)
    return lines(check(text, str(file)))


def test_names_are_compared_with_those_of_the_module(tmp_path: Path) -> None:
    module(tmp_path / "DEEP-OC-plants", "container", "plants", "plants")
    module(tmp_path / "plants", "model", "plants", "DEEP-OC-plants")
    (tmp_path / "plants" / "pyproject.toml").write_text('[project]\nversion = "1.2.0"\n')
    file = tmp_path / "DEEP-OC-plants" / "metadata.json"
    assert checked(file, V1) == []
    text = V1.replace("deephdc/plants", "deephdc/plant").replace("DEEP-OC-plants", "DEEP-OC-plant")
    text = text.replace("deep-oc-plants", "deep-oc-plant:1.1.0")
    assert checked(file, text) == [
        (
            "10:24 /sources/dockerfile_repo warning sibling-name: the repository here is "
            "DEEP-OC-plant, but the module's is DEEP-OC-plants | correct it, or .scaffold.yml"
        ),
        (
            "11:29 /sources/docker_registry_repo warning sibling-name: the image here is "
            "deep-oc-plant, but the module's is deep-oc-plants | correct it, or .scaffold.yml"
        ),
        (
            "11:29 /sources/docker_registry_repo warning package-version: the version here is 1.1.0, "
            "but the package's is 1.2.0 | make them the same"
        ),
        (
            "12:13 /sources/code warning sibling-name: the repository here is plant, but the module's "
            "is plants | correct it, or .scaffold.yml"
        ),
    ]


def test_a_single_repository_is_its_own_sibling(tmp_path: Path) -> None:
    module(tmp_path / "plants", "model", "plants", "")
    (tmp_path / "plants" / "pyproject.toml").write_text("[project]\nname='x'\nversion = '2.0'\n")
    file = tmp_path / "plants" / "ai4-metadata.yml"
    assert checked(file, V2) == []
    assert checked(file, V2 + "version: v2.0\n") == []
    assert checked(file, V2 + "version: '1.0'\n") == [
        (
            "28:10 /version warning package-version: the version here is 1.0, but the package's is 2.0 "
            "| make them the same"
        )
    ]


@pytest.mark.parametrize("text", ["", "{", "answers: [a]", "answers: {repo_name: [a]}", "- a\n"])
def test_a_marker_that_makes_no_sense_is_passed_over(tmp_path: Path, text: str) -> None:
    (tmp_path / ".scaffold.yml").write_text(text)
    assert checked(tmp_path / "metadata.json", V1) == []


@pytest.mark.parametrize(
    ("text", "spdx", "meant"),
    [
        ("MIT", True, "MIT"),
        ("Apache-2.0", True, "Apache-2.0"),
        ("apache-2.0", False, "Apache-2.0"),
        ("Apache 2.0", False, "Apache-2.0"),
        ("Apache License, Version 2.0", False, "Apache-2.0"),
        ("GNU GPL v3", False, "GPL-3.0-only"),
        ("MIT License", False, "MIT"),
        ("BSD", False, "BSD-3-Clause"),
        ("BSD-3-Clause", True, "BSD-3-Clause"),
        ("MIT OR Apache-2.0", True, ""),
        ("(MIT AND GPL-2.0-or-later WITH Classpath-exception-2.0)", True, ""),
        ("GPL-2.0+", True, "GPL-2.0+"),
        ("MIT AND", False, ""),
        ("MIT Apache-2.0", False, "Apache-2.0"),
        ("", False, ""),
        ("proprietary", False, ""),
        ("None of your business " * 9, False, ""),
    ],
)
def test_licences(text: str, spdx: bool, meant: str) -> None:
    assert licences.is_spdx(text) is spdx
    if not spdx or meant:
        assert licences.meant(text) == meant
