"""Spoil metadata files in every way and see that `scaffold validate` says so, quickly.

`make fuzz`, or `python -m tests.fuzz.metadata --count 20000 --seed 1`. Every case follows from the
seed and its number alone, so `--only NUMBER` repeats one. Where SCAFFOLD_CORPUS names the folder of
real files, half of the cases begin with one of those.

A case fails when anything is raised, when it takes more than 2 s, when an output format cannot be
read back, or when the verdict differs from that of the marketplace's own way of reading: json.loads
or yaml.safe_load, then jsonschema. The run fails when the process ever holds more than 300 MB.
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import os
import random
import re
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from scaffold.metadata import checks, loading, report, versions
from scaffold.metadata.checks import Options, Report
from scaffold.metadata.sarif import as_sarif
from tests.metadata.samples import V1, V2

MAX_SECONDS = 2.0
MAX_MEGABYTES = 300
NAMES = ("metadata.json", "ai4-metadata.yml")
# what is read and refused by us alone, on purpose: see docs/reference/metadata-rules.md
OURS_ALONE = {
    *("byte-order-mark", "yaml-tag", "yaml-alias", "too-large", "too-deep", "too-many-values"),
    *("encoding", "json-syntax"),
}
TOKENS = [
    *"{}[]:,\"'\\#&*!|>%@`?-~=<\t\n\r \x00\x07\x7f\x85\u2028\ufeff\ud7ff\uffffé漢😀",
    *("true", "null", "NaN", "1e999", "-0", "1_000", "0x1F", "1:20", "2024-01-31", "2024-13-45"),
    *("- ", ": ", " #", "? ", "<<: ", "<<: *a", "&a ", "*a", "---\n", "...\n", "|-\n", ">+\n"),
    *("!!python/object/apply:os.abort []", "!!str ", "!!int ", "!!binary aGk=", "! ", "!x "),
    *("\\ud800", "\\u0000", "\\x", "//", "/*", "*/", "{a: b}", "[a, b]", ",}", ",]", '""', "  "),
    *(
        "metadata_version: ",
        "9.9.9",
        "Pytorch",
        "'2024-01-31'",
        "Apache 2.0",
        "https://[::1",
        "%zz",
    ),
]
BYTES = [b"\xff", b"\xfe", b"\xc3", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\x80", b"\x00"]
BOMBS: list[Callable[[int], str]] = [
    lambda size: "[" * size,
    lambda size: '{"a":' * size,
    lambda size: "- " * size,
    lambda size: "{a: [" * size,
    lambda size: "a: " * size,
    lambda size: "\n".join(" " * level + "a:" for level in range(min(size, 300))),
    lambda size: "a: &a [x, x]\n" + "".join(f"k{n}: &a{n} [*a, *a]\n" for n in range(size)),
    lambda size: "&a " * size + "*a",
    lambda size: '"' + "\\" * size,
    lambda size: "'" * size,
    lambda size: "a: |\n" + " x\n" * size,
    lambda size: '{"a": ' + "9" * size + "}",
    lambda size: '{"tags": [' + "1, " * size + "1]}",
    lambda size: "\n" * size,
    lambda size: "tags: [" + "[a], {b: c}, " * size + "]",
]


def seeds() -> list[bytes]:
    """Return the files that cases begin with."""
    files = [V1.encode(), V2.encode(), json.dumps(yaml.safe_load(V2)).encode()]
    if corpus := os.environ.get("SCAFFOLD_CORPUS"):
        found = sorted((Path(corpus) / "metadata").iterdir())
        files += [path.read_bytes() for path in found]
    return files


def case(seed: int, number: int, files: list[bytes]) -> tuple[bytes, str, Options]:
    """Return a file's content and name, and how to check it; always the same for a number."""
    chance = random.Random(f"{seed}:{number}")
    options = Options(
        schema_version=chance.choice([None, *versions.VERSIONS]),
        check_formats=chance.random() < 0.3,
        strict=chance.random() < 0.2,
    )
    name = chance.choice(NAMES)
    kind = chance.random()
    if kind < 0.1:
        return chance.randbytes(chance.randint(0, 400)), name, options
    if kind < 0.15:
        text = chance.choice(BOMBS)(chance.choice([50, 1_000, 20_000, 150_000]))
        return text.encode(), name, options
    raw = files[chance.randrange(3)] if chance.random() < 0.5 else chance.choice(files)
    for _ in range(chance.choice([1, 1, 1, 2, 3, 8])):
        raw = spoilt(raw, chance)
    return raw, name, options


