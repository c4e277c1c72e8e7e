"""igwn-alert messages {uid, alert_type, data, object}, the older lvalert layout, and superevents as GraceDB's API shows them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from gwfollow.alerts.alert import KINDS, Alert, Skymap
from gwfollow.alerts.bounds import LARGEST_VOEVENT
from gwfollow.alerts.category import category_of
from gwfollow.alerts.models import (
    Created,
    Internal,
    LabelName,
    Links,
    LogEntry,
    Member,
    Signoff,
    Superevent,
    check,
)
from gwfollow.errors import InputError

#: what igwn-alert calls it -> kind, where the names differ
_SIGNOFFS = {"signoff_created", "signoff_updated", "signoff_deleted"}
#: alerts that something was made
_MADE = {"label_added", "log", "voevent", "emobservation", "signoff_created"}
#: kinds that only other forms have
_NOT_INTERNAL = {"snapshot", "earlywarning", "preliminary", "initial", "retraction"}


def read_internal(payload: Mapping[str, Any], place: str) -> Alert:
    """An igwn-alert.  Raises `InputError`."""
    message = check(Internal, payload, place)
    data, thing = _mapping(message.data), _mapping(message.object)
    alert_type = message.alert_type.lower()
    if "voevent_type" in thing or "ivorn" in thing:  # the older layout of a VOEvent's message
        data, thing, alert_type = thing, {}, "voevent"
    elif not thing and ("graceid" in data or "superevent_id" in data) and alert_type in ("new", "update"):
        data, thing = {}, data  # the older layout of the others
    said = _superevent(thing, message.uid, place) if "S" in message.uid else _event(thing, message.uid, place)
    said.update(_details(alert_type, data, f"{place}, data"))
    if "member" in said["facts"]:
        said = _of_member(said, alert_type)
    if alert_type == "voevent":
        said = _with_voevent(said, data.get("text"))
    created = said.pop("created")
    said["issued"] = created if alert_type == "new" else _issued(alert_type, data, place)
    facts = {**said.pop("facts"), **said.pop("more", {})}
    return Alert(
        form="igwn-alert", facts={key: value for key, value in facts.items() if value is not None}, payload=dict(payload), **said
    )


def read_snapshot(payload: Mapping[str, Any], place: str) -> Alert:
    """A superevent as ``GET /api/superevents/`` shows it.  Raises `InputError`."""
    said = _superevent(payload, str(payload.get("superevent_id")), place)
    said.pop("created")
    facts = {key: value for key, value in said.pop("facts").items() if value is not None}
    return Alert(form="snapshot", kind="snapshot", facts=facts, payload=dict(payload), **said)


# ---- what the message is about ---------------------------------------------------------------------------------------------
def _superevent(thing: Mapping[str, Any], uid: str, place: str) -> dict[str, Any]:
    where = f"{place}, object"
    found = check(Superevent, {"superevent_id": uid, **thing}, where)
    if found.superevent_id != uid:
        raise InputError(f"{where}.superevent_id", found.superevent_id, f"the message's uid {uid}")
    preferred = found.preferred_event_data or Member()
    name = found.preferred_event or preferred.graceid
    category = category_of(
        uid, stated=found.category, search=preferred.search, group=preferred.group, preferred=found.preferred_event
    )
    facts = {
        **found.model_dump(include={"t_0", "t_start", "t_end", "gw_events"}),
        "far": preferred.far if found.far is None else found.far,
        "preferred_event": name,
        **_search(preferred),
        "gracedb": _page(found.links, "superevents", uid),
        "external": _coincidence(found),
    }
    return _said(uid, True, category, facts, found.labels, found.created)


def _event(thing: Mapping[str, Any], uid: str, place: str) -> dict[str, Any]:
    where = f"{place}, object"
    found = check(Member, {"graceid": uid, **thing}, where)
    if found.graceid != uid:
        raise InputError(f"{where}.graceid", found.graceid, f"the message's uid {uid}")
    event = found.superevent or uid
    category = category_of(uid, search=found.search, group=found.group)
    if category == "Production":
        category = category_of(event)
    facts = {"t_0": found.gpstime, "far": found.far, **_search(found), "gracedb": _page(found.links, "events", uid)}
    if found.superevent:
        facts = {"member": uid}
    return _said(event, found.superevent is not None, category, facts, found.labels, found.created)


def _said(
    event: str, superevent: bool, category: str, facts: dict[str, Any], labels: list[str] | None, created: Any
) -> dict[str, Any]:
    return {
        "event": event,
        "superevent": superevent,
        "category": category,
        "role": "observation" if category == "Production" else "test",
        "facts": facts,
        "labels": None if labels is None else frozenset(labels),
        "created": created,
    }


def _search(member: Member) -> dict[str, Any]:
    return {
        "group": member.group,
        "pipeline": member.pipeline,
        "search": member.search,
        "instruments": member.instruments or None,
    }


def _coincidence(found: Superevent) -> dict[str, Any] | None:
    """The external event that GraceDB sees in coincidence, where there is one."""
    if found.em_type is None:
        return None
    said = {
        "graceid": found.em_type,
        "time_coincidence_far": found.time_coinc_far,
        "time_sky_position_coincidence_far": found.space_coinc_far,
    }
    return {key: value for key, value in said.items() if value is not None}


def _page(links: Links | None, kind: str, uid: str) -> str | None:
    """The page for people beside the address for programs."""
    match = re.match(rf"(https?://[^/]+)/api/(?:v\d+/)?{kind}/", links.self) if links and links.self else None
    return f"{match.group(1)}/{kind}/{uid}/view/" if match else None


# ---- what has happened to it -----------------------------------------------------------------------------------------------
def _details(alert_type: str, data: Mapping[str, Any], place: str) -> dict[str, Any]:
    """kind, and label, signoff, skymap and facts of this kind of message."""
    if alert_type in ("label_added", "label_removed"):
        label = check(LabelName, data, place).name
        return {"kind": alert_type if label else "other", "label": label}
    if alert_type in _SIGNOFFS:
        return _signoff(alert_type, check(Signoff, data, place))
    if alert_type == "log":
        entry = check(LogEntry, data, place)
        more = {"comment": entry.comment, "filename": entry.filename or None, "tags": entry.tag_names}
        return {"kind": "log", "more": more, "skymap": _skymap(entry)}
    known = alert_type in KINDS and alert_type not in _NOT_INTERNAL
    return {"kind": alert_type if known else "other"}


def _issued(alert_type: str, data: Mapping[str, Any], place: str) -> datetime | None:
    """When it happened, where the message says so.

    What is in `data` has a time at which it was made: that of the message only where the message tells of the making.  With an update,
    GraceDB sends the superevent itself; with a label that was removed, the label.
    """
    if alert_type not in _MADE or "superevent_id" in data or "graceid" in data:
        return None
    return check(Created, data, f"{place}, data").created


def _signoff(alert_type: str, found: Signoff) -> dict[str, Any]:
    status = "deleted" if alert_type == "signoff_deleted" else found.status
    if status is None or found.signoff_type is None:
        return {"kind": "other"}
    return {
        "kind": "signoff",
        "signoff": {
            "type": found.signoff_type,
            "instrument": found.instrument or "",
            "status": status,
            "comment": found.comment or "",
        },
    }


def _skymap(entry: LogEntry) -> Skymap | None:
    """A log entry's file, where it is a sky map: its tags say so, or there are no tags and its name does."""
    name = entry.filename or ""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,90}\.fits(\.gz)?", name):
        return None
    tags = entry.tag_names or ["sky_loc"]
    # combined with another observatory's, it is not the sky map of the gravitational wave
    return Skymap(name, entry.file_version) if "sky_loc" in tags and "ext_coinc" not in tags else None


