"""A GitHub for the tests: its API by GitHub's own description, and real bare repositories.

Every request is checked against the description, and every answer too; what is wrong is in `faults`.
It keeps state as GitHub does: repositories, forks that appear a little later, pull requests.
"""

from __future__ import annotations

import json
import re
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.marketplace.github_description import Description, Operation, description

TOKEN = "ghp_tokenOfTheTests"  # noqa: S105
SERVER = "https://github.com"


@dataclass
class Repository:
    """A repository: its bare folder, what it is a fork of, and since when it can be seen."""

    name: str
    folder: Path
    parent: str = ""
    private: bool = False
    hidden: int = 0


@dataclass
class Failure:
    """An answer to give instead.

    Attributes:
        call: a pattern of `METHOD path`.
        status: HTTP's; 0 to close the connection.
        headers: of the answer.
        message: GitHub's.
        after: carry the call out first.
        times: how often.
    """

    call: str
    status: int
    headers: dict[str, str] = field(default_factory=dict)
    message: str = "as the test wishes"
    after: bool = False
    times: int = 1


class Forge:
    """The state of GitHub.

    Args:
        root: where the bare repositories are.
        login: whose token it is.
        organisations: in which that account may create repositories.
    """

    def __init__(self, root: Path, login: str, organisations: tuple[str, ...] = ()) -> None:
        self.root, self.login, self.organisations = root, login, organisations
        self.api: Description = description()
        self.repositories: dict[str, Repository] = {}
        self.pulls: list[dict[str, Any]] = []
        self.calls: list[str] = []
        self.faults: list[str] = []
        self.failures: list[Failure] = []
        self.bodies: list[Any] = []
        self.lock = threading.Lock()

    def add(self, name: str, *, private: bool = False, parent: str = "") -> Repository:
        """Make a repository without content, or a fork."""
        folder = self.root / f"{name}.git"
        origin = self.find(parent) if parent else None
        line = ["clone", "--quiet", "--bare", str(origin.folder)] if origin else ["init", "--quiet", "--bare", "--initial-branch", "main"]  # fmt: skip
        subprocess.run(["git", *line, str(folder)], check=True)
        made = Repository(name, folder, parent, private, hidden=1 if parent else 0)
        self.repositories[name.lower()] = made
        return made

    def find(self, name: str) -> Repository | None:
        """Return a repository."""
        return self.repositories.get(name.lower())

    def answer(
        self, method: str, path: str, query: dict[str, str], body: Any, authorization: str
    ) -> tuple[int, Any]:
        """Carry out a call; return status and document."""
        operation = self.api.operation(method, path)
        if operation is None:
            self.faults.append(f"{method} {path}: GitHub has no such call")
            return 404, {"message": "Not Found"}
        wrong = self.api.request_faults(operation, query, body)
        self.faults += [f"{method} {path}: {each}" for each in wrong]
        status, document = self._answer(method, operation, query, body, authorization)
        wrong = self.api.response_faults(operation, status, document)
        self.faults += [f"answer {status} to {method} {path}: {each}" for each in wrong]
        return status, document

    def _answer(
        self,
        method: str,
        operation: Operation,
        query: dict[str, str],
        body: Any,
        authorization: str,
    ) -> tuple[int, Any]:
        if authorization and authorization != f"Bearer {TOKEN}":
            return 401, {"message": "Bad credentials", "documentation_url": "https://docs"}
        arguments, name = operation.arguments, operation.description["operationId"]
        if not authorization and (method != "GET" or name == "users/get-authenticated"):
            return 401, {"message": "Requires authentication", "documentation_url": "https://docs"}
        if name == "users/get-authenticated":
            return 200, {**self.api.example(operation, 200), "login": self.login}
        if name == "repos/create-for-authenticated-user":
            return self._created(operation, self.login, body)
        if name == "repos/create-in-org":
            if arguments["org"] not in self.organisations:
                return 403, {"message": "You need admin access to the organization"}
            return self._created(operation, arguments["org"], body)
        slug = f"{arguments['owner']}/{arguments['repo']}"
        repository = self.find(slug)
        if repository is None or (repository.private and not authorization):
            return 404, {"message": "Not Found", "documentation_url": "https://docs"}
        if repository.hidden:
            repository.hidden -= 1
            return 404, {"message": "Not Found", "documentation_url": "https://docs"}
        calls: dict[str, Callable[[], tuple[int, Any]]] = {
            "repos/get": lambda: (200, self._shown(operation, 200, repository)),
            "repos/create-fork": lambda: self._forked(operation, repository),
            "pulls/list": lambda: (200, self._found(operation, slug, query)),
            "pulls/create": lambda: self._proposed(operation, repository, body),
            "pulls/update": lambda: self._changed(operation, slug, body),
        }
        return calls[name]()

    def _shown(self, operation: Operation, status: int, repository: Repository) -> Any:
        shown = self.api.example(operation, status)
        shown = {"language": None, "has_discussions": False, **shown}
        for name in ("source", "parent", "template_repository"):
            shown.pop(name, None)
        account, _, name = repository.name.partition("/")
        shown |= {"name": name, "full_name": repository.name, "private": repository.private}
        shown |= {"fork": bool(repository.parent), "html_url": f"{SERVER}/{repository.name}"}
        shown["owner"] = {**shown["owner"], "login": account}
        if parent := self.find(repository.parent):
            inner = {**shown, "name": name, "full_name": parent.name, "fork": False}
            shown |= {"parent": inner, "source": inner}
        return shown

    def _created(self, operation: Operation, account: str, body: Any) -> tuple[int, Any]:
        name = f"{account}/{body['name']}"
        if self.find(name):
            return 422, _invalid("Repository", "name already exists on this account")
        made = self.add(name, private=bool(body.get("private")))
        return 201, self._shown(operation, 201, made)

    def _forked(self, operation: Operation, repository: Repository) -> tuple[int, Any]:
        own = [
            each
            for each in self.repositories.values()
            if each.parent == repository.name and each.name.startswith(f"{self.login}/")
        ]
        name = f"{self.login}/{repository.name.partition('/')[2]}"
        if not own and self.find(name):
            name += "-1"
        made = own[0] if own else self.add(name, parent=repository.name)
        return 202, self._shown(operation, 202, made)

    def _found(self, operation: Operation, slug: str, query: dict[str, str]) -> Any:
        example = self.api.example(operation, 200)[0]
        return [
            _pull(example, each)
            for each in self.pulls
            if each["slug"].lower() == slug.lower()
            and query.get("state", "open") in ("all", each["state"])
            and query.get("head", each["head"]) == each["head"]
            and query.get("base", each["base"]) == each["base"]
        ]

    def _proposed(self, operation: Operation, repository: Repository, body: Any) -> tuple[int, Any]:
        account, _, branch = body["head"].partition(":")
        heads = [
            each
            for each in self.repositories.values()
            if each.name.startswith(f"{account}/")
            and repository.name in (each.parent, each.name)
            and self._commit(each, branch)
        ]
        if not heads or not self._commit(repository, body["base"]):
            return 422, _invalid("PullRequest", "head or base is invalid")
        if self._commit(heads[0], branch) == self._commit(repository, body["base"]):
            return 422, _invalid("PullRequest", f"No commits between {body['base']} and {branch}")
        if any(each["head"] == body["head"] and each["state"] == "open" for each in self.pulls):
            return 422, _invalid("PullRequest", f"A pull request already exists for {body['head']}")
        made = {**body, "slug": repository.name, "state": "open", "number": len(self.pulls) + 1}
        self.pulls.append(made)
        return 201, _pull(self.api.example(operation, 201), made)

    def _changed(self, operation: Operation, slug: str, body: Any) -> tuple[int, Any]:
        found = self.pulls[int(operation.arguments["pull_number"]) - 1]
        assert found["slug"].lower() == slug.lower()
        found |= body
        return 200, _pull(self.api.example(operation, 200), found)

    def _commit(self, repository: Repository, branch: str) -> str:
        line = ["git", "-C", str(repository.folder), "rev-parse", "--verify", "--quiet"]
        return subprocess.run(
            [*line, f"refs/heads/{branch}"], capture_output=True, text=True, check=False
        ).stdout.strip()


