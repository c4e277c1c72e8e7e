"""``gwfollow health``: exit codes for Nagios, one line, JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gwfollow.alerts import signs
from gwfollow.cli import group
from gwfollow.ledger import open_ledger
from gwfollow.ledger.schema import now


@pytest.fixture(autouse=True)
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LEDGER", "AIRFLOW_URL", "GRACEDB_URL", "IGWN_ALERT_SERVER", "GCN_SERVER"):
        monkeypatch.delenv(f"GWFOLLOW_{name}", raising=False)
    monkeypatch.setenv("GWFOLLOW_HOME", str(tmp_path))


def health(*arguments: str) -> Result:
    return CliRunner().invoke(group, ["health", *arguments])


def test_without_a_ledger_it_is_critical() -> None:
    found = health("--nagios")
    assert found.exit_code == 2
    assert found.stdout.startswith("GWFOLLOW CRITICAL - ledger: no ledger at")


def test_a_new_ledger_without_listeners_is_well() -> None:
    open_ledger(create=True).close()
    found = health()
    assert found.exit_code == 0
    assert "none is expected" in found.stdout


def test_an_expected_listener_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = open_ledger(create=True)
    monkeypatch.setenv("GWFOLLOW_GCN_SERVER", "kafka.gcn.nasa.gov")
    found = health("--json")
    assert found.exit_code == 2
    assert json.loads(found.stdout)["level"] == "critical"
    signs.beat(ledger, "gcn", {"igwn.gwalert": signs.Sign()}, answered=now())
    found = health("--nagios")
    assert found.exit_code == 0
    assert found.stdout.startswith("GWFOLLOW OK - ")
    assert found.stdout.count("\n") == 1