def _of_member(said: dict[str, Any], alert_type: str) -> dict[str, Any]:
    """What is told of one event of a superevent is told of none of the superevent's own facts and labels."""
    kind = "log" if said["kind"] == "log" else "other"
    keep = {key: said[key] for key in ("event", "superevent", "category", "role", "facts", "created")}
    return {**keep, "kind": kind, "more": {**said.get("more", {}), "member_alert": alert_type}}


def _with_voevent(said: dict[str, Any], text: Any) -> dict[str, Any]:
    """What the notice inside the message says; what is wrong with it does not stop the message."""
    from gwfollow.alerts.voevent import read_voevent

    if text is None:
        return said
    try:
        if not isinstance(text, str):
            raise InputError(f"VOEvent: longer than the {LARGEST_VOEVENT} bytes that one may have, or no text")
        inner = read_voevent(text, "VOEvent")
        if inner.event != said["event"]:
            raise InputError("VOEvent, Param GraceID", inner.event, said["event"])
    except InputError as error:
        return {**said, "more": {"voevent_problem": str(error)}}
    category = said["category"] if inner.category == "Production" else inner.category
    return {
        **said,
        "category": category,
        "role": "test" if inner.role == "test" else said["role"],
        "facts": {**inner.facts, **{key: value for key, value in said["facts"].items() if value is not None}},
        "retracted": inner.retracted,
        "skymap": inner.skymap,
    }


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


__all__ = ["read_internal", "read_snapshot"]
