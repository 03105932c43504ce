"""Every rule that metadata is checked by: its stable id, what it means, a bad and a good example.

`scaffold metadata rules` prints this table and docs/reference/metadata-rules.md is made from it; a
test checks every example.
"""

from __future__ import annotations

from collections.abc import Mapping

from scaffold.metadata.rule import Rule, json_example, yaml_example
from scaffold.metadata.rules_reading import READING

_MODULE = "\nrole: container\nsibling: plants\nanswers:\n  repo_name: plants\n"
_OWN_SCHEMA = '{"properties": {"title": {"minLength": 10}}}\n'
_PROJECT = '[project]\nname = "plants"\nversion = "1.2.0"\n'

_SCHEMA = (
    Rule(
        "unknown-version",
        "schema",
        "error",
        "`metadata_version` is a version that exists",
        "The file is checked against the nearest version, so that its other errors are seen too.",
        yaml_example("metadata_version: 9.9.9\ntags: []\n"),
        yaml_example("metadata_version: 2.3.0\ntags: []\n"),
    ),
    Rule(
        "other-version",
        "schema",
        "warning",
        "The file is checked as the version it declares",
        "With `--schema-version` it is checked as that version, whatever it declares.",
        yaml_example("metadata_version: 2.3.0\n"),
        yaml_example("metadata_version: 2.0.0\n"),
        "scaffold validate --schema-version 2.0.0 {file}",
    ),
    Rule(
        "missing-key",
        "schema",
        "error",
        "Every required key is there",
        "`scaffold metadata schema VERSION` lists them.",
        yaml_example("dates:\n  created: '2024-01-31'\ntags: [botany]\n"),
        yaml_example(
            "metadata_version: 2.3.0\ntitle: Plants\nsummary: Tells plants apart.\n"
            "description: A ResNet-50.\nlinks:\n  source_code: https://github.com/ai4os-hub/plants\n"
            "tags: [botany]\ntasks: [Classification]\ncategories: [AI4 inference]\nlibraries: [PyTorch]\n"
        ),
    ),
    Rule(
        "wrong-type",
        "schema",
        "error",
        "Every value is of the kind the schema says",
        "Text is text, a list is a list: a key without a value is neither.",
        yaml_example("tags: botany\n"),
        yaml_example("tags: [botany]\n"),
    ),
    Rule(
        "yaml-date",
        "schema",
        "error",
        "Dates in YAML stand in quotes",
        "Without quotes YAML makes a date of it, and the schema wants text.",
        yaml_example("dates:\n  created: 2024-01-31\n"),
        yaml_example("dates:\n  created: '2024-01-31'\n"),
    ),
    Rule(
        "not-allowed",
        "schema",
        "error",
        "Libraries, tasks, categories and data types are words of the schema",
        "Upper and lower case count.",
        yaml_example("libraries: [Pytorch]\n"),
        yaml_example("libraries: [PyTorch]\n"),
    ),
    Rule(
        "repeated",
        "schema",
        "error",
        "No list has the same entry twice",
        "The schema asks for different entries in keywords, tags, tasks and the like.",
        json_example('{"keywords": ["docker", "docker"]}'),
        json_example('{"keywords": ["docker"]}'),
    ),
    Rule(
        "wrong-pattern",
        "schema",
        "error",
        "`metadata_version` is three numbers",
        "It says which schema the file follows.",
        yaml_example("metadata_version: '2'\ntags: []\n"),
        yaml_example("metadata_version: 2.3.0\ntags: []\n"),
    ),
    Rule(
        "too-small",
        "schema",
        "error",
        "Resources are not below zero",
        "The marketplace fills its deployment form from them.",
        yaml_example("resources:\n  inference:\n    cpu: -1\n"),
        yaml_example("resources:\n  inference:\n    cpu: 1\n"),
    ),
    Rule(
        "old-key",
        "schema",
        "error",
        "Metadata 2 has no keys of metadata 1.0.0",
        "sources, keywords, date_creation, dataset_url, cite_url and tosca have successors.",
        yaml_example("metadata_version: 2.3.0\nkeywords: [botany]\n"),
        yaml_example("metadata_version: 2.3.0\ntags: [botany]\n"),
    ),
    Rule(
        "schema",
        "schema",
        "error",
        "The file follows your own schema",
        "For keywords of JSON Schema that the published schemas do not use; only with `--schema`.",
        {"ai4-metadata.yml": "title: Plants\n", "own.schema.json": _OWN_SCHEMA},
        {"ai4-metadata.yml": "title: Plant classification\n", "own.schema.json": _OWN_SCHEMA},
        "scaffold validate --schema own.schema.json {file}",
    ),
)

