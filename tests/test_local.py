"""`scaffold train`, `predict` and `serve` on a real module, in a real environment, in a browser."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import REAL_HOME, ROOT
from tests.helpers import assert_follows

# one module, one environment: these tests share both, in one process
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("module")]

SCREENSHOTS = ROOT / ".cache" / "screenshots"


@dataclass(frozen=True)
class Pair:
    """A generated pair and how to call scaffold on it."""

    model: Path
    container: Path

    def command(self, *arguments: object) -> list[str]:
        return [sys.executable, "-m", "scaffold", *map(str, arguments)]

    def run(
        self, *arguments: object, cwd: Path | None = None, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments),
            cwd=cwd or self.model,
            env=environment(**variables),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=500,
        )


def environment(**variables: str) -> dict[str, str]:
    """The isolated variables, but the developer's own caches and this uv."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, **REAL_HOME, "PATH": path, "PYTHONPATH": str(ROOT), **variables}


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """A pair whose model has been trained for two epochs by `scaffold train`."""
    folder = tmp_path_factory.mktemp("pair")
    made = Pair(folder / "digit_reader", folder / "DEEP-OC-digit_reader")
    new = made.run("new", folder, "--no-git", "-d", "project_name=Digit reader", cwd=folder)
    assert new.returncode == 0, new.stderr
    trained = made.run("train", made.model, "--epochs", "2", cwd=folder)
    assert trained.returncode == 0, trained.stderr
    assert f"Making the module's environment in {made.model}/.venv (once; a minute or so)" in (
        trained.stderr
    )
    assert re.search(r"epoch +2/2  loss \d", trained.stdout)
    return made


def copied(pair: Pair, folder: Path) -> Path:
    """Return a copy of the model repository without its environment."""
    copy = folder / "digit_reader"
    shutil.copytree(pair.model, copy, ignore=shutil.ignore_patterns(".venv"))
    return copy


def sample(pair: Pair, digit: int = 3) -> Path:
    return pair.model / "data" / "raw" / "samples" / f"digit-{digit}.png"


def test_training_reuses_the_environment_and_passes_arguments_on(pair: Pair) -> None:
    # from a folder inside the model repository, and from the container repository
    for cwd in (pair.model / "data" / "raw", pair.container):
        result = pair.run("train", "--epochs", "1", "--seed", "5", "--json", cwd=cwd)
        assert result.returncode == 0, result.stderr
        assert "environment" not in result.stderr
        document = json.loads(result.stdout)
        assert_follows(document, "train-output")
        assert (document["epochs"], document["device"]) == (1, "cpu")
        config = json.loads((pair.model / "models" / document["run"] / "config.json").read_text())
        assert config["options"]["seed"] == 5


def test_a_changed_pyproject_makes_the_environment_anew(pair: Pair) -> None:
    planned = pair.run("predict", "x.png", "--dry-run", "--json").stdout
    assert len(json.loads(planned)["commands"]) == 1
    stamp = json.loads((pair.model / ".venv" / "scaffold.json").read_text())
    assert stamp["python"] == f"{sys.version_info[0]}.{sys.version_info[1]}"
    pyproject = pair.model / "pyproject.toml"
    original = pyproject.read_text()
    pyproject.write_text(original + "\n# changed\n")
    planned = pair.run("predict", "x.png", "--dry-run", "--json").stdout
    pyproject.write_text(original)
    commands = json.loads(planned)["commands"]
    assert commands[-1][1:] == ["-m", "digit_reader", "predict", "--json", "x.png"]
    # into the environment that is there: what has not changed need not be installed again
    assert [command[1:3] for command in commands[:-1]] == [["pip", "install"]]


def test_a_module_that_has_been_moved_gets_a_new_environment(pair: Pair, tmp_path: Path) -> None:
    moved = tmp_path / "digit_reader"
    shutil.copytree(pair.model, moved, symlinks=True)
    planned = json.loads(pair.run("predict", moved, "x.png", "--dry-run", "--json").stdout)
    create, install, _ = planned["commands"]
    assert create[1:3] == ["venv", "--quiet"]
    assert str(moved / ".venv") in create
    assert install[-1] == f"{moved}[cpu]"


def test_an_environment_of_the_users_own_is_used(pair: Pair, tmp_path: Path) -> None:
    copy = copied(pair, tmp_path)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(copy / ".venv")], check=True)
    planned = json.loads(pair.run("predict", copy, "x.png", "--dry-run", "--json").stdout)
    assert [command[1:3] for command in planned["commands"][:-1]] == [["pip", "install"]]


