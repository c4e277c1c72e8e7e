"""What is alive, and what is not: expected listeners minus live ones, the two doors, the ledger, Airflow and GraceDB.

    report = check(ledger, settings)
    report.level, report.line()               # for a monitor
    report.checks                             # for a page

Only `ask` makes it speak to other machines than the ledger's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import func, select

from gwfollow.alerts import reconcile, signs, sources
from gwfollow.errors import GWFollowError
from gwfollow.ledger.outbox import scrub
from gwfollow.ledger.schema import Inbox, Listener, Outbox, now
from gwfollow.ledger.store import Ledger
from gwfollow.settings import Settings

Level = Literal["ok", "warning", "critical", "unknown"]
#: Nagios' exit codes
EXIT_CODES: dict[Level, int] = {"ok": 0, "warning": 1, "critical": 2, "unknown": 3}
#: what a monitor shall see first; what is known to be bad outranks what is not known
SEVERITY: tuple[Level, ...] = ("critical", "unknown", "warning", "ok")

#: seconds after which a listener without a heartbeat counts as dead (it has one every three)
DEAD_SECONDS = 60.0
#: seconds that a message may wait in the inbox or the outbox before a person should know, and before it is bad
SLOW_SECONDS, STUCK_SECONDS = 300.0, 1800.0
#: seconds that Airflow may take to answer
ASK_SECONDS = 10.0


@dataclass(frozen=True)
class Check:
    """One thing that was looked at."""

    name: str
    level: Level
    text: str
    value: float | None = None  # seconds for ages, else a count
    unit: str = ""  # s, or nothing for a count


@dataclass(frozen=True)
class HealthReport:
    checks: list[Check] = field(default_factory=list)

    @property
    def level(self) -> Level:
        """That of the worst check."""
        levels = {check.level for check in self.checks}
        return next((level for level in SEVERITY if level in levels), "unknown")

    @property
    def exit_code(self) -> int:
        return EXIT_CODES[self.level]

    def line(self) -> str:
        """One line as Nagios reads it: level, what is wrong, and the values after a bar."""
        bad = [f"{check.name}: {check.text}" for check in self.checks if check.level == self.level != "ok"]
        more = sum(check.level != "ok" for check in self.checks) - len(bad)
        text = "; ".join(bad) if bad else f"{len(self.checks)} checks"
        if more:
            text += f"; and {more} less bad"
        values = " ".join(f"'{c.name}'={c.value:g}{c.unit}" for c in self.checks if c.value is not None)
        return f"GWFOLLOW {self.level.upper()} - {_plain(text)} | {_plain(values)}".rstrip("| ")


def check(ledger: Ledger, settings: Settings, *, ask: bool = False, clock: Callable[[], datetime] = now) -> HealthReport:
    """Look at everything.  Never raises for what it looks at: what does not answer is in the report."""
    moment = clock()
    try:
        rows = signs.read(ledger)
        found = [Check("ledger", "ok", "answers")]
        found += _listeners(rows, settings, moment)
        found += _reconcile([row for row in rows if row.source == reconcile.SOURCE], settings, moment)
        found += _inbox(ledger, moment) + _outbox(ledger, moment)
    except GWFollowError as error:
        found = [Check("ledger", "critical", scrub(str(error)))]
    if ask:
        found += _airflow(settings) + _gracedb(settings)
    return HealthReport(found)


def without_ledger(error: Exception) -> HealthReport:
    """The report where the ledger cannot even be opened."""
    return HealthReport([Check("ledger", "critical", scrub(str(error)))])


# ---- listeners -------------------------------------------------------------------------------------------------------------
def _listeners(rows: list[Listener], settings: Settings, moment: datetime) -> list[Check]:
    try:
        expected = sources.expected(settings)
    except GWFollowError as error:
        return [Check("listeners", "critical", str(error))]
    if not expected:
        return [Check("listeners", "ok", "none is expected: no setting names a Kafka server")]
    known = {(row.source, row.topic): row for row in rows}
    return [
        _listener(f"listener {topic}", known.get((source.name, topic)), moment) for source in expected for topic in source.topics
    ]


def _listener(name: str, row: Listener | None, moment: datetime) -> Check:
    if row is None:
        return Check(name, "critical", "nobody has ever listened")
    if row.heartbeat == signs.NEVER:
        return Check(name, "critical", row.error or "its broker has never answered")
    age = max(0.0, (moment - row.heartbeat).total_seconds())
    where = f"process {row.pid} on {row.host}, {row.messages} messages, {row.restarts} restarts"
    if age > DEAD_SECONDS:
        return Check(name, "critical", f"no life sign for {age:.0f} s ({row.error or where})", age, "s")
    if row.error:
        return Check(name, "critical", row.error, age, "s")
    return Check(name, "ok", f"listening ({where})", age, "s")


def _reconcile(rows: list[Listener], settings: Settings, moment: datetime) -> list[Check]:
    if not settings.gracedb_url and not rows:
        return []
    name = "reconcile"
    if not rows or rows[0].heartbeat == signs.NEVER:
        error = rows[0].error if rows else None
        return [Check(name, "warning", error or "GraceDB has not been asked for superevents yet")]
    age = max(0.0, (moment - rows[0].heartbeat).total_seconds())
    text = rows[0].error or "GraceDB was asked for superevents"
    period = settings.reconcile_period
    if age > 12 * period + DEAD_SECONDS:
        return [Check(name, "critical", f"{text}; last success {age:.0f} s ago", age, "s")]
    late = age > 3 * period + DEAD_SECONDS
    return [Check(name, "warning" if late or rows[0].error else "ok", f"{text}; last success {age:.0f} s ago", age, "s")]


# ---- the doors -------------------------------------------------------------------------------------------------------------
def _inbox(ledger: Ledger, moment: datetime) -> list[Check]:
    with ledger.read() as session:
        count, oldest = session.execute(select(func.count(), func.min(Inbox.received)).where(Inbox.state == "new")).one()
        failed = session.scalar(select(func.count()).where(Inbox.state == "failed")) or 0
    waiting = _waiting("inbox waiting", count, oldest, moment)
    level: Level = "warning" if failed else "ok"
    return [*waiting, Check("inbox failed", level, f"{failed} messages could not be processed", failed)]


def _outbox(ledger: Ledger, moment: datetime) -> list[Check]:
    with ledger.read() as session:
        query = select(func.count(), func.min(Outbox.created)).where(Outbox.state == "pending")
        count, oldest = session.execute(query).one()
        poisoned = session.scalar(select(func.count()).where(Outbox.state == "poisoned")) or 0
    waiting = _waiting("outbox waiting", count, oldest, moment)
    level: Level = "critical" if poisoned else "ok"
    cure = "; see gwfollow deliver --retry-poisoned" if poisoned else ""
    return [*waiting, Check("outbox poisoned", level, f"{poisoned} messages set aside as refused{cure}", poisoned)]


def _waiting(name: str, count: int, oldest: datetime | None, moment: datetime) -> list[Check]:
    age = max(0.0, (moment - oldest).total_seconds()) if oldest else 0.0
    level: Level = "critical" if age > STUCK_SECONDS else "warning" if age > SLOW_SECONDS else "ok"
    text = f"{count} messages, the oldest for {age:.0f} s" if count else "nothing"
    return [Check(name, level, text, count), Check(f"{name} age", level, f"{age:.0f} s", age, "s")]


# ---- other machines --------------------------------------------------------------------------------------------------------
def _airflow(settings: Settings) -> list[Check]:
    """Its own word on its components, for which it asks no login."""
    import requests

    if not settings.airflow_url:
        return []
    session = requests.Session()
    session.trust_env = False  # a proxy of the user has no business between us and our Airflow
    try:
        parts = session.get(f"{settings.airflow_url.rstrip('/')}/api/v2/monitor/health", timeout=ASK_SECONDS).json()
        ill = sorted(name for name, part in parts.items() if part.get("status") not in (None, "healthy"))
    except (requests.RequestException, ValueError, AttributeError) as error:
        return [Check("airflow", "critical", f"Airflow at {settings.airflow_url} does not answer ({type(error).__name__})")]
    return [Check("airflow", "critical" if ill else "ok", f"not healthy: {', '.join(ill)}" if ill else "healthy")]


def _gracedb(settings: Settings) -> list[Check]:
    from gwfollow.gracedb.client import GraceDBClient

    try:
        client = GraceDBClient.from_settings(settings)
        if client is None:
            return []
        client.ping()
    except GWFollowError as error:
        return [Check("gracedb", "critical", scrub(str(error)))]
    return [Check("gracedb", "ok", "answers")]


def _plain(text: str) -> str:
    """Without what separates fields and lines in a monitor."""
    return " ".join(text.replace("|", "/").split())


def metrics(report: HealthReport, rows: list[Listener], settings: Settings, moment: datetime) -> dict[str, float]:
    """Gauges for StatsD or OpenTelemetry, by name; of each source that is expected the oldest heartbeat of its topics."""
    expected = {(source.name, topic) for source in sources.expected(settings) for topic in source.topics}
    expected.add((reconcile.SOURCE, reconcile.TOPIC))
    found = {"gwfollow.health": float(report.exit_code)}
    names = {
        "inbox waiting": "gwfollow.inbox.waiting",
        "inbox waiting age": "gwfollow.inbox.age",
        "inbox failed": "gwfollow.inbox.failed",
        "outbox waiting": "gwfollow.outbox.waiting",
        "outbox waiting age": "gwfollow.outbox.age",
        "outbox poisoned": "gwfollow.outbox.poisoned",
    }
    found |= {names[c.name]: float(c.value) for c in report.checks if c.name in names and c.value is not None}
    for row in (row for row in rows if (row.source, row.topic) in expected):
        stem = f"gwfollow.listener.{row.source}"
        age = (moment - row.heartbeat) / timedelta(seconds=1) if row.heartbeat != signs.NEVER else 1e9
        found[f"{stem}.age"] = max(found.get(f"{stem}.age", 0.0), age)
        found[f"{stem}.messages"] = found.get(f"{stem}.messages", 0.0) + row.messages
        found[f"{stem}.restarts"] = max(found.get(f"{stem}.restarts", 0.0), float(row.restarts))
    return found


__all__ = ["Check", "HealthReport", "check", "metrics", "without_ledger"]
