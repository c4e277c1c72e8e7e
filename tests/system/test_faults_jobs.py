"""What happens to a job and to its results, on a real HTCondor: holds, ends that nobody saw, results that are cut or vanish."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest
from alone import EVENT, folder_of, follow, row, runs, site_in
from sqlalchemy import select
from toy_pipeline import Toy

from gwfollow.errors import PipelineError, SchedulerSilent
from gwfollow.ledger.schema import Asset, Journal
from gwfollow.life import Site
from gwfollow.life.build import build
from gwfollow.life.finish import collect
from gwfollow.life.submit import Submitted, submit
from gwfollow.pipelines import registry
from gwfollow.pipelines.base import Job, Work
from gwfollow.pipelines.bilby import Bilby
from gwfollow.sandbox.htcondor import PersonalPool

pytestmark = [pytest.mark.system, pytest.mark.slow]

#: as clusters have it; a personal pool does not watch the memory of its owner's jobs by itself
MEMORY_POLICY = "use POLICY: HOLD_IF_MEMORY_EXCEEDED"
#: seconds from a hold to the ledger that knows its reason
NOTICED = 30.0
GREEDY = "x = bytearray(600 * 2**20); x[::4096] = b'1' * len(x[::4096]); import time; time.sleep(120)"


class Mixed(Toy):
    """The toy, whose job may also take more memory than it asked for."""

    def submit_dag(self, dryrun: bool = False) -> Work:
        if self.task.get("toy.greedy"):
            return Job(Path(sys.executable), ("-c", GREEDY), self.task.folder, "toy", self.task.resources)
        return super().submit_dag(dryrun)


@pytest.fixture(scope="module")
def fragile() -> Iterator[PersonalPool]:
    """A pool that tests may break."""
    folder = Path(tempfile.mkdtemp(prefix="gwf-", dir="/tmp"))
    with pytest.MonkeyPatch.context() as patch, PersonalPool(folder / "pool", extra=MEMORY_POLICY) as pool:
        for name, value in pool.env().items():
            patch.setenv(name, value)
        yield pool
    shutil.rmtree(folder)


@pytest.fixture(autouse=True)
def toy_is_installed(fragile: PersonalPool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "find", lambda name: Mixed)


def begin(site: Site, analysis: str) -> Submitted:
    build(site, EVENT, analysis)
    return submit(site, EVENT, analysis)


def wait(site: Site, analysis: str) -> str:
    return asyncio.run(asyncio.wait_for(follow(site, analysis), 120)).text


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, condition
        time.sleep(0.2)


def attribute(job_id: str, name: str) -> str:
    """What the schedd says of a job in its queue."""
    asked = subprocess.run(["condor_q", job_id, "-af", name], capture_output=True, text=True, check=True, timeout=60)
    return asked.stdout.strip()


def since(site: Site, analysis: str, what: str) -> float:
    """Unix time at which the journal says that this happened."""
    with site.ledger.read() as session:
        return session.scalars(select(Journal.time).where(Journal.analysis == analysis, Journal.what == what)).one().timestamp()


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ("toy: {no executable: true}", "nothing-here"),
        ("toy: {greedy: true}\nscheduler: {request memory: 64}", "memory"),
    ],
)
def test_a_held_job_makes_its_analysis_stuck_with_htcondors_reason_within_30_s(tmp_path: Path, keys: str, words: str) -> None:
    with site_in(tmp_path, f"name: held\n{keys}") as site:
        job_id = begin(site, "held").job_id
        with pytest.raises(PipelineError, match=f"job {job_id} is held"):
            wait(site, "held")
        said = attribute(job_id, "HoldReason")
        assert words in said.lower()
        assert row(site, "held").status == "stuck"
        assert row(site, "held").reason == f"job {job_id} is held: {said}"
        assert since(site, "held", "running -> stuck") - float(attribute(job_id, "EnteredCurrentStatus")) < NOTICED
        site.scheduler("htcondor").remove(job_id, "the test is over")


# ---- nobody was there when it ended ------------------------------------------------------------------------------------------
def forget_everything(pool: PersonalPool, site: Site, *job_ids: str) -> None:
    """The jobs end while nobody asks, and HTCondor's history is rotated away; the proof is that the queue and history are empty."""
    until(lambda: all(attribute(job_id, "JobStatus") == "" for job_id in job_ids))
    pool.stop()
    for history in (pool.folder / "spool").glob("history*"):
        history.unlink()
    pool.start()
    until(lambda: not unknown_to(site, *job_ids))


def unknown_to(site: Site, *job_ids: str) -> list[str]:
    """The jobs that the scheduler still knows, without a look at their event logs."""
    try:
        found = site.scheduler("htcondor").query(job_ids)
    except SchedulerSilent:
        return list(job_ids)
    return [job_id for job_id, status in found.items() if status.state.value != "unknown"]