def test_prediction_prints_one_document_and_reads_files_from_where_the_user_is(pair: Pair) -> None:
    result = pair.run("predict", pair.model, "digit-3.png", "--json", cwd=sample(pair).parent)
    assert result.returncode == 0, result.stderr
    assert_follows(json.loads(result.stdout), "predict-output")
    (answer,) = json.loads(result.stdout)
    assert answer["source"] == "digit-3.png"
    assert sum(answer["probabilities"].values()) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["train", "--epochs", "0"], 2, "argument --epochs: '0' is not a whole number between 1"),
        (["predict", "none.png"], 2, "none.png: No such file or directory"),
        (["train", "--resume", "never"], 2, "never"),
    ],
)
def test_the_modules_own_errors_and_exit_codes_come_through(
    pair: Pair, arguments: list[str], code: int, message: str
) -> None:
    result = pair.run(*arguments)
    assert result.returncode == code, result.stderr
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    error = json.loads(pair.run(*arguments, "--json").stdout)["error"]
    assert error["message"] == f"the module's {arguments[0]} ended with exit code {code}"
    assert error["exit_code"] == code


def test_outside_a_module_there_is_nothing_to_train(pair: Pair, tmp_path: Path) -> None:
    result = pair.run("train", cwd=tmp_path)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == (
        f"error: {tmp_path} is not in a module: no folder up from it holds .scaffold.yml\n"
        "hint: go into a module, name its folder, or make one with `scaffold new`\n"
    )


def test_a_container_repository_alone_says_what_is_missing(pair: Pair, tmp_path: Path) -> None:
    shutil.copytree(pair.container, tmp_path / "DEEP-OC-digit_reader")
    result = pair.run("serve", tmp_path / "DEEP-OC-digit_reader")
    assert result.returncode == 2
    assert f"{tmp_path}/digit_reader is not there" in result.stderr
    assert "hint: clone the model repository beside it" in result.stderr


def test_pip_makes_the_environment_where_there_is_no_uv(pair: Pair, tmp_path: Path) -> None:
    copy = copied(pair, tmp_path)
    result = pair.run("train", copy, "--epochs", "1", "-v", SCAFFOLD_INSTALLER="pip")
    assert result.returncode == 0, result.stderr
    assert "-m pip install --editable" in result.stderr


def test_an_installation_that_fails_shows_why(pair: Pair, tmp_path: Path) -> None:
    copy = copied(pair, tmp_path)
    pyproject = copy / "pyproject.toml"
    text = pyproject.read_text().replace('"tqdm>=4.66"', '"tqdm>=4.66", "tqdm<4"')
    pyproject.write_text(text)
    result = pair.run("train", copy)
    assert result.returncode == 1
    assert "tqdm" in result.stderr
    assert "hint: " in result.stderr
    # and a later call tries again instead of taking the half-made environment for a whole one
    assert "Making the module's environment" in pair.run("train", copy).stderr


@contextmanager
def serving(pair: Pair, *arguments: object) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run `scaffold serve` until the block ends; give the process and the address."""
    process = subprocess.Popen(
        pair.command("serve", "--port", "0", "--json", *arguments),
        cwd=pair.model,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdout
        line = process.stdout.readline()
        assert line, process.stderr.read() if process.stderr else ""
        assert_follows(json.loads(line), "serve-output")
        yield process, json.loads(line)["url"]
    finally:
        if process.poll() is None:
            process.terminate()
        process.communicate()


def processes_of(pair: Pair) -> list[str]:
    """The command lines of processes that run from the module's environment."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if str(pair.model / ".venv") in line.split(" ")[0]:
                found.append(line)
    return found


