"""A real Airflow and a real HTCondor, with one pipeline whose jobs the tests steer."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from stage import Stage

from gwfollow.airflow_api import AirflowAPI
from gwfollow.ledger import open_ledger
from gwfollow.sandbox.airflow import LocalAirflow
from gwfollow.sandbox.htcondor import PersonalPool
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


@pytest.fixture(scope="session")
def stage(pool: PersonalPool, toy: Path, checkout: Path) -> Iterator[Stage]:
    """A running Airflow with an empty ledger, on the session's HTCondor."""
    folder = Path(tempfile.mkdtemp(prefix="gwa-", dir="/tmp"))
    airflow = LocalAirflow(folder / "airflow", checkout)
    environment = {
        **pool.env(),
        "PYTHONPATH": str(toy),
        "GWFOLLOW_HOME": str(folder / "home"),
        "GWFOLLOW_LEDGER": f"sqlite:///{folder / 'home' / 'ledger.db'}",
        "GWFOLLOW_POLL_SECONDS": "1",
        "GWFOLLOW_SETTLE_SECONDS": "5",
        "GWFOLLOW_AIRFLOW_URL": airflow.url,
        "GWFOLLOW_AIRFLOW_LOGIN_FILE": str(airflow.login_file),
    }
    airflow.environment.update(environment)
    settings = Settings.read({**os.environ, **environment})
    ledger = open_ledger(settings, create=True)
    airflow.prepare()
    try:
        airflow.start()
        api = AirflowAPI(airflow.url, airflow.username, airflow.password)
        yield Stage(airflow, api, ledger, settings)
    finally:
        airflow.stop()
        ledger.close()
        if os.environ.get("GWFOLLOW_KEEP_TESTS") != "1":
            shutil.rmtree(folder, ignore_errors=True)
