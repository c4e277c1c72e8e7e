"""Verdicts that are recorded at the same moment: whoever comes first, the labels are those of the record, each asked for once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from sqlalchemy import select

from gwfollow.ledger import checks
from gwfollow.ledger.schema import Event, Outbox
from gwfollow.ledger.store import Ledger, find_event
from gwfollow.life import data_quality
from gwfollow.pipelines.base import CheckResult, CheckVerdict
from gwfollow.settings import Settings


def test_writers_at_once_leave_the_labels_of_the_record(ledger: Ledger, checkout: Path) -> None:
    with ledger.change(who="test") as change:
        change.session.add(Event(name="E", graceid="S150914a", document={"interferometers": ["H1", "L1"]}))
    labels = data_quality.policy(Settings(configs=str(checkout / "include" / "configs")))
    verdicts: list[tuple[str, CheckVerdict]] = [(f"H1 BIT_{number}", "fail" if number == 3 else "pass") for number in range(8)]

    def say(one: tuple[str, CheckVerdict]) -> None:
        name, verdict = one
        result = CheckResult(name, "state vector", verdict, "H1")
        ledger.run(lambda change: data_quality.answer(change, change.event("E"), result, labels), who="test", tries=100)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(say, verdicts))

    with ledger.read() as session:
        assert checks.as_document(session, find_event(session, "E"))["state"] == "fail"
        messages = session.scalars(select(Outbox).where(Outbox.kind.in_(["label", "unlabel"])).order_by(Outbox.id)).all()
        asked = [(row.kind, row.payload["label"]) for row in messages]
    failed = [("label", "DQV"), ("unlabel", "DQOK")]
    assert asked in (failed, [("label", "DQOK"), ("unlabel", "DQV"), *failed])  # the fail first, or a pass before it
