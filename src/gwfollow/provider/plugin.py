"""The Airflow plugin: gwfollow's pages and the buttons on its tasks.  Registered once, by the entry point ``airflow.plugins``."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from airflow.plugins_manager import AirflowPlugin

from gwfollow.provider.web.app import create_app

#: what a task of ours imports on its way
NEEDED = (
    "gwfollow.alerts.cycle",
    "gwfollow.alerts.health",
    "gwfollow.alerts.process",
    "gwfollow.alerts.reconcile",
    "gwfollow.delivery",
    "gwfollow.ledger.views",
    "gwfollow.life.build",
    "gwfollow.life.finish",
    "gwfollow.life.plan",
    "gwfollow.life.wait",
    "gwfollow.provider.hooks.htcondor",
    "gwfollow.provider.hooks.ledger",
    "gwfollow.provider.site",
    "pe_operators.alerts",
    "pe_operators.data_quality",
    "pe_operators.event_dags",
    "pe_operators.upkeep",
    "sensors",
)


#: hrefs without a leading slash: they hold below a sub-path too
VIEWS = [
    {
        "name": "gwfollow",
        "href": "gwfollow/",
        "destination": "nav",
        "url_route": "gwfollow",
        "nav_top_level": True,
        "icon": "gwfollow/static/icon.svg",
        "icon_dark_mode": "gwfollow/static/icon-dark.svg",
    },
    # Airflow puts it on every DAG; on one that is no event's the page says so
    {"name": "Event", "href": "gwfollow/dag/{DAG_ID}", "destination": "dag", "url_route": "gwfollow-event"},
]


def _links() -> list[Any]:
    """The extra links live beside the operators, in the plugins folder, which need not be there for the package to load."""
    try:
        from pe_operators.links import EventLink, JobLogLink, ResultPageLink
    except ModuleNotFoundError:
        return []
    return [JobLogLink(), ResultPageLink(), EventLink()]


def preload() -> None:
    """Import what every task of ours needs, in the process from which Airflow forks its workers: there it counts once.

    Without it each task pays a tenth of a second for imports and for SQLAlchemy's look at the tables.
    """
    for name in NEEDED:
        if find_spec(name.partition(".")[0]):  # the plugins folder need not be there
            import_module(name)
    from gwfollow.ledger.schema import Base

    Base.registry.configure()


class GWFollowPlugin(AirflowPlugin):  # type: ignore[misc, unused-ignore]
    name = "gwfollow"
    fastapi_apps = [{"app": create_app(), "url_prefix": "/gwfollow", "name": "gwfollow"}]
    external_views = VIEWS
    operator_extra_links = _links()

    @classmethod
    def on_load(cls, *args: Any, **kwargs: Any) -> None:
        """Called by Airflow when a component has found the plugin: by the scheduler, before it forks its workers."""
        preload()
