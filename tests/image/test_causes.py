"""Builds that really failed, each with the cause that a user is told."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from scaffold.image.causes import probable
from tests.image.logs_of import failures

CAUSES = {
    "apt-hash": "hash-mismatch",
    "apt-no-network": "network",
    "apt-none": "package-missing",
    "cancelled": None,
    "copy-missing": "file-missing",
    "disk-full": "disk-full",
    "disk-full-pip": "disk-full",
    "dockerfile-typo": "dockerfile",
    "engine-full": "disk-full",
    "engine-full-copy": "disk-full",
    "git-404": "git-repository",
    "git-auth": "git-authentication",
    "git-branch": "git-branch",
    "git-no-dns": "network",
    "git-no-repository": "git-repository",
    "git-refused": "network",
    "hash": "hash-mismatch",
    "login-needed": "registry-login",
    "memoryerror": "out-of-memory",
    "no-buildkit": "buildkit-missing",
    "no-buildx": "buildkit-missing",
    "no-buildx-secret": "buildkit-missing",
    "no-ca": "certificate",
    "no-compiler": "compiler-missing",
    "no-engine": "engine-not-running",
    "no-network": "network",
    "no-runtime": "engine-runtime",
    "no-secret": "secret-missing",
    "no-version": "no-version",
    "oom": "out-of-memory",
    "permission": "engine-permission",
    "plain-fail": None,
    "proxy-auth": "proxy",
    "proxy-auth-git": "proxy",
    "proxy-refused": "proxy",
    "pull-denied": "base-image",
    "python-version": "python-version",
    "rate-limit": "rate-limit",
    "registry-certificate": "registry-certificate",
    "registry-no-dns": "registry-unreachable",
    "registry-refused": "registry-unreachable",
    "short-name": "short-name",
    "wrong-tag": "base-image",
}


def test_every_recorded_failure_has_its_cause() -> None:
    found = {}
    for name, failure in failures():
        cause = probable(failure.printed, failure.said)
        found[name] = cause.id if cause else None

    assert found == {name: CAUSES[name.partition(".")[0]] for name in found}
    assert {name.partition(".")[0] for name in found} == set(CAUSES)


def test_a_cause_says_what_to_do_and_quotes_the_log() -> None:
    failure = dict(failures())["no-ca.docker28"]

    cause = probable(failure.printed, failure.said)

    assert cause is not None
    assert cause.message == "a command in the build does not trust a certificate"
    assert cause.hint == "give your network's certificates with --ca-bundle FILE"
    assert cause.evidence.startswith("Could not fetch URL https://index.example.org/simple/")
    assert len(cause.evidence) <= 301


def test_the_command_itself_is_no_evidence() -> None:
    command = "echo 'No space left on device, no such host'; exit 1"
    said = [
        f'process "/bin/sh -c {command}" did not complete successfully: exit code: 1',
        f"executor failed running [/bin/sh -c {command}]: exit code: 1",
        f'building at STEP "RUN {command}": while running runtime: exit status 1',
    ]

    assert [probable([], line) for line in said] == [None, None, None]


def test_an_attempt_that_pip_repeated_is_not_why_the_build_failed() -> None:
    printed = [
        "WARNING: Retrying (…) after connection broken by 'NewConnectionError(Temporary failure in name resolution)'",
        "Collecting psutil",
        "error: command 'x86_64-linux-gnu-gcc' failed: No such file or directory",
    ]

    cause = probable(printed, "exit code: 1")

    assert cause is not None
    assert cause.id == "compiler-missing"


def test_a_checksum_that_the_dockerfile_checks(tmp_path: Path) -> None:
    (tmp_path / "tool.deb").write_text("not what was meant")
    checked = subprocess.run(
        ["sha256sum", "-c"],
        input=f"{'0' * 64}  tool.deb\n",
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
    )

    cause = probable([*checked.stdout.splitlines(), *checked.stderr.splitlines()])

    assert cause is not None
    assert cause.id == "hash-mismatch"


@pytest.mark.parametrize(
    ("said", "printed", "expected"),
    [
        # wordings that could not be recorded here: public registries, ssh, cgroup managers
        ("manifest for deep/base:2.99 not found: manifest unknown", "", "base-image"),
        ("", "remote: Repository not found.", "git-repository"),
        ("", "fatal: Authentication failed for 'https://git.example.org/x/'", "git-authentication"),
        ("", "git@git.example.org: Permission denied (publickey).", "git-authentication"),
        ("", "User for index.example.org: ERROR: Exception:", "index-login"),
        ("crun: write to `/sys/fs/cgroup/cgroup.procs`: Permission denied", "", "engine-limits"),
        ("exit code: 127", "/bin/sh: 1: nvcc-config: not found", "command-missing"),
        ("exit code: 1", "It all went well until it did not", None),
        ("", "", None),
    ],
)
def test_other_wordings(said: str, printed: str, expected: str | None) -> None:
    cause = probable([printed], said)

    assert (cause.id if cause else None) == expected
