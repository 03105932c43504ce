"""Whatever a file holds, it is migrated, shown and exported, or refused with a reason."""

from __future__ import annotations

import json
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scaffold.errors import ScaffoldError
from scaffold.metadata import card, cardpage, cardtext, exporting, migration, structure, versions
from tests.metadata.samples import V1
from tests.metadata.test_show import FULL

_KEYS = (
    *("title", "summary", "description", "keywords", "license", "date_creation", "sources"),
    *("code", "tosca", "links", "source_code", "docker_image", "weights", "cite_url", "dates"),
    *("created", "updated", "tags", "tasks", "libraries", "categories", "data-type", "resources"),
    *("inference", "cpu", "doi", "metadata_version", "zenodo_doi", "dataset_url", "x"),
)
_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 2**70)
    | st.floats()
    | st.dates()
    | st.binary(max_size=3)
    | st.text(max_size=8)
    | st.sampled_from(
        ["Pytorch", "2024-01-31", "2024/1/3", "https://[", "https://a.org/ b", "10.1/x", "2.0.0"]
    ),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(_KEYS) | st.integers(0, 1), inner, max_size=3)
    ),
    max_leaves=6,
)


_SAMPLES = (V1, json.dumps(yaml.safe_load(FULL)), "{}")


@st.composite
def metadata(draw: st.DrawFn) -> Any:
    """Metadata with some of its values replaced by anything."""
    data = json.loads(draw(st.sampled_from(_SAMPLES)))
    for _ in range(draw(st.integers(1, 4))):
        inner = data
        while True:
            key = draw(st.sampled_from(_KEYS))
            if not isinstance(inner.get(key), dict) or draw(st.booleans()):
                break
            inner = inner[key]
        inner[key] = draw(_VALUES)
    return data


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(metadata(), st.sampled_from(versions.VERSIONS))
def test_any_data(data: Any, target: str) -> None:
    before = repr(data)
    try:
        result = migration.migrate(data, target, today="2024-12-31", force=True)
    except ScaffoldError:
        return
    wrong = [
        (each.path, each.keyword)
        for each in structure.violations(result.data, versions.schema(target))
        if each.keyword != "format"
    ]
    assert bool(wrong) == bool(result.needed)
    assert all(keyword == "required" for _, keyword in wrong)
    json.dumps(result.data, allow_nan=False)
    made = card.card(data)
    page = cardpage.page(made)
    assert "<script" not in page
    assert "\x1b" not in "".join(cardtext.plain(made))
    if not migration.migrate(data, force=True).needed:
        exporting.export(data, "-", "cff")
        exporting.export(data, "-", "mldcat-ap", "jsonld")
    assert repr(data) == before
