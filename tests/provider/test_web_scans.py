"""How the data were, on the event's tab and on the page of a scan."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager
from provider_web import Web

from gwfollow.ledger.schema import Analysis, Asset, Attempt, Check, Event
from gwfollow.provider.web import scans
from gwfollow.scans import schema
from gwfollow.scans.model import MissingData, ScanResult
from scan_results import ATTACK, GPS, channel, scan

EVENT = "S230101a"
LOUD = channel("H1:LOUD", snr=20, plot="plots/H1-LOUD.png", correlation=7.26, delay_ms=-13.0)
FOUND = scan(LOUD, channel("H1:SECOND", snr=9, block="lsc"), channel("H1:QUIET", snr=3, significant=False), channel("H1:GONE"))


@pytest.fixture
def put(web: Web, tmp_path: Path) -> Any:
    """Puts a scan of the event into the ledger; its folder."""
    with web.ledger.change(who="test") as change:
        change.session.add(Event(name=EVENT, graceid=EVENT, source="gracedb", gps=GPS, alert={}))

    def put_scan(result: ScanResult | bytes | None = FOUND, name: str = "scan-H1", status: str = "finished", **more: Any) -> Path:
        folder = tmp_path / name / "attempt-1"
        (folder / "plots").mkdir(parents=True)
        (folder / "plots" / "H1-LOUD.png").write_bytes(b"\x89PNG of the channel")
        if result is not None:
            (folder / "scan.json").write_bytes(result if isinstance(result, bytes) else schema.as_json(result))
        with web.ledger.change(who="test") as change:
            columns = {"name": name, "pipeline": "omegascan", "status": status, "attempt": 1, **more}
            row = Analysis(event=change.event(EVENT), **columns)
            change.session.add(row)
            change.session.flush()
            if row.attempt:
                attempt = Attempt(analysis_id=row.id, number=row.attempt, folder=str(folder), inputs={})
                change.session.add(attempt)
                if status == "finished":
                    attempt.assets = [Asset(name="pages", path=str(folder / "index.html"), sha256="0" * 64, size=1)]
        return folder

    return put_scan


def tab(web: Web) -> str:
    answer = web.client.get(f"dag/event.{EVENT}")
    assert answer.status_code == 200, answer.text
    return answer.text


def test_the_tab_shows_the_loudest_channels_with_their_figures(web: Web, put: Any) -> None:
    put()
    text = tab(web)
    figure = f"/gwfollow/scan/{EVENT}/scan-H1/1/plots/H1-LOUD.png"
    for words in (
        ">complete<",
        "3 scanned, 2 significant, 1 absent",
        f'src="{figure}"',
        "SNR 20.0 at 131.2 Hz, +21 ms",
        f'href="/gwfollow/scan/{EVENT}/scan-H1"',
        f'href="/gwfollow/results/{EVENT}/scan-H1/"',
    ):
        assert words in text, words
    assert text.index("H1:LOUD") < text.index("H1:SECOND")
    assert "H1:QUIET" not in text
    answer = web.client.get(figure.removeprefix("/gwfollow/"))
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")


STATES: list[tuple[Any, dict[str, Any], tuple[str, ...]]] = [
    (scan(LOUD, state="running", waiting=860), {"status": "running"}, ("running", "1 of 861 channels have come to an end")),
    (
        scan(LOUD, state="running", waiting=860),
        {"status": "stuck", "reason": "killed by signal 9"},
        ("stopped early", "stuck: killed by signal 9", "1 scanned, 1 significant, 860 not reached", "Its job has ended before"),
    ),
    (scan(LOUD, state="partial", reason="H1_R is missing 3 s"), {}, ("partial", "H1_R is missing 3 s")),
    (scan(channel("H1:A"), state="failed", reason="no frames"), {"status": "stuck"}, ("failed", "no frames")),
    (
        scan(LOUD, state="running", waiting=3, missing=(MissingData(frame_type="H1_R", segments=((1.0, 2.5),)),)),
        {"status": "running"},
        ("running", "<strong>H1_R</strong> is missing [1, 2.5)"),
    ),
    (None, {"attempt": 0, "status": "cancelled", "reason": "skipped: no H1_R"}, ("skipped", "cancelled: skipped: no H1_R")),
    (None, {"attempt": 0, "status": "ready"}, ("ready",)),
    (None, {"status": "running"}, ("running",)),
    (b'{"version": 1, "chan', {"status": "running"}, ("unreadable", "scan.json is no result of a scan")),
    (schema.as_json(FOUND).replace(b'"ifo"', b'"site"'), {}, ("unreadable", "ifo: Field required")),
]


def test_the_state_of_each_scan_is_told_truthfully(web: Web, put: Any) -> None:
    for number, (result, more, _) in enumerate(STATES):
        put(result, f"scan-{number}", **more)
    parts = tab(web).split('<div class="scan">')[1:]
    for number, (part, (_, _, (state, *words))) in enumerate(zip(parts, STATES, strict=True)):
        assert f">scan-{number}</a>" in part
        assert f">{state}</span>" in part
        assert ">complete<" not in part
        own = web.client.get(f"scan/{EVENT}/scan-{number}").text
        for expected in words:
            assert expected in part, expected
            assert expected in own, expected


def test_an_unknown_check_never_looks_like_one_that_passed(web: Web, put: Any) -> None:
    verdicts = {"H1 HOFT_OK": "pass", "H1 iDQ": "unknown", "H1 NO_CBC_HW_INJ": "fail", "H1 later": "a new word"}
    with web.ledger.change(who="test") as change:
        event = change.event(EVENT)
        for name, verdict in verdicts.items():
            change.session.add(
                Check(event_id=event.id, name=name, process="state vector", verdict=verdict, summary=f"why {ATTACK}")
            )
    text = tab(web)
    assert text.count('<span class="state ok">pass</span>') == 2  # in the sum and in its row
    assert text.count('<span class="state warning">unknown</span>') == 3  # a word that nobody knows is unknown too
    assert text.count('<span class="state failed">fail</span>') == 2
    assert text.index("NO_CBC_HW_INJ") < text.index("H1 iDQ") < text.index("H1 HOFT_OK")
    assert "<script>document" not in text


def test_an_event_without_either_has_no_such_part(web: Web, put: Any) -> None:
    assert "Data quality" not in tab(web)


def rows(web: Web, **query: Any) -> list[str]:
    text = web.client.get(f"scan/{EVENT}/scan-H1", params=query).text
    return [part.split("<")[0].strip() for part in text.split('<th scope="row">')[1:]]


def test_all_channels_are_sorted_filtered_and_paged_by_the_server(web: Web, put: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    put()
    ranked = ["H1:LOUD", "H1:SECOND", "H1:QUIET", "H1:GONE"]
    assert rows(web) == ranked
    assert rows(web, by="snr") == ["H1:QUIET", "H1:SECOND", "H1:LOUD", "H1:GONE"]  # what has none stands last
    assert rows(web, by="correlation", down=True) == ["H1:LOUD", "H1:SECOND", "H1:QUIET", "H1:GONE"]
    assert rows(web, by="channel", down=True) == sorted(ranked, reverse=True)
    assert rows(web, show="significant") == ["H1:LOUD", "H1:SECOND"]
    assert rows(web, show="unscanned") == ["H1:GONE"]
    assert rows(web, block="lsc") == ["H1:SECOND"]
    assert rows(web, find="qUi h1") == ["H1:QUIET"]
    monkeypatch.setattr(scans, "PAGE", 3)
    assert rows(web, page=2) == ["H1:GONE"]
    assert rows(web, page=99) == ["H1:GONE"]
    text = web.client.get(f"scan/{EVENT}/scan-H1", params={"by": "snr", "down": True}).text
    assert 'aria-sort="descending"' in text
    assert "by=snr&amp;down=true&amp;page=2" in text
    assert web.client.get(f"scan/{EVENT}/scan-H1", params={"by": "password"}).status_code == 422


def test_a_look_at_what_has_not_changed_costs_no_page(web: Web, put: Any) -> None:
    folder = put(scan(LOUD, state="running", waiting=5), status="running")
    first = web.client.get(f"scan/{EVENT}/scan-H1")
    same = {"if-none-match": first.headers["etag"]}
    assert web.client.get(f"scan/{EVENT}/scan-H1", headers=same).status_code == 304
    draft = folder / "draft"
    draft.write_bytes(schema.as_json(scan(LOUD, channel("H1:NEW", snr=8), state="running", waiting=4)))
    os.utime(draft, ns=((folder / "scan.json").stat().st_mtime_ns,) * 2)  # another file within one tick of the clock
    draft.replace(folder / "scan.json")
    newer = web.client.get(f"scan/{EVENT}/scan-H1", headers=same)
    assert newer.status_code == 200
    assert "H1:NEW" in newer.text


def test_nothing_but_figures_of_the_present_attempt_is_served(web: Web, put: Any) -> None:
    folder = put()
    for secret in (folder.parent / "secret.png", folder.parents[1] / "secret.png"):
        secret.write_bytes(b"secret")
    (folder / "plots" / "link.png").symlink_to(folder.parent / "secret.png")
    outside = ("1/%2e%2e/secret.png", "1/plots/..%2f..%2f..%2fsecret.png", "1/plots/link.png", f"1/{folder.parent}/secret.png")
    for path in (*outside, "1/scan.json", "1/plots/none.png", "2/plots/H1-LOUD.png", "1//etc/passwd.png"):
        answer = web.client.get(f"scan/{EVENT}/scan-H1/{path}")
        assert answer.status_code == 404, path
        assert b"secret" not in answer.content
    assert web.client.get(f"scan/{EVENT}/scan-H1/1/plots/H1-LOUD.png").status_code == 200


def test_what_is_no_scan_has_no_such_page(web: Web, put: Any) -> None:
    put(pipeline="bilby")
    assert web.client.get(f"scan/{EVENT}/scan-H1").status_code == 404
    assert web.client.get(f"scan/{EVENT}/scan-H1/1/plots/H1-LOUD.png").status_code == 404
    assert web.client.get(f"scan/{EVENT}/nobody").status_code == 404


def test_who_may_not_see_the_event_sees_no_scan(web: Web, put: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    put()
    monkeypatch.setattr(SimpleAuthManager, "filter_authorized_dag_ids", lambda self, dag_ids, **_: dag_ids - {f"event.{EVENT}"})
    for path in (f"scan/{EVENT}/scan-H1", f"scan/{EVENT}/scan-H1/1/plots/H1-LOUD.png"):
        assert web.client.get(path).status_code == 403
        assert web.as_role(None).get(path).status_code == 401
        web.as_role("viewer")


def test_names_stay_names(web: Web, put: Any) -> None:
    hostile = channel(ATTACK, snr=9, block=ATTACK, message=ATTACK, plot=f"plots/{ATTACK}.png")
    put(scan(hostile, channel("H1:X", state="failed", message=ATTACK), title=ATTACK, state="partial", reason=ATTACK))
    for text in (tab(web), web.client.get(f"scan/{EVENT}/scan-H1").text):
        assert "<script>document" not in text
        assert "<img src=x" not in text
        assert "&lt;script&gt;document" in text
