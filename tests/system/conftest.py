"""A real Airflow and a real HTCondor, with one pipeline whose jobs the tests steer."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from small_scans import scan
from stage import Stage

from gwfollow.airflow_api import AirflowAPI
from gwfollow.ledger import open_ledger
from gwfollow.sandbox.airflow import LocalAirflow
from gwfollow.sandbox.htcondor import PersonalPool
from gwfollow.sandbox.kafka import LocalKafka
from gwfollow.settings import Settings

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for PYTHONPATH in which the toy pipeline is an installed plugin."""
    folder = tmp_path_factory.mktemp("toy")
    shutil.copy(HERE / "toy_pipeline.py", folder)
    metadata = folder / "gwfollow_toy-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: gwfollow-toy\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[gwfollow.pipelines]\ntoy = toy_pipeline:Toy\n")
    return folder


#: every superevent gets an analysis: a binary an omega scan, which is run again when another event is preferred, others one of the toy pipeline
POLICY = "rules: [{name: follow, when: {superevent: true}, do: {event: true, apply: [alert-follow.yaml.j2]}}]\n"
TEMPLATE = """
kind: analysis
{% if group == "CBC" -%}
preferred event: {{ preferred_event | tojson }}
SCAN
{%- else -%}
name: toy
pipeline: toy
toy: {go: true}
{%- endif %}
"""


def alert_policy(folder: Path, checkout: Path, frames: Path) -> dict[str, str]:
    """The settings of a policy of the tests' own."""
    configs = folder / "configs"
    shutil.copytree(checkout / "include" / "configs", configs)
    text = TEMPLATE.replace("SCAN", scan("scan", "ALERTED", frames, 300).strip())
    (configs / "blueprints" / "alert-follow.yaml.j2").write_text(text)
    (folder / "policy.yaml").write_text(POLICY)
    return {"GWFOLLOW_CONFIGS": str(configs), "GWFOLLOW_ALERT_POLICY": str(folder / "policy.yaml")}


@pytest.fixture(scope="session")
def stage(pool: PersonalPool, toy: Path, checkout: Path) -> Iterator[Stage]:
    """A running Airflow with an empty ledger, on the session's HTCondor."""
    folder = Path(tempfile.mkdtemp(prefix="gwa-", dir="/tmp"))
    metrics = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    metrics.bind(("127.0.0.1", 0))
    statsd = {
        "statsd_on": "True",
        "statsd_host": "127.0.0.1",
        "statsd_port": str(metrics.getsockname()[1]),
        "statsd_prefix": "af",
    }
    airflow = LocalAirflow(folder / "airflow", checkout, options={"metrics": statsd})
    kafka = LocalKafka(folder / "kafka")
    kafka.start()
    environment = {
        **pool.env(),
        "PYTHONPATH": os.pathsep.join(filter(None, [str(toy), os.environ.get("PYTHONPATH")])),
        "GWFOLLOW_HOME": str(folder / "home"),
        "GWFOLLOW_LEDGER": f"sqlite:///{folder / 'home' / 'ledger.db'}",
        "GWFOLLOW_POLL_SECONDS": "1",
        "GWFOLLOW_SETTLE_SECONDS": "5",
        "GWFOLLOW_AIRFLOW_URL": airflow.url,
        "GWFOLLOW_AIRFLOW_LOGIN_FILE": str(airflow.login_file),
        "GWFOLLOW_IGWN_ALERT_SERVER": kafka.address,
        **alert_policy(folder, checkout, folder / "home" / "frames"),
    }
    airflow.environment.update(environment)
    settings = Settings.read({**os.environ, **environment})
    ledger = open_ledger(settings, create=True)
    airflow.prepare()
    try:
        airflow.start()
        api = AirflowAPI(airflow.url, airflow.username, airflow.password)
        yield Stage(airflow, api, ledger, settings, kafka, metrics)
    finally:
        airflow.stop()
        kafka.stop()
        metrics.close()
        ledger.close()
        if os.environ.get("GWFOLLOW_KEEP_TESTS") != "1":
            shutil.rmtree(folder, ignore_errors=True)