def test_a_job_that_ended_while_we_were_down_and_whose_history_is_gone_is_known_by_its_event_log(
    fragile: PersonalPool, tmp_path: Path
) -> None:
    with site_in(
        tmp_path, "name: good\ntoy: {go: true}", "name: bad\ntoy: {go: true, exit: 3}", "name: lost\ntoy: {go: true, exit: 3}"
    ) as site:
        forget_everything(fragile, site, *(begin(site, name).job_id for name in ("good", "bad", "lost")))
        (folder_of(site, "lost") / "toy.log").unlink()
        assert row(site, "good").status == "running"

        assert wait(site, "good") == "exit code 0"
        collect(site, EVENT, "good")
        with pytest.raises(PipelineError, match=r"ended without a result \(exit code 3\)"):
            wait(site, "bad")
        with pytest.raises(PipelineError, match="neither queue nor history nor event log, and there is no result"):
            wait(site, "lost")

        assert [row(site, name).status for name in ("good", "bad", "lost")] == ["finished", "stuck", "stuck"]
        assert [runs(folder_of(site, name)) for name in ("good", "bad", "lost")] == [1, 1, 1]


# ---- results -----------------------------------------------------------------------------------------------------------------
def assets(site: Site) -> list[str]:
    with site.ledger.read() as session:
        return list(session.scalars(select(Asset.path)))


def test_a_result_that_vanishes_between_wait_and_collect_is_told(tmp_path: Path) -> None:
    with site_in(tmp_path, "name: gone\ntoy: {go: true}") as site:
        begin(site, "gone")
        wait(site, "gone")
        (folder_of(site, "gone") / "result.txt").unlink()
        with pytest.raises(PipelineError, match="its results are not complete"):
            collect(site, EVENT, "gone")
        assert (row(site, "gone").status, assets(site)) == ("stuck", [])
        assert "not complete" in (row(site, "gone").reason or "")


def test_it_is_told_too_when_the_scheduler_has_forgotten_the_job(fragile: PersonalPool, tmp_path: Path) -> None:
    """A whole folder that vanished takes the event log with it."""
    with site_in(tmp_path, "name: gone\ntoy: {go: true}") as site:
        job_id = begin(site, "gone").job_id
        wait(site, "gone")
        forget_everything(fragile, site, job_id)
        shutil.rmtree(folder_of(site, "gone"))
        with pytest.raises(PipelineError, match="its results are not complete"):
            collect(site, EVENT, "gone")
        assert row(site, "gone").status == "stuck"


WRITE = """
import sys, h5py, numpy
size, path = 2000, "run/final_result/x_result.hdf5"
with h5py.File(path, "w") as file:
    file["log_evidence"], file["log_bayes_factor"] = -4180.0, 300.0
    file["search_parameter_keys"] = numpy.array(["chirp_mass"], dtype=object)
    file["posterior/chirp_mass"] = numpy.random.default_rng(1).normal(31, 1, size)
with open(path, "r+b") as file:
    file.truncate(int(file.seek(0, 2) * float(sys.argv[1])))
"""


class Written(Bilby):
    """bilby whose job only writes its result, the first `keep` of it: what counts as a result is bilby's own."""

    keep: ClassVar[float] = 1.0

    def before_config(self, dryrun: bool = False) -> None:
        """There is no strain to look at."""

    def build_dag(self, user: str | None = None, dryrun: bool = False) -> Mapping[str, Path]:
        (self.run / "final_result").mkdir(parents=True)
        for file in (self.ini, self.complete_ini):
            file.write_text("label = x\n")
        (self.task.folder / "write.py").write_text(WRITE)
        return {}

    def before_submit(self, dryrun: bool = False) -> None:
        """There is no DAG to look at."""

    def submit_dag(self, dryrun: bool = False) -> Work:
        return Job(Path(sys.executable), ("write.py", str(self.keep)), self.task.folder, "write", self.task.resources)

    def resurrect(self, status: Any) -> Work | None:
        return None


@pytest.mark.parametrize("keep", [0.0, 0.02, 0.5, 0.9, 0.999])
def test_a_truncated_result_is_no_result_and_a_whole_one_after_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keep: float
) -> None:
    monkeypatch.setattr(registry, "find", lambda name: Written)
    monkeypatch.setattr(Written, "keep", keep)
    with site_in(tmp_path, "name: cut") as site:
        begin(site, "cut")
        with pytest.raises(PipelineError, match=r"x_result\.hdf5"):
            wait(site, "cut")
        with pytest.raises(PipelineError):
            collect(site, EVENT, "cut")
        assert (row(site, "cut").status, assets(site)) == ("stuck", [])
        # a person copies the whole file over it
        subprocess.run([sys.executable, "write.py", "1"], cwd=folder_of(site, "cut"), check=True)
        assert "samples" in collect(site, EVENT, "cut").assets
        assert row(site, "cut").status == "finished"
