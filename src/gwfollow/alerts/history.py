"""What all alerts of one event say together.

`fold` takes the alerts in any order and any number of times: it puts them into one order of its own (`canonical`) and lets each speak in
turn, so the same set of alerts always gives the same `State`.

    order       time of issue; then kind (what speaks of the whole superevent first, a retraction last); then contents.  Messages
                without any time come before all others: whoever says when he speaks, knows better.
    facts       what is stated later wins; what is not stated erases nothing.
    labels      a message with the whole list sets it; one label added or removed changes it.  An advocate's sign-off stands for the
                label that GraceDB makes of it (ADVOK, ADVNO): a later list of all labels corrects it.
    retracted   by a public retraction, until a later public notice of another kind; by the label ADVNO, for as long as it is there.
                An operator's NO speaks of the data of one detector and retracts nothing by itself: a policy may ask for its label (H1NO).
    category    one message that calls the event a test or a mock makes it one for good: what was published cannot be taken back.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from typing import Any

from gwfollow.alerts.alert import Alert
from gwfollow.alerts.category import category_of

#: kinds at one moment, in the order in which they speak
_RANKS = {
    kind: rank
    for rank, kinds in enumerate(
        (
            {"new"},
            {"snapshot"},
            {"event_added", "event_removed", "exposed", "hidden", "log", "voevent", "emobservation", "other"},
            {"earlywarning"},
            {"preliminary"},
            {"initial"},
            {"update", "confirmed_as_gw"},
            {"label_added"},
            {"label_removed"},
            {"signoff"},
            {"retraction"},
        )
    )
    for kind in kinds
}
_NEVER = datetime.min.replace(tzinfo=UTC)
_PUBLIC_FORMS = frozenset({"public", "voevent"})
_PUBLIC_KINDS = frozenset({"earlywarning", "preliminary", "initial", "update"})
#: of `State`, as an alert's facts call them
_STATED = ("far", "group", "pipeline", "search", "classification", "properties", "preferred_event", "duration", "central_frequency",
           "gracedb")  # fmt: skip
_TIMES = ("t_0", "t_start", "t_end")
#: s; public notices round times to milliseconds, which is no change of the event's time
ROUNDING = 0.001
_ADVOCATE = frozenset({"ADVREQ", "ADVOK", "ADVNO"})


@dataclass(frozen=True)
class State:
    """An event as its alerts tell of it; None: no message has said.  Times t_* in GPS s, far in Hz."""

    superevent_id: str = ""
    superevent: bool = True  # False: a single event of GraceDB that belongs to no superevent
    category: str = "Production"
    role: str = "observation"
    kind: str = ""  # of the last alert
    public: str | None = None  # kind of the last public notice
    t_0: float | None = None
    t_start: float | None = None
    t_end: float | None = None
    far: float | None = None
    significant: bool | None = None
    group: str | None = None
    pipeline: str | None = None
    search: str | None = None
    instruments: tuple[str, ...] | None = None
    classification: Mapping[str, float] | None = None
    properties: Mapping[str, float] | None = None
    duration: float | None = None  # s
    central_frequency: float | None = None  # Hz
    preferred_event: str | None = None
    gracedb: str | None = None  # address of its page
    external: bool = False  # in coincidence with another observatory
    labels: tuple[str, ...] = ()
    signoffs: Mapping[str, str] = field(default_factory=dict)  # "ADV" or "OP H1" -> OK or NO
    notice_retracted: str | None = None  # when the public retraction was issued that still stands
    retracted: bool = False
    retracted_why: str | None = None
    retracted_when: str | None = None
    skymap: Mapping[str, Any] | None = None  # name, version, sha256
    first_alert: str | None = None  # ISO times, UTC
    last_alert: str | None = None

    def as_json(self) -> dict[str, Any]:
        """For `Event.alert`."""
        found = asdict(self)
        for name in ("labels", "instruments"):
            found[name] = None if found[name] is None else list(found[name])
        return found

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> State:
        """What `as_json` gave; an empty document is the state before any alert, and keys of other versions are passed over."""
        known = {f.name for f in fields(cls)}
        found = {key: value for key, value in document.items() if key in known}
        for name in ("labels", "instruments"):
            if isinstance(found.get(name), list):
                found[name] = tuple(found[name])
        return cls(**found)


def canonical(alerts: Iterable[Alert]) -> list[Alert]:
    """The alerts in the one order in which they are read."""
    return sorted(alerts, key=lambda a: (a.issued or _NEVER, _RANKS.get(a.kind, 2), _contents(a)))


def prefixes(alerts: Iterable[Alert]) -> list[tuple[Alert, State]]:
    """Each alert in canonical order, with the state after it."""
    found, state = [], State()
    for alert in canonical(alerts):
        state = _after(state, alert)
        found.append((alert, state))
    return found


def fold(alerts: Iterable[Alert]) -> State:
    """The state after all of them."""
    found = prefixes(alerts)
    return found[-1][1] if found else State()


def _contents(alert: Alert) -> str:
    said = {
        "form": alert.form, "kind": alert.kind, "event": alert.event, "role": alert.role, "category": alert.category,
        "facts": alert.facts, "labels": sorted(alert.labels or ()), "label": alert.label, "signoff": alert.signoff,
        "retracted": alert.retracted, "payload": alert.payload,
    }  # fmt: skip
    return json.dumps(said, sort_keys=True, default=str)


def _after(state: State, alert: Alert) -> State:
    changed = _stated(state, alert)
    labels, signoffs = _labels(state, alert)
    changed |= {"labels": tuple(sorted(labels)), "signoffs": signoffs}
    changed |= _retraction(state, alert, labels)
    if "SIGNIF_LOCKED" in labels:  # GraceDB's own word for it; igwn-alert messages have no other
        changed["significant"] = True
    if alert.issued is not None:
        moment = alert.issued.astimezone(UTC).isoformat()
        changed |= {"first_alert": state.first_alert or moment, "last_alert": moment}
    return replace(state, **changed)


def _stated(state: State, alert: Alert) -> dict[str, Any]:
    """What the alert says of the event itself."""
    facts = alert.facts
    changed: dict[str, Any] = {key: facts[key] for key in (*_STATED, "significant") if facts.get(key) is not None}
    for key in _TIMES:
        known, said = getattr(state, key), facts.get(key)
        if said is not None and (known is None or abs(said - known) > ROUNDING):
            changed[key] = float(said)
    if facts.get("instruments"):
        changed["instruments"] = tuple(sorted(set(facts["instruments"])))
    if facts.get("external"):
        changed["external"] = True
    if alert.skymap is not None:
        changed["skymap"] = {"name": alert.skymap.name, "version": alert.skymap.version, "sha256": alert.skymap.sha256}
    category = category_of(alert.event, stated=alert.category, test=alert.role == "test")
    if category != "Production":
        changed |= {"category": max(category, state.category if state.category != "Production" else ""), "role": "test"}
    public = alert.kind if _is_public(alert) else state.public
    return changed | {"superevent_id": alert.event, "superevent": alert.superevent, "kind": alert.kind, "public": public}


def _is_public(alert: Alert) -> bool:
    return alert.kind == "retraction" or (alert.form in _PUBLIC_FORMS and alert.kind in _PUBLIC_KINDS)


def _labels(state: State, alert: Alert) -> tuple[set[str], dict[str, str]]:
    labels, signoffs = set(state.labels if alert.labels is None else alert.labels), dict(state.signoffs)
    if alert.label is not None:
        (labels.discard if alert.kind == "label_removed" else labels.add)(alert.label)
    if alert.signoff is not None:
        kind, status = str(alert.signoff.get("type")), str(alert.signoff.get("status"))
        name = f"{kind} {alert.signoff.get('instrument') or ''}".strip()
        signoffs.pop(name, None)
        if status != "deleted":
            signoffs[name] = status
        if kind == "ADV" and alert.labels is None:
            labels -= _ADVOCATE
            labels.add({"OK": "ADVOK", "NO": "ADVNO"}.get(status, "ADVREQ"))
    return labels, dict(sorted(signoffs.items()))


def _retraction(state: State, alert: Alert, labels: set[str]) -> dict[str, Any]:
    moment = alert.issued.astimezone(UTC).isoformat() if alert.issued is not None else ""
    notice = state.notice_retracted
    if alert.retracted or alert.kind == "retraction":
        notice = moment if notice is None else notice
    elif notice is not None and (_is_public(alert) or alert.retracted is False):
        notice = None
    why = "a public retraction" if notice is not None else "the label ADVNO" if "ADVNO" in labels else None
    when = notice or None
    if why is not None and notice is None:
        when = state.retracted_when if state.retracted_why == why else moment or None
    return {"notice_retracted": notice, "retracted": why is not None, "retracted_why": why, "retracted_when": when}


__all__ = ["ROUNDING", "State", "canonical", "fold", "prefixes"]
