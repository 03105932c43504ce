"""Secrets in a repository's history: whoever clones it gets every commit, not only the last."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scaffold.errors import MissingToolError
from scaffold.marketplace.gitting import Git

# What looks random is left out: hashes that pin packages and images are all over these repositories.
_DETECTORS = (
    "ArtifactoryDetector",
    "AWSKeyDetector",
    "AzureStorageKeyDetector",
    "BasicAuthDetector",
    "CloudantDetector",
    "DiscordBotTokenDetector",
    "GitHubTokenDetector",
    "GitLabTokenDetector",
    "IbmCloudIamDetector",
    "IbmCosHmacDetector",
    "JwtTokenDetector",
    "KeywordDetector",
    "MailchimpDetector",
    "NpmDetector",
    "OpenAIDetector",
    "PrivateKeyDetector",
    "PypiTokenDetector",
    "SendGridDetector",
    "SlackDetector",
    "SoftlayerDetector",
    "SquareOAuthDetector",
    "StripeDetector",
    "TelegramBotTokenDetector",
    "TwilioKeyDetector",
)
_FILTERS = (
    "allowlist.is_line_allowlisted",
    "heuristic.is_sequential_string",
    "heuristic.is_potential_uuid",
    "heuristic.is_likely_id_string",
    "heuristic.is_templated_secret",
    "heuristic.is_prefixed_with_dollar_sign",
    "heuristic.is_indirect_reference",
    "heuristic.is_lock_file",
    "heuristic.is_not_alphanumeric_string",
    "heuristic.is_swagger_file",
)
_COMMIT = "scaffold-commit "


@dataclass(frozen=True, slots=True)
class Leak:
    """A line that looks as if it held a secret; the secret itself is not kept.

    Attributes:
        commit: that added it.
        path: the file.
        line: in the file as that commit left it, from 1.
        kind: what it looks like, in the scanner's words.
    """

    commit: str
    path: str
    line: int
    kind: str

    @property
    def doubtful(self) -> bool:
        """Whether it is only called a secret, and is in a test, where such names mean little."""
        parts = self.path.split("/")
        return self.kind == "Secret Keyword" and ("tests" in parts or parts[-1].startswith("test_"))


def leaks(folder: Path) -> list[Leak]:
    """Look through all that any branch or tag of a repository has ever added.

    Raises:
        MissingToolError: the scanner is not installed.
        ScaffoldError: git cannot tell the history.
    """
    try:
        from detect_secrets.core import scan
        from detect_secrets.settings import transient_settings
    except ModuleNotFoundError:
        raise MissingToolError(
            "detect-secrets is not installed", hint="`pip install detect-secrets`"
        ) from None
    settings: dict[str, Any] = {
        "plugins_used": [{"name": name} for name in _DETECTORS],
        "filters_used": [{"path": f"detect_secrets.filters.{name}"} for name in _FILTERS],
    }
    found: dict[tuple[str, str, str], Leak] = {}
    with transient_settings(settings):
        for commit, path, added in _added(folder):
            # the scanner takes a line's number for its place among those that it is given
            lines = [(place, line) for place, (_, line) in enumerate(added, 1)]
            for each in scan._process_line_based_plugins(lines, filename=path):
                key = (path, each.type, each.secret_hash)
                # the commit that brought it is the oldest, and git tells the newest first
                found[key] = Leak(commit, path, added[each.line_number - 1][0], each.type)
    return [*found.values()]


def _added(folder: Path) -> Iterator[tuple[str, str, list[tuple[int, str]]]]:
    """Yield, for each commit and file, the lines that were added, with their numbers."""
    said = Git(folder).run(
        *("-c", "core.quotePath=false", "log", "--all", "--patch", "--unified=0", "--no-color"),
        *("--no-ext-diff", "--no-textconv", "--no-renames", "--diff-merges=first-parent"),
        *("--src-prefix=a/", "--dst-prefix=b/", f"--format={_COMMIT}%H"),
    )
    commit = path = ""
    added: list[tuple[int, str]] = []
    number, left = 0, 0
    for line in said.decode(errors="replace").split("\n"):
        if left:
            if line.startswith("+"):
                added.append((number, line[1:]))
                number, left = number + 1, left - 1
            continue
        if line.startswith((_COMMIT, "diff --git ")) and added:
            yield commit, path, added
            added = []
        if line.startswith(_COMMIT):
            commit = line.removeprefix(_COMMIT)
        elif line.startswith("+++ "):
            path = line[4:].rstrip("\t").strip('"').removeprefix("b/")
        elif line.startswith("@@ "):
            start, _, count = line.split(" ")[2].removeprefix("+").partition(",")
            number, left = int(start), int(count or 1)
    if added:
        yield commit, path, added
