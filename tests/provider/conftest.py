"""The pages with a real auth manager, a ledger of their own, and people of every role."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from airflow.api_fastapi import app as airflow_app
from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager
from airflow.api_fastapi.core_api import security
from fastapi import FastAPI
from fastapi.testclient import TestClient
from provider_web import Web

from gwfollow.ledger.store import Ledger
from gwfollow.provider.web import site
from gwfollow.provider.web.app import create_app
from gwfollow.settings import Settings


@pytest.fixture
def web(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    """An empty site, seen by an admin."""
    ledger = Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}", create=True)
    settings = Settings(home=str(tmp_path), ledger=f"sqlite:///{tmp_path / 'ledger.db'}", data=str(tmp_path / "data"))
    monkeypatch.setattr(site, "ledger", lambda: ledger)
    monkeypatch.setattr(site, "settings", lambda: settings)
    monkeypatch.setattr(airflow_app._AuthManagerState, "instance", SimpleAuthManager())
    monkeypatch.setattr(security.DagModel, "get_team_name", lambda dag_id: None)  # asks Airflow's database
    app, outer = create_app(), FastAPI()
    outer.mount("/gwfollow", app)
    client = TestClient(outer, base_url="http://localhost:8080/gwfollow/", raise_server_exceptions=True)
    found = Web(client, app, ledger, settings.data_folder)
    found.as_role("admin")
    yield found
    ledger.close()
