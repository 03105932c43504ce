"""Two file systems are compared by what they hold, from the tar stream of an engine's export."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable

import pytest

from scaffold.errors import ScaffoldError
from scaffold.image.reproducible import content, differences, report

Change = Callable[[tarfile.TarInfo], None]


def member(
    name: str, data: bytes = b"", kind: bytes = tarfile.REGTYPE, **fields: object
) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, len(data)
    for field, value in {"mtime": 1_700_000_000, "mode": 0o644, **fields}.items():
        setattr(info, field, value)
    return info, data


def exported(*members: tuple[tarfile.TarInfo, bytes]) -> io.BytesIO:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for info, data in members:
            archive.addfile(info, io.BytesIO(data))
    return io.BytesIO(stream.getvalue())


def test_equal_but_for_the_time_and_what_the_engine_writes() -> None:
    first = exported(
        member("opt", kind=tarfile.DIRTYPE, mode=0o755),
        member("opt/module.py", b"print()"),
        member("etc/hostname", b"4f0c\n"),
        member(".dockerenv"),
        member("dev/console"),
    )
    second = exported(
        member("./opt/", kind=tarfile.DIRTYPE, mode=0o755, mtime=1_800_000_000),
        member("./opt/module.py", b"print()", mtime=1_800_000_000),
        member("./run/.containerenv"),
    )
    one, other = content(first), content(second)
    assert list(one) == ["opt", "opt/module.py"]
    assert differences(one, other) == []
    assert report([]) == ""


@pytest.mark.parametrize(
    ("before", "after", "what"),
    [
        (member("x", b"a"), member("x", b"b"), "content"),
        (member("x", b"a"), member("x", b"a", mode=0o4755), "mode"),
        (member("x", b"a"), member("x", b"a", uid=1000), "owner"),
        (member("x", b"a"), member("x", b"a", gid=1000), "owner"),
        (member("x"), member("x", kind=tarfile.DIRTYPE), "kind, content"),
        (
            member("x", kind=tarfile.SYMTYPE, linkname="a"),
            member("x", kind=tarfile.SYMTYPE, linkname="b"),
            "content",
        ),
        (
            member("x", kind=tarfile.CHRTYPE, devmajor=1, devminor=3),
            member("x", kind=tarfile.CHRTYPE, devmajor=1, devminor=5),
            "content",
        ),
        (
            member("x", b"a"),
            member("x", b"a", pax_headers={"SCHILY.xattr.security.capability": "\x01"}),
            "attributes",
        ),
    ],
)
def test_what_differs_is_named(
    before: tuple[tarfile.TarInfo, bytes], after: tuple[tarfile.TarInfo, bytes], what: str
) -> None:
    found = differences(content(exported(before)), content(exported(after)))
    assert [(each.path, each.what) for each in found] == [("x", what)]


def test_what_only_one_has_is_told_by_name_and_counted_beyond_a_limit() -> None:
    one = content(exported(*(member(f"a{number}", b"1") for number in range(3))))
    other = content(exported(member("a0", b"1"), member("b", b"2")))
    assert report(differences(one, other)) == (
        "/a1: only in the first\n/a2: only in the first\n/b: only in the second"
    )
    assert report(differences(one, other), limit=1) == "/a1: only in the first\n... and 2 more"


def test_a_hard_link_is_the_file_that_it_leads_to() -> None:
    linked = exported(member("a", b"1"), member("b", kind=tarfile.LNKTYPE, linkname="a"))
    copied = exported(member("a", b"1"), member("b", b"1"))
    assert differences(content(linked), content(copied)) == []


@pytest.mark.parametrize("stream", [b"Error: no such container\n" * 40, b""])
def test_what_is_no_archive_is_an_error(stream: bytes) -> None:
    with pytest.raises(ScaffoldError, match="file system of the image cannot be read"):
        content(io.BytesIO(stream))


def test_a_cut_stream_is_an_error() -> None:
    whole = exported(member("a", b"1" * 5000)).getvalue()
    with pytest.raises(ScaffoldError, match="file system of the image cannot be read"):
        content(io.BytesIO(whole[:3000]))