def _pull(example: Any, pull: dict[str, Any]) -> Any:
    shown = {**example, "requested_teams": []}
    shown |= {key: pull[key] for key in ("number", "title", "body", "state")}
    shown["html_url"] = f"{SERVER}/{pull['slug']}/pull/{pull['number']}"
    return shown


def _invalid(resource: str, message: str) -> dict[str, Any]:
    error = {"resource": resource, "code": "custom", "message": message}
    return {
        "message": "Validation Failed",
        "errors": [error],
        "documentation_url": "https://docs",
    }


@contextmanager
def serving(forge: Forge) -> Iterator[str]:
    """Serve the API on 127.0.0.1; gives its address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

        def handle_any(self) -> None:
            parts = urlsplit(self.path)
            size = int(self.headers.get("Content-Length") or 0)
            text = self.rfile.read(size)
            body = json.loads(text) if text else None
            call = f"{self.command} {unquote(parts.path)}"
            with forge.lock:
                forge.calls.append(call)
                forge.bodies.append(body)
                failure = next(
                    (
                        each
                        for each in forge.failures
                        if each.times and re.fullmatch(each.call, call)
                    ),
                    None,
                )
                status, document = 0, None
                if failure is None or failure.after:
                    status, document = forge.answer(
                        self.command,
                        unquote(parts.path),
                        dict(parse_qsl(parts.query)),
                        body,
                        self.headers.get("Authorization", ""),
                    )
                headers: dict[str, str] = {}
                if failure:
                    failure.times -= 1
                    status, document = failure.status, {"message": failure.message}
                    headers = failure.headers
            if not status:
                self.close_connection = True
                return
            content = json.dumps(document).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Type": "application/json"}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = handle_any  # noqa: N815

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
