"""The pages in a real browser, inside a real Airflow that is served below a sub-path."""

from __future__ import annotations

import re
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from web_server import ATTACK, EVENT, QUIET, SCAN, WebServer, scan_so_far, tell_story

from gwfollow.alerts import inbox
from gwfollow.alerts.folders import Folders
from gwfollow.ledger.schema import Inbox, Journal
from gwfollow.ledger.store import Ledger

playwright = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.system,
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine"),
]
WAIT = 30_000  # ms; a busy machine draws slowly
playwright.expect.set_options(timeout=WAIT)


@dataclass
class Seat:
    """A person in front of the browser, and what the browser complained about."""

    page: playwright.Page
    server: WebServer
    complaints: list[str] = field(default_factory=list)

    def violations(self) -> list[str]:
        """Complaints about something that the content security policy does not allow."""
        return [words for words in self.complaints if "Content Security Policy" in words or "Refused" in words]

    def open(self, path: str) -> playwright.FrameLocator:
        self.page.goto(self.server.web + path)
        return self.page.frame_locator("iframe")


@pytest.fixture(scope="module")
def ledger(server: WebServer) -> Iterator[Ledger]:
    found = Ledger.open(server.ledger_url)
    yield found
    found.close()


@pytest.fixture(scope="module")
def server(checkout: Path) -> Iterator[WebServer]:
    folder = Path(tempfile.mkdtemp(prefix="gww-", dir="/tmp"))
    made = WebServer(folder, checkout)
    tell_story(made.ledger_url, made.data).close()
    made.start()
    try:
        until(lambda: made.has_dags("alerts", "cooking", f"event.{EVENT}"))
        yield made
    finally:
        made.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def browser() -> Iterator[playwright.Browser]:
    with playwright.sync_playwright() as driver:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        yield driver.chromium.launch(executable_path=CHROMIUM, args=flags)


@pytest.fixture(scope="module")
def sit(server: WebServer, browser: playwright.Browser) -> Iterator[Callable[[str], Seat]]:
    """A seat for each person, who logs in at the first page of ours, as people do."""
    seats: dict[str, Seat] = {}

    def seat(name: str) -> Seat:
        if name not in seats:
            page = browser.new_context(viewport={"width": 1400, "height": 1000}).new_page()
            page.set_default_timeout(WAIT)
            seats[name] = Seat(page, server)
            page.on("console", lambda said: seats[name].complaints.append(said.text) if said.type == "error" else None)
            page.goto(f"{server.web}/gwfollow/health")
            assert "/auth/login" in page.url, "shown without a login"
            page.get_by_label("Username").fill(name)
            page.get_by_label("Password", exact=True).fill(server.password if name == "admin" else server.viewer)
            page.get_by_role("button", name="Sign in").click()
            page.wait_for_url("**/gwfollow/health")
            seats[name].complaints.clear()  # the login page's own
        return seats[name]

    yield seat
    for one in seats.values():
        one.page.context.close()


@pytest.fixture
def admin(sit: Callable[[str], Seat]) -> Iterator[Seat]:
    seat = sit("admin")
    yield seat
    assert "taken" not in seat.page.title()
    assert seat.violations() == []
    seat.complaints.clear()


