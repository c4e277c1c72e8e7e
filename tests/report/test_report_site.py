"""The static report: what it says, that it changes in one stroke, that only what changed is written, and that nobody's words become markup."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import reported
from sqlalchemy import event as sqlalchemy_event

from gwfollow.errors import InputError, PermanentError, TransientError
from gwfollow.ledger.store import Ledger
from gwfollow.report import pages
from gwfollow.report.layout import WIDTH, lay_out
from gwfollow.report.site import Written, write_report
from gwfollow.settings import Settings

Write = Callable[[], Written]
SETTINGS = Settings(airflow_url="http://airflow.example", gracedb_url="https://gracedb.ligo.org/api/")
#: a report that says when it is in the middle, and then waits
SLOW = """
import sys, time
from pathlib import Path
from gwfollow.ledger.store import Ledger
from gwfollow.report import pages, site
from gwfollow.settings import Settings
def slow(*_):
    print("middle", flush=True)
    time.sleep(60)
pages.index_page = slow
site.write_report(Ledger.open(sys.argv[1]), Settings(), Path(sys.argv[2]))
"""


@pytest.fixture
def filled(sqlite_url: str) -> Iterator[Ledger]:
    ledger = Ledger.open(sqlite_url)
    reported.fill(ledger)
    yield ledger
    ledger.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "site"


@pytest.fixture
def write(filled: Ledger, folder: Path) -> Write:
    return lambda: write_report(filled, SETTINGS, folder)


def files_of(folder: Path) -> dict[str, bytes]:
    """Everything but the time of the report."""
    found = {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}
    return {name: content for name, content in found.items() if name not in {"index.html", "report.json"}}


class Markup(HTMLParser):
    """Tags, and addresses that links lead to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.attributes: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links += [value or "" for name, value in attrs if name in {"href", "src"}]


# ---- what it says ------------------------------------------------------------------------------------------------------------
def test_an_events_page_has_its_analyses_results_verdicts_links_and_journal(write: Write, folder: Path) -> None:
    assert write().events == 3
    text = (folder / "events" / "GW150914.html").read_text()
    for words in (
        "GPS 1126259462.391 s, 2015-09-14 09:50:45",
        "the one for the paper",
        "<strong>preferred</strong> by bob",
        "30.92",
        "ln bayes factor 301.1",
        "job 17.0 (htcondor, submitted)",
        "dlogz 3.1",
        "alice@test",
        "20.0 MB",
    ):
        assert words in text, words
    links = Markup(text).links
    for address in (
        "https://gracedb.ligo.org/events/G190047/view/",
        "http://airflow.example/dags/event.GW150914",
        "https://git.ligo.org/pe/GW150914",
        "file:///run/bilby-xphm/home%20page.html",
        "../index.html",
    ):
        assert address in links, address


def test_the_index_lists_active_archived_and_project_and_links_to_pages_that_are_there(
    write: Write, filled: Ledger, folder: Path
) -> None:
    reported.archive(filled, "GW151226")
    write()
    text = (folder / "index.html").read_text()
    assert "2 active, 1 archived" in text
    for name in Markup(text).links:
        assert name.startswith("data:") or (folder / name).is_file(), name
    assert 'data-which="archived"' in text
    assert "GW150914.html" in (folder / "events" / "project.html").read_text()


def test_the_same_is_there_as_json_that_its_schema_describes(ledger: Ledger, folder: Path, checkout: Path) -> None:
    reported.fill(ledger)  # on both databases: the journal's window is SQL of its own
    write_report(ledger, SETTINGS, folder)
    schema = json.loads((checkout / "docs" / "report.schema.json").read_text())
    index = json.loads((folder / "report.json").read_text())
    check(schema, "index", index)
    assert [event["name"] for event in index["events"]] == ["GW150914", "GW151226", "project"]
    for listed in index["events"]:
        found = json.loads((folder / listed["json"]).read_text())
        check(schema, "event", found)
    event = json.loads((folder / "events" / "GW150914.json").read_text())
    xphm = event["analyses"][1]
    assert xphm["results"][0]["summary"] == reported.SUMMARY
    assert (xphm["verdict"], xphm["needs"][0]["analysis"]) == ("preferred", "psd")
    assert event["analyses"][2]["progress"]["fraction"] == 0.42
    (need,) = json.loads((folder / "events" / "project.json").read_text())["analyses"][0]["needs"]
    assert (need["event"], need["analysis"], need["role"]) == ("GW150914", "bilby-xphm", "analyses")