def spoilt(raw: bytes, chance: random.Random) -> bytes:
    """Return bytes with one thing changed."""
    at = chance.randrange(len(raw) + 1)
    kind = chance.random()
    if kind < 0.4:
        token: str = chance.choice(TOKENS)
        return raw[:at] + token.encode() + raw[at:]
    if kind < 0.55:
        return raw[:at] + raw[at + chance.randint(1, 9) :]
    if kind < 0.65:
        other = chance.randrange(len(raw) + 1)
        return raw[:at] + raw[other : other + chance.randint(1, 60)] + raw[at:]
    if kind < 0.75:
        lines = raw.splitlines(keepends=True) or [raw]
        moved = lines.pop(chance.randrange(len(lines)))
        if chance.random() < 0.5:
            lines.insert(chance.randint(0, len(lines)), moved)
        return b"".join(lines)
    if kind < 0.8:
        return raw[:at]
    if kind < 0.85:
        return raw[:at] + chance.choice(BYTES) + raw[at:]
    words: list[bytes] = raw.split(b" ")
    first, second = chance.randrange(len(words)), chance.randrange(len(words))
    words[first], words[second] = words[second], words[first]
    return b" ".join(words)


@cache
def validator(version: str) -> Any:
    """Return the jsonschema validator of a version."""
    schema = versions.schema(version)
    return jsonschema.validators.validator_for(schema)(schema)


def reference(raw: bytes, name: str, version: str) -> bool:
    """Return what the marketplace's way of reading says: valid, formats aside."""
    try:
        text = raw.decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")
        data = loaded(text, name)
        return bool(validator(version).is_valid(data))
    except (ValueError, KeyError, IndexError, yaml.YAMLError, RecursionError):
        return False


def loaded(text: str, name: str) -> Any:
    try:
        return json.loads(text, parse_constant=float.fromhex)
    except ValueError:
        if name.endswith(".json"):
            raise
    return yaml.safe_load(text)


def failure(raw: bytes, name: str, options: Options) -> str:
    """Check one case; return what is wrong with how it went, or ""."""
    began = time.perf_counter()
    try:
        found = checks.check(loading.parse(raw, name), options)
        shown(found)
    except Exception:
        return traceback.format_exc()
    took = time.perf_counter() - began
    if took > MAX_SECONDS:
        return f"took {took:.1f} s"
    if not found.valid and not found.findings:
        return "not valid, and nothing says why"
    rules = {finding.rule for finding in found.findings}
    if options.schema_version and not options.strict and not rules & OURS_ALONE:
        errors = [each for each in found.findings if each.severity == "error"]
        ours = all(each.rule.startswith("format-") for each in errors)
        if len(raw) < 50_000 and ours != reference(raw, name, options.schema_version):
            return f"the verdict is {ours}, which is not that of the marketplace"
    return ""


def shown(found: Report) -> None:
    """Write a report in every format and read back those that are for programs."""
    for colour in (True, False):
        for piece in report.as_text([found], report.Tally(), colour=colour):
            piece.encode()
            if not colour and "\x1b" in piece:
                raise ValueError("the terminal would obey the file")
    text = "".join(report.as_json([found], report.Tally()))
    json.loads(text.encode("utf-8", "backslashreplace"))
    text = "".join(as_sarif([found], report.Tally()))
    json.loads(text.encode("utf-8", "backslashreplace"))
    for line in report.as_github([found], report.Tally()):
        if line.count("\n") != 1:
            raise ValueError("a workflow command of more than one line")


def megabytes() -> float:
    """Return the most memory this program has held.

    getrusage would count what the process that started it held at that moment, too.
    """
    status = Path("/proc/self/status").read_text(encoding="ascii")
    peak = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    assert peak
    return int(peak[1]) / 1024


def run(seed: int, numbers: range, say: Callable[[str], None]) -> int:
    """Run cases and say how it went; return how many failed."""
    files = seeds()
    failures, slowest = 0, 0.0
    kinds: Counter[bool] = Counter()
    began = time.perf_counter()
    for number in numbers:
        raw, name, options = case(seed, number, files)
        faulthandler.dump_traceback_later(30, exit=True)
        start = time.perf_counter()
        wrong = failure(raw, name, options)
        slowest = max(slowest, time.perf_counter() - start)
        faulthandler.cancel_dump_traceback_later()
        kinds[checks.check(loading.parse(raw, name), options).valid] += not wrong
        if wrong:
            failures += 1
            folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
            (folder / name).write_bytes(raw)
            say(f"case {number} of seed {seed}: {folder / name} {options}\n{wrong}")
    if megabytes() > MAX_MEGABYTES:
        failures += 1
        say(f"held {megabytes():.0f} MB")
    say(
        f"{len(numbers):,} files ({kinds[True]:,} valid) of seed {seed} in "
        f"{time.perf_counter() - began:.0f} s: {failures} failures, the slowest took "
        f"{slowest:.2f} s, {megabytes():.0f} MB at most"
    )
    return failures


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main() -> int:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, metavar="NUMBER")
    arguments = parser.parse_args()
    numbers = range(arguments.count)
    if arguments.only is not None:
        numbers = range(arguments.only, arguments.only + 1)
    return int(run(arguments.seed, numbers, _say) > 0)


if __name__ == "__main__":
    sys.exit(main())
