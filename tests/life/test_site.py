"""The picture of the ledger that a pipeline is given: keys, folders, what is asked of the scheduler."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from memory import MemoryScheduler

from gwfollow.errors import InputError
from gwfollow.ledger.schema import Asset
from gwfollow.ledger.store import find_analysis
from gwfollow.life import Site
from gwfollow.life.build import build
from gwfollow.life.site import attempt_folder, current_attempt, job_key, last_job, megabytes, resources_of, task_for
from gwfollow.life.submit import submit
from gwfollow.pipelines.base import Task

EVENT = "GW150914"


def task(site: Site, analysis: str) -> Task:
    with site.ledger.read() as session:
        row = find_analysis(session, EVENT, analysis)
        attempt = current_attempt(session, row)
        assert attempt is not None
        return task_for(session, row, attempt, site.settings)


@pytest.mark.parametrize(
    ("number", "purpose", "key"),
    [
        (0, "main", "GW150914/bilby/2"),
        (1, "main", "GW150914/bilby/2.1"),
        (0, "post", "GW150914/bilby/2.post"),
        (1, "post", "GW150914/bilby/2.post.1"),
    ],
)
def test_every_job_of_an_attempt_has_a_key_of_its_own(number: int, purpose: str, key: str) -> None:
    assert job_key("GW150914", "bilby", 2, number, purpose) == key


@pytest.mark.parametrize(
    ("value", "mb"),
    [(None, 1024), (4096, 4096), ("4096", 4096), ("4096 MB", 4096), ("4 GB", 4096), ("0.5 GB", 512), (2.0, 2048), (64, 64)],
)
def test_memory_is_read_in_mb_with_a_unit_or_as_bilby_writes_it(value: Any, mb: int) -> None:
    assert megabytes(value, 1024) == mb


@pytest.mark.parametrize("value", ["much", "4 XB", 0, -1, "-4 GB", "GB", "nan MB", "inf"])
def test_what_is_no_amount_of_memory_is_refused(value: Any) -> None:
    with pytest.raises(InputError, match="a positive number of MB"):
        megabytes(value, 1024)


def test_asimovs_keys_become_what_is_asked_of_the_scheduler() -> None:
    asked = resources_of(
        {
            "accounting group": "ligo.dev.o4.cbc.pe.bilby",
            "accounting group user": "albert.einstein",
            "request cpus": 4,
            "request memory": "8 GB",
            "requirements": "HasSingularity",
            "priority": 5,
            "environment": {"OMP_NUM_THREADS": 1},
            "oauth services": ["igwn"],
        }
    )
    assert (asked.accounting_group, asked.accounting_user) == ("ligo.dev.o4.cbc.pe.bilby", "albert.einstein")
    assert (asked.cpus, asked.memory_mb, asked.requirements, asked.priority) == (4, 8192, "HasSingularity", 5)
    assert (asked.environment, asked.oauth_services) == ({"OMP_NUM_THREADS": "1"}, ("igwn",))


def test_a_pipeline_is_given_the_event_the_merged_document_and_its_folder(site: Site) -> None:
    built = build(site, EVENT, "psd")
    given = task(site, "psd")
    assert (given.event, given.gps, given.analysis, given.attempt, given.folder) == (EVENT, 1126259462.4, "psd", 1, built.folder)
    assert given.interferometers == ("H1", "L1")
    assert given.document["scheduler"]["name"] == "memory"  # of the settings, where the ledger names none
    assert given.rescues == 0


def test_the_folder_is_the_events_own_or_below_home(site: Site, tmp_path: Path) -> None:
    with site.ledger.change(who="test") as change:
        row = change.analysis(EVENT, "psd")
        assert attempt_folder(site.settings, row, 3) == tmp_path / "home" / "events" / EVENT / "psd" / "attempt-3"
        row.event.document = {"working directory": str(tmp_path / "elsewhere")}
        assert attempt_folder(site.settings, row, 3) == tmp_path / "elsewhere" / EVENT / "psd" / "attempt-3"
        row.event.document = {"working directory": "here"}
        with pytest.raises(InputError, match="an absolute path"):
            attempt_folder(site.settings, row, 3)


def test_what_is_needed_comes_with_its_assets(site: Site, tmp_path: Path) -> None:
    build(site, EVENT, "psd")
    with site.ledger.change(who="test") as change:
        row = change.analysis(EVENT, "psd")
        attempt = current_attempt(change.session, row)
        assert attempt is not None
        for label in ("H1", "L1"):
            asset = Asset(attempt_id=attempt.id, name="psds", label=label, path=f"/psds/{label}.dat", sha256=label * 32, size=1)
            change.session.add(asset)
        row.status = "finished"
    build(site, EVENT, "pe")
    (needed,) = task(site, "pe").needed
    assert (needed.name, needed.pipeline) == ("psd", "onefile")
    assert {label: (str(file.path), file.sha256) for label, file in task(site, "pe").take("psds").items()} == {
        "H1": ("/psds/H1.dat", "H1" * 32),
        "L1": ("/psds/L1.dat", "L1" * 32),
    }


def test_before_the_first_attempt_there_is_neither_attempt_nor_job(site: Site) -> None:
    with site.ledger.read() as session:
        assert current_attempt(session, find_analysis(session, EVENT, "psd")) is None
    assert last_job(None) is None


def test_the_last_job_is_asked_for_by_purpose(site: Site, scheduler: MemoryScheduler) -> None:
    build(site, EVENT, "psd")
    submit(site, EVENT, "psd")
    with site.ledger.read() as session:
        attempt = current_attempt(session, find_analysis(session, EVENT, "psd"))
        job = last_job(attempt)
        assert job is not None
        assert job.key == "GW150914/psd/1"
        assert last_job(attempt, "post") is None


def test_acting_for_somebody_changes_the_name_alone(site: Site) -> None:
    assert site.acting("airflow:bob") == replace(site, who="airflow:bob")
