"""The tab of an event's DAG: its alerts, its state, its analyses and where on the sky it was."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager
from provider_web import SCRIPT, Web, new_superevent, store

from gwfollow.alerts.folders import Folders
from gwfollow.alerts.history import State
from gwfollow.ledger.schema import Analysis, Event
from gwfollow.provider.web import pictures
from sky import write_skymap

EVENT = "S230101a"
ISSUED = datetime(2023, 1, 1, tzinfo=UTC)
STATE = State(
    superevent_id=EVENT, far=1e-9, significant=True, group="CBC", pipeline="gstlal", labels=("ADVOK",), preferred_event="G1"
)


def put_event(web: Web, state: State = STATE, **more: Any) -> None:
    with web.ledger.change(who="test") as change:
        columns = {"name": EVENT, "graceid": EVENT, "source": "gracedb", "alert": state.as_json(), **more}
        change.session.add(Event(**columns))


def tab(web: Web, event: str = EVENT) -> str:
    answer = web.client.get(f"dag/event.{event}")
    assert answer.status_code == 200, answer.text
    return answer.text


def test_a_dag_that_is_no_events_is_told_apart(web: Web) -> None:
    text = web.client.get("dag/upkeep").text
    assert "upkeep is not an event" in text
    assert 'href="/gwfollow/"' in text


def test_an_event_that_the_ledger_does_not_have_is_404(web: Web) -> None:
    answer = web.client.get("dag/event.S999999z", headers={"accept": "text/html"})
    assert answer.status_code == 404
    assert "no event" in answer.text


def test_who_may_not_see_the_dag_sees_neither_tab_nor_files(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    put_event(web)
    monkeypatch.setattr(SimpleAuthManager, "filter_authorized_dag_ids", lambda self, dag_ids, **_: dag_ids - {f"event.{EVENT}"})
    for path in (f"dag/event.{EVENT}", f"event/{EVENT}/skymap/{'0' * 64}.png", f"event/{EVENT}/skymap/file/a.fits"):
        assert web.client.get(path).status_code == 403


def test_the_present_state_is_told(web: Web) -> None:
    put_event(web, gps=1356566418.5)
    text = tab(web)
    for words in (
        "1e-09 Hz (1 in 32 years), significant",
        "CBC / gstlal",
        "G1",
        "ADVOK",
        "GPS 1356566418.500 s, 2023-01-01 00:00:00",
    ):
        assert words in text
    assert "RETRACTED" not in text


def test_a_retraction_cannot_be_missed(web: Web) -> None:
    put_event(
        web, replace(STATE, retracted=True, retracted_why="a public retraction", retracted_when="2023-01-01T02:00:00+00:00")
    )
    assert "RETRACTED by a public retraction, 2023-01-01 02:00:00" in tab(web)


@pytest.mark.parametrize(
    ("name", "category", "words"), [(EVENT, "MDC", "MDC: never published"), ("MS230101a", "Production", "test: never published")]
)
def test_an_event_that_is_not_real_is_shown_as_such(web: Web, name: str, category: str, words: str) -> None:
    put_event(web, name=name, graceid=name, category=category)
    assert words in tab(web, name)


def test_alerts_are_told_in_the_order_of_their_issue_newest_first(web: Web) -> None:
    put_event(web)
    for seconds in (60, 0, 30):
        label = {"uid": EVENT, "alert_type": "label_added", "data": {"name": f"LABEL_{seconds}"}}
        store(web, label, issued=ISSUED + timedelta(seconds=seconds), verdict=f"verdict at {seconds}")
    assert re.findall(r"verdict at \d+", tab(web)) == ["verdict at 60", "verdict at 30", "verdict at 0"]
    assert re.findall(r"\+ (LABEL_\d+)", tab(web)) == ["LABEL_60", "LABEL_30", "LABEL_0"]


def test_an_alert_says_what_it_said_and_what_became_of_it(web: Web) -> None:
    put_event(web)
    said = [
        {"rule": "loud", "matched": True, "why": "far 2e-12 < 1e-6", "actions": []},
        {"rule": "bursts", "matched": False, "why": "CBC"},
    ]
    message = new_superevent(EVENT, far=2e-12, preferred_event="G2", labels=["EM_COINC"])
    store(web, message, verdict="loud: two analyses", decision=said)
    text = tab(web)
    for words in (
        "Preferred event G2",
        "2e-12 Hz",
        "EM_COINC",
        "CBC / gstlal / AllSky in H1, L1",
        "loud: two analyses",
        "far 2e-12 &lt; 1e-6",
    ):
        assert words in text
    assert "bursts" not in text


def test_an_alert_that_can_no_longer_be_read_is_told_too(web: Web) -> None:
    put_event(web)
    store(web, new_superevent(EVENT), payload={"what": 1})
    assert "no form of alert that is known" in tab(web)


def test_analyses_are_listed_with_their_reasons(web: Web) -> None:
    stuck = Analysis(name="bilby", pipeline="bilby", status="stuck", reason=f"exit code 1 {SCRIPT}")
    put_event(web, analyses=[stuck, Analysis(name="psd", pipeline="psd", status="running", origin="loud")])
    text = tab(web)
    assert "exit code 1 &lt;script&gt;" in text
    assert "rule loud" in text
    assert text.count('class="problem"') == 1


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("https://gracedb.example/superevents/S230101a/view/", 'href="https://gracedb.example/superevents/S230101a/view/"'),
        ("javascript:alert(1)", None),
        ("//evil.example/", None),
        (None, None),
    ],
)
def test_the_link_to_gracedb_leads_to_a_web_page_or_nowhere(web: Web, said: str | None, shown: str | None) -> None:
    put_event(web, replace(STATE, gracedb=said))
    text = tab(web)
    assert "javascript:" not in text
    assert "evil" not in text
    assert (shown in text) if shown else ('data-top="new"' not in text)


@pytest.mark.parametrize(
    ("repository", "shown"),
    [
        ("git@git.ligo.org:pe/O4/S230101a.git", 'href="https://git.ligo.org/pe/O4/S230101a"'),
        ("/data/S230101a.git", "<dd>/data/S230101a.git</dd>"),
        ("https://me:secret@host/x.git", "a URL without a name or password"),
    ],
)
def test_the_repository_is_named_with_its_page_and_without_its_secrets(web: Web, repository: str, shown: str) -> None:
    put_event(web)
    with web.ledger.change(who="test") as change:
        change.event(EVENT).document = {"repository": repository}
    text = tab(web)
    assert shown in text
    assert "secret" not in text


def test_texts_of_alerts_stay_text(web: Web) -> None:
    put_event(
        web, replace(STATE, labels=(SCRIPT,), group=SCRIPT, signoffs={SCRIPT: SCRIPT}, preferred_event=SCRIPT, search=SCRIPT)
    )
    comment = {"uid": EVENT, "alert_type": "log", "data": {"comment": SCRIPT}}
    store(web, comment, verdict=SCRIPT, decision=[{"rule": SCRIPT, "matched": True, "why": SCRIPT, "actions": [SCRIPT]}])
    text = tab(web)
    assert text.count("&lt;script&gt;") >= 8
    assert text.count("<script") == 1  # our own file
    assert "<img" not in text


# ---- the sky map -----------------------------------------------------------------------------------------------------------
def until_drawn(web: Web, seconds: float = 60.0) -> str:
    end = time.monotonic() + seconds
    while "is being drawn" in (text := tab(web)) and time.monotonic() < end:
        time.sleep(0.1)
    return text


@pytest.mark.slow
def test_a_sky_map_is_drawn_once_by_another_process(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    put_event(web)
    write_skymap(Folders(web.data).event(EVENT) / "bayestar.multiorder.fits,0", order=5)
    before = set(sys.modules)  # other tests of this process may have drawn
    started: list[list[str]] = []
    start = subprocess.Popen

    def counting(command: list[str], **more: Any) -> Any:
        started.append(command)
        return start(command, **more)

    monkeypatch.setattr(pictures.subprocess, "Popen", counting)
    assert "is being drawn" in tab(web)
    text = until_drawn(web)
    for words in ("50% within", "90% within", "240 ± 60 Mpc", "right ascension 1", "declination -", "bayestar.multiorder.fits,0"):
        assert words in text
    address = re.search(r'src="/gwfollow(/event/[^"]+\.png)"', text)
    assert address is not None
    picture = web.client.get(address[1].lstrip("/"))
    assert picture.headers["content-type"] == "image/png"
    assert picture.content.startswith(b"\x89PNG")
    tab(web)
    assert len(started) == 1
    new = {name.partition(".")[0] for name in sys.modules.keys() - before}
    assert "matplotlib" not in new, "drawn in the web server's process"


@pytest.mark.slow
def test_a_sky_map_that_cannot_be_drawn_says_why_and_is_not_tried_at_every_look(
    web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_event(web)
    file = Folders(web.data).event(EVENT) / "bayestar.fits"
    file.parent.mkdir(parents=True)
    file.write_text("not FITS")
    text = until_drawn(web)
    assert "No picture:" in text
    assert "bayestar.fits" in text
    monkeypatch.setattr(pictures.subprocess, "Popen", lambda *_, **__: pytest.fail("tried again"))
    assert "No picture:" in tab(web)


def test_two_web_servers_draw_one_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who finds the lock held waits for the other's picture; when the other has died he draws."""
    file = tmp_path / "map.fits"
    file.write_text("whatever")
    lock = tmp_path / pictures.FOLDER / f"{pictures.checksum(file)}.lock"
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(lock)], stdout=subprocess.PIPE)
    started: list[Any] = []
    monkeypatch.setattr(pictures, "_start", lambda *_: started.append(1) or subprocess.Popen(["false"]))
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        assert pictures.picture(file).state == "drawing"
        assert not started
    finally:
        holder.kill()
        holder.wait()
    assert pictures.picture(file).state == "drawing"
    assert len(started) == 1


