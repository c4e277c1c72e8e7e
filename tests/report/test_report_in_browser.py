"""The report as a browser shows it from the disk: search, sorting, no network, no fault, nothing beyond the edge of a phone."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest
import reported

from gwfollow.ledger.store import Ledger
from gwfollow.report.site import write_report
from gwfollow.settings import Settings

playwright = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.system,
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine"),
]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("browser")
    ledger = Ledger.open(f"sqlite:///{folder / 'ledger.db'}", create=True)
    reported.fill(ledger)
    reported.archive(ledger, "GW151226")
    reported.deface(ledger)
    write_report(ledger, Settings(), folder / "site")
    ledger.close()
    return (folder / "site").as_uri()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A phone's; what goes wrong in it, and what it asks the network for, fails the test."""
    opened = browser.new_page(viewport={"width": 390, "height": 844})
    faults: list[str] = []
    opened.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    opened.on("pageerror", lambda error: faults.append(str(error)))
    opened.on("dialog", lambda dialog: faults.append(f"dialog {dialog.message}"))
    opened.on("request", lambda request: faults.append(request.url) if not request.url.startswith(("file:", "data:")) else None)
    yield opened
    opened.close()
    assert faults == []


def shown(page: Any) -> list[str]:
    return [row.locator("th a").inner_text() for row in page.locator("#events tbody tr:visible").all()]


def test_events_are_found_and_sorted(page: Any, site: str) -> None:
    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto(f"{site}/index.html")
    assert shown(page) == ["GW150914", "GW151226", "project"]
    page.fill("#find", "pesummary bilby")
    assert shown(page) == ["GW150914"]
    assert page.locator("#count").inner_text() == "1 of 3"
    page.fill("#find", "")
    page.select_option("#which", "archived")
    assert shown(page) == ["GW151226"]
    page.select_option("#which", "")
    page.locator("thead button").first.click()
    page.locator("thead button").first.click()
    assert shown(page) == ["project", "GW151226", "GW150914"]
    page.get_by_role("link", name="GW150914").click()
    assert page.locator("h1").inner_text().startswith("GW150914")


def test_nothing_lies_beyond_the_edge_of_a_phone_and_hostile_words_are_words(page: Any, site: str) -> None:
    for name in ("index.html", "events/GW150914.html", "events/project.html"):
        page.goto(f"{site}/{name}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, name
    page.goto(f"{site}/events/GW150914.html")
    assert page.locator("svg .box").count() == 4
    assert "<script>alert('x')</script>" in page.locator("body").inner_text()
