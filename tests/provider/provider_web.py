"""What tests of the pages share."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from airflow.api_fastapi.core_api import security
from fastapi import FastAPI
from fastapi.testclient import TestClient

from gwfollow.alerts import inbox
from gwfollow.alerts.folders import Folders
from gwfollow.ledger.schema import Inbox
from gwfollow.ledger.store import Ledger

OURS = {"X-GWFollow": "1"}
#: what somebody who controls an alert's texts would like to run
SCRIPT = "<script>document.title='taken'</script><img src=x onerror=\"document.title='taken'\">"


@dataclass
class Web:
    """The mounted application below a prefix, as Airflow serves it."""

    client: TestClient
    app: FastAPI
    ledger: Ledger
    data: Path

    def as_role(self, role: str | None) -> TestClient:
        """The client of a person with this role; None: nobody is logged in."""
        if role is None:
            self.app.dependency_overrides.pop(security.get_user, None)
        else:
            user = SimpleAuthManagerUser(username=f"{role}-name", role=role)
            self.app.dependency_overrides[security.get_user] = lambda: user
        return self.client


def store(web: Web, message: Any, **changes: Any) -> int:
    """Put a message into the inbox as a listener does; `changes` are columns of its row, as processing sets them."""
    raw = message if isinstance(message, bytes) else json.dumps(message).encode()
    found = inbox.store(web.ledger, Folders(web.data), raw, source="igwn-alert", topic="gracedb.superevent")
    with web.ledger.change(who="test") as change:
        row = change.session.get(Inbox, found.id)
        for name, value in changes.items():
            setattr(row, name, value)
    return found.id


def new_superevent(event: str = "S230101a", **more: Any) -> dict[str, Any]:
    """An igwn-alert of a new superevent, written by hand."""
    found = {
        "superevent_id": event,
        "category": "Production",
        "created": "2023-01-01 00:00:20 UTC",
        "t_0": 1356566418.5,
        "t_start": 1356566417.5,
        "t_end": 1356566419.5,
        "far": 1e-9,
        "labels": [],
        "preferred_event": "G1",
        "preferred_event_data": {"group": "CBC", "pipeline": "gstlal", "search": "AllSky", "far": 1e-9, "instruments": "H1,L1"},
        "gw_events": ["G1"],
        **more,
    }
    return {"uid": event, "alert_type": "new", "data": found, "object": found}
