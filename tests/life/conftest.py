"""A site with a ledger, a scheduler in memory and a pipeline whose job writes one file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from memory import MemoryScheduler

from gwfollow.ledger.apply import apply
from gwfollow.ledger.blueprints import read_text
from gwfollow.ledger.store import Ledger
from gwfollow.life import Site
from gwfollow.pipelines import registry
from gwfollow.pipelines.base import AssetFile, Assets, Pipeline
from gwfollow.schedulers.base import Job, JobStatus, Work
from gwfollow.settings import Settings

TWO_ANALYSES = """
kind: event
name: GW150914
event time: 1126259462.4
interferometers: [H1, L1]
---
kind: analysis
name: psd
pipeline: onefile
event: GW150914
---
kind: analysis
name: pe
pipeline: onefile
event: GW150914
needs: [psd]
"""


class OneFile(Pipeline):
    """Its job leaves ``result.json`` in the attempt's folder; it is complete when that can be read."""

    name = "onefile"
    rescues = 2

    def build_dag(self, user: str | None = None, dryrun: bool = False) -> dict[str, Path]:
        if self.task.get("fail at build"):
            raise ValueError("the prior file is empty")
        config = self.task.folder / "config.ini"
        config.write_text(f"[run]\nname = {self.task.analysis}\n")
        return {"config": config}

    def submit_dag(self, dryrun: bool = False) -> Work:
        return Job(executable=Path("/bin/true"), arguments=(), folder=self.task.folder, name=self.task.analysis)

    def detect_completion(self) -> bool:
        try:
            return bool(json.loads((self.task.folder / "result.json").read_text()))
        except (OSError, ValueError):
            return False

    def collect_assets(self) -> Assets:
        return {"samples": {"": AssetFile(self.task.folder / "result.json")}}

    def resurrect(self, status: JobStatus) -> Work | None:
        return self.submit_dag() if self.task.get("resurrect") else None

    def after_completion(self) -> Work | None:
        return self.submit_dag() if self.task.get("post") else None

    def store_results(self) -> dict[str, Path]:
        return {"samples": self.task.folder / "result.json"}


@pytest.fixture
def scheduler() -> MemoryScheduler:
    return MemoryScheduler()


@pytest.fixture
def site(tmp_path: Path, scheduler: MemoryScheduler, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """An event with two analyses: pe needs psd."""
    monkeypatch.setattr(registry, "find", lambda name: OneFile)
    ledger = Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}", create=True)
    with ledger.change(who="alice@test") as change:
        apply(change, read_text(TWO_ANALYSES, "two.yaml").blueprints)
    settings = Settings(home=str(tmp_path / "home"), configs=str(tmp_path), scheduler="memory")
    yield Site(ledger, settings, who="alice@test", scheduler_for=lambda name, settings: scheduler)
    ledger.close()
