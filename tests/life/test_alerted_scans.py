"""What the alert policy of gwfollow asks about the data of an event, and when it asks again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from memory import MemoryScheduler

from gwfollow.alerts import templates
from gwfollow.alerts.process import process
from gwfollow.ledger.store import Ledger, find_analysis
from gwfollow.life import Site
from gwfollow.life.build import build
from gwfollow.life.submit import submit
from gwfollow.pipelines.base import Pipeline, Task
from gwfollow.pipelines.dataquality import DataQuality
from gwfollow.pipelines.omegascan import OmegaScan
from gwfollow.schedulers.base import JobState
from gwfollow.settings import Settings
from stories import internal, minute, put, superevent

NAME = "S250101a"
SCANS = {"scan-H1_strain", "scan-H1_reduced", "scan-L1_strain", "scan-L1_reduced"}


@pytest.fixture
def alerted(site: Site, scheduler: MemoryScheduler, checkout: Path, tmp_path: Path) -> Iterator[Site]:
    """A significant binary under gwfollow's own policy; every pipeline's job writes one file (see conftest)."""
    ledger = Ledger.open(f"sqlite:///{tmp_path / 'alerted.db'}", create=True)
    settings = Settings(home=str(tmp_path / "home"), configs=str(checkout / "include" / "configs"), scheduler="memory")
    found = Site(ledger, settings, who="test", scheduler_for=site.scheduler_for)
    put(found, (internal(NAME, "new", **superevent()), minute(0)))
    process(found)
    yield found
    ledger.close()


def status_of(site: Site, name: str) -> str:
    with site.ledger.read() as session:
        return find_analysis(session, NAME, name).status


def preferred(site: Site, name: str) -> str:
    with site.ledger.read() as session:
        return str(find_analysis(session, NAME, name).document["preferred event"])


def test_another_preferred_event_repeats_the_scans_and_nothing_that_does_not_depend_on_it(
    alerted: Site, scheduler: MemoryScheduler
) -> None:
    began = ["state-checks", "scan-H1_strain", "scan-L1_strain", "get-data"]
    folders = {name: build(alerted, NAME, name).folder for name in began}
    job = submit(alerted, NAME, "scan-H1_strain").job_id
    submit(alerted, NAME, "get-data")
    with alerted.ledger.change(who="test") as change:
        change.analysis(NAME, "state-checks").status = "uploaded"

    put(alerted, (internal(NAME, "update", **superevent("G100002")), minute(1)))
    (done,) = process(alerted).events
    assert "to be run again" in done.verdict
    assert done.revision is not None
    # published: again; running: again, its job is removed before the next; built: anew; not begun: as it will be
    assert (status_of(alerted, "state-checks"), status_of(alerted, "scan-H1_strain")) == ("restart", "restart")
    assert {preferred(alerted, name) for name in SCANS} == {"G100002"}
    assert status_of(alerted, "get-data") == "running"

    for name in ("state-checks", "scan-H1_strain", "scan-L1_strain"):
        again = build(alerted, NAME, name)
        assert (again.attempt, again.fresh) == (2, True)
        assert folders[name].is_dir()
    assert scheduler.jobs[job].state is JobState.REMOVED
    assert build(alerted, NAME, "get-data").attempt == 1


def test_a_label_or_a_better_false_alarm_rate_repeats_nothing(alerted: Site) -> None:
    build(alerted, NAME, "scan-H1_strain")
    put(alerted, (internal(NAME, "update", **superevent(far=1e-12, labels=("ADVOK",))), minute(1)))
    (done,) = process(alerted).events
    assert "again" not in done.verdict
    assert build(alerted, NAME, "scan-H1_strain").attempt == 1


@pytest.mark.parametrize(("instruments", "scans"), [(("H1", "V1"), 3), (("K1",), 0), ((), 0), (None, 0)])
def test_each_detector_that_took_part_is_scanned(checkout: Path, instruments: tuple[str, ...] | None, scans: int) -> None:
    from dataclasses import replace

    state = replace(templates.examples()[0], instruments=instruments)
    env = templates.environment(checkout / "include" / "configs")
    found = [blueprint.pipeline for blueprint in templates.render(env, "alert-scans.yaml.j2", NAME, state)]
    assert found == ["dataquality", *["omegascan"] * scans]


def test_their_pipelines_know_what_data_they_want(checkout: Path, tmp_path: Path) -> None:
    configs, state = checkout / "include" / "configs", templates.examples()[0]
    blueprints = templates.render(templates.environment(configs), "alert-scans.yaml.j2", NAME, state)
    assert {blueprint.name for blueprint in blueprints} == {"state-checks", *SCANS}
    for blueprint in blueprints:
        task = Task(
            event=NAME, gps=state.t_0, graceid=NAME, interferometers=("H1", "L1"), analysis=blueprint.name,
            pipeline=blueprint.pipeline, document=blueprint.document, attempt=1, folder=tmp_path, configs=configs,
        )  # fmt: skip
        maker: type[Pipeline] = OmegaScan if blueprint.pipeline == "omegascan" else DataQuality
        awaited = maker(task).awaits()
        assert awaited
        for each in awaited:
            assert each.wanted[0] < state.t_0 < each.wanted[1]