def check(schema: dict[str, Any], name: str, value: Any) -> None:
    jsonschema.validate(value, {"$defs": schema["$defs"], "$ref": f"#/$defs/{name}"})


def test_the_questions_to_the_ledger_do_not_grow_with_the_events(sqlite_url: str, folder: Path) -> None:
    ledger = Ledger.open(sqlite_url)
    reported.fill(ledger)
    asked: list[str] = []
    sqlalchemy_event.listen(ledger.engine, "before_cursor_execute", lambda *args: asked.append(args[2]))
    write_report(ledger, SETTINGS, folder)
    few = len(asked)
    with ledger.change(who="test") as change:
        from gwfollow.ledger.schema import Event

        change.session.add_all(Event(name=f"S{number}", document={}) for number in range(90))
    asked.clear()
    assert write_report(ledger, SETTINGS, folder).events == 93
    assert len(asked) == few
    ledger.close()


# ---- nobody's words become markup --------------------------------------------------------------------------------------------
def test_what_people_wrote_is_shown_and_never_obeyed(write: Write, filled: Ledger, folder: Path) -> None:
    write()
    before = Markup((folder / "events" / "GW150914.html").read_text())
    reported.deface(filled)
    write()
    for name in ("index.html", "events/GW150914.html"):
        text = (folder / name).read_text()
        found = Markup(text)
        assert found.tags.count("script") == 1
        assert "img" not in found.tags
        assert not {name for name in found.attributes if name.startswith("on")}
        assert not [link for link in found.links if link.startswith("javascript:")]
    assert text.count("&lt;script&gt;") >= 8
    assert "javascript:alert(1)" in text, "the repository is still shown, as text"
    assert set(found.tags) - {"code", "span"} <= set(before.tags)


# ---- only what changed -------------------------------------------------------------------------------------------------------
def test_only_pages_of_events_that_changed_are_written_again(write: Write, filled: Ledger, folder: Path) -> None:
    assert write().pages == 3
    first = {p.name: p.stat().st_ino for p in (folder / "events").iterdir()}
    assert write().pages == 0
    assert {p.name: p.stat().st_ino for p in (folder / "events").iterdir()} == first
    with filled.change(who="carol") as change:
        change.set_status(change.analysis("GW150914", "pages"), "cancelled", reason="not wanted")
    assert write().pages == 1
    assert "not wanted" in (folder / "events" / "GW150914.html").read_text()
    now = {p.name: p.stat().st_ino for p in (folder / "events").iterdir()}
    assert {name for name in first if now[name] != first[name]} == {"GW150914.html", "GW150914.json"}


def test_a_page_that_a_power_cut_emptied_is_written_again(write: Write, folder: Path) -> None:
    write()
    os.truncate(folder / "events" / "GW150914.html", 0)
    assert write().pages == 1
    assert (folder / "events" / "GW150914.html").stat().st_size > 1000


