"""The rules that say whether a file can be read."""

from __future__ import annotations

from scaffold.metadata.rule import Rule, json_example, yaml_example

READING = (
    Rule(
        "unreadable",
        "reading",
        "error",
        "The file exists and may be read",
        "Nothing can be said about it otherwise; the exit code is 2. A folder without metadata files "
        "is told off by the same rule.",
        {"no-such-file.yml": ""},
        yaml_example("title: Plants\n"),
    ),
    Rule(
        "too-large",
        "reading",
        "error",
        "The file is at most 1 MiB",
        "Metadata is a few kilobytes; a larger file is something else, and is not read.",
        yaml_example("title: " + "Plants " * 150_000 + "\n"),
        yaml_example("title: Plants\n"),
    ),
    Rule(
        "encoding",
        "reading",
        "error",
        "The file is UTF-8",
        "Text saved as Latin-1 or UTF-16 cannot be read by the marketplace.",
        {"metadata.json": '{"title": "For\udceat"}'},
        json_example('{"title": "Forêt"}'),
    ),
    Rule(
        "byte-order-mark",
        "reading",
        "error",
        "The file does not begin with a byte order mark",
        "The mark is invisible in an editor, and JSON parsers refuse it.",
        json_example('\ufeff{"title": "Plants"}'),
        json_example('{"title": "Plants"}'),
    ),
    Rule(
        "empty-file",
        "reading",
        "error",
        "The file holds something",
        "A file of nothing but spaces or comments has no metadata.",
        yaml_example("# to be written\n"),
        yaml_example("title: Plants\n"),
    ),
    Rule(
        "json-syntax",
        "reading",
        "error",
        "A .json file is JSON",
        "One comma too many or too few, and no program can read it. All such faults are listed at "
        "once, and what can be understood is checked all the same.",
        json_example('{\n  "title": "Plants",\n  "summary": "Tells plants apart.",\n}'),
        json_example('{\n  "title": "Plants",\n  "summary": "Tells plants apart."\n}'),
    ),
    Rule(
        "yaml-syntax",
        "reading",
        "error",
        "Any other file is YAML (or JSON)",
        "A colon and a space inside text, a quote that is never closed, lines that are not "
        "indented alike: YAML cannot be read then.",
        yaml_example("summary: Plants: told apart\n"),
        yaml_example('summary: "Plants: told apart"\n'),
    ),
    Rule(
        "yaml-tab",
        "reading",
        "error",
        "YAML is indented with spaces",
        "A tab has no fixed width, so YAML does not allow it there.",
        yaml_example("links:\n\tsource_code: https://github.com/ai4os-hub/plants\n"),
        yaml_example("links:\n  source_code: https://github.com/ai4os-hub/plants\n"),
    ),
    Rule(
        "yaml-tag",
        "reading",
        "error",
        "YAML holds plain values only",
        "A tag such as !!python/object asks the reading program to run code. It is never run.",
        yaml_example("title: !!python/object/apply:os.getcwd []\n"),
        yaml_example("title: Plants\n"),
    ),
    Rule(
        "yaml-alias",
        "reading",
        "error",
        "YAML aliases refer to something, and do not multiply",
        "Text that begins with * is an alias; aliases of aliases can fill any memory.",
        yaml_example("description: **Plants** told apart\n"),
        yaml_example('description: "**Plants** told apart"\n'),
    ),
    Rule(
        "too-deep",
        "reading",
        "error",
        "At most 100 levels of lists and mappings",
        "Metadata has four. Deeper nesting makes the programs that read it crash.",
        json_example("[" * 101 + "]" * 101),
        json_example('{"sources": {"code": "https://github.com/deephdc/plants"}}'),
    ),
    Rule(
        "too-many-values",
        "reading",
        "error",
        "At most 5,000 values",
        "Real metadata has under a hundred; this is something else.",
        json_example('{"keywords": [' + '"plants", ' * 5_000 + '"plants"]}'),
        yaml_example("title: Plants\n"),
    ),
    Rule(
        "duplicate-key",
        "reading",
        "warning",
        "No key is given twice",
        "Only the last one counts; the others are dropped without a word. It is a warning because "
        "the marketplace reads such a file.",
        yaml_example(
            "links:\n  dataset: https://zenodo.org/records/1\n  dataset: https://zenodo.org/records/2\n"
        ),
        yaml_example("links:\n  dataset: https://zenodo.org/records/2\n"),
    ),
)
