"""What rclone says when something fails, and what that means for the user."""

from __future__ import annotations

import re
from collections.abc import Sequence

from scaffold.data.remotes import Remote
from scaffold.errors import ScaffoldError, UsageError

Complaint = tuple[str, str]
"""The file that something is about, or "", and what is said of it."""

# (what rclone says, what it means, what to do, the error). The first that fits is taken, so that
# the cause stands before its consequences. {remote} and {name} are filled in.
_FAULTS: tuple[tuple[str, str, str, type[ScaffoldError]], ...] = (
    (
        r"couldn't decrypt password|is it obscured",
        "the password of {name} is not in rclone's obscured form",
        'obscure it: printf %s "$PASSWORD" | rclone obscure -',
        UsageError,
    ),
    (
        r"decrypt configuration|RCLONE_CONFIG_PASS|failed to load config file",
        "rclone cannot read its configuration file",
        "if it is encrypted, set RCLONE_CONFIG_PASS",
        UsageError,
    ),
    (
        r"remote url looks incorrect",
        "{name}: has an address that this rclone does not accept for Nextcloud",
        "it should end in /remote.php/dav/files/USER",
        UsageError,
    ),
    (
        r"no space left on device|too big for remaining disk space|disk quota exceeded|\bENOSPC\b|\bEDQUOT\b",
        "a disk is full",
        "make room and run the same command again: it copies what is missing only",
        ScaffoldError,
    ),
    (
        r"\b507\b|insufficient storage|quota ?exceeded|QuotaExceeded|over quota|storage is full",
        "{remote} is full: its quota is used up",
        "make room there and run the same command again: it copies what is missing only",
        ScaffoldError,
    ),
    (
        r"\b413\b|entity ?too ?large",
        "a file is larger than the server of {remote} accepts at once",
        "with Nextcloud, use the address that ends in /remote.php/dav/files/USER: it takes chunks",
        ScaffoldError,
    ),
    (
        r"\b401\b|unauthori[sz]ed|SignatureDoesNotMatch|InvalidAccessKey|unable to authenticate",
        "{remote} does not accept the user name or the password",
        "check the remote's user and password (of Nextcloud: an app password); they may have expired",
        ScaffoldError,
    ),
    (
        r"\b403\b|AccessDenied|forbidden|permission denied",
        "{remote}: access is refused",
        "check the rights of this user on that folder",
        ScaffoldError,
    ),
    (
        r"no such host|server misbehaving|name resolution|lookup .* on ",
        "there is no server at the address of {remote}",
        "check the remote's url, and this machine's network",
        ScaffoldError,
    ),
    (
        r"connection refused|target machine actively refused",
        "nothing answers at the address of {remote}",
        "check the remote's url; is the server up?",
        ScaffoldError,
    ),
    (
        r"x509|certificate|tls: ",
        "the certificate of {remote}'s server is not trusted",
        "behind a proxy that inspects TLS, set SSL_CERT_FILE or RCLONE_CA_CERT to its certificates",
        ScaffoldError,
    ),
    (
        r"directory not found|\b404\b|object not found|NoSuchBucket|NoSuchKey|not found",
        "{remote} is not there",
        "`scaffold sync ls` shows what is; check the remote's url too",
        ScaffoldError,
    ),
    (
        r"\b423\b|\blocked\b",
        "{remote} has locked a file: somebody else is writing to it",
        "run the same command again a little later: it copies what is missing only",
        ScaffoldError,
    ),
    (
        r"\b405\b|method not allowed|invalid character '<'|XML syntax error|expected element",
        "what answers at the address of {remote} is not that kind of storage",
        "check the remote's url, type and vendor",
        ScaffoldError,
    ),
    (
        r"i/o timeout|timeout awaiting|deadline exceeded|no route to host|network is unreachable|TLS handshake timeout",
        "{remote} does not answer in time",
        "run the same command again: it copies what is missing only; --timeout waits longer",
        ScaffoldError,
    ),
    (
        r"corrupted on transfer|hash(?:es)? differ|checksum",
        "what arrived is not what was sent: a checksum is wrong",
        "run the same command again; if it stays, check the network and the disks",
        ScaffoldError,
    ),
    (
        r"EOF|connection reset|broken pipe|closed network|use of closed|server closed",
        "the connection to {remote} broke",
        "run the same command again: it copies what is missing only",
        ScaffoldError,
    ),
    (
        r"\b5\d\d\b|internal server error|bad gateway|SlowDown|service unavailable",
        "the server of {remote} reports an error of its own",
        "try again later; if it stays, tell whoever runs it",
        ScaffoldError,
    ),
    (
        r"didn't find section in config file|unknown type|didn't find backend",
        "rclone does not know {name}",
        "check the remote's type",
        UsageError,
    ),
)
_SHOWN = 3


def translate(complaints: Sequence[Complaint], remote: Remote, doing: str) -> ScaffoldError:
    """Return the error that what rclone complained of amounts to.

    Args:
        complaints: its messages, oldest first.
        remote: the remote that was used; its secrets are taken out.
        doing: what was being done, "listing" for one.
    """
    for pattern, meaning, hint, error in _FAULTS:
        for path, message in complaints:
            # a file may be called 404, and so may a part of its address
            if re.search(pattern, re.sub(r'"[^"]*"', "", message), re.IGNORECASE):
                what = meaning.format(remote=remote.label, name=remote.name or remote.label)
                said = _short(_joined((path, message), remote))
                return error(f"{doing} failed: {what} ({said})", hint=hint)
    lines = dict.fromkeys(_short(_joined(each, remote)) for each in complaints)
    shown = "; ".join(list(lines)[-_SHOWN:])
    return ScaffoldError(
        f"{doing} failed: {shown or 'rclone gave no reason'}",
        hint="`-v` shows all that rclone says",
    )


def _joined(complaint: Complaint, remote: Remote) -> str:
    path, message = complaint
    text = f"{path}: {message}" if path else message
    return " ".join(remote.scrubbed(text).split())


def _short(text: str, length: int = 240) -> str:
    return text if len(text) <= length else f"{text[:length]}…"