def test_another_style_or_template_writes_all_again(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    write()
    monkeypatch.setattr(pages, "version", lambda: "next")
    assert write().pages == 3


# ---- in one stroke -----------------------------------------------------------------------------------------------------------
@pytest.mark.slow
def test_a_report_killed_in_the_middle_leaves_the_old_site_and_the_next_one_cleans_up(sqlite_url: str, folder: Path) -> None:
    ledger = Ledger.open(sqlite_url)
    reported.fill(ledger)
    write_report(ledger, Settings(), folder)
    old, target = files_of(folder), folder.readlink()
    with ledger.change(who="carol") as change:
        change.analysis("GW150914", "psd").comment = "new words"
    with subprocess.Popen([sys.executable, "-c", SLOW, sqlite_url, str(folder)], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "middle\n"
        with pytest.raises(TransientError, match="another report is being written"):
            write_report(ledger, Settings(), folder)
        child.send_signal(signal.SIGKILL)
    assert child.returncode == -signal.SIGKILL
    assert (folder.readlink(), files_of(folder)) == (target, old)
    assert write_report(ledger, Settings(), folder).pages == 1
    assert "new words" in (folder / "events" / "GW150914.html").read_text()
    versions = [p.name for p in folder.with_name(".site.versions").iterdir() if p.is_dir()]
    assert sorted(versions) == ["1", "2"]
    ledger.close()


def test_a_fault_in_the_middle_leaves_the_old_site_and_nothing_half(
    write: Write, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write()
    old = files_of(folder)

    def full(*_: object) -> bytes:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pages, "index_page", full)
    with pytest.raises(PermanentError, match=r"No space left on device.*old one"):
        write()
    assert files_of(folder) == old
    assert [p.name for p in folder.with_name(".site.versions").iterdir() if p.is_dir()] == ["1"]


def test_a_reader_of_the_version_before_can_go_on(write: Write, folder: Path) -> None:
    write()
    before = folder.resolve()
    write()
    assert (before / "index.html").is_file()
    write()
    assert not before.exists()


@pytest.mark.parametrize("what", ["folder", "file", "link"])
def test_a_place_that_belongs_to_something_else_is_refused(what: str, write: Write, folder: Path) -> None:
    if what == "folder":
        folder.mkdir()
        (folder / "thesis.tex").write_text("mine")
    elif what == "file":
        folder.write_text("mine")
    else:
        folder.symlink_to("/etc")
    with pytest.raises(InputError, match="a report that gwfollow wrote"):
        write()
    assert what != "folder" or (folder / "thesis.tex").read_text() == "mine"


def test_an_empty_folder_makes_room(write: Write, folder: Path) -> None:
    folder.mkdir()
    write()
    assert (folder / "index.html").is_file()


def test_a_lock_that_somebody_holds_is_told(write: Write, folder: Path) -> None:
    versions = folder.with_name(".site.versions")
    versions.mkdir()
    with (versions / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(TransientError, match="another report"):
            write()


# ---- the graph ---------------------------------------------------------------------------------------------------------------
def test_what_is_needed_stands_left_of_what_needs_it_and_no_two_boxes_meet() -> None:
    names = ["pages", "psd", "a", "b", "c", "alone"]
    edges = {("psd", n): "needs" for n in "abc"} | {(n, "pages"): "analyses" for n in "abc"} | {("psd", "pages"): "needs"}
    graph = lay_out(names, edges)
    place = {box.name: box for box in graph.boxes}
    for source, target in edges:
        assert place[source].x + WIDTH < place[target].x
    assert len({(box.x, box.y) for box in graph.boxes}) == len(names)
    assert all(0 <= box.x < graph.width and 0 <= box.y < graph.height for box in graph.boxes)


def test_parallel_chains_do_not_cross() -> None:
    edges = {("p2", "b2"): "needs", ("p1", "b1"): "needs", ("b1", "s1"): "needs", ("b2", "s2"): "needs"}
    place = {box.name: box.y for box in lay_out(["p1", "p2", "b2", "b1", "s1", "s2"], edges).boxes}
    assert (place["p1"] < place["p2"]) == (place["b1"] < place["b2"]) == (place["s1"] < place["s2"])


def test_a_circle_is_drawn_and_not_walked_for_ever() -> None:
    assert len(lay_out(["a", "b"], {("a", "b"): "needs", ("b", "a"): "needs"}).edges) == 2
    assert lay_out([], {}).boxes == ()