def until(true: Callable[[], bool], seconds: float = 240.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it has not come true"
        time.sleep(0.2)


def test_the_events_dag_has_a_tab_with_its_alerts_and_its_sky_map(admin: Seat) -> None:
    frame = admin.open(f"/dags/event.{EVENT}")
    admin.page.get_by_role("link", name="Event", exact=True).click()
    frame.get_by_role("heading", name=EVENT).wait_for()
    picture = frame.get_by_role("img", name="Mollweide projection")  # comes by itself when it has been drawn
    picture.wait_for()
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") > 500
    assert "2.4e-14 Hz" in frame.get_by_role("region", name="What is known now").inner_text()
    rows = frame.get_by_role("region", name="Alerts").get_by_role("row").all_inner_texts()
    assert [re.split(r"\s+", row)[2] for row in rows[1:]] == ["label_added", "log", "update", "label_added", "new"]
    assert f"Sky map made {ATTACK}" in rows[2]


def test_the_tab_shows_the_loudest_channels_and_what_the_scan_finds_next(admin: Seat, server: WebServer) -> None:
    frame = admin.open(f"/dags/event.{EVENT}/plugin/gwfollow-event")
    quality = frame.get_by_role("region", name="Data quality")
    quality.get_by_text("3 of 5 channels have come to an end").wait_for()
    assert quality.locator(".state.warning", has_text="unknown").count() == 2
    picture = quality.get_by_role("img", name="figure of H1:PEM-LOUD")
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") == 1320
    assert ATTACK in quality.inner_text()
    scan_so_far(server.data, waiting=1)
    quality.get_by_text("4 of 5 channels have come to an end").wait_for()  # by itself
    quality.get_by_role("link", name=SCAN).click()
    names = frame.get_by_role("region", name="Channels").locator("tbody th")
    playwright.expect(names).to_have_count(4)
    frame.get_by_role("link", name="SNR").click()
    frame.locator("th[aria-sort=descending]").wait_for()
    assert names.first.inner_text() == "H1:PEM-LOUD"
    frame.get_by_label("find").fill("late")
    frame.get_by_role("button", name="Filter").click()
    playwright.expect(names).to_have_count(1)


def test_a_retracted_test_event_is_shown_as_such_and_the_attack_stays_text(admin: Seat) -> None:
    frame = admin.open(f"/dags/event.{QUIET}/plugin/gwfollow-event")
    frame.get_by_text("RETRACTED by the label ADVNO").wait_for()
    assert frame.get_by_text("MDC: never published").is_visible()
    assert ATTACK in frame.locator("#summary").inner_text()
    assert frame.locator("a[href^=javascript]").count() == 0


def test_a_dag_that_is_none_of_ours_leads_to_the_board(admin: Seat) -> None:
    frame = admin.open("/dags/cooking/plugin/gwfollow-event")
    frame.get_by_text("cooking is not an event").wait_for()
    frame.get_by_role("main").get_by_role("link", name="board").click()
    frame.get_by_role("link", name=EVENT).click()  # leaves the frame: the whole window goes to the event's DAG
    admin.page.wait_for_url(f"**/sub/dags/event.{EVENT}/plugin/gwfollow-event")


def test_the_inbox_filters_reloads_and_goes_back(admin: Seat) -> None:
    frame = admin.open("/")
    admin.page.get_by_role("link", name="gwfollow").click()
    frame.get_by_role("link", name="Inbox").click()
    frame.get_by_label("state").select_option("refused")
    frame.get_by_role("button", name="Filter").click()
    rows = frame.get_by_role("region", name="Alerts").get_by_role("row")
    playwright.expect(rows).to_have_count(4)
    admin.page.wait_for_url("**/plugin/gwfollow/sub/gwfollow/inbox?state=refused**")
    admin.page.reload()
    playwright.expect(rows).to_have_count(4)
    rows.nth(1).get_by_role("link").first.click()
    frame.get_by_role("heading", name="alert that could not be read").wait_for()
    admin.page.go_back()
    playwright.expect(rows).to_have_count(4)


def test_a_new_alert_appears_by_itself(admin: Seat, server: WebServer, ledger: Ledger) -> None:
    frame = admin.open("/plugin/gwfollow/sub/gwfollow/inbox")
    frame.get_by_role("link", name="3 refused").wait_for()
    inbox.store(ledger, Folders(server.data), b"just now", source="gcn")
    frame.get_by_role("link", name="4 refused").wait_for()


def test_an_admin_replays_an_alert_and_the_journal_has_the_name(admin: Seat, server: WebServer, ledger: Ledger) -> None:
    frame = admin.open("/plugin/gwfollow/sub/gwfollow/inbox/4")
    frame.get_by_role("button", name="Replay this alert").click()
    frame.get_by_role("button", name="Cancel").click()
    assert state_of(ledger, 4) == "ignored"
    frame.get_by_role("button", name="Replay this alert").click()
    frame.get_by_role("dialog").get_by_role("button", name="Replay", exact=True).click()
    frame.get_by_text("of the DAG alerts processes it").wait_for()
    assert state_of(ledger, 4) == "new"
    assert server.runs("alerts") == [("queued", "admin")]
    with ledger.read() as session:
        assert session.query(Journal).where(Journal.who == "airflow:admin", Journal.what.contains("alert 4 ")).count() == 1


def test_a_viewer_sees_the_alert_and_cannot_replay_it(sit: Callable[[str], Seat], server: WebServer, ledger: Ledger) -> None:
    page = sit("victor").page
    page.goto(f"{server.web}/gwfollow/inbox/1")
    page.get_by_role("heading", name=f"new of {EVENT}").wait_for()
    assert page.get_by_role("button", name="Replay").count() == 0
    script = "() => fetch('1/replay', {method: 'POST', headers: {'X-GWFollow': '1'}}).then(answer => answer.status)"
    assert page.evaluate(script) == 403
    assert state_of(ledger, 1) == "done"


def test_a_page_on_another_port_of_this_host_changes_nothing(admin: Seat, server: WebServer, ledger: Ledger) -> None:
    with elsewhere() as address:
        page = admin.page.context.new_page()
        page.goto(address)
        with page.expect_response("**/replay") as plain:
            page.evaluate(
                "url => fetch(url, {method: 'POST', mode: 'no-cors', credentials: 'include'})",
                f"{server.web}/gwfollow/inbox/1/replay",
            )
        assert plain.value.status == 403  # with 401 the browser would have sent no login, which proves nothing
        preflighted = "url => fetch(url, {method: 'POST', headers: {'X-GWFollow': '1'}, credentials: 'include'}).then(() => 'sent', e => e.name)"
        assert page.evaluate(preflighted, f"{server.web}/gwfollow/inbox/1/replay") == "TypeError"
        page.close()
    assert state_of(ledger, 1) == "done"


def test_the_policy_lets_no_inline_code_run_and_the_browser_says_so(admin: Seat) -> None:
    """Should an escape be forgotten somewhere, this is what stands behind it."""
    page = admin.page
    page.goto(f"{admin.server.web}/gwfollow/inbox")
    page.evaluate("words => document.body.insertAdjacentHTML('beforeend', words)", ATTACK)
    until(lambda: page.evaluate("1") == 1 and bool(admin.violations()))
    assert "taken" not in page.title()
    admin.complaints.clear()


def test_the_check_of_contrast_sees_what_is_too_faint(admin: Seat) -> None:
    page = admin.page
    page.goto(f"{admin.server.web}/gwfollow/inbox")
    page.evaluate("document.querySelector('h1').style.color = '#999999'")
    assert [words.split()[0] for words in page.evaluate(CONTRAST)] == ["H1."]


PAGES = ["", "inbox", "inbox/1", "health", f"dag/event.{EVENT}", f"dag/event.{QUIET}", f"scan/{EVENT}/{SCAN}"]


@pytest.mark.parametrize("path", PAGES)
def test_everybody_can_use_the_pages(admin: Seat, path: str) -> None:
    """Names for controls, pictures and tables; readable contrast in both themes, wide and narrow; a focus that is seen."""
    page = admin.page
    page.goto(f"{admin.server.web}/gwfollow/{path}")
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert page.evaluate(CONTRAST) == []
    assert page.evaluate(STRUCTURE) == []
    page.keyboard.press("Tab")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.set_viewport_size({"width": 1400, "height": 1000})


def test_the_frame_wears_airflows_theme(admin: Seat) -> None:
    frame = admin.open("/plugin/gwfollow/sub/gwfollow/health")
    frame.get_by_role("heading", name="Health").wait_for()
    seen = set()
    for theme, other in (("dark", "light"), ("light", "dark")):
        admin.page.evaluate(
            f"document.documentElement.classList.replace('{other}', '{theme}') || document.documentElement.classList.add('{theme}')"
        )
        playwright.expect(frame.locator("html")).to_have_attribute("data-theme", theme)
        seen.add(frame.locator("body").evaluate("body => getComputedStyle(body).color"))
    assert len(seen) == 2


def state_of(ledger: Ledger, number: int) -> str:
    with ledger.read() as session:
        return session.get_one(Inbox, number).state


class _Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<title>elsewhere</title>")

    def log_message(self, *_: object) -> None:
        pass


class elsewhere:
    """A page of somebody else on another port of this host."""

    def __enter__(self) -> str:
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _Page)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self.server.server_port}/"

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()