HOLD = """
import fcntl, os, sys, time
from pathlib import Path
Path(sys.argv[1]).parent.mkdir(exist_ok=True)
lock = os.open(sys.argv[1], os.O_CREAT | os.O_RDWR)
fcntl.flock(lock, fcntl.LOCK_EX)
print("held", flush=True)
time.sleep(60)
"""


def test_a_folder_that_cannot_be_written_is_a_reason(tmp_path: Path) -> None:
    file = tmp_path / "map.fits"
    file.write_text("whatever")
    (tmp_path / pictures.FOLDER).write_text("a file where the folder should be")
    seen = pictures.picture(file)
    assert seen.state == "failed"
    assert pictures.FOLDER in seen.reason


@pytest.mark.parametrize("key", ["0" * 64, "../" * 3 + "secret", "..%2f..%2fsecret", "A" * 64, "0" * 63])
def test_only_pictures_that_were_drawn_are_given(web: Web, key: str) -> None:
    put_event(web)
    (Folders(web.data).event(EVENT) / pictures.FOLDER).mkdir(parents=True)
    (Folders(web.data).event(EVENT) / "secret.png").write_text("secret")
    assert web.client.get(f"event/{EVENT}/skymap/{key}.png").status_code == 404


@pytest.mark.parametrize("name", ["secret.txt", "..%2fsecret.fits", "link.fits", "nothing.fits"])
def test_only_sky_maps_of_the_event_are_given(web: Web, tmp_path: Path, name: str) -> None:
    put_event(web)
    folder = Folders(web.data).event(EVENT)
    folder.mkdir(parents=True)
    (folder / "real.fits").write_text("SIMPLE")
    (folder / "secret.txt").write_text("secret")
    (folder.parent / "secret.fits").write_text("secret")
    (folder / "link.fits").symlink_to(folder.parent / "secret.fits")
    assert web.client.get(f"event/{EVENT}/skymap/file/{name}").status_code == 404
    real = web.client.get(f"event/{EVENT}/skymap/file/real.fits")
    assert real.headers["content-disposition"].startswith("attachment")
