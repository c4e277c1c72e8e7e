"""Operators on a real ledger and the local scheduler, without Airflow's database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gwfollow.ledger.apply import apply
from gwfollow.ledger.blueprints import read_text
from gwfollow.ledger.store import Ledger
from gwfollow.life import Site
from gwfollow.pipelines import registry
from gwfollow.pipelines.base import AssetFile, Assets, Pipeline
from gwfollow.schedulers.base import Job, Work
from gwfollow.settings import Settings

EVENT = "GW150914"
BLUEPRINT = """
kind: event
name: GW150914
event time: 1126259462.4
interferometers: [H1, L1]
---
kind: analysis
name: echo
pipeline: echo
event: GW150914
"""


class Echo(Pipeline):
    """Its job writes ``said.txt``."""

    name = "echo"

    def build_dag(self, user: str | None = None, dryrun: bool = False) -> dict[str, Path]:
        return {}

    def submit_dag(self, dryrun: bool = False) -> Work:
        command = self.task.get("command", "echo hello > said.txt")
        return Job(Path("/bin/sh"), ("-c", command), self.task.folder, "echo", self.task.resources)

    def detect_completion(self) -> bool:
        return (self.task.folder / "said.txt").is_file()

    def collect_assets(self) -> Assets:
        return {"words": {"": AssetFile(self.task.folder / "said.txt")}}


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setattr(registry, "find", lambda name: Echo)
    ledger = Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}", create=True)
    with ledger.change(who="alice@test") as change:
        apply(change, read_text(BLUEPRINT, "echo.yaml").blueprints)
    settings = Settings(
        home=str(tmp_path / "home"), configs=str(tmp_path), scheduler="local", poll_seconds="0.1", settle_seconds="0"
    )
    found = Site(ledger, settings, who="test")

    def here(who: str, **_: object) -> Site:
        return found.acting(who)

    monkeypatch.setattr("pe_operators.base.open_site", here)
    monkeypatch.setattr("sensors.scheduler_job.open_site", here)
    yield found
    ledger.close()
