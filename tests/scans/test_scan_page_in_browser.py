"""A scan's page in a browser, from the disk and under the policy under which Airflow serves it: sorting, search, and nothing that runs."""

from __future__ import annotations

import functools
import shutil
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gwfollow.scans import figure, page
from scan_results import ATTACK, GPS, channel, scan

playwright = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium")
playwright.expect.set_options(timeout=30_000)  # ms; a busy machine draws slowly
pytestmark = [
    pytest.mark.system,
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine"),
]
POLICY = "sandbox allow-scripts allow-popups allow-downloads; frame-ancestors 'self'"


class Sandboxed(SimpleHTTPRequestHandler):
    """As `gwfollow.provider.web.pages` serves result pages."""

    def end_headers(self) -> None:
        self.send_header("content-security-policy", POLICY)
        self.send_header("access-control-allow-origin", "*")
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scan")
    series = figure.Series(GPS - 1, 64.0, np.zeros(128))
    panels = figure.Panels(GPS, series, series, [figure.Spectrogram((GPS - 1, GPS + 1), (4.0, 32.0), np.ones((20, 30)))])
    drawn = [channel(ATTACK, snr=20, correlation=3.0), channel("H1:ASC-A", snr=12, correlation=9.0, block="asc")]
    drawn = [one.model_copy(update={"plot": figure.draw(folder, one, panels)}) for one in drawn]
    found = scan(*drawn, channel("H1:ASC-QUIET", snr=3, significant=False, block="asc"), channel("H1:GONE", message=ATTACK))
    page.write(found, folder)
    return folder


@pytest.fixture(scope="module")
def addresses(folder: Path) -> Iterator[list[str]]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Sandboxed, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield [f"{folder.as_uri()}/index.html", f"http://127.0.0.1:{server.server_port}/index.html"]
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield opened
        opened.close()


def test_it_is_sorted_by_keys_searched_and_remembers_and_no_name_runs(browser: Any, addresses: list[str]) -> None:
    complaints: list[str] = []
    for address in addresses:
        view = browser.new_page(viewport={"width": 390, "height": 844})
        view.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
        view.on("pageerror", lambda error: complaints.append(str(error)))
        view.goto(address)
        names = view.locator("#channels tbody tr:visible th")
        assert [text.split(" not ")[0] for text in names.all_inner_texts()] == [ATTACK, "H1:ASC-A", "H1:ASC-QUIET"]
        assert view.locator("img").first.evaluate("image => image.decode().then(() => image.naturalWidth)") == 1320
        view.get_by_role("button", name="correlation").focus()
        view.keyboard.press("Enter")
        assert names.first.inner_text() == "H1:ASC-A"
        assert view.locator("th[aria-sort]").evaluate("head => [head.textContent, head.ariaSort]") == [
            "correlation",
            "descending",
        ]
        view.fill("#find", "asc")
        view.select_option("#which", "s")
        assert view.locator("#count").inner_text() == "1 of 3"
        view.reload()  # as the page of a running scan does by itself
        assert names.all_inner_texts() == ["H1:ASC-A"]
        assert view.locator("th[aria-sort]").inner_text().startswith("correlation")
        assert view.evaluate("document.documentElement.scrollWidth") <= 390
        assert view.title() == "GW150914: H1_standard"
        view.close()
    assert complaints == []


def test_the_page_of_a_running_scan_shows_its_end_by_itself_and_says_when_nothing_comes(
    browser: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "REFRESH", 1)
    long_ago = "2020-01-01T00:00:00+00:00"
    page.write(scan(channel("H1:A", snr=9), state="running", waiting=4, updated=long_ago), tmp_path)
    view = browser.new_page()
    view.goto(f"{tmp_path.as_uri()}/index.html")
    said = view.locator("#state")
    playwright.expect(said).to_contain_text("Running: 1 of 5 channels")
    playwright.expect(said).to_contain_text("its job may have ended before its time")
    page.write(scan(channel("H1:A", snr=9), channel("H1:B", snr=8), updated=long_ago), tmp_path)
    playwright.expect(said).to_have_text("Complete: 2 of 2 channels were scanned.")
    view.close()
