"""Why a build probably failed: what the engine and the step's own commands said, and a table.

Most wordings in the table were seen in a real log, kept in `tests/image/logs`; some are from what the
tools are known to say.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cause:
    """A probable cause.

    Attributes:
        id: its stable name, "disk-full" for one.
        message: what is wrong, in one sentence.
        hint: what to do about it, in one sentence.
        evidence: the line of the log that says so.
    """

    id: str
    message: str
    hint: str
    evidence: str


@dataclass(frozen=True, slots=True)
class _Row:
    """A cause and the patterns that give it away; the first row that fits is the cause.

    Attributes:
        said: what the engine says when this is the matter.
        printed: what the step's commands print then.
    """

    id: str
    message: str
    hint: str
    said: str = ""
    printed: str = ""


_TABLE = (
    _Row(
        "engine-permission",
        "this user may not talk to the container engine",
        "add the user to the group that owns the engine's socket (often docker) and log in again",
        said=r"permission denied while trying to connect to the Docker daemon socket"
        r"|dial unix \S+: connect: permission denied",
    ),
    _Row(
        "engine-not-running",
        "the container engine does not run, or not at this address",
        "start it, or set DOCKER_HOST to where it listens",
        said=r"Cannot connect to the Docker daemon|Is the docker daemon running\?",
    ),
    _Row(
        "buildkit-missing",
        "this docker command cannot build with BuildKit",
        "install Docker's buildx plugin, or set DOCKER_BUILDKIT=1 with Docker 20.10",
        said=r"--(?:mount|secret) option requires BuildKit|buildx component is missing or broken"
        r"|unknown flag: --(?:secret|progress)|BuildKit is enabled but",
    ),
    _Row(
        "engine-runtime",
        "podman does not find the program that it starts containers with",
        'install crun or runc, and name it as runtime under "[engine]" in containers.conf',
        said=r"default OCI runtime \S+ not found",
    ),
    _Row(
        # wordings of runc, crun and podman that are known from their sources
        "engine-limits",
        "the engine may not set a container's limits on this machine (cgroups or ulimits)",
        "use the engine as root, turn on cgroup delegation for this user, or lower the limits in"
        " containers.conf",
        said=r"(?i)setrlimit\b.*not permitted|error setting rlimit|cgroups?\b.*(?:not permitted"
        r"|permission denied|read-only file system|no such file|not supported)"
        r"|unable to apply cgroup configuration|cannot set \w+ limit",
    ),
    _Row(
        "dockerfile",
        "the Dockerfile has a mistake",
        "mend the line that the message names",
        said=r"(?i)dockerfile parse error|unknown instruction|unknown flag|dockerfile: no such file",
    ),
    _Row(
        "secret-missing",
        "the build needs a secret that it was not given",
        "give the secret that the message names; --ca-bundle FILE gives the certificates",
        said=r"secret \S+: not found|secret \S+ not found|no secret with id \S+ found",
    ),
    _Row(
        "disk-full",
        "there is no room left on the disk, or in the folder that was written to",
        "make room where the engine keeps its images (docker system df, podman system df)",
        said=r"(?i)no space left on device|disk quota exceeded",
        printed=r"(?i)no space left on device|disk quota exceeded"
        r"|not have enough free space in",
    ),
    _Row(
        "out-of-memory",
        "there was not enough memory",
        "give the engine more memory, or build with less at the same time",
        said=r"exit (?:code:|status) 137\b|cannot allocate memory|signal: killed",
        printed=r"^\s*MemoryError\b|^Killed$|(?i:cannot allocate memory)"
        r"|Killed signal terminated program",
    ),
    _Row(
        "hash-mismatch",
        "something that was downloaded is not what was expected",
        "if its maker has replaced it, write the new hash down; otherwise do not trust it",
        printed=r"DO NOT MATCH THE HASHES|Hash Sum mismatch|(?i:checksum) did NOT match"
        r"|: FAILED$|(?i:hash mismatch)",
    ),
    _Row(
        "rate-limit",
        "the registry gives no more images for now: too many were pulled",
        "log in to the registry, wait, or take the base image from a mirror",
        said=r"(?i)429 Too Many Requests|toomanyrequests|pull rate limit",
    ),
    _Row(
        "base-image",
        "the registry has no such base image, or does not show it to everybody",
        "check the base image's name and tag; if it is private, log in to its registry",
        said=r"pull access denied|requested access to the resource is denied|manifest unknown"
        r"|manifest for \S+ not found|/\S+:[\w.-]+: not found|no match for platform",
    ),
    _Row(
        "short-name",
        "podman does not know from which registry to take the base image",
        "write the registry before the base image's name, or name registries to search in"
        " registries.conf",
        said=r"did not resolve to an alias",
    ),
    _Row(
        "registry-login",
        "the registry wants to know who pulls",
        "log in to the registry (docker login, podman login)",
        said=r"401 Unauthorized|403 Forbidden|: unauthorized\b|no basic auth credentials"
        r"|authentication required",
    ),
    _Row(
        "registry-certificate",
        "the container engine does not trust the registry's certificate",
        "give the engine the certificate of your network's proxy or registry, and start it again",
        said=r"x509: |certificate signed by unknown authority",
    ),
    _Row(
        "registry-unreachable",
        "the container engine cannot reach the base image's registry",
        "check the network; behind a proxy, the engine itself has to be told about it",
        said=r"no such host|dial tcp|connection refused|i/o timeout|TLS handshake|proxyconnect"
        r"|connection reset by peer|network is unreachable|Temporary failure in name resolution",
    ),
    _Row(
        "file-missing",
        "the Dockerfile copies a file that is not in what is built",
        "make the file, or take its name out of .dockerignore",
        said=r'"/[^"]*"(?::| not found:) not found|copier: stat: .*no such file',
    ),
    _Row(
        "certificate",
        "a command in the build does not trust a certificate",
        "give your network's certificates with --ca-bundle FILE",
        printed=r"CERTIFICATE_VERIFY_FAILED|certificate verify failed|unable to get local issuer"
        r"|self[- ]signed certificate|(?i:server certificate verification failed)"
        r"|certificate signed by unknown authority|SSL certificate problem"
        r"|confirming the ssl certificate",
    ),
    _Row(
        "proxy",
        "the proxy cannot be reached or refuses",
        "check HTTP_PROXY, HTTPS_PROXY and NO_PROXY; in a build, localhost is the build itself",
        printed=r"ProxyError|Cannot connect to proxy|407 Proxy Authentication|response 407"
        r"|(?i:could not resolve proxy)|Proxy CONNECT aborted",
    ),
    _Row(
        "git-authentication",
        "git may not read the repository without a user name or key, or it does not exist",
        "check the repository's address; a private one builds from the working tree",
        printed=r"could not read (?:Username|Password)|Authentication failed for"
        r"|Permission denied \(publickey|Host key verification failed|terminal prompts disabled",
    ),
    _Row(
        "git-branch",
        "the repository has no such branch or tag",
        "push the branch, or build another one",
        printed=r"Remote branch \S+ not found|couldn't find remote ref|did not match any file",
    ),
    _Row(
        "git-repository",
        "there is no git repository at this address",
        "check the address, and that the repository was pushed",
        printed=r"fatal: repository '.*' (?:not found|does not exist)|[Rr]epository not found"
        r"|does not appear to be a git repository",
    ),
    _Row(
        "python-version",
        "a package does not go with the image's Python",
        "choose a base image with another Python, or another version of the package",
        printed=r"requires a different Python|Requires-Python|requires-python|requires Python",
    ),
    _Row(
        "compiler-missing",
        "a package has to be compiled, and the image has no compiler for it",
        "add gcc and python3-dev to the image's packages, or take a version that has a wheel",
        printed=r"(?:gcc|g\+\+|cc1plus|rustc|cargo|gfortran|nvcc|cmake)'?:? (?:command not found"
        r"|not found|No such file)|No such file or directory: '\S*(?:gcc|g\+\+|cc|cmake|nvcc)'"
        r"|command '\S*(?:gcc|g\+\+|cc)' failed|Python\.h: No such file|gcc is not installed"
        r"|Unknown compiler\(s\)",
    ),
    # pip warns of every attempt that failed, though the next one may do; so what is surer comes first
    _Row(
        "index-login",
        "the package index wants a user name and a password, or others than it was given",
        "check those in PIP_INDEX_URL, PIP_EXTRA_INDEX_URL or pip.conf (an @ in them is written %40)",
        printed=r"401 Error, Credentials not correct|^User for \S+: |ask_input\(f?.User for",
    ),
    _Row(
        "network",
        "a command in the build cannot reach the network",
        "check the network and the proxy; if only this machine itself has access, build with its"
        " network: --network host",
        printed=r"Temporary failure (?:in name resolution|resolving)|Name or service not known"
        r"|(?i:could not resolve host)|Failed to establish a new connection"
        r"|(?i:network is unreachable)|(?i:connection timed out)|Failed to connect to"
        r"|(?i:connection refused)|No route to host|ReadTimeoutError|ConnectTimeoutError",
    ),
    _Row(
        "no-version",
        "the index has no such version of a package for the image's Python and processor",
        "check the package's name and version, and which Pythons it was made for",
        printed=r"No matching distribution found|Could not find a version that satisfies"
        r"|No solution found when resolving",
    ),
    _Row(
        "package-missing",
        "the image's distribution has no such package",
        "check the package's name, and that apt-get update runs in the same step",
        printed=r"E: Unable to locate package|has no installation candidate",
    ),
    _Row(
        "command-missing",
        "the image has no such command",
        "install the command in an earlier step",
        said=r"exit (?:code:|status) 127\b",
        printed=r"\b\d+: \S+: not found$|: command not found$",
    ),
)

_SAID = tuple((row, re.compile(row.said)) for row in _TABLE if row.said)
_PRINTED = tuple((row, re.compile(row.printed)) for row in _TABLE if row.printed)
_RANK = {row.id: rank for rank, row in enumerate(_TABLE)}

# The engine repeats the command that failed, which may hold any word.
_COMMAND = re.compile(
    r'process ".*" did not complete|executor failed running \[.*\]:|STEP ".*?": |for step \{.*\}:',
    re.DOTALL,
)
_EVIDENCE = 300  # characters


def probable(printed: Sequence[str], said: str = "") -> Cause | None:
    """Return the most probable cause of a failed build, or None if the log gives none away.

    Args:
        printed: the last lines that the failed step's commands printed, oldest first.
        said: what the engine said about the failure, several lines perhaps.
    """
    found = []
    for line in _COMMAND.sub("", said).splitlines():
        found += [(row, line) for row, pattern in _SAID if pattern.search(line)]
    for line in printed:
        found += [(row, line) for row, pattern in _PRINTED if pattern.search(line)]
    if not found:
        return None
    row, line = min(found, key=lambda match: _RANK[match[0].id])
    evidence = line.strip()
    if len(evidence) > _EVIDENCE:
        evidence = f"{evidence[:_EVIDENCE]}…"
    return Cause(row.id, row.message, row.hint, evidence)
