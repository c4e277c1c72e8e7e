"""The inbox: what came in, what policy did with it and why, and one more try."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

from fastapi import HTTPException, Query, Request
from fastapi.responses import FileResponse, HTMLResponse, Response
from sqlalchemy import or_, select

from gwfollow.alerts.alert import KINDS
from gwfollow.ledger.schema import Event, Inbox
from gwfollow.provider.web import queries, site
from gwfollow.provider.web.guards import ALERTS_DAG, CHANGES_ALERTS, READS_ALERTS, User, guarded_router, may_edit_alerts
from gwfollow.provider.web.rendering import page

router = guarded_router()

#: characters of a message that a page shows
LONGEST = 100_000
SOURCES = ("igwn-alert", "gcn", "gracedb", "file")
Filter = Annotated[str, Query(max_length=100)]


@router.get("/inbox", response_class=HTMLResponse, dependencies=[READS_ALERTS])
def inbox(
    request: Request, state: Filter = "", event: Filter = "", kind: Filter = "", source: Filter = "", before: int | None = None
) -> Response:
    """Alerts, newest first."""
    asked = {"state": state, "event": event.strip(), "kind": kind, "source": source}
    with site.ledger().read() as session:
        found = queries.inbox_page(session, **asked, before=before)
    choices = {"states": queries.STATES, "kinds": sorted(KINDS), "sources": SOURCES}
    return page(request, "inbox.html", {"found": found, "asked": asked, "asked_before": before, **choices})


@router.get("/inbox/{alert_id}", response_class=HTMLResponse, dependencies=[READS_ALERTS])
def alert(request: Request, user: User, alert_id: int) -> Response:
    """One alert: its message, and what each rule of the policy said about it."""
    with site.ledger().read() as session:
        row = _row(session, alert_id)
        event = None
        if row.event:
            event = session.scalar(select(Event.name).where(or_(Event.name == row.event, Event.graceid == row.event)))
    text = json.dumps(row.payload, indent=2, ensure_ascii=False)
    shown = {"message": text[:LONGEST], "cut": len(text) > LONGEST}
    return page(request, "alert.html", {"row": row, "event": event, "may_replay": may_edit_alerts(user), **shown})


@router.get("/inbox/{alert_id}/message", dependencies=[READS_ALERTS])
def message(alert_id: int) -> Response:
    """The message as it came, to keep; never to be shown by the browser."""
    with site.ledger().read() as session:
        archive = _row(session, alert_id).archive
    top = (site.folders().top / "gcn").resolve()
    file = Path(archive).resolve() if archive else top
    if not file.is_relative_to(top) or not file.is_file():
        raise HTTPException(404, "the message is not in the alert archive")
    return FileResponse(file, media_type="application/octet-stream", filename=f"alert-{alert_id}{file.suffix}")


@router.post("/inbox/{alert_id}/replay", dependencies=CHANGES_ALERTS)
def replay(user: User, alert_id: int) -> dict[str, str]:
    """Process the alert again; the DAG ``alerts`` does it."""
    with site.ledger().read() as session:
        _row(session, alert_id)
    from gwfollow.alerts.process import replay as put_back

    put_back(site.ledger(), alert_id, f"airflow:{user.get_name()}")
    return {"text": f"Alert {alert_id} is back in the inbox. {_ask_for_processing(alert_id, user.get_name())}"}


def _ask_for_processing(alert_id: int, name: str) -> str:
    """Start the DAG; the alert waits for the next run anyhow, so a DAG that cannot start is no failure."""
    from airflow.api.common.trigger_dag import trigger_dag
    from airflow.sdk.exceptions import AirflowException
    from airflow.utils.types import DagRunTriggeredByType

    try:
        run: Any = trigger_dag(
            ALERTS_DAG, triggered_by=DagRunTriggeredByType.UI, triggering_user_name=name, conf={"replay": alert_id}
        )
    except (AirflowException, ValueError) as error:
        return f"Airflow did not start the DAG {ALERTS_DAG} ({error}); upkeep will process it."
    return f"Run {run.run_id} of the DAG {ALERTS_DAG} processes it."


def _row(session: Any, alert_id: int) -> Inbox:
    row: Inbox | None = session.get(Inbox, alert_id)
    if row is None:
        raise HTTPException(404, f"no alert {alert_id} in the inbox")
    return row
