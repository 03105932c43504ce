"""The questions: the one table that prompts, validation, `copier.yml` and `cookiecutter.json` share.

Defaults and derived values are Jinja expressions over `cookiecutter.<key>`, because that is the one
language that all three front doors (`scaffold new`, copier, cookiecutter) evaluate. They use
nothing but Jinja's own filters and the methods of `str`. Only the standard library is imported
here: the hooks that cookiecutter runs read this module from any Python.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from scaffold import __version__
from scaffold.image.table import (
    PLAIN_IMAGE,
    PLAIN_TAG,
    TITLES,
    USUAL_PYTHON,
    pythons,
    variants,
)
from scaffold.question import LINE, TAG, TEXT, Question, Rule

TEMPLATE_VERSION = __version__


@dataclass(frozen=True, slots=True)
class Derived:
    """A value that follows from the answers; templates read it as `cookiecutter.<key>`.

    Attributes:
        key: starts with two underscores, which is how cookiecutter knows not to ask.
        expression: Jinja expression over the answers and the derived values before it.
        in_cookiecutter: what cookiecutter gets instead; empty for the same. It is for names of
            folders: cookiecutter can neither leave one out nor render two to the same name, so
            there each has a name of its own, and the hook puts right what they hold.
    """

    key: str
    expression: str
    in_cookiecutter: str = ""


# Letters with marks, and what a file name gets instead: pairs of equally long strings, because
# Jinja has no transliteration of its own.
_MARKED = "àáâãäåāăąçćčďđèéêëēėęěğìíîïīįıķłļñńňņòóôõöøōőŕřśšşșťțţùúûüūůűųýÿźžż"
_PLAIN = "aaaaaaaaacccddeeeeeeeegiiiiiiikllnnnnoooooooorrsssstttuuuuuuuuyyzzz"

_REPO_NAME = (
    "{%- set dash = '-' if cookiecutter.layout == 'single' else '_' -%}"
    "{%- set ns = namespace(slug='') -%}"
    "{%- for c in cookiecutter.project_name.lower() -%}"
    f"{{%- set p = '{_MARKED}'.find(c) -%}}"
    f"{{%- set c = '{_PLAIN}'[p] if p >= 0 else ('ss' if c == 'ß' else c) -%}}"
    "{%- set ns.slug = ns.slug ~ "
    "(c if c in 'abcdefghijklmnopqrstuvwxyz0123456789' else ('ss' if c == 'ss' else '_')) -%}"
    "{%- endfor -%}"
    "{%- set slug = ns.slug.split('_') | select | join(dash) -%}"
    "{%- set slug = 'model' ~ dash ~ slug if slug[:1] in '0123456789' and slug else slug -%}"
    "{{ slug[:60].strip(dash) }}"
)

FRAMEWORKS = ("tensorflow", "pytorch", "scikit-learn")
"""The frameworks that the template is written for."""

# What each framework has wheels for: the usual one, then the newer, then the older.
_PYTHONS = tuple(
    sorted(
        set.intersection(*(set(pythons(framework)) for framework in FRAMEWORKS)),
        key=lambda python: (python != USUAL_PYTHON, python < USUAL_PYTHON, python),
    )
)
_METADATA_VERSIONS = ("1.0.0", "2.0.0", "2.1.0", "2.2.0", "2.3.0")
_PLAIN_TAG = PLAIN_TAG.replace("{python}", "{{ cookiecutter.python_version }}")


def _by_layout(pair: str, single: str) -> str:
    """Jinja that renders one of two texts."""
    return f"{{{{ '{single}' if cookiecutter.layout == 'single' else '{pair}' }}}}"


_HOST = "[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?"
_PART = "[A-Za-z0-9_.~-]+"

QUESTIONS: tuple[Question, ...] = (
    Question(
        "project_name",
        "Project name",
        'What people call it, for example "Plant classification".',
        rules=(LINE,),
    ),
    Question(
        "layout",
        "Layout",
        "pair: a model and a container repository, as DEEP has them; single: one, as AI4OS has it.",
        choices=("pair", "single"),
    ),
    Question(
        "repo_name",
        "Repository name",
        "Name of the model repository; with '_' for '-' also of its Python package.",
        default=_REPO_NAME,
        rules=(
            Rule(
                "must be lower-case letters and digits in groups joined by '_' or '-', "
                "beginning with a letter, at most 60 characters",
                r"(?=.{1,60}\Z)[a-z][a-z0-9]*([_-][a-z0-9]+)*",
            ),
            Rule(
                "must be joined by '-' alone in a single repository, like plant-classification",
                r"[^_]+",
                when=("layout", "single"),
            ),
            Rule("must not be the name of another module, which it would hide", unreserved=True),
        ),
    ),
    Question(
        "description",
        "Description",
        "What the model does, in a sentence or two; it is shown in the marketplace.",
        default="{{ cookiecutter.project_name }}: a machine-learning module",
        rules=(TEXT,),
        multiline=True,
    ),
    Question(
        "author_name",
        "Authors",
        "Names, separated by commas.",
        default="Your Name",
        rules=(
            LINE,
            Rule(
                "must be names separated by commas, without '<', '>' or '@'",
                r"\s*[^\s,<>@]([^,<>@]*[^\s,<>@])?\s*",
                each=True,
            ),
        ),
    ),
    Question(
        "author_email",
        "E-mail addresses",
        "One for each author, in the same order, separated by commas.",
        default="you@example.org",
        rules=(
            Rule(
                "must be e-mail addresses separated by commas, like ann@example.org",
                r"\s*[A-Za-z0-9_%+-]+(\.[A-Za-z0-9_%+-]+)*@[A-Za-z0-9]+([.-][A-Za-z0-9]+)*"
                r"\.[A-Za-z]{2,}\s*",
                each=True,
            ),
            Rule("must hold one address for each author", as_many_as="author_name"),
        ),
    ),
    Question(
        "open_source_license",
        "Licence",
        "SPDX identifier of the licence.",
        choices=(
            "MIT",
            "Apache-2.0",
            "BSD-3-Clause",
            "GPL-3.0-only",
            "AGPL-3.0-only",
            "LGPL-3.0-only",
            "MPL-2.0",
            "none",
        ),
    ),
    Question(
        "git_base_url",
        "Git account",
        "Address of the account or organisation that the repositories belong to, for git.",
        default=_by_layout("https://github.com/deephdc", "https://github.com/ai4os-hub"),
        rules=(
            Rule(
                "must be the address of an account, like https://github.com/deephdc, "
                "git@github.com:deephdc or ssh://git@gitlab.example.org:2222/group/subgroup",
                rf"(https?://{_HOST}(:[0-9]{{1,5}})?(/{_PART})+"
                rf"|ssh://({_PART}@)?{_HOST}(:[0-9]{{1,5}})?(/{_PART})+"
                rf"|{_PART}@{_HOST}:{_PART}(/{_PART})*)",
            ),
        ),
        advanced=True,
    ),
    Question(
        "dockerhub_user",
        "Registry account",
        "Account on Docker Hub that the images are pushed to.",
        default=_by_layout("deephdc", "ai4oshub"),
        rules=(
            Rule(
                "must be lower-case letters and digits, with single '.', '_' or '-' between",
                r"[a-z0-9]+([._-][a-z0-9]+)*",
            ),
        ),
        advanced=True,
    ),
    Question(
        "app_version",
        "Version",
        "Version of the module, as MAJOR.MINOR.PATCH.",
        default="0.1.0",
        rules=(
            Rule(
                "must be like 0.1.0",
                r"(0|[1-9][0-9]{0,8})(\.(0|[1-9][0-9]{0,8})){2}((a|b|rc)[0-9]{1,4})?",
            ),
        ),
        advanced=True,
    ),
    Question(
        "framework",
        "Framework",
        "The library that the network is written with.",
        choices=FRAMEWORKS,
    ),
    Question(
        "python_version",
        "Python version",
        "The Python of the container images.",
        choices=_PYTHONS,
        advanced=True,
    ),
    Question(
        "docker_baseimage",
        "Base image",
        "Image that the container images are built from, without its tag.",
        default=PLAIN_IMAGE,
        rules=(
            Rule(
                "must be an image name without a tag, like python or tensorflow/tensorflow",
                r"([a-z0-9]+([.-][a-z0-9]+)*(:[0-9]{1,5})?/)?[a-z0-9]+((\.|_{1,2}|-+)[a-z0-9]+)*"
                r"(/[a-z0-9]+((\.|_{1,2}|-+)[a-z0-9]+)*)*",
            ),
        ),
        advanced=True,
    ),
    Question(
        "baseimage_cpu_tag",
        "CPU tag",
        "Tag of the base image for the CPU image.",
        default=_PLAIN_TAG,
        rules=(TAG,),
        advanced=True,
    ),
    Question(
        "baseimage_gpu_tag",
        "GPU tag",
        "Tag of the base image for the GPU image, if there is one; CUDA comes with the framework.",
        # another name of the same image: the platform's build server says by the tag alone which
        # image it wants
        default=_PLAIN_TAG + "{{ '-trixie' if cookiecutter.layout == 'single' else '' }}",
        rules=(TAG,),
        advanced=True,
    ),
    Question(
        "default_branch",
        "Default branch",
        "Branch that holds releases; `test` is made beside it, and `dev` in a single repository.",
        default=_by_layout("master", "main"),
        choices=("master", "main"),
        advanced=True,
    ),
    Question(
        "metadata_version",
        "Metadata version",
        "Version of the marketplace's metadata schema that the module's metadata follows.",
        default=_by_layout(_METADATA_VERSIONS[0], _METADATA_VERSIONS[-1]),
        choices=_METADATA_VERSIONS,
        advanced=True,
    ),
)

BY_KEY: Mapping[str, Question] = {question.key: question for question in QUESTIONS}


def _quoted(value: str) -> str:
    """Jinja that renders `value` as the inside of a double-quoted TOML, JSON, YAML or Python string.

    Answers hold no control characters but line break and tab, so these four escapes are enough for
    all four languages; everything else stands for itself.
    """
    return (
        rf"({value}) | replace('\\', '\\\\') | replace('\"', '\\\"')"
        r" | replace('\n', '\\n') | replace('\t', '\\t')"
    )


def _markdown(value: str) -> str:
    """Jinja that renders one line so that Markdown shows exactly its characters."""
    escapes = "".join(f" | replace('{char}', '\\\\{char}')" for char in "`*_[]<>#|~$&!")
    return (
        rf"{{%- set line = ({value}) | replace('\\', '\\\\'){escapes} -%}}"
        # what would begin a list or a rule: "- ", "+ ", "1. ", "1) ", "---", "==="
        "{%- set number = line.split('.')[0].split(')')[0] -%}"
        r"{%- if line[:1] in '-+=:' and line -%}\{{ line }}"
        r"{%- elif number.isdigit() and number != line -%}"
        r"{{ number }}\{{ line[number | length:] }}"
        "{%- else -%}{{ line }}{%- endif -%}"
    )


def _heading(value: str) -> str:
    """Jinja that renders one line as a heading, for CommonMark and for Python-Markdown.

    Python-Markdown, which MkDocs uses, takes the meaning from fewer characters; the others become
    entities.
    """
    entities = {"&": "amp", "<": "lt", ">": "gt", "~": "#126", "$": "#36", "|": "#124"}
    escapes = "".join(f" | replace('{char}', '\\\\{char}')" for char in "`*_[]#!")
    escapes += "".join(f" | replace('{char}', '&{name};')" for char, name in entities.items())
    return rf"{{{{ ({value}) | replace('\\', '\\\\'){escapes} }}}}"


def _docker(value: str) -> str:
    """Jinja that renders one line as the inside of a double-quoted word of a Dockerfile."""
    return (
        rf"({value}) | replace('\\', '\\\\') | replace('\"', '\\\"')"
        r" | replace('$', '\\$')"
    )


# Where a browser finds what git may reach by ssh: the port is ssh's own, the path the same.
_ACCOUNT_URL = (
    "{%- set url = cookiecutter.git_base_url -%}"
    "{%- if url.startswith('ssh://') -%}"
    "{%- set rest = url[6:].split('@')[-1].split('/') -%}"
    "https://{{ rest[0].split(':')[0] }}/{{ rest[1:] | join('/') }}"
    "{%- elif '://' not in url and '@' in url -%}"
    "https://{{ url.split('@')[-1].replace(':', '/', 1) }}"
    "{%- else -%}{{ url }}{%- endif -%}"
)
# Jinja: what people call the framework, and "yes" if it can use a GPU
_FRAMEWORK_TITLE = (
    f"{{{{ { ({each: TITLES[each] for each in FRAMEWORKS}) }[cookiecutter.framework] }}}}"
)
_WITH_GPU = [framework for framework in FRAMEWORKS if "gpu" in variants(framework)]
_HAS_GPU = f"{{{{ 'yes' if cookiecutter.framework in {_WITH_GPU} else '' }}}}"

_SUMMARY = "cookiecutter.description.split() | join(' ')"
_ANSWERS = "".join(
    f'  {question.key}: "{{{{ {_quoted("cookiecutter." + question.key)} }}}}"\n'
    for question in QUESTIONS
)

DERIVED: tuple[Derived, ...] = (
    Derived("__pkg", "{{ cookiecutter.repo_name | replace('-', '_') }}"),
    # the folders of the template, see ARCHITECTURE.md; those of a layout that was not chosen go to
    # nothing, and in a single repository the container's files lie beside the model's; what
    # cookiecutter gets instead is no name that a repository may have
    Derived(
        "__container",
        "{{ '' if cookiecutter.layout == 'single' else 'DEEP-OC-' }}{{ cookiecutter.repo_name }}",
        in_cookiecutter="DEEP-OC-{{ cookiecutter.repo_name }}",
    ),
    Derived(
        "__pair_only",
        "{{ cookiecutter.__container if cookiecutter.layout == 'pair' else '' }}",
        in_cookiecutter=".pair-only",
    ),
    Derived(
        "__single_only",
        "{{ cookiecutter.repo_name if cookiecutter.layout == 'single' else '' }}",
        in_cookiecutter=".single-only",
    ),
    Derived("__pair", "{{ cookiecutter.repo_name }}-pair"),
    Derived(
        "__image",
        "{{ cookiecutter.dockerhub_user }}/"
        "{{ '' if cookiecutter.layout == 'single' else 'deep-oc-' }}{{ cookiecutter.repo_name }}",
    ),
    Derived("__account_url", _ACCOUNT_URL),
    Derived("__repo_url", "{{ cookiecutter.__account_url }}/{{ cookiecutter.repo_name }}"),
    Derived("__container_url", "{{ cookiecutter.__account_url }}/{{ cookiecutter.__container }}"),
    Derived("__title_str", f"{{{{ {_quoted('cookiecutter.project_name')} }}}}"),
    Derived("__title_md", _markdown("cookiecutter.project_name")),
    Derived("__title_heading", _heading("cookiecutter.project_name")),
    Derived("__title_docker", f"{{{{ {_docker('cookiecutter.project_name')} }}}}"),
    Derived("__summary", f"{{{{ {_SUMMARY} }}}}"),
    Derived("__summary_str", f"{{{{ {_quoted(_SUMMARY)} }}}}"),
    Derived("__summary_md", _markdown(_SUMMARY)),
    Derived("__summary_docker", f"{{{{ {_docker(_SUMMARY)} }}}}"),
    Derived("__description_str", f"{{{{ {_quoted('cookiecutter.description')} }}}}"),
    Derived("__framework_title", _FRAMEWORK_TITLE),
    Derived("__has_gpu", _HAS_GPU),
    # whether the Dockerfile is to tell by the base image's tag that the GPU image is wanted
    Derived(
        "__gpu_by_tag",
        "{{ cookiecutter.__has_gpu if cookiecutter.layout == 'single' else '' }}",
    ),
    Derived("__template_version", TEMPLATE_VERSION),
    Derived("__answers", _ANSWERS),
)

# The day of generation, YYYY-MM-DD: the one derived value that each front door spells its own way.
TODAY = "__date"
TODAY_IN_COPIER = "{{ '%Y-%m-%d' | strftime }}"
TODAY_IN_COOKIECUTTER = "{% now 'local', '%Y-%m-%d' %}"
