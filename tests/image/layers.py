"""Search all that an image is: each file of each layer, unpacked where it is packed, and its configuration."""

from __future__ import annotations

import gzip
import json
import tarfile
import tempfile
import zlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from scaffold.image.engine import Engine


@dataclass(frozen=True)
class Search:
    """What was looked through, and where what was looked for is.

    Attributes:
        layers: how many layers were read.
        found: of each wanted text, the names of the files that hold it.
    """

    layers: int
    found: dict[bytes, list[str]]


def search(engine: Engine, reference: str, wanted: Sequence[bytes]) -> Search:
    """Look for texts in all that an engine saves of an image: contents, names, links, attributes."""
    found: dict[bytes, list[str]] = {each: [] for each in wanted}

    def look(name: str, content: bytes) -> None:
        for each in wanted:
            if each in content:
                found[each].append(name)

    with tempfile.TemporaryDirectory() as folder:
        saved = Path(folder) / "image.tar"
        result = engine.call("save", "--output", str(saved), reference)
        assert result.returncode == 0, result.stderr
        with tarfile.open(saved) as archive:
            (manifest,) = json.loads(_content(archive, archive.getmember("manifest.json")))
            layers = manifest["Layers"]
            for member in archive:
                if member.name not in layers:
                    look(member.name, _content(archive, member))
            for layer in layers:
                with tarfile.open(fileobj=archive.extractfile(layer)) as files:
                    for member in files:
                        about = f"{member.name}\n{member.linkname}\n{member.pax_headers}"
                        look(member.name, about.encode(errors="surrogateescape"))
                        look(member.name, _content(files, member))
    return Search(len(layers), found)


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    """Return a file's content, and what it holds if it is packed."""
    if not member.isfile():
        return b""
    file = archive.extractfile(member)
    assert file
    content = file.read()
    if content.startswith(b"\x1f\x8b"):
        with suppress(OSError, EOFError, zlib.error):  # where it only looks like it
            content += gzip.decompress(content)
    return content
