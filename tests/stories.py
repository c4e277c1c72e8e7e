"""Alerts of one superevent as they come from GraceDB and GCN, and what the ledger says of it afterwards."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select

from gwfollow.alerts import inbox
from gwfollow.alerts.folders import Folders
from gwfollow.ledger.schema import Analysis, Event, Inbox
from gwfollow.ledger.store import Ledger
from gwfollow.life import Site
from gwfollow.settings import Settings

START = datetime(2025, 1, 1, 12, 0, tzinfo=UTC)
GPS = 1419768018.5
SITE_POLICY = """
rules:
  - name: cbc
    when: {superevent: true, group: CBC, far: {max: 1.0e-7}}
    do: {apply: [psd.yaml.j2], notify: [journal, gracedb]}
  - name: bbh
    when: {superevent: true, classification: {BBH: ">= 0.5"}}
    do: {apply: [pe.yaml.j2]}
"""
PSD = "kind: analysis\nname: psd\npipeline: onefile\ncomment: {{ (preferred_event or 'none') | tojson }}\n"
PE = "kind: analysis\nname: pe\npipeline: onefile\nneeds: [psd]\n---\nkind: analysis\nname: pages\npipeline: onefile\nneeds: [pe]\nstatus: wait\n"


def internal(name: str, alert_type: str, data: dict[str, Any] | None = None, **thing: Any) -> bytes:
    """An igwn-alert; without `thing` one that says nothing of the superevent itself."""
    message: dict[str, Any] = {"uid": name, "alert_type": alert_type, "data": data or {}}
    if thing:
        message["object"] = {"superevent_id": name, "category": "Production", **thing}
    return json.dumps(message).encode()


def superevent(preferred: str = "G100001", gps: float = GPS, far: float = 1e-10, labels: tuple[str, ...] = ()) -> dict[str, Any]:
    return {
        "preferred_event": preferred, "t_start": gps - 1, "t_0": gps, "t_end": gps + 1, "far": far, "labels": list(labels),
        "gw_events": [preferred],
        "preferred_event_data": {"group": "CBC", "pipeline": "gstlal", "search": "AllSky", "instruments": "H1,L1", "far": far},
    }  # fmt: skip


def notice(name: str, kind: str, at: datetime, *, bbh: float = 0.9, far: float = 1e-10) -> bytes:
    """A public notice."""
    event = {
        "time": "2025-01-01T12:00:00.500Z", "far": far, "significant": True, "instruments": ["H1", "L1"], "group": "CBC",
        "pipeline": "gstlal", "search": "AllSky", "properties": {"HasNS": 0.0}, "duration": None, "central_frequency": None,
        "classification": {"BNS": 0.0, "NSBH": 0.0, "BBH": bbh, "Terrestrial": 1 - bbh}, "skymap": None,
    }  # fmt: skip
    return json.dumps(
        {
            "alert_type": kind.upper(),
            "time_created": f"{at:%Y-%m-%dT%H:%M:%SZ}",
            "superevent_id": name,
            "external_coinc": None,
            "urls": {"gracedb": f"https://example.org/superevents/{name}/view/"},
            "event": None if kind == "retraction" else event,
        }
    ).encode()


def minute(number: float) -> datetime:
    return START + timedelta(minutes=number)


def retracted_story(name: str) -> list[tuple[bytes, datetime]]:
    """New, an update with another preferred event and time, ADVOK added, DQV removed, a public retraction; each with its time."""
    return [
        (internal(name, "new", **superevent(labels=("DQV",))), minute(0)),
        (internal(name, "update", **superevent("G100002", GPS + 0.25, 1e-12, ("DQV",))), minute(1)),
        (internal(name, "label_added", {"name": "ADVOK"}), minute(2)),
        (internal(name, "label_removed", {"name": "DQV"}, **superevent("G100002", GPS + 0.25, 1e-12, ("ADVOK",))), minute(3)),
        (notice(name, "retraction", minute(4)), minute(4)),
    ]


def doubted_story(name: str) -> list[tuple[bytes, datetime]]:
    """New, a public notice with its classification, ADVNO added and removed again, a public update less sure of the class."""
    return [
        (internal(name, "new", **superevent()), minute(0)),
        (notice(name, "preliminary", minute(1)), minute(1)),
        (internal(name, "label_added", {"name": "ADVNO"}), minute(2)),
        (internal(name, "label_removed", {"name": "ADVNO"}), minute(3)),
        (notice(name, "update", minute(4), bbh=0.3), minute(4)),
    ]


def configs(folder: Path, policy: str = SITE_POLICY) -> Path:
    """A folder of configs with a policy and its templates."""
    (folder / "blueprints").mkdir(parents=True, exist_ok=True)
    (folder / "alert_policy.yaml").write_text(policy)
    (folder / "blueprints" / "psd.yaml.j2").write_text(PSD)
    (folder / "blueprints" / "pe.yaml.j2").write_text(PE)
    return folder


def site_of(ledger: Ledger, folder: Path, scheduler: str = "memory", **more: Any) -> Site:
    settings = Settings(home=str(folder / "home"), configs=str(configs(folder / "configs")), scheduler=scheduler)
    return Site(ledger, settings, who="test", **more)


def put(site: Site, message: tuple[bytes, datetime]) -> inbox.Stored:
    raw, published = message
    return inbox.store(site.ledger, Folders(site.settings.data_folder), raw, source="test", published=published)


def picture(ledger: Ledger, name: str) -> dict[str, Any]:
    """All that the ledger says of an event that does not depend on when it was written."""
    with ledger.read() as session:
        event = session.scalars(select(Event).where(Event.name == name)).one_or_none()
        if event is None:
            return {}
        found = {
            "gps": event.gps, "graceid": event.graceid, "category": event.category, "document": event.document, "alert": event.alert,
            "active": event.active, "source": event.source,
            "analyses": {row.name: _analysis(row) for row in event.analyses},
        }  # fmt: skip
    return json.loads(json.dumps(found).replace(name, "NAME"))


def _analysis(row: Analysis) -> list[Any]:
    needs = [[need.condition, need.needed.name if need.needed else None] for need in row.needs]
    return [row.pipeline, row.status, row.reason, row.comment, row.origin, row.attempt, row.document, needs]


def rows(ledger: Ledger) -> list[Inbox]:
    with ledger.read() as session:
        return list(session.scalars(select(Inbox).order_by(Inbox.id)))


def statuses(ledger: Ledger, name: str) -> dict[str, str]:
    return {key: value[1] for key, value in picture(ledger, name).get("analyses", {}).items()}
