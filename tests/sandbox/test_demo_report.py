"""What the demo shows: changes while it runs, the table at its end, all of it from the ledger."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import h5py
import numpy
import pytest

from gwfollow.ledger.schema import Analysis, Asset, Attempt, Check, Event, Job
from gwfollow.ledger.store import Ledger
from gwfollow.sandbox.demo_report import Watch, chirp_mass, print_summary, summarise

BEGUN = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return BEGUN + timedelta(seconds=seconds)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """SIM150914: psd ran for 8 s and is uploaded, bilby has not begun."""
    ledger = Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}", create=True)
    with ledger.change(who="test") as change:
        psd = Analysis(name="psd", pipeline="psd", status="uploaded", attempt=1)
        bilby = Analysis(name="bilby", pipeline="bilby", status="ready")
        change.session.add(Event(name="SIM150914", gps=1126259462.4, analyses=[psd, bilby]))
        times = {"created": BEGUN, "built": after(2), "ended": after(11)}
        attempt = Attempt(analysis=psd, number=1, folder=str(tmp_path / "attempt-1"), state="collected", inputs={}, **times)
        job = Job(number=0, key="SIM150914/psd/1", scheduler="htcondor", job_id="17.0", state="ended", outcome={})
        job.submitted, job.ended = after(2.5), after(10.5)
        attempt.jobs = [job]
        change.session.add(attempt)
    yield ledger
    ledger.close()


def set_status(ledger: Ledger, name: str, status: str, reason: str | None = None) -> None:
    with ledger.change(who="test") as change:
        row = change.analysis("SIM150914", name)
        row.status, row.reason = status, reason


def add_samples(ledger: Ledger, path: Path, samples: numpy.ndarray) -> None:
    """A result of bilby and its place in the ledger."""
    with h5py.File(path, "w") as file:
        file["log_evidence"] = -4180.0
        file["search_parameter_keys"] = numpy.array(["chirp_mass"], dtype=object)
        file["posterior/chirp_mass"] = samples
    with ledger.change(who="test") as change:
        row = change.analysis("SIM150914", "bilby")
        row.status, row.attempt = "uploaded", 1
        attempt = Attempt(analysis=row, number=1, folder=str(path.parent), state="collected", inputs={})
        attempt.assets = [Asset(name="samples", label="", path=str(path), sha256="0" * 64, size=1)]
        change.session.add(attempt)


# ---- while it runs -----------------------------------------------------------------------------------------------------------
def test_each_change_of_status_is_said_once_with_its_reason(ledger: Ledger) -> None:
    said: list[str] = []
    watch = Watch(ledger, "SIM150914", said.append)
    watch._look()
    watch._look()
    set_status(ledger, "bilby", "stuck", "job 18.0 is held: no memory")
    watch._look()
    assert [" ".join(line.split()) for line in said] == [
        "psd uploaded",
        "bilby ready",
        "bilby stuck: job 18.0 is held: no memory",
    ]


def test_it_is_done_when_all_are_uploaded(ledger: Ledger) -> None:
    set_status(ledger, "bilby", "uploaded")
    assert Watch(ledger, "SIM150914", lambda _: None).until_done(patience=5, pause=0.01)


@pytest.mark.parametrize("status", ["stuck", "stopped", "cancelled", "wait"])
def test_it_ends_at_once_and_not_well_when_one_cannot_go_on(ledger: Ledger, status: str) -> None:
    set_status(ledger, "bilby", status)
    said: list[str] = []
    assert not Watch(ledger, "SIM150914", said.append).until_done(patience=60, pause=0.01)
    assert not [line for line in said if "not done" in line]


def test_patience_has_an_end_that_says_what_is_not_done(ledger: Ledger) -> None:
    said: list[str] = []
    assert not Watch(ledger, "SIM150914", said.append).until_done(patience=0.05, pause=0.02)
    assert said[-1] == "not done after 0 s: psd is uploaded, bilby is ready"


# ---- at the end --------------------------------------------------------------------------------------------------------------
def test_the_summary_has_job_and_seconds_of_every_stage(ledger: Ledger) -> None:
    summary = summarise(ledger, "SIM150914")
    assert summary["event"] == "SIM150914"
    assert (summary["pages"], summary["significant_channels"], summary["verdicts"]) == ({}, [], {})
    assert summary["analyses"]["psd"] == {
        "pipeline": "psd",
        "status": "uploaded",
        "reason": None,
        "job_id": "17.0",
        "seconds": 11.0,
        "stages": {"build": 2.0, "submit": 0.5, "job": 8.0, "collect": 0.5},
    }
    bilby = summary["analyses"]["bilby"]
    assert (bilby["status"], bilby["job_id"], bilby["seconds"], bilby["stages"]) == ("ready", None, 0.0, {})


def test_the_page_is_the_one_that_was_made(ledger: Ledger, tmp_path: Path) -> None:
    page = tmp_path / "home.html"
    page.write_text("<html>")
    with ledger.change(who="test") as change:
        (attempt,) = change.analysis("SIM150914", "psd").attempts
        attempt.assets = [Asset(name="pages", label="", path=str(page), sha256="0" * 64, size=6)]
    assert summarise(ledger, "SIM150914")["pages"] == {"psd": str(page)}


def test_disturbed_channels_and_verdicts_are_told(ledger: Ledger, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    peak = {"snr": 47.6, "frequency": 61.6, "time": 1126259462.412, "q": 8.6, "energy": 1131.8}
    quiet = {"channel": "H1:QUIET", "significant": False, "peak": {**peak, "snr": 3.0}}
    (tmp_path / "scan.json").write_text(
        json.dumps({"channels": [{"channel": "H1:LOUD", "significant": True, "peak": peak}, quiet]})
    )
    with ledger.change(who="test") as change:
        event = change.event("SIM150914")
        scan = Analysis(name="scan-H1", pipeline="omegascan", status="uploaded", attempt=1)
        attempt = Attempt(analysis=scan, number=1, folder=str(tmp_path), state="collected", inputs={})
        attempt.assets = [Asset(name="scan", label="", path=str(tmp_path / "scan.json"), sha256="0" * 64, size=1)]
        event.analyses.append(scan)
        for name, verdict in (("H1 HOFT_OK", "pass"), ("L1 HOFT_OK", "pass"), ("H1 iDQ", "unknown")):
            change.session.add(Check(event_id=event.id, name=name, process="test", verdict=verdict))
    summary = summarise(ledger, "SIM150914") | {"chirp_mass": None, "addresses": {}, "checks": {}, "seconds_total": 1, "ok": True}
    print_summary(summary, "")
    said = capsys.readouterr().out
    assert "H1:LOUD                          SNR  47.6 at   61.6 Hz, GPS 1126259462.412" in said
    assert "QUIET" not in said
    assert "checks of the data: 2 pass, 1 unknown" in said


def test_the_chirp_mass_is_median_and_90_percent_interval_of_the_samples(ledger: Ledger, tmp_path: Path) -> None:
    assert chirp_mass(ledger, "SIM150914") is None
    add_samples(ledger, tmp_path / "x_result.hdf5", numpy.linspace(30, 32, 2001))
    assert chirp_mass(ledger, "SIM150914") == {"median": 31.0, "low": 30.1, "high": 31.9}


def test_the_table_has_a_row_for_each_analysis_and_the_answer(ledger: Ledger, capsys: pytest.CaptureFixture[str]) -> None:
    summary = summarise(ledger, "SIM150914") | {
        "chirp_mass": {"median": 31.0, "low": 30.1, "high": 31.9},
        "addresses": {"airflow": "http://localhost:8080", "ledger": "sqlite:////x/ledger.db"},
        "checks": {"analyses": False, "chirp mass": True},
        "seconds_total": 123.4,
        "ok": False,
    }
    print_summary(summary, "an injected chirp mass of 31.00 solar masses")
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines() if line]
    assert lines == [
        "SIM150914",
        "analysis pipeline status job build job time collect total",
        "psd psd uploaded 17.0 2.0 s 8.0 s 0.5 s 11.0 s",
        "bilby bilby ready - 0.0 s 0.0 s 0.0 s 0.0 s",
        "chirp mass (detector frame): 31.00 solar masses, 90% interval 30.10 to 31.90",
        "an injected chirp mass of 31.00 solar masses; quick sampler settings, for demonstration only",
        "airflow http://localhost:8080",
        "ledger sqlite:////x/ledger.db",
        "FAILED: analyses after 123 s",
    ]


def test_without_samples_there_is_no_answer_and_no_crash(ledger: Ledger, capsys: pytest.CaptureFixture[str]) -> None:
    summary = summarise(ledger, "SIM150914") | {"chirp_mass": None, "addresses": {}, "checks": {}, "seconds_total": 1, "ok": True}
    print_summary(summary, "")
    said = capsys.readouterr().out
    assert "chirp mass" not in said
    assert "all is well after 1 s" in said
