"""GitHub's REST API, as much of it as a submission needs, with its limits and failures.

What is waited for and repeated, and how long, is what GitHub asks for:
https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api and
https://docs.github.com/rest/using-the-rest-api/best-practices-for-using-the-rest-api
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from scaffold.errors import ScaffoldError

if TYPE_CHECKING:
    from types import TracebackType

    import httpx

    from scaffold.marketplace.tokens import Token

API = "https://api.github.com"
SCOPES = (
    "a classic token needs the scope public_repo; a fine-grained one, for all your repositories, "
    "write access to Administration, Contents and Pull requests"
)
_VERSION = "2022-11-28"
_SECONDS = 30.0
_TRIES = 4
_LONGEST_WAIT = 120.0  # seconds; beyond it people do something else meanwhile
_UNNAMED_WAIT = 60.0  # "wait for at least one minute" where GitHub names no time
_SAFE = ("GET", "PATCH")  # our PATCH says what shall be, so twice is as good as once


class ApiError(ScaffoldError):
    """GitHub refused a call.

    Args:
        message: what is wrong.
        hint: what to do about it.
        status: HTTP's; 0 if there was no answer.
    """

    def __init__(self, message: str, *, hint: str = "", status: int = 0) -> None:
        super().__init__(message, hint=hint)
        self.status = status


class UncertainError(ApiError):
    """There was no answer that tells whether the call was carried out: look before trying again."""


def api_base() -> str:
    """Return the address of the API: SCAFFOLD_GITHUB_API, or GITHUB_API_URL as Actions set it."""
    given = os.environ.get("SCAFFOLD_GITHUB_API") or os.environ.get("GITHUB_API_URL") or API
    return given.rstrip("/")


def server() -> str:
    """Return where repositories are: GITHUB_SERVER_URL as Actions set it, or github.com."""
    return (os.environ.get("GITHUB_SERVER_URL") or "https://github.com").rstrip("/")


class GitHub:
    """The API.

    Args:
        token: whose calls these are; None to ask what everybody may know.
        sleep: waits for some seconds.
        say: gets a line before a long wait.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        token: Token | None,
        *,
        sleep: Callable[[float], None] = time.sleep,
        say: Callable[[str], None] = lambda _: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        import httpx

        headers = {
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": _VERSION,
            "User-Agent": "deep-scaffold",
        }
        if token:
            headers["Authorization"] = f"Bearer {token.value}"
        self._token, self._sleep, self._say, self._clock = token, sleep, say, clock
        self._client = httpx.Client(headers=headers, timeout=_SECONDS, follow_redirects=True)

    def __enter__(self) -> GitHub:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._client.close()

    def user(self) -> str:
        """Return the account that the token belongs to."""
        return str(self.call("GET", "/user")["login"])

    def repository(self, slug: str) -> dict[str, Any] | None:
        """Return what GitHub knows of `account/name`; None if it is not there, or not for us."""
        return self._found(f"/repos/{quote(slug)}")

    def create_repository(self, slug: str, description: str, login: str) -> None:
        """Create a public repository without content; one that is there already is kept.

        Args:
            slug: `account/name`.
            description: one line.
            login: whose token this is; another account is taken for an organisation.
        """
        account, _, name = slug.partition("/")
        own = account.lower() == login.lower()
        path = "/user/repos" if own else f"/orgs/{quote(account)}/repos"
        body = {"name": name, "description": description, "private": False}
        try:
            self.call("POST", path, body)
        except ApiError as error:
            # 422: "name already exists on this account", made since we looked
            if error.status == 422 and self.repository(slug):
                return
            if not own and error.status in (403, 404):
                raise ApiError(
                    f"you may not create repositories in {account}",
                    hint=f"ask its maintainers to create {slug} and to let you write to it, or "
                    f"name an account of yours: `git remote set-url origin …`; {SCOPES}",
                    status=error.status,
                ) from None
            raise

    def fork(self, slug: str, login: str) -> str:
        """Have a fork of `account/name` in the user's account; return what it is called.

        Raises:
            ScaffoldError: GitHub does not make it within two minutes.
        """
        if found := self.own_fork(slug, login):
            return found
        # an existing fork is the answer too, whatever it is called
        made = str(self.call("POST", f"/repos/{quote(slug)}/forks", {})["full_name"])
        waited = 0.0
        while self.repository(made) is None:  # "forking happens asynchronously"
            if waited > _LONGEST_WAIT:
                raise ScaffoldError(
                    f"GitHub has not made the fork {made} within {waited:.0f} s",
                    hint="run the command again a little later; it goes on from here",
                )
            pause = max(1.0, waited / 2)
            self._sleep(pause)
            waited += pause
        return made

    def own_fork(self, slug: str, login: str) -> str | None:
        """Return the name of the user's fork, if it has the name of what it is a fork of."""
        if slug.partition("/")[0].lower() == login.lower():
            return slug  # a catalogue of one's own needs none
        name = slug.partition("/")[2]
        found = self.repository(f"{login}/{name}")
        parent = (found or {}).get("parent") or {}
        if found and str(parent.get("full_name", "")).lower() == slug.lower():
            return str(found["full_name"])
        return None

    def pull_request(self, slug: str, head: str, base: str) -> dict[str, Any] | None:
        """Return the open pull request of a branch, `account:branch`; None if there is none."""
        asked = {"state": "open", "head": head, "base": base}
        found = self.call("GET", f"/repos/{quote(slug)}/pulls", params=asked)
        return found[0] if found else None

    def open_pull_request(self, slug: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """Open a pull request; if one is open for the branch already, return that.

        Args:
            slug: the repository that gets it.
            wanted: its title, body, head, base and maintainer_can_modify.
        """
        try:
            answer: dict[str, Any] = self.call("POST", f"/repos/{quote(slug)}/pulls", wanted)
        except ApiError as error:
            if error.status == 422:
                found = self.pull_request(slug, str(wanted["head"]), str(wanted["base"]))
                if found:
                    return found
            raise
        return answer

    def change_pull_request(self, slug: str, number: int, body: Mapping[str, Any]) -> None:
        """Change what an open pull request says."""
        self.call("PATCH", f"/repos/{quote(slug)}/pulls/{number}", body)

    def _found(self, path: str) -> dict[str, Any] | None:
        try:
            answer: dict[str, Any] = self.call("GET", path)
        except ApiError as error:
            if error.status == 404:
                return None
            raise
        return answer

    def call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        params: Mapping[str, str] | None = None,
    ) -> Any:
        """Call the API, waiting and trying again where that is safe and asked for.

        Args:
            method: HTTP's.
            path: from the API's address on.
            body: sent as JSON.
            params: of the query.

        Raises:
            ApiError: it was refused; message and hint tell why, and what the token lacks.
            UncertainError: nobody knows whether it was carried out.
        """
        import httpx

        for number in range(1, _TRIES + 1):
            last = number == _TRIES
            try:
                response = self._client.request(method, api_base() + path, json=body, params=params)
            except httpx.HTTPError as error:
                # a connection that never was cannot have carried anything out
                unsent = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
                if (method in _SAFE or unsent) and not last:
                    self._sleep(2.0 ** (number - 1))
                    continue
                kind = ApiError if unsent or method in _SAFE else UncertainError
                raise kind(
                    f"{api_base()} did not answer: {error or type(error).__name__}",
                    hint="check the network, and run the command again: it goes on from here",
                ) from None
            wait = self._wait(response)
            if wait is not None and wait <= _LONGEST_WAIT and not last:
                self._say(f"GitHub asks to wait {wait:.0f} s …")
                self._sleep(wait)
                continue
            if response.status_code >= 500 and not last and method in _SAFE:
                self._sleep(2.0 ** (number - 1))
                continue
            if response.is_success:
                return response.json() if response.content else None
            raise self._error(method, path, response, wait)
        raise AssertionError  # the last try returns or raises

    def _wait(self, response: httpx.Response) -> float | None:
        """Return the seconds to wait for if a limit is the reason; None if it is not."""
        if response.status_code not in (403, 429):
            return None
        after = response.headers.get("retry-after", "")
        if after.isdigit():
            return float(after)
        reset = response.headers.get("x-ratelimit-reset", "")
        if response.headers.get("x-ratelimit-remaining") == "0" and reset.isdigit():
            return max(1.0, float(reset) - self._clock())
        limited = response.status_code == 429 or "rate limit" in _said(response).lower()
        return _UNNAMED_WAIT if limited else None

    def _error(
        self, method: str, path: str, response: httpx.Response, wait: float | None
    ) -> ApiError:
        status, said = response.status_code, _said(response)
        message = f"GitHub answers {status} to {method} {path}: {said}"
        source = self._token.source if self._token else ""
        if wait is not None:
            minutes = max(1, round(wait / 60))
            more = "" if source else "; with a token the limit is higher"
            return ApiError(
                message,
                hint=f"try again in {minutes} minute{'' if minutes == 1 else 's'}: it goes on from here{more}",
                status=status,
            )
        if status >= 500:
            kind = ApiError if method in _SAFE else UncertainError
            return kind(
                message, hint="GitHub has a fault; run the command again later", status=status
            )
        hint = "run it with -v, and see https://docs.github.com/rest"
        if status == 401:
            hint = (
                f"the token from {source} is wrong or has expired; make another: {SCOPES}"
                if source
                else f"give a token in GITHUB_TOKEN, or `gh auth login`; {SCOPES}"
            )
        elif status in (403, 404):
            needs = response.headers.get("x-accepted-github-permissions") or response.headers.get(
                "x-accepted-oauth-scopes", ""
            )
            asked = f"; this call asks for {needs}" if needs else ""
            hint = (
                f"the token{f' from {source}' if source else ''} may not do that: {SCOPES}{asked}"
            )
        return ApiError(message, hint=hint, status=status)


def _said(response: httpx.Response) -> str:
    """Return GitHub's own words."""
    try:
        document = response.json()
    except ValueError:
        return response.reason_phrase
    if not isinstance(document, dict):
        return response.reason_phrase
    more = [
        str(each.get("message") or each.get("code")) if isinstance(each, dict) else str(each)
        for each in document.get("errors") or ()
    ]
    return "; ".join([str(document.get("message", response.reason_phrase)), *more])
