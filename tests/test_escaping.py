"""Answers are data: whatever they hold, every generated file parses and says exactly that."""

from __future__ import annotations

import ast
import configparser
import io
import json
import re
import subprocess
import sys
import tempfile
from email.headerregistry import Address
from pathlib import Path, PurePosixPath
from typing import Any

import dockerfile_parse
import hypothesis.strategies as st
import jsonschema
import pytest
import tree_sitter
import tree_sitter_groovy
import yaml
from hypothesis import HealthCheck, example, given, settings
from markdown_it import MarkdownIt

from scaffold.answers import complete, context
from scaffold.question import broken_rule
from scaffold.questions import BY_KEY
from scaffold.render import Tree, render
from scaffold.resources import resource
from scaffold.workspace import write_tree
from tests.helpers import rendered

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

VERSIONS = BY_KEY["metadata_version"].choices
UV = str(Path(sys.executable).with_name("uv"))
NASTY = (
    "\"quoted\" 'single' back\\slash \\n {{ 7 * 7 }} {% if x %} {# c #} $(rm -rf /) `id` ${HOME} "
    "key: value # no comment <b>&amp;</b> *bold* _it_ [a](b) | ~~x~~ %s {0} \U0001f33f é 漢字"
)
MULTILINE = f"{NASTY}\n- item: one\n\n\t1. two\n---\n'''\n\"\"\"\nEOF"


def texts(key: str) -> st.SearchStrategy[str]:
    """Texts that the question `key` accepts, rich in characters that mean something somewhere."""
    characters = st.one_of(
        st.sampled_from("\"'\\{}%#$`:-*_[]()<>&|~!@,.;=/+?^ \t\n1a"),
        st.characters(exclude_categories=("Cs", "Cc")),
    )

    def accepted(text: str) -> bool:
        return not broken_rule(BY_KEY[key], text, {})

    return st.text(characters, min_size=1, max_size=80).map(str.strip).filter(accepted)


@st.composite
def answers(draw: st.DrawFn) -> dict[str, str]:
    authors = draw(st.lists(texts("author_name"), min_size=1, max_size=3))
    author_name = ",".join(authors)[:200].strip().strip(",")
    count = len(author_name.split(","))
    layout = draw(st.sampled_from(BY_KEY["layout"].choices))
    joint = "-" if layout == "single" else "[_-]"
    given = {
        "project_name": draw(texts("project_name")),
        "layout": layout,
        "repo_name": draw(
            st.from_regex(rf"[a-z][a-z0-9]{{0,8}}({joint}[a-z0-9]{{1,8}}){{0,3}}", fullmatch=True)
        ),
        "description": draw(texts("description")),
        "author_name": author_name,
        "author_email": ", ".join(["a.b+c@x-y.example.org"] * count),
    }
    for key, question in BY_KEY.items():
        if question.choices and key not in given:
            given[key] = draw(st.sampled_from(question.choices))
    return given


