"""The Airflow plugin: gwfollow's pages and the buttons on its tasks.  Registered once, by the entry point ``airflow.plugins``."""

from __future__ import annotations

from typing import Any

from airflow.plugins_manager import AirflowPlugin

from gwfollow.provider.web.app import create_app


def _links() -> list[Any]:
    """The extra links live beside the operators, in the plugins folder, which need not be there for the package to load."""
    try:
        from pe_operators.links import JobLogLink, ResultPageLink
    except ModuleNotFoundError:
        return []
    return [JobLogLink(), ResultPageLink()]


class GWFollowPlugin(AirflowPlugin):  # type: ignore[misc, unused-ignore]
    name = "gwfollow"
    fastapi_apps = [{"app": create_app(), "url_prefix": "/gwfollow", "name": "gwfollow"}]
    operator_extra_links = _links()
