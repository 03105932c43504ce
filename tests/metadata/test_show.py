"""`scaffold metadata show`: a card in the terminal, and as a page for a browser."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING

import pexpect
import pytest

from scaffold.metadata import card, cardpage, loading
from tests.metadata.conftest import Run
from tests.metadata.samples import V1, V2

if TYPE_CHECKING:
    from selenium.webdriver.chrome.webdriver import WebDriver

SCREENSHOTS = Path(__file__).parents[2] / ".cache" / "screenshots"
FULL = """\
metadata_version: 2.3.0
title: Tell 10,000 plants apart
summary: Takes a photograph and says which of 10,000 plant species it shows, and how sure it is.
description: |-
  The model is a **ResNet-50**, trained on photographs from
  [iNaturalist](https://www.inaturalist.org).

  ## What it is good for

  * naming a plant in a photograph,
  * training on plants of your own.

  | data set | species | top-1 accuracy |
  | --- | --- | --- |
  | iNaturalist | 10,000 | 0.83 |

  ```python
  predict(image="leaf.jpg")
  ```

  <img class='fit', src='https://raw.githubusercontent.com/ai4os-hub/plants/main/a.png'/>
doi: 10.5281/zenodo.7654321
dates: {created: '2024-01-31', updated: '2024-06-30'}
links:
  source_code: https://github.com/ai4os-hub/plants
  docker_image: ai4oshub/plants
  documentation: https://plants.readthedocs.io
  dataset: https://www.inaturalist.org
  weights: https://zenodo.org/records/7654321/files/weights.pt
license: Apache-2.0
tags: [deep learning, botany, vo.imagine-ai.eu]
tasks: [Computer Vision, Classification]
categories: [AI4 trainable, AI4 inference, AI4 pre trained]
libraries: [PyTorch]
data-type: [Image]
resources:
  inference: {cpu: 2, memory_MB: 8000, gpu_compute_capability: 6.1}
  training: {gpu: 1, gpu_memory_MB: 16000}
"""
HOSTILE = r"""
metadata_version: 2.3.0
title: "</title><script>document.title='owned'</script>\e[31m"
summary: '"><img src=x onerror=alert(1)>'
description: |
  <script>document.title = 'owned'</script> <b onclick="alert(1)">bold</b>

  [click](javascript:alert(1)) [data](data:text/html,x) ![x](https://example.org/spy.png)

  <style>body{background:url(https://example.org/spy)}</style>
  <iframe src="https://example.org"></iframe> <a href="javascript:alert(1)">a</a>
  <img class='fit', src='javascript:alert(1)'/>
links:
  source_code: javascript:alert(1)
  docker_image: https://hub.docker.com/r/"><script>
  dataset: "https://example.org/\" onmouseover=alert(1)"
  citation: HTTPS://example.org/a?b='&c=<d>
tags: ['<i>tag</i>']
tasks: []
categories: []
libraries: []
doi: 10.1/"><script>alert(1)</script>
"""
PLAIN = """\
Tell 10,000 plants apart
========================
Takes a photograph and says which of 10,000 plant species it shows, and how sure it is.

Categories     AI4 trainable, AI4 inference, AI4 pre trained
Tasks          Computer Vision, Classification
Libraries      PyTorch
Data types     Image
Tags           deep learning, botany, vo.imagine-ai.eu
Created        2024-01-31
Updated        2024-06-30
DOI            10.5281/zenodo.7654321
Licence        Apache-2.0
Source code    https://github.com/ai4os-hub/plants
Image          ai4oshub/plants
Documentation  https://plants.readthedocs.io
Data set       https://www.inaturalist.org
Weights        https://zenodo.org/records/7654321/files/weights.pt
Inference      CPU cores 2, Memory 8,000 MB, Compute capability 6.1
Training       GPUs 1, GPU memory 16,000 MB
Metadata       2.3.0

The model is a **ResNet-50**, trained on photographs from
[iNaturalist](https://www.inaturalist.org).

## What it is good for
"""


@pytest.fixture(autouse=True)
def files(tmp_path: Path) -> None:
    (tmp_path / "full.yml").write_text(FULL)
    (tmp_path / "hostile.yml").write_text(HOSTILE)
    (tmp_path / "old.json").write_text(V1)


class _Page(HTMLParser):
    """What a page links to, fetches and runs."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.attributes: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]


def test_plain_text_where_there_is_no_terminal(run: Run) -> None:
    result = run("metadata", "show", "full.yml")
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith(PLAIN)
    assert result.out.isascii()


def test_metadata_1_is_shown_alike(run: Run) -> None:
    shown = run("metadata", "show", "old.json").out
    assert "Categories     AI4 trainable\n" in shown
    assert "Tags           docker, api-v2\nCreated        2024-01-31\nLicence        MIT\n" in shown
    assert "Updated" not in shown
    assert "Citation       https://doi.org/10.1000/182\nMetadata       1.0.0\n" in shown


def test_json(run: Run) -> None:
    document = run("metadata", "show", "full.yml", "--json").document
    assert document["title"] == "Tell 10,000 plants apart"
    assert document["links"][1] == {
        "label": "Image",
        "text": "ai4oshub/plants",
        "url": "https://hub.docker.com/r/ai4oshub/plants",
    }


@pytest.mark.parametrize("no_color", ["", "1"], ids=["colours", "NO_COLOR"])
def test_a_terminal(tmp_path: Path, no_color: str) -> None:
    child = pexpect.spawn(
        sys.executable,
        ["-m", "scaffold", "metadata", "show", "full.yml"],
        cwd=str(tmp_path),
        env={**os.environ, "NO_COLOR": no_color, "TERM": "xterm-256color"},
        dimensions=(60, 90),
        encoding="utf-8",
        timeout=30,
    )
    shown = child.read()
    child.close()
    assert child.exitstatus == 0
    assert ("\x1b[" in shown, "╭" in shown) == (not no_color, not no_color)
    assert "Tell 10,000 plants apart" in shown
    assert "https://plants.readthedocs.io" in shown


def test_nothing_in_a_file_reaches_the_terminal_as_a_command(run: Run) -> None:
    shown = run("metadata", "show", "hostile.yml").out
    assert "\x1b" not in shown
    assert "\\x1b[31m" in shown


def test_a_page_is_never_replaced_silently(run: Run, tmp_path: Path) -> None:
    assert run("metadata", "show", "full.yml", "--html", "a.html").out == "wrote a.html\n"
    assert run("metadata", "show", "full.yml", "--html", "a.html").code == 4
    assert run("metadata", "show", "old.json", "--html", "a.html", "--force").code == 0
    assert "<title>Plant classification</title>" in (tmp_path / "a.html").read_text()


def test_a_page_needs_nothing_from_anywhere() -> None:
    page = _Page(cardpage.page(card.card(loading.parse(FULL.encode(), "a.yml").data)))
    assert not {"script", "link", "img", "iframe", "object", "form"} & set(page.tags)
    assert page.links == [
        "https://www.inaturalist.org",
        "https://raw.githubusercontent.com/ai4os-hub/plants/main/a.png",
        "https://doi.org/10.5281/zenodo.7654321",
        "https://github.com/ai4os-hub/plants",
        "https://hub.docker.com/r/ai4oshub/plants",
        "https://plants.readthedocs.io",
        "https://www.inaturalist.org",
        "https://zenodo.org/records/7654321/files/weights.pt",
    ]


def test_a_page_escapes_everything() -> None:
    text = cardpage.page(card.card(loading.parse(HOSTILE.encode(), "a.yml").data))
    page = _Page(text)
    assert not {"script", "img", "iframe", "i", "b"} & set(page.tags)
    assert page.tags.count("style") == 1
    assert page.links == ["https://example.org/spy.png"]
    assert not [name for name in page.attributes if name.startswith("on")]
    assert "&lt;/title&gt;&lt;script&gt;document.title=" in text


@pytest.mark.parametrize(
    ("address", "safe"),
    [
        ("https://example.org/a?b=c#d", "https://example.org/a?b=c#d"),
        (" http://example.org ", "http://example.org"),
        ("javascript:alert(1)", ""),
        ("JaVaScRiPt:alert(1)", ""),
        ("\x01javascript:alert(1)", ""),
        ("data:text/html,x", ""),
        ("//example.org", ""),
        ("https://", ""),
        ('https://example.org/"', ""),
        ("https://[", ""),
        ("", ""),
    ],
)
def test_addresses_that_may_be_linked(address: str, safe: str) -> None:
    assert card.safe_url(address) == safe


def test_every_corpus_file_has_a_page(corpus: Path) -> None:
    for path in sorted((corpus / "metadata").iterdir()):
        data = loading.load(path).data
        if isinstance(data, dict):
            page = _Page(cardpage.page(card.card(data)))
            assert not {"script", "link", "img", "iframe"} & set(page.tags), path.name
            assert all(link.startswith(("http://", "https://")) for link in page.links), path.name


def programs() -> tuple[str, str] | None:
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    return (browser, driver) if browser and driver else None


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[WebDriver]:
    from selenium import webdriver

    found = programs()
    if not found and not os.environ.get("CI"):
        pytest.skip("needs chromium and chromedriver; tests/prepare.sh installs them as root")
    assert found, "chromium and chromedriver are missing"
    options = webdriver.ChromeOptions()
    options.binary_location = found[0]
    for argument in (
        *("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run"),
        *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
        *("--disable-dev-shm-usage", "--window-size=1280,1250", "--force-color-profile=srgb"),
        f"--user-data-dir={tmp_path / 'profile'}",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    service = webdriver.ChromeService(executable_path=found[1])
    with webdriver.Chrome(options=options, service=service) as driver:
        yield driver


@pytest.mark.filterwarnings("default::ResourceWarning")
def test_the_page_in_a_browser(run: Run, tmp_path: Path, browser: WebDriver) -> None:
    from selenium.webdriver.common.by import By

    for name in ("full.yml", "hostile.yml"):
        run("metadata", "show", name, "--html", f"{name}.html")
    browser.get((tmp_path / "full.yml.html").as_uri())
    heading = browser.find_element(By.TAG_NAME, "h1")
    assert (browser.title, heading.text) == ("Tell 10,000 plants apart", "Tell 10,000 plants apart")
    badges = [each.text for each in browser.find_elements(By.CSS_SELECTOR, ".badges li")]
    assert badges == [
        *("AI4 trainable", "AI4 inference", "AI4 pre trained", "Computer Vision"),
        *("Classification", "PyTorch", "Image", "deep learning", "botany", "vo.imagine-ai.eu"),
    ]
    # laid out as a card: the facts stand to the right of the description
    article, aside = (browser.find_element(By.TAG_NAME, tag).rect for tag in ("article", "aside"))
    assert aside["x"] >= article["x"] + article["width"]
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    browser.save_screenshot(str(SCREENSHOTS / "card.png"))
    browser.set_window_size(420, 900)
    article, aside = (browser.find_element(By.TAG_NAME, tag).rect for tag in ("article", "aside"))
    assert aside["y"] > article["y"] + article["height"] - 2  # pixels may be halves
    width = browser.execute_script("return document.documentElement.scrollWidth")
    assert width <= browser.get_window_size()["width"]
    browser.save_screenshot(str(SCREENSHOTS / "card-narrow.png"))
    browser.get((tmp_path / "hostile.yml.html").as_uri())
    assert browser.title.startswith("</title><script>")
    assert browser.find_elements(By.CSS_SELECTOR, "a[href^=javascript]") == []
    messages = [json.loads(each["message"])["message"] for each in browser.get_log("performance")]  # type: ignore[no-untyped-call]
    asked = [
        each["params"]["request"]["url"]
        for each in messages
        if each["method"] == "Network.requestWillBeSent"
    ]
    assert any(address.startswith("file:") for address in asked)
    assert not [address for address in asked if address.startswith(("http", "ws", "ftp"))]


def test_rich_is_imported_only_to_draw(tmp_path: Path) -> None:
    code = (
        "import sys; from scaffold.cli import main\n"
        "try: main(['metadata', 'show', 'full.yml', '-q'])\n"
        "except SystemExit: print({'rich', 'markdown_it', 'rdflib'} & set(sys.modules))"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert shown.stdout.endswith("\nset()\n")


def test_an_incomplete_file_has_a_card_too() -> None:
    assert card.card({}).title == "(no title)"
    shown = card.card(loading.parse(V2.encode(), "a.yml").data | {"resources": 3, "dates": 1})
    assert (shown.resources, shown.facts) == ((), ())