def usable(given: dict[str, str]) -> bool:
    return not any(broken_rule(BY_KEY[key], value, given) for key, value in given.items())


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(given=answers().filter(usable))
@example(given={"project_name": NASTY, "repo_name": "x", "description": MULTILINE})
@example(
    given={
        "project_name": NASTY,
        "layout": "single",
        "repo_name": "x",
        "description": MULTILINE,
        "metadata_version": "1.0.0",
    }
)
@example(given={"project_name": "- x", "repo_name": "x", "description": "1. one"})
@example(given={"project_name": "1) x", "repo_name": "x", "description": "+ plus\n===\n***"})
@example(given={"project_name": "=", "repo_name": "x", "description": "~\n    code\n:::\n> q"})
@example(given={"project_name": "\\", "repo_name": "x", "description": "ends with \\"})
def test_every_file_parses_and_says_what_was_answered(given: dict[str, str]) -> None:
    values = context(complete(given))
    for name, tree in render(values).items():
        for path, file in tree.items():
            assert_parses(path, file.content)
        marker = yaml.safe_load(tree[PurePosixPath(".scaffold.yml")].content)
        assert marker["answers"] == {key: values[key] for key in BY_KEY}
        siblings = {values["repo_name"], values["__container"]} - {name}
        assert {marker["sibling"]} == siblings if siblings else "sibling" not in marker
    trees = render(values)
    model, container = trees[values["repo_name"]], trees[values["__container"]]
    assert_pyproject(values, tomllib.loads(text(model, "pyproject.toml")))
    single = values["layout"] == "single"
    metadata = text(container, "ai4-metadata.yml" if single else "metadata.json")
    assert_metadata(values, yaml.safe_load(metadata) if single else json.loads(metadata))
    summary = " ".join(values["description"].split())
    labels = dockerfile_labels(text(container, "Dockerfile"))
    assert labels["title"] == values["project_name"]
    assert labels["description"] == summary
    for page in ("README.md", "docs/index.md"):
        assert values["project_name"] in words(text(model, page))
    for tree in (model, container):
        assert summary in words(text(tree, "README.md"))


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(given=answers().filter(usable))
@example(given={"project_name": NASTY, "repo_name": "x-y", "description": MULTILINE})
def test_the_package_installs_and_imports(given: dict[str, str]) -> None:
    values = context(complete(given))
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "model"
        write_tree(render(values)[values["repo_name"]], model)
        install = [UV, "pip", "install", "--quiet", "--offline", "--no-deps"]
        into = ["--no-build-isolation", "--python", sys.executable, "--target", f"{folder}/site"]
        subprocess.run([*install, *into, str(model)], check=True)
        script = (
            "import importlib.metadata, json, sys\n"
            "sys.path.insert(0, sys.argv[1])\n"
            "module = __import__(sys.argv[2])\n"
            "about = importlib.metadata.metadata(sys.argv[3])\n"
            "print(json.dumps([module.__file__, about['Summary'], about['License-Expression']]))\n"
        )
        result = subprocess.run(
            [sys.executable, "-Ic", script, f"{folder}/site", values["__pkg"], values["repo_name"]],
            capture_output=True,
            text=True,
            check=True,
        )
    licence = values["open_source_license"]
    assert json.loads(result.stdout) == [
        f"{folder}/site/{values['__pkg']}/__init__.py",
        " ".join(values["description"].split()),
        None if licence == "none" else licence,
    ]


def text(tree: Tree, path: str) -> str:
    return tree[PurePosixPath(path)].content.decode()


def assert_parses(path: PurePosixPath, content: bytes) -> None:
    """Read a file with a real parser of its language."""
    match path.suffix or path.name:
        case ".py":
            ast.parse(content)
        case ".toml":
            tomllib.loads(content.decode())
        case ".json" | ".ipynb":
            json.loads(content)
        case ".yml" | ".yaml":
            yaml.safe_load(content)
        case ".ini":
            configparser.ConfigParser(interpolation=None).read_string(content.decode())
        case ".sh" | "deep-start":
            subprocess.run(["bash", "-n"], input=content, check=True)
        case "Jenkinsfile" | ".groovy":
            assert not _groovy.parse(content).root_node.has_error
        case "Dockerfile":
            assert dockerfile_labels(content.decode())
        case (
            ".md"
            | ".txt"
            | "LICENSE"
            | ".gitkeep"
            | ".gitignore"
            | ".dockerignore"
            | ".typed"
            | "py.typed"
        ):
            content.decode()
        case unknown:
            pytest.fail(f"no parser for {unknown}: {path}")


_groovy = tree_sitter.Parser(tree_sitter.Language(tree_sitter_groovy.language()))


def assert_pyproject(values: dict[str, str], document: dict[str, Any]) -> None:
    project = document["project"]
    assert project["description"] == " ".join(values["description"].split())
    assert project["version"] == values["app_version"]
    names = [name.strip() for name in values["author_name"].split(",")]
    assert [author["name"] for author in project["authors"]] == names
    expected = values["open_source_license"]
    assert project.get("license") == (None if expected == "none" else expected)