@pytest.mark.parametrize(
    ("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["Ctrl-C", "SIGTERM"]
)
def test_the_server_stops_cleanly(pair: Pair, sent: signal.Signals, code: int) -> None:
    with serving(pair) as (process, url):
        with urllib.request.urlopen(f"{url}/v2/models/", timeout=20) as answer:
            (model,) = json.load(answer)["models"]
        assert model["name"] == "digit_reader"
        process.send_signal(sent)
        _, errors = process.communicate(timeout=30)
        assert process.returncode == code
        assert "Stopped." in errors
        assert "\x1b" not in errors
        assert errors.count("GET /v2/models/") == 1  # ours, above; not that of the start-up
        assert "Traceback" not in errors
        with pytest.raises(urllib.error.URLError):
            urllib.request.urlopen(f"{url}/v2/models/", timeout=5)
    assert processes_of(pair) == []


def test_the_server_ends_with_the_command_also_after_kill_9(pair: Pair) -> None:
    with serving(pair) as (process, _):
        process.kill()
        process.communicate()
    deadline = time.monotonic() + 20
    while processes_of(pair) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert processes_of(pair) == []


def test_training_ends_with_the_command_also_after_kill_9(pair: Pair) -> None:
    process = subprocess.Popen(
        pair.command("train", "--epochs", "500"),
        cwd=pair.model,
        env=environment(PYTHONUNBUFFERED="1"),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout
    assert any(line.startswith("epoch ") for line in process.stdout)
    process.kill()
    process.communicate(timeout=60)
    assert processes_of(pair) == []
    resumed = pair.run("train", "--resume", "--epochs", "40")
    assert resumed.returncode == 0, resumed.stderr
    assert "resuming " in resumed.stdout


def test_people_are_told_the_address_of_the_swagger_page(pair: Pair) -> None:
    process = subprocess.Popen(
        pair.command("serve", "--port", "0"),
        cwd=pair.model,
        # a proxy must not be asked for what is on this machine; nobody listens on port 9
        env=environment(PYTHONUNBUFFERED="1", http_proxy="http://127.0.0.1:9"),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout
    lines = [process.stdout.readline() for _ in range(3)]
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert re.fullmatch(r"digit_reader answers on http://127\.0\.0\.1:\d+\n", lines[0])
    assert re.fullmatch(r"Swagger page: http://127\.0\.0\.1:\d+/api\n", lines[1])
    assert lines[2] == "Stop it with Ctrl-C.\n"


def test_a_taken_port_is_named(pair: Pair) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = pair.run("serve", "--port", port)
    assert result.returncode == 1
    assert f"error: cannot listen on 127.0.0.1:{port}: Address already in use" in result.stderr
    assert "hint: choose another with --port, or --port 0 for any free one" in result.stderr


def test_a_module_that_cannot_be_imported_stops_with_its_traceback(pair: Pair) -> None:
    api = pair.model / "digit_reader" / "models" / "deep_api.py"
    original = api.read_text()
    api.write_text(original + "\nimport no_such_module_at_all\n")
    try:
        result = pair.run("serve", "--port", "0")
    finally:
        api.write_text(original)
    assert result.returncode == 1
    assert "ModuleNotFoundError: No module named 'no_such_module_at_all'" in result.stderr
    assert "the server ended with exit code 1" in result.stderr


def browser_programs() -> tuple[str, str] | None:
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    return (browser, driver) if browser and driver else None


@pytest.mark.skipif(
    browser_programs() is None and not os.environ.get("CI"),
    reason="needs chromium and chromedriver; tests/prepare.sh installs them as root",
)
@pytest.mark.filterwarnings("default::ResourceWarning")
def test_the_swagger_page_makes_a_prediction_in_a_browser(pair: Pair, tmp_path: Path) -> None:
    from selenium import webdriver
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support import expected_conditions as shown
    from selenium.webdriver.support.ui import WebDriverWait

    programs = browser_programs()
    assert programs, "chromium and chromedriver are missing"
    options = webdriver.ChromeOptions()
    options.binary_location = programs[0]
    for argument in (
        *("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1200,1500"),
        *("--no-first-run", "--disable-background-networking", "--disable-component-update"),
        *("--disable-sync", "--disable-dev-shm-usage", f"--user-data-dir={tmp_path / 'browser'}"),
    ):
        options.add_argument(argument)
    service = webdriver.ChromeService(executable_path=programs[1])
    with serving(pair) as (_, url), webdriver.Chrome(options=options, service=service) as page:
        wait = WebDriverWait(page, 30)
        page.get(f"{url}/api")
        operation = wait.until(
            shown.element_to_be_clickable(
                (By.XPATH, "//span[contains(@data-path, '/digit_reader/predict/')]")
            )
        )
        operation.click()
        wait.until(shown.element_to_be_clickable((By.CSS_SELECTOR, ".try-out__btn"))).click()
        upload = wait.until(
            shown.presence_of_element_located((By.CSS_SELECTOR, "input[type=file]"))
        )
        upload.send_keys(str(sample(pair, 7)))
        wait.until(shown.element_to_be_clickable((By.CSS_SELECTOR, ".btn.execute"))).click()
        response = wait.until(
            shown.visibility_of_element_located((By.CSS_SELECTOR, ".live-responses-table"))
        )
        time.sleep(0.5)  # the page colours the answer after it shows it
        assert "200" in response.text
        assert '"class"' in response.text
        assert '"source": "digit-7.png"' in response.text
        page.execute_script("arguments[0].scrollIntoView({block: 'end'})", response)
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        assert page.save_screenshot(str(SCREENSHOTS / "swagger.png"))
