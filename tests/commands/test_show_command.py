"""``gwfollow show``"""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
import yaml

from gwfollow.errors import NotFound
from gwfollow.ledger.schema import Asset, Attempt, Job, Review
from gwfollow.ledger.store import Ledger

Run = Callable[..., str]


def test_an_event_shows_its_facts_and_what_each_analysis_waits_for(gwfollow: Run) -> None:
    found = json.loads(gwfollow("show", "GW1", "--json"))
    assert (found["gps"], found["utc"], found["graceid"]) == (1126259462.391, "2015-09-14T09:50:45.391000+00:00", "G190047")
    assert {row["name"]: row["waits for"] for row in found["analyses"]} == {"psd": [], "bilby": ["psd is ready"]}
    assert found["document"] == {"interferometers": ["H1", "L1"], "event time": 1126259462.391, "gid": "G190047"}


def test_an_analysis_shows_attempts_jobs_assets_and_reviews(gwfollow: Run, ledger: Ledger) -> None:
    with ledger.change(who="test") as change:
        row = change.analysis("GW1", "psd")
        attempt = Attempt(number=1, folder="/events/GW1/psd/attempt-1", analysis=row)
        attempt.jobs.append(
            Job(number=0, key="GW1/psd/1", scheduler="htcondor", job_id="12.0", state="ended", outcome={"exit_code": 0})
        )
        attempt.assets.append(Asset(name="psds", label="H1", path="/p/H1.dat", sha256="ab" * 32, size=7))
        change.session.add_all([attempt, Review(analysis_id=row.id, verdict="approved", person="alice", message="fine")])
    found = json.loads(gwfollow("show", "GW1/psd", "--json"))
    (shown,) = found["attempts"]
    assert (shown["jobs"][0]["job_id"], shown["jobs"][0]["outcome"]) == ("12.0", {"exit_code": 0})
    assert shown["assets"] == [{"name": "psds", "label": "H1", "path": "/p/H1.dat", "sha256": "ab" * 32, "bytes": 7}]
    assert found["reviews"][0]["person"] == "alice"
    assert found["document"]["interferometers"] == ["H1", "L1"]  # from the event


def test_people_read_yaml_without_what_is_empty(gwfollow: Run) -> None:
    shown = yaml.safe_load(gwfollow("show", "GW1/bilby"))
    assert (shown["event"], shown["name"], shown["waits for"]) == ("GW1", "bilby", ["psd is ready"])
    assert "attempts" not in shown


@pytest.mark.parametrize("name", ["GW2", "GW1/nothing"])
def test_what_is_not_there_is_refused(gwfollow: Run, name: str) -> None:
    with pytest.raises(NotFound):
        gwfollow("show", name)
