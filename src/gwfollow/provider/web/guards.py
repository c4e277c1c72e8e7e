"""Who may come in, who may do what, and from where a request that changes something may come.

Every router is made by `guarded_router`: its routes are for people who are logged in.  A route that changes something takes
`CHANGES_ALERTS` as well: the request was made by one of our own pages, and its maker may edit the DAG ``alerts``.  DAG permissions
guard the writes because Airflow's simple auth manager lets a viewer through every other one.
"""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.api_fastapi.auth.managers.models.resource_details import DagDetails
from airflow.api_fastapi.core_api.security import GetUserDep, get_user, requires_access_dag
from airflow.configuration import conf
from fastapi import APIRouter, Depends, HTTPException, Request

from gwfollow.naming import event_dag_id

#: the DAG whose permissions speak for the inbox
ALERTS_DAG = "alerts"

User = GetUserDep


def from_our_pages(request: Request) -> None:
    """Refuse a request that another site, or another port of this host, may have made a browser send.

    The login's cookie alone proves nothing: it goes along with every request of the browser to this host.  A page elsewhere cannot set
    the header without a preflight, which nobody here answers.  There is no exemption for tokens: Airflow can add one to every request.
    """
    if request.headers.get("x-gwfollow") != "1":
        raise HTTPException(403, "this request was not made by one of gwfollow's pages (header X-GWFollow)")
    if request.headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
        raise HTTPException(403, "this request comes from another site")
    origin = request.headers.get("origin")
    if origin is not None and not _is_our_origin(origin, request):
        raise HTTPException(403, "this request comes from another address than Airflow's")


def _is_our_origin(origin: str, request: Request) -> bool:
    # the host alone: a proxy in front may have taken the TLS off
    found, base = urlsplit(origin), urlsplit(conf.get("api", "base_url", fallback="") or "")
    return bool(found.netloc) and (found.netloc == request.headers.get("host") or found[:2] == base[:2])


def may_see(user: BaseUser, event: str) -> bool:
    """Whether the user may see the event's DAG."""
    return readable_events(user, [event]) == {event}


def readable_events(user: BaseUser, events: list[str]) -> set[str]:
    """Those of `events` whose DAGs the user may see.

    Asked by name, so that an event counts whose DAG Airflow has not read yet.
    """
    manager, ids = get_auth_manager(), {event_dag_id(event): event for event in events}
    return {ids[dag] for dag in manager.filter_authorized_dag_ids(dag_ids=set(ids), user=user, method="GET")}


def _readable_event(event: str, user: User) -> str:
    if not may_see(user, event):
        raise HTTPException(403, "not allowed to see this event")
    return event


def may_edit_alerts(user: BaseUser) -> bool:
    """Whether a page may offer what `CHANGES_ALERTS` lets pass; it is asked again when it is done."""
    return get_auth_manager().is_authorized_dag(method="PUT", details=DagDetails(id=ALERTS_DAG), user=user)


#: the name of an event whose DAG the user may see
ReadableEvent = Annotated[str, Depends(_readable_event)]
READS_ALERTS = Depends(requires_access_dag("GET", param_dag_id=ALERTS_DAG))
CHANGES_ALERTS = [Depends(from_our_pages), Depends(requires_access_dag("PUT", param_dag_id=ALERTS_DAG))]
#: for routes with the part ``{dag_id}``
CHANGES_EVENT = [Depends(from_our_pages), Depends(requires_access_dag("PUT"))]


def may_edit_event(user: BaseUser, event: str) -> bool:
    """Whether a page may offer what `CHANGES_EVENT` lets pass for this event; it is asked again when it is done."""
    return get_auth_manager().is_authorized_dag(method="PUT", details=DagDetails(id=event_dag_id(event)), user=user)


def guarded_router() -> APIRouter:
    """A router all of whose routes ask for a login."""
    return APIRouter(dependencies=[Depends(get_user)])


__all__ = [
    "ALERTS_DAG",
    "CHANGES_ALERTS",
    "CHANGES_EVENT",
    "READS_ALERTS",
    "ReadableEvent",
    "User",
    "from_our_pages",
    "guarded_router",
    "may_edit_alerts",
    "may_edit_event",
    "may_see",
    "readable_events",
]