_FORMATS = (
    Rule(
        "format-date",
        "formats",
        "warning",
        "A date is a day of the calendar, as YYYY-MM-DD",
        "Programs sort by it.",
        json_example('{"date_creation": "31/01/2024"}'),
        json_example('{"date_creation": "2024-01-31"}'),
    ),
    Rule(
        "format-uri",
        "formats",
        "warning",
        "An address is a URI",
        "It begins with https:// and has no spaces. `links.docker_image` is told off too: the "
        "schema says URI where the marketplace needs account/image. Leave that one as it is: "
        "`--strict` makes no error of it.",
        json_example('{"cite_url": "doi.org/10.1000/182"}'),
        json_example('{"cite_url": "https://doi.org/10.1000/182"}'),
    ),
    Rule(
        "format-uri-reference",
        "formats",
        "warning",
        "The image is a URI or a part of one",
        "Spaces are the usual fault.",
        json_example('{"sources": {"docker_registry_repo": " deephdc/plants"}}'),
        json_example('{"sources": {"docker_registry_repo": "deephdc/plants"}}'),
    ),
    Rule(
        "format-doi",
        "formats",
        "warning",
        "A DOI is 10.…/…, without an address before it",
        "`links.zenodo_doi` is the place for the address.",
        yaml_example("doi: https://doi.org/10.5281/zenodo.7654321\ntags: []\n"),
        yaml_example("doi: 10.5281/zenodo.7654321\ntags: []\n"),
    ),
)

_SUSPICION = (
    Rule(
        "unknown-key",
        "suspicion",
        "warning",
        "No key is a misspelling of a known one",
        "Unknown keys are allowed and ignored, so a misspelt one is lost without a word.",
        yaml_example("tags: []\nsata-type: [Image]\n"),
        yaml_example("tags: []\ndata-type: [Image]\n"),
    ),
    Rule(
        "placeholder",
        "suspicion",
        "warning",
        "No text of the template is left",
        "The marketplace shows it to everybody.",
        json_example('{"dataset_url": "http://add-some-url-pointing-to-your-dataset.com"}'),
        json_example('{"dataset_url": "https://zenodo.org/records/15873360"}'),
    ),
)

_PLATFORM = (
    Rule(
        "organisation",
        "platform",
        "warning",
        "The repository belongs to ai4os, ai4os-hub or deephdc",
        "The marketplace shows a placeholder for every other one. Your own account is right until "
        "you submit: the maintainers then make the repository, or fork yours.",
        yaml_example("links:\n  source_code: https://github.com/somebody/plants\n"),
        yaml_example("links:\n  source_code: https://github.com/ai4os-hub/plants\n"),
    ),
    Rule(
        "docker-image",
        "platform",
        "warning",
        "`links.docker_image` is account/image of ai4oshub or deephdc",
        "The schema makes it optional, but the marketplace cannot show a module without it, and "
        "takes ai4oshub for any other account.",
        yaml_example("links:\n  source_code: https://github.com/ai4os-hub/plants\n"),
        yaml_example("links:\n  docker_image: ai4oshub/plants\n"),
    ),
    Rule(
        "licence",
        "platform",
        "warning",
        "The licence is an SPDX identifier",
        "Packaging tools and GitHub know licences by it.",
        json_example('{"license": "Apache 2.0"}'),
        json_example('{"license": "Apache-2.0"}'),
    ),
    Rule(
        "date-order",
        "platform",
        "warning",
        "A module is updated after it was created",
        "The marketplace sorts by both.",
        yaml_example("dates:\n  created: '2024-06-30'\n  updated: '2024-01-31'\n"),
        yaml_example("dates:\n  created: '2024-01-31'\n  updated: '2024-06-30'\n"),
    ),
    Rule(
        "url",
        "platform",
        "warning",
        "An address can be opened in a browser",
        "`https:/github.com/…` is a URI, but leads nowhere.",
        json_example('{"cite_url": "https:/doi.org/10.1000/182"}'),
        json_example('{"cite_url": "https://doi.org/10.1000/182"}'),
    ),
    Rule(
        "sibling-name",
        "platform",
        "warning",
        "Repositories and image have the names of the module",
        "A module's `.scaffold.yml` knows the names of both repositories.",
        {
            "metadata.json": '{"sources": {"code": "https://github.com/deephdc/plant"}}',
            ".scaffold.yml": _MODULE,
        },
        {
            "metadata.json": '{"sources": {"code": "https://github.com/deephdc/plants"}}',
            ".scaffold.yml": _MODULE,
        },
    ),
    Rule(
        "package-version",
        "platform",
        "warning",
        "A version, or a version as the image's tag, is that of the package",
        "It is compared with the `pyproject.toml` of the model repository, beside this one.",
        {
            "metadata.json": '{"version": "1.1.0"}',
            ".scaffold.yml": _MODULE,
            "../plants/pyproject.toml": _PROJECT,
        },
        {
            "metadata.json": '{"version": "1.2.0"}',
            ".scaffold.yml": _MODULE,
            "../plants/pyproject.toml": _PROJECT,
        },
    ),
)

RULES: Mapping[str, Rule] = {
    rule.id: rule for rule in (*READING, *_SCHEMA, *_FORMATS, *_SUSPICION, *_PLATFORM)
}