#: texts whose contrast with what is behind them is below WCAG 2.1's 4.5 (AA)
CONTRAST = """() => {
  const canvas = new OffscreenCanvas(1, 1).getContext('2d', {willReadFrequently: true});
  const rgba = colour => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return canvas.getImageData(0, 0, 1, 1).data;
  };
  const linear = v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const luminance = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  const behind = element => {
    for (let e = element; e; e = e.parentElement) {
      const colour = rgba(getComputedStyle(e).backgroundColor);
      if (colour[3] > 250) return colour;
    }
    return [255, 255, 255];
  };
  const bad = [];
  for (const e of document.querySelectorAll('body *')) {
    if (![...e.childNodes].some(node => node.nodeType === 3 && node.data.trim()) || !e.checkVisibility() || e.disabled) continue;
    const [a, b] = [luminance(rgba(getComputedStyle(e).color)), luminance(behind(e))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) bad.push(`${e.tagName}.${e.className} ${ratio.toFixed(2)} ${e.textContent.slice(0, 30)}`);
  }
  return bad;
}"""
STRUCTURE = """() => {
  const bad = [];
  const look = (selector, fine, words) => {
    for (const e of document.querySelectorAll(selector)) if (!fine(e)) bad.push(words + ': ' + e.outerHTML.slice(0, 80));
  };
  const attribute = (e, name) => e.getAttribute('aria-' + name);
  const named = e => e.labels?.length || attribute(e, 'label') || attribute(e, 'labelledby') || e.textContent.trim();
  look('input, select, button, a[href], [tabindex], dialog', named, 'no name');
  look('[aria-labelledby]', e => document.getElementById(attribute(e, 'labelledby')), 'no label');
  look('th', e => e.scope, 'no scope');
  look('img', e => e.alt, 'no alt');
  const ids = [...document.querySelectorAll('[id]')].map(e => e.id);
  if (new Set(ids).size !== ids.length) bad.push('an id twice: ' + ids);
  if (document.querySelectorAll('h1').length !== 1) bad.push('not one h1');
  if (!document.documentElement.lang || !document.title || !document.querySelector('main')) bad.push('no language, title or main');
  return bad;
}"""
