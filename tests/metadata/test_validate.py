"""`scaffold validate`: what it prints, in every format, and its exit codes."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import jsonschema
import pexpect
import pytest

from tests.metadata.conftest import Run
from tests.metadata.samples import V1, V2, replaced

GOOD = replaced(V1, '"MIT"', '"Apache-2.0"')
BAD = replaced(V1, '"keywords": ["docker", "api-v2", "trainable"]', '"keywords": "docker"')
SUSPICIOUS = replaced(V1, '"MIT"', '"Apache 2.0"')
TEXT = """\
bad.json:5:15: error: `keywords` must be a list, not text [wrong-type /keywords]
  5 |   "keywords": "docker",
    |               ^^^^^^^^
  hint: make it a list: ["docker"]
"""
WARNING = """\
suspicious.json:6:14: warning: "Apache 2.0" is not the SPDX identifier of a licence \
[licence /license]
  6 |   "license": "Apache 2.0",
    |              ^^^^^^^^^^^^
  hint: did you mean "Apache-2.0"?
suspicious.json: valid (metadata 1.0.0)
"""


@pytest.fixture(autouse=True)
def files(tmp_path: Path) -> None:
    """Three files: good.json, bad.json and suspicious.json."""
    (tmp_path / "good.json").write_text(GOOD)
    (tmp_path / "bad.json").write_text(BAD)
    (tmp_path / "suspicious.json").write_text(SUSPICIOUS)


def test_a_good_file(run: Run) -> None:
    result = run("validate", "good.json")
    assert (result.code, result.err) == (0, "")
    assert result.out == "good.json: valid (metadata 1.0.0)\n"


def test_a_bad_file(run: Run) -> None:
    result = run("validate", "bad.json")
    assert (result.code, result.err) == (1, "")
    assert result.out == TEXT + "1 file: not valid, 1 error, 0 warnings\n"


def test_several_files(run: Run) -> None:
    result = run("validate", "good.json", "bad.json", "suspicious.json")
    assert (result.code, result.err) == (1, "")
    assert result.out == (
        "good.json: valid (metadata 1.0.0)\n"
        + TEXT
        + WARNING
        + "3 files: 1 not valid, 1 error, 1 warning\n"
    )


def test_quiet_is_errors_only(run: Run) -> None:
    result = run("validate", "-q", "good.json", "bad.json", "suspicious.json")
    assert (result.code, result.out, result.err) == (1, TEXT, "")


def test_json(run: Run) -> None:
    result = run("validate", "--json", "good.json", "bad.json", "suspicious.json")
    assert (result.code, result.err) == (1, "")
    assert result.document == {
        "valid": False,
        "files": [
            {"path": "good.json", "schema_version": "1.0.0", "valid": True, "errors": []},
            {
                "path": "bad.json",
                "schema_version": "1.0.0",
                "valid": False,
                "errors": [
                    {
                        "pointer": "/keywords",
                        "line": 5,
                        "column": 15,
                        "rule": "wrong-type",
                        "severity": "error",
                        "message": "`keywords` must be a list, not text",
                        "hint": 'make it a list: ["docker"]',
                    }
                ],
            },
            {
                "path": "suspicious.json",
                "schema_version": "1.0.0",
                "valid": True,
                "errors": [
                    {
                        "pointer": "/license",
                        "line": 6,
                        "column": 14,
                        "rule": "licence",
                        "severity": "warning",
                        "message": '"Apache 2.0" is not the SPDX identifier of a licence',
                        "hint": 'did you mean "Apache-2.0"?',
                    }
                ],
            },
        ],
    }
    assert (
        run("validate", "--format", "json", "bad.json").out
        == run("validate", "--json", "bad.json").out
    )


def test_github(run: Run) -> None:
    result = run("validate", "--format", "github", "good.json", "bad.json", "suspicious.json")
    assert (result.code, result.err) == (1, "")
    assert result.out == (
        "::error file=bad.json,line=5,col=15,endColumn=23,title=wrong-type::`keywords` must be a "
        'list, not text%0Amake it a list: ["docker"]\n'
        '::warning file=suspicious.json,line=6,col=14,endColumn=26,title=licence::"Apache 2.0" is '
        'not the SPDX identifier of a licence%0Adid you mean "Apache-2.0"?\n'
    )


def test_github_escapes_what_would_end_a_command(run: Run) -> None:
    Path("a,b:c%.json").write_text('{"a%\\nb": 1, "a%\\nb": 2}')
    (first, *_) = [
        line
        for line in run("validate", "--format", "github", "a,b:c%.json").out.splitlines()
        if "duplicate" in line
    ]
    assert first == (
        "::warning file=a%2Cb%3Ac%25.json,line=1,col=14,endColumn=21,title=duplicate-key::the key "
        "`a%25%0Ab` is given twice; only this last one counts%0Akeep one of them"
    )


def test_sarif(run: Run) -> None:
    result = run("validate", "--format", "sarif", "good.json", "bad.json")
    assert (result.code, result.err) == (1, "")
    document = result.document
    assert document["version"] == "2.1.0"
    (report,) = document["runs"]
    driver = report["tool"]["driver"]
    assert driver["name"] == "scaffold validate"
    (finding,) = report["results"]
    rule = driver["rules"][finding.pop("ruleIndex")]
    assert (rule["id"], rule["defaultConfiguration"]) == ("wrong-type", {"level": "error"})
    assert finding == {
        "ruleId": "wrong-type",
        "level": "error",
        "message": {"text": '`keywords` must be a list, not text. make it a list: ["docker"]'},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": "bad.json"},
                    "region": {
                        "startLine": 5,
                        "startColumn": 15,
                        "endColumn": 23,
                        "snippet": {"text": '  "keywords": "docker",'},
                    },
                },
                "logicalLocations": [{"fullyQualifiedName": "/keywords", "kind": "member"}],
            }
        ],
        "partialFingerprints": {"rulePointer/v1": "wrong-type:/keywords"},
    }


def test_sarif_follows_its_schema(run: Run) -> None:
    """The schema is the one in the npm package @microsoft/jest-sarif 1.0.0-beta.0 (MIT)."""
    schema = json.loads(Path(__file__).with_name("sarif-2.1.0.schema.json").read_text("utf-8"))
    Path("latin 1.json").write_bytes('{"title": "Forêt"}'.encode("latin-1"))
    Path("two.json").write_text('{"a": 1,}\n{"b": 2}')
    for arguments in (["good.json"], ["bad.json", "latin 1.json", "two.json", "gone.json"]):
        document = run("validate", "--format", "sarif", *arguments).document
        jsonschema.Draft4Validator(schema).validate(document)
    results = document["runs"][0]["results"]
    addresses = {
        each["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for each in results
    }
    assert addresses == {"bad.json", "latin%201.json", "two.json", "gone.json"}


def test_sarif_of_nothing_wrong(run: Run) -> None:
    (report,) = run("validate", "--format", "sarif", "good.json").document["runs"]
    assert report["results"] == []


def test_formats_and_warnings_become_errors(run: Run) -> None:
    Path("v2.yml").write_text(V2)
    assert run("validate", "v2.yml").code == 0
    assert run("validate", "--check-formats", "v2.yml").code == 1
    # its image is as the marketplace needs it: that it is no URI remains a warning
    strict = run("validate", "--strict", "--json", "v2.yml")
    (report,) = strict.document["files"]
    assert strict.code == 0
    assert [(each["rule"], each["severity"]) for each in report["errors"]] == [
        ("format-uri", "warning")
    ]
    assert run("validate", "--strict", "--check-formats", "v2.yml").code == 1
    Path("v2.yml").write_text(V2.replace("ai4oshub/", "hub.docker.com/r/ai4oshub/"))
    assert run("validate", "--strict", "v2.yml").code == 1
    assert run("validate", "--check-formats", "suspicious.json").code == 0
    assert run("validate", "--strict", "suspicious.json").code == 1


def test_a_version_may_be_forced(run: Run) -> None:
    result = run("validate", "--json", "--schema-version", "2.3.0", "good.json")
    (report,) = result.document["files"]
    assert (result.code, report["schema_version"], report["valid"]) == (1, "2.3.0", False)
    assert "old-key" in {each["rule"] for each in report["errors"]}


def test_a_missing_file_is_told_and_the_others_are_checked(run: Run) -> None:
    result = run("validate", "gone.json", "good.json")
    assert (result.code, result.err) == (2, "")
    assert result.out == (
        "gone.json:1:1: error: cannot read the file: No such file or directory [unreadable]\n"
        "good.json: valid (metadata 1.0.0)\n"
        "2 files: 1 not valid, 1 error, 0 warnings\n"
    )
    assert run("validate", "--json", "gone.json").document == {
        "valid": False,
        "files": [
            {
                "path": "gone.json",
                "schema_version": None,
                "valid": False,
                "errors": [
                    {
                        "pointer": "",
                        "line": 1,
                        "column": 1,
                        "rule": "unreadable",
                        "severity": "error",
                        "message": "cannot read the file: No such file or directory",
                        "hint": "",
                    }
                ],
            }
        ],
    }


def test_a_folder_is_searched(run: Run) -> None:
    for name in ("b/metadata.json", "a/ai4-metadata.yml", "a/.git/metadata.json", "c/other.json"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(V2 if name.endswith("yml") else GOOD)
    found = [file["path"] for file in run("validate", "--json", "a", "b").document["files"]]
    assert found == [str(Path("a", "ai4-metadata.yml")), str(Path("b", "metadata.json"))]
    here = [file["path"] for file in run("validate", "--json").document["files"]]
    assert here == found
    result = run("validate", "c")
    assert (result.code, result.out) == (
        2,
        (
            "c:1:1: error: there is no metadata file in this folder [unreadable]\n"
            "  hint: looked for names that end in metadata.json, metadata.yml, metadata.yaml\n"
            "1 file: not valid, 1 error, 0 warnings\n"
        ),
    )


def test_standard_input(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with (tmp_path / "good.json").open() as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        result = run("validate", "-")
    assert (result.code, result.out) == (0, "-: valid (metadata 1.0.0)\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--schema-version", "3.0.0", "good.json"], "error: there is no metadata version '3.0.0'"),
        (["--schema", "gone.json", "good.json"], "error: cannot read the schema gone.json"),
        (["--schema", "good.json", "--schema-version", "1.0.0", "x"], "exclude each other"),
        (["--ignore", "licens", "good.json"], "There is no rule 'licens'. Did you mean licence?"),
        (["--ignore", "wrong-type", "good.json"], "wrong-type is an error"),
    ],
)
def test_options_that_make_no_sense(run: Run, arguments: list[str], message: str) -> None:
    result = run("validate", *arguments)
    assert (result.code, result.out) == (2, "")
    assert message in result.err
    assert "error" in run("validate", "--json", *arguments).document


def test_what_a_terminal_would_act_upon_is_shown_instead(run: Run) -> None:
    Path("evil.json").write_bytes(
        '{"license": "\\u001b[31m",\n\t"tit\u202ele": "漢字", "summary": ["漢字"], "\\ud800": "a", '
        '"\\ud800": 1}'.encode()
    )
    result = run("validate", "evil.json")
    assert result.code == 1
    assert "\x1b" not in result.out
    assert "\u202e" not in result.out
    assert (
        'evil.json:1:13: warning: "\\u001b[31m" is not the SPDX identifier of a licence '
        '[licence /license]\n  1 | {"license": "\\u001b[31m",\n    |             ^^^^^^^^^^^^\n'
    ) in result.out
    # the caret takes account of the two columns of each of these characters
    assert (
        '  2 |  "tit\ufffdle": "漢字", "summary": ["漢字"], "\\ud800": "a", "\\ud800": 1}\n'
        "    |                               ^^^^^^^^\n"
    ) in result.out
    assert "the key `\\ud800` is given twice" in result.out
    for output_format in ("json", "sarif"):
        assert run("validate", "--format", output_format, "evil.json").document


def test_a_long_line_is_cut_around_the_place(run: Run) -> None:
    filler = "x" * 500
    Path("long.json").write_text(f'{{"title": "{filler}", "license": 5, "summary": "{filler}"}}')
    out = run("validate", "long.json").out
    line, caret = out[out.index("[wrong-type /license]") :].splitlines()[1:3]
    assert len(line) < 140
    assert line[caret.index("^")] == "5"


def test_colour_in_a_terminal_and_none_when_it_is_refused(tmp_path: Path) -> None:
    command = f"{sys.executable} -m scaffold validate bad.json"
    for setting, coloured in (({}, True), ({"NO_COLOR": "1"}, False)):
        environment = {k: v for k, v in os.environ.items() if k != "NO_COLOR"} | setting
        out, code = pexpect.run(
            command, cwd=str(tmp_path), env=environment, withexitstatus=True, timeout=30
        )
        assert code == 1
        assert (b"\x1b[31;1merror:\x1b[0m" in out) is coloured
        assert (b"\x1b" in out) is coloured


def test_json_needs_no_yaml_and_neither_needs_jsonschema(tmp_path: Path) -> None:
    (tmp_path / "v2.yml").write_text(V2)
    code = (
        "import sys; from scaffold.cli import main\n"
        "try: main(['-q', *sys.argv[1:]][1:])\n"
        "except SystemExit: pass\n"
        "print(*sorted({'yaml', 'jsonschema', 'rich', 'multiprocessing'} & set(sys.modules)))"
    )

    def imported(*arguments: str) -> str:
        command = " ".join([sys.executable, "-c", f'"{code}"', *arguments])
        out, _ = pexpect.run(command, cwd=str(tmp_path), withexitstatus=True, timeout=30)
        return str(out.decode().splitlines()[-1])

    assert imported("validate", "-q", "good.json", "bad.json") == ""
    assert imported("validate", "-q", "v2.yml") == "yaml"
