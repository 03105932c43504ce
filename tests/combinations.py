"""The answers that decide what is generated, all of them, and few sets that hold every two of them."""

from __future__ import annotations

import itertools

from scaffold.questions import BY_KEY

GPU_TAG = "3.11-slim-bookworm"
"""A tag of the base image for the GPU image, in place of the usual one."""

VALUES = {
    **{key: BY_KEY[key].choices for key in ("framework", "layout", "open_source_license")},
    "default_branch": ("master", "main"),
    "baseimage_gpu_tag": ("", GPU_TAG),
}
"""What each answer can be; an empty one is left to its default."""

EVERY = [dict(zip(VALUES, values, strict=True)) for values in itertools.product(*VALUES.values())]
"""All combinations."""


def given(combination: dict[str, str]) -> dict[str, str]:
    """Return the answers without those that are left to their default."""
    return {key: value for key, value in combination.items() if value}


def pairs(combination: dict[str, str], keys: tuple[str, ...]) -> set[tuple[str, str, str, str]]:
    """Return every two answers of a combination, for these questions."""
    return {
        (one, combination[one], other, combination[other])
        for one, other in itertools.combinations(keys, 2)
    }


def covering(*keys: str) -> list[dict[str, str]]:
    """Return few combinations that hold every two answers to these questions that there can be.

    The other answers take turns. Greedy: each is the first that holds the most that is missing.
    """
    missing = set().union(*(pairs(each, keys) for each in EVERY))
    chosen: list[dict[str, str]] = []
    while missing:
        best = max(EVERY, key=lambda each: len(missing & pairs(each, keys)))
        missing -= pairs(best, keys)
        rest = {
            key: values[len(chosen) % len(values)]
            for key, values in VALUES.items()
            if key not in keys
        }
        chosen.append({**best, **rest})
    return chosen
