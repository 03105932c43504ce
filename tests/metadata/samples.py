"""Metadata files that are right, and helpers to spoil them."""

from __future__ import annotations

import json

from scaffold.metadata import checks, loading
from scaffold.metadata.checks import Finding, Options, Report

V1 = """\
{
  "title": "Plant classification",
  "summary": "Tells plants apart in a photograph.",
  "description": ["The model is a ResNet-50.", "It was trained on iNaturalist."],
  "keywords": ["docker", "api-v2", "trainable"],
  "license": "MIT",
  "date_creation": "2024-01-31",
  "cite_url": "https://doi.org/10.1000/182",
  "sources": {
    "dockerfile_repo": "https://github.com/deephdc/DEEP-OC-plants",
    "docker_registry_repo": "deephdc/deep-oc-plants",
    "code": "https://github.com/deephdc/plants"
  },
  "tosca": [
    {
      "title": "Mesos (CPU)",
      "url": "https://github.com/indigo-dc/tosca-templates/blob/master/deep-oc.yml",
      "inputs": ["rclone_conf", "rclone_url"]
    }
  ]
}
"""

V2 = """\
metadata_version: 2.3.0
title: Plant classification
summary: Tells plants apart in a photograph.
description: |-
  The model is a ResNet-50.

  It was trained on iNaturalist.
dates:
  created: '2024-01-31'
  updated: '2024-06-30'
links:
  source_code: https://github.com/ai4os-hub/plants
  docker_image: ai4oshub/plants
tags:
  - botany
tasks:
  - Computer Vision
  - Classification
categories: [AI4 trainable, AI4 inference]
libraries:
  - PyTorch
data-type:
  - Image
resources:
  inference:
    cpu: 2
    gpu_compute_capability: 6.1
"""


def replaced(text: str, old: str, new: str) -> str:
    """Return a sample with one thing changed; it must be there once."""
    assert text.count(old) == 1, old
    return text.replace(old, new)


def check(text: str | bytes, name: str = "ai4-metadata.yml", **options: object) -> Report:
    """Check text as a file of that name."""
    raw = text if isinstance(text, bytes) else text.encode()
    return checks.check(loading.parse(raw, name), Options(**options))  # type: ignore[arg-type]


def lines(report: Report) -> list[str]:
    """Return the findings, one line each, without the one every 2.x file has (its image)."""
    return [line(each) for each in report.findings if each.pointer != "/links/docker_image"]


def line(finding: Finding) -> str:
    """Return a finding as a line: place, pointer, severity, rule, message and hint."""
    where = f"{finding.line}:{finding.column} {finding.pointer or '(root)'}"
    return f"{where} {finding.severity} {finding.rule}: {finding.message} | {finding.hint}"


def v1_with(**changes: object) -> str:
    """Return V1 with other values; None leaves a key out."""
    document = json.loads(V1) | changes
    return json.dumps({key: value for key, value in document.items() if value is not None})
