"""The client of GitHub's API: limits, refusals and faults, by GitHub's own contract."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from scaffold.errors import MissingToolError, ScaffoldError
from scaffold.marketplace import tokens
from scaffold.marketplace.github import ApiError, GitHub, UncertainError
from scaffold.marketplace.tokens import Token
from tests.marketplace.conftest import World
from tests.marketplace.github_server import TOKEN, Failure

DEEP = "deephdc/deep-oc"
Act = Callable[[GitHub], object]


def fork(github: GitHub) -> object:
    return github.fork(DEEP, "ann")


def look(github: GitHub) -> object:
    return github.repository(DEEP)


def create(github: GitHub) -> object:
    github.create_repository("ann/leaf", "one", "ann")
    return None


def tried(act: Act, *, token: str = TOKEN) -> tuple[ScaffoldError | None, list[float]]:
    """Call the API; return what went wrong, and the pauses."""
    waited: list[float] = []
    with GitHub(Token(token, "GITHUB_TOKEN"), sleep=waited.append, clock=lambda: 1000.0) as github:
        try:
            act(github)
        except ScaffoldError as error:
            return error, waited
    return None, waited


@pytest.mark.parametrize(
    ("act", "failure", "waited"),
    [
        (fork, Failure("POST .*/forks", 403, {"Retry-After": "7"}), [7.0, 1.0]),
        (fork, Failure("POST .*/forks", 429, {"Retry-After": "7"}, times=2), [7.0, 7.0, 1.0]),
        (look, Failure("GET .*", 403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1090"}), [90.0]),
        (look, Failure("GET .*", 403, message="You have exceeded a secondary rate limit"), [60.0]),
        (look, Failure("GET .*", 503, times=2), [1.0, 2.0]),
        (look, Failure("GET .*", 0), [1.0]),
    ],
)  # fmt: skip
def test_what_is_waited_for(world: World, act: Act, failure: Failure, waited: list[float]) -> None:
    world.forge.failures.append(failure)
    assert tried(act) == (None, waited)


@pytest.mark.parametrize(
    ("act", "failure", "kind", "message"),
    [
        (look, Failure(".*", 401), ApiError, "the token from GITHUB_TOKEN is wrong or has expired"),
        (fork, Failure("POST .*", 403, {"X-Accepted-OAuth-Scopes": "repo"}), ApiError, "asks for repo"),
        (fork, Failure("POST .*", 404), ApiError, "public_repo"),
        (fork, Failure("POST .*", 409, message="Git Repository is empty."), ApiError, "is empty"),
        (fork, Failure("POST .*", 403, {"Retry-After": "999"}), ApiError, "try again in 17 minutes"),
        (look, Failure(".*", 429, {"Retry-After": "1"}, times=9), ApiError, "try again in 1 minute"),
        (fork, Failure("POST .*", 502), UncertainError, "run the command again later"),
        (fork, Failure("POST .*", 0), UncertainError, "did not answer"),
        (look, Failure(".*", 0, times=9), ApiError, "did not answer"),
        (look, Failure(".*", 500, times=9), ApiError, "GitHub has a fault"),
    ],
)  # fmt: skip
def test_what_is_not(
    world: World, act: Act, failure: Failure, kind: type[ApiError], message: str
) -> None:
    world.forge.failures.append(failure)
    error, waited = tried(act)
    assert type(error) is kind
    assert message in f"{error.message} {error.hint}"
    assert sum(waited) < 60
    assert TOKEN not in f"{error.message} {error.hint}"


def test_what_is_there_already_is_kept(world: World) -> None:
    assert tried(create) == (None, [])
    assert tried(create) == (None, [])  # 422, name already exists
    assert tried(fork) == (None, [1.0])
    assert tried(fork) == (None, [])
    assert world.forge.calls.count(f"POST /repos/{DEEP}/forks") == 1


def test_a_fork_of_another_name(world: World) -> None:
    world.forge.add("ann/deep-oc")
    with GitHub(Token(TOKEN, ""), sleep=lambda _: None) as github:
        assert github.own_fork(DEEP, "ann") is None
        assert github.fork(DEEP, "ann") == "ann/deep-oc-1"
        assert github.fork(DEEP, "ann") == "ann/deep-oc-1"


@pytest.mark.usefixtures("world")
def test_a_wrong_token_is_named_and_not_shown() -> None:
    error, _ = tried(look, token="ghp_wrong1")  # noqa: S106
    assert error
    assert "Bad credentials" in error.message
    assert "ghp_wrong1" not in f"{error.message}{error.hint}"


def test_nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("GITHUB_API_URL", f"http://127.0.0.1:{free.getsockname()[1]}/")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        error, waited = tried(create)
    assert type(error) is ApiError  # it cannot have been carried out
    assert waited == [1.0, 2.0, 4.0]


def test_where_tokens_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GITHUB_TOKEN", "GH_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    program = tmp_path / "gh"
    program.write_text('#!/bin/sh\n[ "$*" = "auth token --hostname github.com" ] && echo from-gh\n')
    program.chmod(0o755)
    assert tokens.find() == Token("from-gh", "`gh auth token`")
    program.write_text("#!/bin/sh\nexit 1\n")
    with pytest.raises(MissingToolError) as raised:
        tokens.need()
    assert "public_repo" in raised.value.hint
    assert raised.value.exit_code == 3
    monkeypatch.setenv("GH_TOKEN", "from-variable")
    assert tokens.need().source == "GH_TOKEN"
    assert "from-variable" not in repr(tokens.need())


def test_git_gets_the_token_for_github_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "credential.helper")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "!echo username=me; echo password=mine; :")
    monkeypatch.delenv("GITHUB_SERVER_URL", raising=False)
    said = {}
    for host in ("github.com", "gitlab.example.org"):
        result = subprocess.run(
            ["git", "credential", "fill"], input=f"protocol=https\nhost={host}\n\n",
            env=tokens.git_variables(Token("s3cr3t", "")), capture_output=True, text=True, check=True,
        )  # fmt: skip
        said[host] = dict(line.split("=", 1) for line in result.stdout.splitlines())
    assert said["github.com"]["password"] == "s3cr3t"  # noqa: S105
    assert said["gitlab.example.org"]["password"] == "mine"  # noqa: S105
