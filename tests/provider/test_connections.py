"""Airflow itself accepts our connection types, and shows their forms."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gwfollow.provider import get_provider_info
from gwfollow.provider.connections import CONNECTION_TYPES

ASK = """
import json, logging, sys
from airflow.providers_manager import ProvidersManager

warnings = []
class Keep(logging.Handler):
    def emit(self, record):
        warnings.append(record.getMessage())
logging.getLogger("airflow.providers_manager").addHandler(Keep(logging.WARNING))
manager = ProvidersManager()
hooks = {kind: hook.hook_class_name for kind, hook in manager.hooks.items() if hook and hook.package_name == "gwfollow"}
classes = {kind: hook.connection_id_attribute_name for kind, hook in manager.hooks.items() if hook and kind in hooks}
print(json.dumps({
    "provider": "gwfollow" in manager.providers,
    "hooks": hooks,
    "attributes": classes,
    "behaviours": {kind: manager.field_behaviours.get(kind) for kind in hooks},
    "fields": [name for name in manager.connection_form_widgets if name.split("__")[1] in hooks],
    "warnings": [text for text in warnings if "gwfollow" in text],
}))
"""


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a fresh Airflow knows of us."""
    pytest.importorskip("airflow")
    home = tmp_path_factory.mktemp("airflow")
    done = subprocess.run(
        [sys.executable, "-c", ASK],
        env={**os.environ, "AIRFLOW_HOME": str(home), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


@pytest.mark.slow
@pytest.mark.system
def test_airflow_finds_the_provider_and_every_hook(known: dict[str, Any]) -> None:
    assert known["provider"]
    assert known["hooks"] == {kind["connection-type"]: kind["hook-class-name"] for kind in CONNECTION_TYPES}
    assert known["attributes"] == {
        "htcondor": "htcondor_conn_id",
        "gracedb": "gracedb_conn_id",
        "gwfollow_ledger": "ledger_conn_id",
        "igwn_alert": "igwn_alert_conn_id",
        "gcn": "gcn_conn_id",
    }
    assert known["warnings"] == []


@pytest.mark.slow
@pytest.mark.system
def test_the_forms_show_our_fields_under_their_names(known: dict[str, Any]) -> None:
    assert set(known["fields"]) == {
        "extra__htcondor__collector",
        "extra__htcondor__poll_seconds",
        "extra__gracedb__auth",
        "extra__gracedb__ca",
        "extra__gwfollow_ledger__path",
    }
    assert known["behaviours"]["gracedb"]["relabeling"] == {"host": "API", "password": "SciToken"}
    assert "password" in known["behaviours"]["htcondor"]["hidden_fields"]


def test_no_field_beside_the_password_is_meant_for_a_secret() -> None:
    for kind in CONNECTION_TYPES:
        for name, field in kind["conn-fields"].items():
            assert "password" not in name + str(field["schema"]).lower()


def test_the_information_needs_no_airflow(checkout: Path) -> None:
    assert get_provider_info()["connection-types"] is CONNECTION_TYPES
    source = (checkout / "src/gwfollow/provider/connections.py").read_text() + (
        checkout / "src/gwfollow/provider/__init__.py"
    ).read_text()
    assert "import airflow" not in source
    assert "from airflow" not in source