def assert_metadata(values: dict[str, str], document: dict[str, Any]) -> None:
    name = f"metadata-{values['metadata_version']}.schema.json"
    schema = json.loads((resource("schema") / name).read_text(encoding="utf-8"))
    jsonschema.validate(document, schema)
    assert document["title"] == values["project_name"]
    lines = [line.strip() for line in values["description"].split("\n") if line.strip()]
    if values["metadata_version"] == "1.0.0":
        assert document["description"] == lines
        assert document["license"] == values["open_source_license"]
    else:
        assert document["metadata_version"] == values["metadata_version"]
        assert document["description"] == values["description"]


def dockerfile_labels(dockerfile: str) -> dict[str, str]:
    """Return the labels as Docker reads them.

    Inside double quotes a backslash takes the meaning from `"`, `$` and itself, and stands for
    itself before anything else (moby/buildkit, frontend/dockerfile/shell/lex.go).
    """
    parser = dockerfile_parse.DockerfileParser(fileobj=io.BytesIO(dockerfile.encode()))
    label, made_of = [
        entry["value"] for entry in parser.structure if entry["instruction"] == "LABEL"
    ]
    pairs = re.findall(r'org\.opencontainers\.image\.(\w+)="((?:[^"\\]|\\.)*)"', label)
    assert not re.search(r"(?<!\\)(\\\\)*\$", label), "a variable would be expanded"
    assert re.findall(r'=("[^"]*")', made_of) == [
        '"${revision}"', '"${base}:${tag}"', '"${base_digest}"', '"${metadata}"'
    ]  # fmt: skip
    return {key: re.sub(r'\\(["$\\])', r"\1", value) for key, value in pairs}


def words(markdown: str) -> list[str]:
    """Return what a reader of Markdown sees: the text of every heading and paragraph."""
    found = []
    for token in MarkdownIt("gfm-like", {"linkify": False}).parse(markdown):
        if token.type == "inline":
            seen = "".join(
                child.content
                if child.type in {"text", "code_inline"}
                else " " * (child.type == "softbreak")
                for child in token.children or []
            )
            found.append(seen)
    return found


@pytest.mark.parametrize(
    ("layout", "name", "version", "asked"),
    [
        *(("pair", "metadata.json", version, version) for version in VERSIONS),
        *(("single", "ai4-metadata.yml", version, version) for version in VERSIONS),
        # the build server asks for 2.0.0 and the marketplace for the newest, whatever is declared
        ("single", "ai4-metadata.yml", "2.3.0", "2.0.0"),
        ("single", "ai4-metadata.yml", "2.0.0", "2.3.0"),
    ],
)
def test_metadata_is_accepted_by_the_platforms_own_validator(
    layout: str, name: str, version: str, asked: str, tmp_path: Path
) -> None:
    answers = {"layout": layout, "metadata_version": version, "repo_name": "x"}
    trees = rendered(description=MULTILINE, project_name=NASTY, **answers)
    path = tmp_path / name
    path.write_bytes(list(trees.values())[-1][PurePosixPath(name)].content)
    result = subprocess.run(
        [
            str(Path(sys.executable).with_name("ai4-metadata")),
            "validate",
            "--metadata-version",
            asked,
            str(path),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("layout", BY_KEY["layout"].choices)
def test_the_dockerfile_and_scripts_are_clean_for_linters(layout: str, tmp_path: Path) -> None:
    answers = {"layout": layout, "project_name": NASTY, "repo_name": "x"}
    trees = rendered(description=MULTILINE, **answers)
    write_tree(list(trees.values())[-1], tmp_path / "x")
    hadolint = Path(sys.executable).with_name("hadolint")
    result = subprocess.run(
        [str(hadolint), "Dockerfile"],
        cwd=tmp_path / "x",
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stdout) == (0, "")


def test_authors_become_addresses_that_package_tools_read() -> None:
    model = next(
        iter(rendered(author_name='Ann O\'Lee, "Bob" Ray', author_email="a@x.org,b@y.org").values())
    )
    authors = tomllib.loads(text(model, "pyproject.toml"))["project"]["authors"]
    assert [str(Address(author["name"], addr_spec=author["email"])) for author in authors] == [
        "Ann O'Lee <a@x.org>",
        '"\\"Bob\\" Ray" <b@y.org>',
    ]
