"""A DAG whose node always fails, on a real HTCondor: it is taken up from its rescue file as often as its pipeline allows, and then stuck."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from alone import EVENT, folder_of, follow, row, site_in
from sqlalchemy import select

from gwfollow.errors import PipelineError
from gwfollow.ledger.schema import Job as JobRow
from gwfollow.life.build import build
from gwfollow.life.submit import submit
from gwfollow.pipelines import registry
from gwfollow.pipelines.base import Assets
from gwfollow.pipelines.dag_pipeline import DagPipeline
from gwfollow.sandbox.htcondor import PersonalPool

pytestmark = [pytest.mark.system, pytest.mark.slow]

SUBMIT = f"""\
executable = {sys.executable}
arguments = $(JOB).py
transfer_executable = False
should_transfer_files = NO
output = $(JOB).out
error = $(JOB).err
log = nodes.log
request_memory = 64M
request_disk = 1M
queue
"""
GOOD = "open('good.txt', 'a').write('x')\n"
BAD = "runs = open('bad.txt', 'a+'); runs.write('x'); raise ValueError(f'no luck in run {runs.tell()}')\n"


class Unlucky(DagPipeline):
    """A DAG of two nodes, the second of which fails in every run."""

    name = "unlucky"
    builder = "none"
    rescues = 2

    @property
    def dag(self) -> Path:
        return self.run / "unlucky.dag"

    @property
    def dag_folder(self) -> Path:
        return self.run

    def gather(self) -> Any:
        return None

    def arguments(self) -> list[str]:
        return []

    def before_config(self, dryrun: bool = False) -> None: ...

    def build_dag(self, user: str | None = None, dryrun: bool = False) -> Mapping[str, Path]:
        self.run.mkdir()
        (self.run / "good.py").write_text(GOOD)
        (self.run / "bad.py").write_text(BAD)
        (self.run / "node.sub").write_text(SUBMIT)
        self.dag.write_text("JOB good node.sub\nJOB bad node.sub\nPARENT good CHILD bad\n")
        return {"dag": self.dag}

    def check(self) -> None:
        raise PipelineError("no result")

    def collect_assets(self) -> Assets:
        return {}


def test_a_rescue_loop_stops_at_its_limit_with_the_last_error(
    tmp_path: Path, pool: PersonalPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "find", lambda name: Unlucky)
    with site_in(tmp_path, "name: loop") as site:
        build(site, EVENT, "loop")
        submit(site, EVENT, "loop")
        with pytest.raises(PipelineError, match="is stuck: gave up after 2 resurrections"):
            asyncio.run(asyncio.wait_for(follow(site, "loop"), 150))
        assert row(site, "loop").status == "stuck"
        assert row(site, "loop").reason == (
            "gave up after 2 resurrections: ValueError: no luck in run 3 (run/bad.err); exit code 1"
        )
        run = folder_of(site, "loop") / "run"
        assert ((run / "good.txt").read_text(), (run / "bad.txt").read_text()) == ("x", "xxx")
        assert len(list(run.glob("unlucky.dag.rescue*"))) == 3
        with site.ledger.read() as session:
            jobs = session.scalars(select(JobRow).order_by(JobRow.number)).all()
            assert [(job.number, job.state) for job in jobs] == [(0, "ended"), (1, "ended"), (2, "ended")]
