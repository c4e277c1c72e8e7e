"""Expected minus live: what is dead, silent or stuck is told with a level."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gwfollow.alerts import signs
from gwfollow.alerts.health import EXIT_CODES, HealthReport, check, metrics, without_ledger
from gwfollow.errors import LedgerBusy
from gwfollow.ledger.schema import Event, Inbox, Outbox
from gwfollow.ledger.store import Ledger
from gwfollow.settings import Settings

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
LISTENS = Settings(igwn_alert_server="kafka.scimma.org:9092", igwn_alert_topics="superevent,mdc_superevent")


def beat(ledger: Ledger, topic: str, ago: float, error: str | None = None, source: str = "igwn-alert") -> None:
    signs.beat(ledger, source, {topic: signs.Sign(error=error, messages=3)}, answered=NOON - timedelta(seconds=ago))


def look(ledger: Ledger, settings: Settings = LISTENS) -> HealthReport:
    return check(ledger, settings, clock=lambda: NOON)


def level(report: HealthReport, name: str) -> str:
    return next(one.level for one in report.checks if one.name == name)


def alive(ledger: Ledger) -> None:
    beat(ledger, "gracedb.superevent", 3)
    beat(ledger, "gracedb.mdc_superevent", 3)


def test_all_is_well_where_every_expected_listener_lives(ledger: Ledger) -> None:
    alive(ledger)
    report = look(ledger)
    assert (report.level, report.exit_code) == ("ok", 0)
    assert level(report, "ledger") == "ok"


def test_a_listener_that_is_expected_and_was_never_there_is_critical(ledger: Ledger) -> None:
    beat(ledger, "gracedb.superevent", 3)
    report = look(ledger)
    assert level(report, "listener gracedb.mdc_superevent") == "critical"
    assert report.exit_code == 2
    assert "nobody has ever listened" in report.line()


def test_one_that_nobody_expects_any_more_is_not_looked_at(ledger: Ledger) -> None:
    alive(ledger)
    beat(ledger, "gracedb.old", 100_000)
    assert look(ledger).level == "ok"


def test_one_without_a_life_sign_is_dead_whether_it_hangs_or_is_gone(ledger: Ledger) -> None:
    alive(ledger)
    beat(ledger, "gracedb.superevent", 61)
    assert level(look(ledger), "listener gracedb.superevent") == "critical"


def test_one_that_lives_and_cannot_listen_is_critical_with_its_reason(ledger: Ledger) -> None:
    alive(ledger)
    beat(ledger, "gracedb.superevent", 1, error="topic gracedb.superevent: not authorized")
    assert "not authorized" in look(ledger).line()
    assert look(ledger).level == "critical"


def test_one_that_its_broker_never_answered_is_critical(ledger: Ledger) -> None:
    alive(ledger)
    settings = Settings(**vars(LISTENS) | {"gcn_server": "kafka.gcn.nasa.gov"})
    signs.beat(ledger, "gcn", {"igwn.gwalert": signs.Sign()}, answered=None)
    assert level(look(ledger, settings), "listener igwn.gwalert") == "critical"


def test_nobody_is_missed_where_no_server_is_named(ledger: Ledger) -> None:
    assert look(ledger, Settings()).level == "ok"


@pytest.mark.parametrize(
    ("ago", "error", "expected"), [(100, None, "ok"), (100, "503", "warning"), (1200, None, "warning"), (4000, "503", "critical")]
)
def test_a_reconcile_that_is_late_or_fails_is_told(ledger: Ledger, ago: float, error: str | None, expected: str) -> None:
    beat(ledger, "superevents", ago, source="gracedb")
    if error:
        signs.beat(ledger, "gracedb", {"superevents": signs.Sign(error=error)}, answered=None)
    assert level(look(ledger, Settings(gracedb_url="https://g/api/")), "reconcile") == expected


@pytest.mark.parametrize(("ago", "expected"), [(10, "ok"), (400, "warning"), (2000, "critical")])
def test_messages_that_wait_too_long_are_told(ledger: Ledger, ago: float, expected: str) -> None:
    moment = NOON - timedelta(seconds=ago)
    with ledger.change(who="test") as change:
        change.session.add(Inbox(source="gcn", key="1", payload={}, received=moment))
        change.session.add(Outbox(destination="gracedb", kind="log", key="1", payload={}, created=moment))
    report = look(ledger, Settings())
    assert (level(report, "inbox waiting"), level(report, "outbox waiting age")) == (expected, expected)
    assert metrics(report, [], Settings(), NOON)["gwfollow.inbox.age"] == ago


def test_what_failed_or_was_set_aside_is_told(ledger: Ledger) -> None:
    with ledger.change(who="test") as change:
        change.session.add(Event(name="S1"))
        change.session.add(Inbox(source="gcn", key="1", payload={}, state="failed"))
        change.session.add(Outbox(destination="gracedb", kind="log", key="1", payload={}, state="poisoned"))
    report = look(ledger, Settings())
    assert (level(report, "inbox failed"), level(report, "outbox poisoned")) == ("warning", "critical")
    assert "gwfollow deliver --retry-poisoned" in report.line()
    assert "and 1 less bad" in report.line()


def test_the_line_is_what_nagios_reads(ledger: Ledger) -> None:
    alive(ledger)
    text, _, values = look(ledger).line().partition(" | ")
    assert re.fullmatch(r"GWFOLLOW OK - \d+ checks", text)
    for value in re.findall(r"'[^'=]+'=\S+", values):
        assert re.fullmatch(r"'[\w. ]+'=[\d.]+s?", value), value
    assert "'listener gracedb.superevent'=3s" in values
    beat(ledger, "gracedb.superevent", 1, error="bad | worse\nworst")
    assert "\n" not in look(ledger).line()
    assert look(ledger).line().count("|") == 1


def test_a_ledger_that_does_not_answer_is_critical_and_nothing_is_raised(tmp_path: Path) -> None:
    ledger = Ledger.open(f"sqlite:///{tmp_path / 'x.db'}", create=True)
    ledger.close()
    with ledger.engine.connect() as connection:
        connection.exec_driver_sql("DROP TABLE listeners")
        connection.commit()
    report = look(ledger)
    assert [(one.name, one.level) for one in report.checks] == [("ledger", "critical")]
    assert without_ledger(LedgerBusy("at postgresql://bob:secret@db/x")).line().endswith("at postgresql://***@db/x")


def test_an_airflow_and_a_gracedb_that_do_not_answer_are_critical(ledger: Ledger, tmp_path: Path) -> None:
    settings = Settings(airflow_url="http://localhost:9", gracedb_url="https://localhost:9/api/", gracedb_auth="anonymous")
    report = check(ledger, settings, ask=True)
    assert (level(report, "airflow"), level(report, "gracedb")) == ("critical", "critical")


def test_the_worst_level_decides_and_bad_news_outrank_no_news() -> None:
    assert list(EXIT_CODES.values()) == [0, 1, 2, 3]
    assert HealthReport([]).level == "unknown"


def test_metrics_have_the_oldest_heartbeat_of_each_source(ledger: Ledger) -> None:
    beat(ledger, "gracedb.superevent", 3)
    beat(ledger, "gracedb.mdc_superevent", 50)
    beat(ledger, "gracedb.nobody_expects_it_any_more", 5000)
    found = metrics(look(ledger), signs.read(ledger), LISTENS, NOON)
    assert found["gwfollow.listener.igwn-alert.age"] == 50
    assert found["gwfollow.listener.igwn-alert.messages"] == 6
    assert found["gwfollow.health"] == 0
    assert {"gwfollow.inbox.waiting", "gwfollow.outbox.poisoned"} <= set(found)
