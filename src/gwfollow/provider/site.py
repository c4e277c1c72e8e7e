"""The site as Airflow's connections name it, for operators, triggers and DAG files."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gwfollow.ledger.store import Ledger
from gwfollow.life import Site
from gwfollow.schedulers import get
from gwfollow.schedulers.base import Scheduler
from gwfollow.settings import Settings


def open_site(who: str, *, ledger_conn_id: str | None, htcondor_conn_id: str | None) -> Site:
    """Ledger (see `open_ledger`) and schedulers, these from a connection of the type ``htcondor``, else from the settings."""
    from gwfollow.provider.hooks.htcondor import HTCondorHook

    settings = HTCondorHook(htcondor_conn_id).settings() if htcondor_conn_id else Settings.read()
    return Site(ledger=open_ledger(ledger_conn_id), settings=settings, who=who)


def open_ledger(ledger_conn_id: str | None) -> Ledger:
    """The ledger that ``GWFOLLOW_LEDGER`` names, else that of the connection, else the one in the home folder.

    Every task opens it at its start: a setting costs nothing to read, a connection a question to Airflow's API server.
    """
    from gwfollow.ledger import open_ledger as from_settings
    from gwfollow.provider.hooks.ledger import LedgerHook

    settings = Settings.read()
    if settings.ledger or not ledger_conn_id:
        return from_settings(settings)
    return LedgerHook(ledger_conn_id).ledger()


def scheduler_identity(name: str, settings: Settings) -> dict[str, Any]:
    """What a trigger needs to find the scheduler again: addresses and the period, no secrets."""
    return {
        "name": name,
        "schedd": settings.schedd,
        "collector": settings.collector,
        "home": settings.home,
        "poll_seconds": settings.poll_period,
    }


def scheduler_from(identity: dict[str, Any]) -> Scheduler:
    """The scheduler that `scheduler_identity` described."""
    settings = Settings(home=identity["home"], schedd=identity["schedd"], collector=identity["collector"])
    return get(identity["name"], settings)


def deliver(site: Site, *, gracedb_conn_id: str | None, seconds: float = 20.0) -> str:
    """Try to deliver what the outbox holds, for some `seconds`; says what came of it.  What is left stays for upkeep."""
    from gwfollow.delivery import destinations
    from gwfollow.ledger.outbox import deliver as deliver_outbox
    from gwfollow.provider.hooks.gracedb import GraceDBHook

    client = GraceDBHook(gracedb_conn_id).client() if gracedb_conn_id else None
    return str(
        deliver_outbox(site.ledger, destinations(site.settings, site.ledger, gracedb=client), who=site.who, deadline=seconds)
    )


def run_is_active(settings: Settings) -> Callable[[str], bool] | None:
    """Whether an event's DAG has a run that is queued or running, asked of Airflow's API once for all events, now.

    None where the settings name no Airflow.  Raises `RemoteSilent` where it does not answer: that is not "no run".
    """
    from gwfollow.airflow_api import AirflowAPI
    from gwfollow.naming import event_dag_id

    api = AirflowAPI.from_settings(settings)
    if api is None:
        return None
    at_work = api.dags_at_work()
    return lambda event: event_dag_id(event) in at_work


def person_behind(settings: Settings, action: str, event: str, task_id: str) -> str | None:
    """The login of who last did `action` (a name of Airflow's audit log) to a task of the event's DAG.

    None where the settings name no Airflow, where it does not answer, or where nobody did: the action counts all the same.
    """
    from gwfollow.airflow_api import AirflowAPI
    from gwfollow.errors import GWFollowError
    from gwfollow.naming import event_dag_id

    try:
        api = AirflowAPI.from_settings(settings)
        entries = api.event_log(event=action, dag_id=event_dag_id(event)) if api else []
    except GWFollowError:
        return None
    for entry in entries:
        if task_id in (entry.get("task_id") or "", *_words(entry.get("extra"))):
            return str(entry["owner"]) if entry.get("owner") else None
    return None


def _words(extra: object) -> list[str]:
    """The task ids in an audit entry's extra, which is JSON as text."""
    import json

    try:
        found = json.loads(str(extra or "{}"))
    except ValueError:
        return []
    ids = found.get("task_ids", []) if isinstance(found, dict) else []
    return [str(one[0] if isinstance(one, list) else one) for one in ids] if isinstance(ids, list) else []
