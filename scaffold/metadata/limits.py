"""How much a metadata file may hold, so that a hostile or broken one costs little.

The largest of the 459 real files we have seen has 4,959 bytes, under 100 values and 4 levels.
"""

from __future__ import annotations

MAX_BYTES = 1024 * 1024
"""Size of a file. 200 times the largest real one; reading and reporting on it stays under 2 s."""

MAX_VALUES = 5_000
"""Values in a file, those that YAML aliases repeat included, so an alias bomb ends early. Even if
each of them is wrong, telling so takes under a second."""

MAX_DEPTH = 100
"""Levels of mappings and lists."""

MAX_DIGITS = 4_300
"""Characters of one number; Python itself refuses to convert longer ones."""

MAX_SECOND_OPINION = 64 * 1024
"""Characters of YAML that the slow reference parser is asked about, see `yamltext`."""
