"""Public notices: the JSON that GCN and SCiMMA carry on the topic igwn.gwalert."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gwfollow.alerts.alert import Alert, Skymap
from gwfollow.alerts.category import category_of
from gwfollow.alerts.models import Address, External, Public, PublicEvent, Replaced, check, check_value
from gwfollow.errors import InputError
from gwfollow.times import utc_to_gps


def read_public(payload: Mapping[str, Any], place: str) -> Alert:
    """Raises `InputError`; `payload` is the short form (see `payload`)."""
    notice = check(Public, payload, place)
    kind = notice.alert_type.lower().replace("_", "")
    event = notice.event
    if event is None and kind != "retraction":
        raise InputError(f"{place}, event: is missing (only a retraction has none)")
    skymap, problem = _skymap(event.skymap if event else None, f"{place}, event.skymap")
    category = category_of(notice.superevent_id, search=event.search if event else None, group=event.group if event else None)
    facts = {
        **(_facts(event) if event else {}),
        "gracedb": _address(notice.urls, place),
        "external": _external(notice.external_coinc, place) if notice.external_coinc else None,
        "skymap_problem": problem,
    }
    return Alert(
        form="public",
        event=notice.superevent_id,
        superevent=True,
        kind=kind,
        issued=notice.time_created,
        role="observation" if category == "Production" else "test",
        category=category,
        facts={key: value for key, value in facts.items() if value is not None},
        retracted=True if kind == "retraction" else None,
        skymap=skymap,
        payload=dict(payload),
    )


def _facts(event: PublicEvent) -> dict[str, Any]:
    said = event.model_dump(exclude={"time", "skymap"}, exclude_none=True)
    return {"t_0": utc_to_gps(event.time), **said}


def _address(urls: Mapping[str, Any] | None, place: str) -> str | None:
    if not urls or urls.get("gracedb") is None:
        return None
    address: str = check_value(Address, urls["gracedb"], f"{place}, urls.gracedb")
    return address


def _external(external: External, place: str) -> dict[str, Any]:
    said = external.model_dump(exclude={"combined_skymap"}, exclude_none=True)
    combined, problem = _skymap(external.combined_skymap, f"{place}, external_coinc.combined_skymap")
    if combined:
        said["combined_skymap"] = {"name": combined.name, "sha256": combined.sha256, "bytes": combined.size}
    elif problem:
        said["skymap_problem"] = problem
    return said


def _skymap(value: Any, place: str) -> tuple[Skymap | None, str | None]:
    """The sky map that the short form names, or what is wrong with it."""
    if value is None:
        return None, None
    if not isinstance(value, Mapping):
        return None, "its checksum is not known"
    found = check(Replaced, value, place)
    if found.problem is not None or found.name is None:
        return None, found.problem or "its name is not known"
    return Skymap(found.name, None, found.sha256, found.bytes), None


__all__ = ["read_public"]
