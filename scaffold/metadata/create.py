"""Metadata of a generated module, from its `.scaffold.yml` and its package's `pyproject.toml`."""

from __future__ import annotations

import datetime
import re
import sys
from pathlib import Path
from typing import Any

from scaffold.answers import account_url
from scaffold.errors import UsageError
from scaffold.metadata import formats, keywords, loading, versions
from scaffold.module import MARKER, Module

# requirement -> the schema's word
_LIBRARIES = {
    "tensorflow": "TensorFlow",
    "tensorflow-cpu": "TensorFlow",
    "torch": "PyTorch",
    "keras": "Keras",
    "scikit-learn": "Scikit-learn",
    "xgboost": "XGBoost",
    "lightgbm": "LightGBM",
    "catboost": "CatBoost",
}
_FRAMEWORKS = {"tensorflow": "TensorFlow", "pytorch": "PyTorch", "scikit-learn": "Scikit-learn"}
SINGLE_FILE = "ai4-metadata.yml"
"""What the platform's build server and API look for in a single repository."""
_MEANING = ("docker", "api-v2", "trainable", "inference")


def create(module: Module, version: str = "", *, today: str = "") -> dict[str, Any]:
    """Describe a module; the result is valid.

    Args:
        module: the module, as `scaffold.module.find` found it.
        version: of the schema; the one the module was generated for if empty.
        today: the day of the last change, YYYY-MM-DD; the local day if empty.

    Raises:
        UsageError: there is no such version, or the module's answers lack something.
    """
    version = version or module.answers.get("metadata_version", versions.NEWEST)
    versions.schema(version)
    today = today or datetime.date.today().isoformat()
    try:
        facts = _Facts(module, _created(module) or today)
        return _first(facts) if version.startswith("1.") else _second(facts, version, today)
    except KeyError as error:
        raise UsageError(
            f"{module.root / MARKER} has no answer for {error}",
            hint=f"restore it with `git checkout {MARKER}`",
        ) from None


def home(module: Module) -> Path:
    """Return where a module keeps its metadata: in its container repository, if that is there."""
    root = module.root
    if module.single:
        return root / SINGLE_FILE
    if module.role == "model" and (module.sibling / MARKER).is_file():
        root = module.sibling
    return root / "metadata.json"


class _Facts:
    """What is known of a module."""

    def __init__(self, module: Module, created: str) -> None:
        answers = module.answers
        project = project_table(module)
        self.created = created
        self.title = answers["project_name"]
        self.description = answers.get("description") or self.title
        self.summary = " ".join((str(project.get("description") or "") or self.description).split())
        licence = answers.get("open_source_license", "none")
        self.licence = licence if licence != "none" else ""
        name, account = answers["repo_name"], account_url(answers["git_base_url"])
        container = name if module.single else _container_name(module)
        self.code = f"{account}/{name}"
        self.container = f"{account}/{container}"
        self.image = f"{answers['dockerhub_user']}/{container.lower()}"
        framework = answers.get("framework", "")
        self.words = [*_MEANING, *filter(None, [framework]), *_texts(project.get("keywords"))]
        self.libraries = _libraries(project, framework)
        urls = project.get("urls")
        urls = urls if isinstance(urls, dict) else {}
        wanted = ("documentation", "docs")
        found = [urls[key] for key in urls if key.lower() in wanted and formats.is_uri(urls[key])]
        self.documentation = found[0] if found else ""


def _container_name(module: Module) -> str:
    if module.role == "container":
        return module.root.name if module.root.name.startswith("DEEP-OC-") else _default(module)
    return module.sibling.name if module.sibling != module.root.parent else _default(module)


def _default(module: Module) -> str:
    return f"DEEP-OC-{module.answers['repo_name']}"


def _first(facts: _Facts) -> dict[str, Any]:
    lines = [line.strip() for line in facts.description.split("\n") if line.strip()]
    return {
        "title": facts.title,
        "summary": facts.summary,
        "description": lines or [facts.title],
        "keywords": list(dict.fromkeys(facts.words)),
        "license": facts.licence or "none",
        "date_creation": facts.created,
        "sources": {
            "dockerfile_repo": facts.container,
            "docker_registry_repo": facts.image,
            "code": facts.code,
        },
    }


def _second(facts: _Facts, version: str, today: str) -> dict[str, Any]:
    links = {"source_code": facts.code, "docker_image": facts.image}
    if facts.documentation:
        links["documentation"] = facts.documentation
    lists = keywords.sort(facts.words)
    words = [word for word in facts.libraries if word not in lists["libraries"]]
    data: dict[str, Any] = {
        "metadata_version": version,
        "title": facts.title,
        "summary": facts.summary,
        "description": facts.description,
        "dates": {"created": facts.created, "updated": max(today, facts.created)},
        "links": links,
        "license": facts.licence,
        "tags": lists["tags"],
        "tasks": lists["tasks"],
        "categories": lists["categories"],
        "libraries": lists["libraries"] + words,
        "data-type": lists["data-type"],
    }
    return {
        key: value for key, value in data.items() if value or key not in ("license", "data-type")
    }


def _created(module: Module) -> str:
    """Return the day the module was generated, or ""."""
    try:
        data = loading.load(module.root / MARKER).data
    except OSError:
        return ""
    created = str(data.get("created", "")) if isinstance(data, dict) else ""
    return created if formats.is_date(created) else ""


def project_table(module: Module) -> dict[str, Any]:
    """Return the table `project` of the model repository's pyproject.toml; empty without one."""
    root = module.root if module.role == "model" else module.sibling
    return read_project(root / "pyproject.toml")


def read_project(path: Path) -> dict[str, Any]:
    """Return the table `project` of a pyproject.toml; empty if there is none to be read."""
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib

    try:
        table = tomllib.loads(path.read_text(encoding="utf-8")).get("project")
    except (OSError, ValueError):
        return {}
    return table if isinstance(table, dict) else {}


def _texts(value: Any) -> list[str]:
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def _libraries(project: dict[str, Any], framework: str) -> list[str]:
    """Return the schema's words for the libraries that a package requires."""
    optional = project.get("optional-dependencies")
    groups = list(optional.values()) if isinstance(optional, dict) else []
    requirements = [
        each for group in (project.get("dependencies"), *groups) for each in _texts(group)
    ]
    names = [re.split(r"[^A-Za-z0-9._-]", each.strip())[0].lower() for each in requirements]
    words = [_FRAMEWORKS.get(framework, ""), *(_LIBRARIES.get(name, "") for name in names)]
    return [word for word in dict.fromkeys(words) if word] or ["Other"]
