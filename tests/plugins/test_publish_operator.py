"""Publishing stores its messages with the change and tries to deliver them at once."""

from __future__ import annotations

import pytest
from airflow.sdk.exceptions import AirflowSkipException
from sqlalchemy import select
from tasks import context

from gwfollow.ledger.schema import Journal, Outbox
from gwfollow.ledger.store import find_analysis
from gwfollow.life import Site
from pe_operators import PublishOperator

EVENT = "GW150914"


@pytest.fixture
def finished(site: Site) -> Site:
    """The analysis is finished and the event is known to GraceDB."""
    from gwfollow.life.build import build

    build(site, EVENT, "echo")
    with site.ledger.change(who="test") as change:
        change.event(EVENT).graceid = "S150914a"
        change.analysis(EVENT, "echo").status = "finished"
    return site


def test_what_is_published_waits_in_the_outbox_where_no_gracedb_answers(finished: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str | None] = []
    monkeypatch.setattr(
        "gwfollow.provider.site.deliver", lambda site, gracedb_conn_id: tried.append(gracedb_conn_id) or "nothing delivered"
    )
    operator = PublishOperator(task_id="publish", event=EVENT, analysis="echo", gracedb_conn_id="gracedb_test")
    assert operator.execute(context()) == {"published": ["comment"]}
    assert tried == ["gracedb_test"]
    with finished.ledger.read() as session:
        (message,) = session.scalars(select(Outbox).where(Outbox.destination == "gracedb"))
        assert message.payload["graceid"] == "S150914a"
        assert find_analysis(session, EVENT, "echo").status == "uploaded"


def test_publishing_again_says_nothing_twice(finished: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gwfollow.provider.site.deliver", lambda site, gracedb_conn_id: "")
    operator = PublishOperator(task_id="publish", event=EVENT, analysis="echo")
    operator.execute(context())
    assert operator.execute(context()) == {"published": []}


def test_clearing_the_publication_of_a_stuck_analysis_publishes_it(finished: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gwfollow.provider.site.deliver", lambda site, gracedb_conn_id: "")
    with finished.ledger.change(who="test") as change:
        row = change.analysis(EVENT, "echo")
        row.status, row.attempts[0].state = "stuck", "collected"
    operator = PublishOperator(task_id="echo.publish", event=EVENT, analysis="echo")
    with pytest.raises(AirflowSkipException, match="is stuck"):
        operator.execute(context())
    assert operator.execute(context(try_number=2, max_tries=31)) == {"published": ["comment"]}
    with finished.ledger.read() as session:
        entry = session.scalars(select(Journal).where(Journal.what == "stuck -> finished")).one()
    assert entry.why == "its publish was cleared in the web UI"
