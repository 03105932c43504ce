"""How a build gets to know how this machine reaches the network."""

from __future__ import annotations

import functools
import http.server
import stat
import subprocess
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from scaffold import module
from scaffold.errors import UsageError
from scaffold.image import build, network, plan
from scaffold.workspace import write_tree
from tests.helpers import rendered

PEM = "-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----\n"


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is set."""
    for name in (
        *("PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "NETRC"),
        *("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_TRUSTED_HOST"),
        *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"),
        *("http_proxy", "https_proxy", "no_proxy", "all_proxy"),
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")


def test_without_any_setting_there_is_nothing_to_pass_on() -> None:
    found = network.detect(None, "", clone=True)
    assert found == network.Network({})
    with network.secrets(found) as given:
        assert given == []


def test_variables_come_before_files_and_folders_of_this_machine_are_left_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = tmp_path / "pip.conf"
    config.write_text(
        "[global]\nindex-url = https://file.example/simple\n"
        "extra-index-url =\n  file:///opt/wheels\n  https://extra.example/simple\n"
        "[install]\ntrusted-host = extra.example\n"
    )
    monkeypatch.setenv("PIP_CONFIG_FILE", str(config))
    monkeypatch.setenv("PIP_INDEX_URL", "https://ann:secret@variable.example/simple")
    found = network.detect(None, "host", clone=False)
    assert found.pip == {
        "index-url": "https://ann:secret@variable.example/simple",
        "extra-index-url": "https://extra.example/simple",
        "trusted-host": "extra.example",
    }
    assert found.mode == "host"
    assert found.hidden() == ("https://ann:secret@variable.example/simple",)
    with network.secrets(found) as given:
        ((name, path),) = given
        assert name == "pip.conf"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert path.read_text().splitlines() == [
            "[global]",
            "index-url = https://ann:secret@variable.example/simple",
            "extra-index-url = https://extra.example/simple",
            "trusted-host = extra.example",
        ]
    assert not path.exists()


def test_the_users_own_pip_configuration_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PIP_CONFIG_FILE")
    config = Path.home() / ".config" / "pip" / "pip.conf"
    config.parent.mkdir(parents=True)
    config.write_text("[global]\nindex-url = https://home.example/simple\n")
    assert network.detect(None, "", clone=False).pip["index-url"] == "https://home.example/simple"


def test_certificates_are_those_that_were_named_else_those_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    own, usual = tmp_path / "own.pem", tmp_path / "usual.pem"
    for path in (own, usual):
        path.write_text(PEM)
    monkeypatch.setenv("PIP_CERT", str(tmp_path / "gone.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(usual))
    assert network.detect(None, "", clone=False).ca_bundle == usual
    found = network.detect(own, "", clone=False)
    with network.secrets(found) as given:
        assert given == [("ca.pem", own)]
    assert own.exists()


def test_what_holds_no_certificates_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").touch()
    for name, message in (
        ("empty.pem", "holds no certificates"),
        ("gone.pem", "No such file or directory"),
    ):
        with pytest.raises(UsageError) as error:
            network.detect(tmp_path / name, "", clone=False)
        assert message in error.value.message
        assert error.value.hint == "--ca-bundle takes a file in the PEM format"


def test_proxies_are_passed_on_by_name_and_logins_only_for_cloning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://ann:secret@proxy.example:3128")
    monkeypatch.setenv("no_proxy", "localhost")
    netrc = Path.home() / ".netrc"
    netrc.write_text("machine example.org login ann password secret\n")
    found = network.detect(None, "", clone=False)
    assert (found.proxies, found.netrc) == (("HTTPS_PROXY", "no_proxy"), None)
    assert found.hidden() == ("http://ann:secret@proxy.example:3128",)
    assert found.variables() == {
        "HTTPS_PROXY": "http://ann:secret@proxy.example:3128",
        "https_proxy": "http://ann:secret@proxy.example:3128",  # apt knows no other
        "NO_PROXY": "localhost",
        "no_proxy": "localhost",
    }
    assert network.detect(None, "", clone=True).netrc == netrc


def test_an_index_that_does_not_answer_is_left_out(tmp_path: Path) -> None:
    """Asked for each package, it would be tried again each time."""
    for name, tree in rendered(repo_name="leaves", framework="pytorch").items():
        write_tree(tree, tmp_path / name)
        subprocess.run(["git", "init", "--quiet", tmp_path / name], check=True)
    found = module.find(tmp_path / "leaves")
    said: list[str] = []

    def index(variant: str, address: str) -> str | None:
        (planned,) = plan.plan(found, plan.Wish((variant,)))
        planned = replace(planned, arguments={**planned.arguments, "extra_index": address})
        return build.with_reachable_index(planned, said.append).arguments.get("extra_index")

    assert index("cpu", "http://127.0.0.1:9/simple") == "none"
    assert said == [
        "http://127.0.0.1:9/simple does not answer: the usual index must do, perhaps with CUDA"
    ]
    assert index("gpu", "http://127.0.0.1:9/simple") == "http://127.0.0.1:9/simple"
    folder = tmp_path / "served"
    (folder / "simple" / "torch").mkdir(parents=True)
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        there = f"http://127.0.0.1:{server.server_port}/simple"
        assert index("cpu", there) == there
        server.shutdown()
    assert len(said) == 1
