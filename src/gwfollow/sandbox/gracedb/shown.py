"""Events and superevents as GraceDB shows them, in its answers and in its alerts."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from fastapi import Request

from gwfollow.sandbox.gracedb.web import base, caller, store

#: what somebody anonymous sees of a pipeline's own results
PUBLIC_ATTRIBUTES = {"SingleInspiral": ("ifo", "end_time", "end_time_ns"), "MultiBurst": ("ifos", "single_ifo_times")}


def event(request: Request, graceid: str) -> dict[str, Any]:
    """An event that is there."""
    row = store(request).object("event", graceid)
    assert row is not None
    return event_row(request, row)


def event_row(request: Request, row: sqlite3.Row) -> dict[str, Any]:
    document, link = json.loads(row["document"]), f"{base(request)}events/{row['id']}"
    if caller(request) is None:
        document["extra_attributes"] = _public(document["extra_attributes"])
    return {
        **document,
        "graceid": row["id"],
        "labels": store(request).labels(row["id"]),
        "superevent": row["parent"],
        "links": {
            "self": link,
            "log": f"{link}/log/",
            "files": f"{link}/files/",
            "labels": f"{link}/labels/",
            "emobservations": f"{link}/emobservation/",
            "filemeta": f"{link}/filemeta/",
            "neighbors": f"{link}/neighbors/",
            "tags": f"{link}/tag/",
        },
    }


def superevent(request: Request, name: str) -> dict[str, Any]:
    """A superevent that is there, by its own id."""
    row = store(request).object("superevent", name)
    assert row is not None
    return superevent_row(request, row)


def superevent_row(request: Request, row: sqlite3.Row) -> dict[str, Any]:
    """Somebody anonymous does not see which events it has."""
    name, document = row["id"], json.loads(row["document"])
    link = f"{base(request)}superevents/{name}/"
    rest = ["events", "labels", "logs", "files", "voevents", "emobservations", "signoffs", "permissions"]
    preferred = event(request, document["preferred_event"])
    shown = {
        **document,
        "superevent_id": name,
        "gw_id": row["gw_id"],
        "far": preferred["far"],
        "labels": store(request).labels(name),
        "preferred_event_data": preferred,
    }
    if caller(request) is None:
        del shown["preferred_event"]
        return shown | {"links": {"self": link, **{part: f"{link}{part}/" for part in rest if part != "events"}}}
    members = [found["id"] for found in store(request).rows("SELECT id FROM objects WHERE parent = ? ORDER BY rowid", name)]
    pipelines = store(request).rows("SELECT * FROM preferred WHERE superevent = ? ORDER BY rowid", name)
    return shown | {
        "links": {"self": link, **{part: f"{link}{part}/" for part in rest}},
        "gw_events": [member for member in members if not member.startswith("E")],
        "em_events": [member for member in members if member.startswith("E")],
        "pipeline_preferred_events": {found["pipeline"]: event(request, found["graceid"]) for found in pipelines},
        "public": bool(row["public"]),
    }


def permissions(request: Request, name: str) -> list[dict[str, str]]:
    """Which groups see a superevent."""
    row = store(request).object("superevent", name)
    if row is None or not row["public"]:
        return []
    groups = (("public_users", "view_superevent"), ("em_observers", "annotate_superevent"), ("em_observers", "view_superevent"))
    return [{"group": group, "permission": permission} for group, permission in groups]


def _public(attributes: dict[str, Any]) -> dict[str, Any]:
    def some(found: dict[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
        return {key: found.get(key) for key in keys}

    return {
        kind: [some(one, keys) for one in found] if isinstance(found, list) else some(found, keys)
        for kind, keys in PUBLIC_ATTRIBUTES.items()
        if (found := attributes.get(kind))
    }
