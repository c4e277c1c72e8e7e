"""Event descriptions of the GitLab era, in gwfollow."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gwfollow.errors import InputError
from gwfollow.ledger.schema import Review
from gwfollow.ledger.store import Ledger, find_analysis, find_event
from gwfollow.life import Site
from gwfollow.moving.arrive import arrive
from gwfollow.moving.olivaw import read
from gwfollow.moving.translate import translate
from gwfollow.moving.words import read as read_word
from gwfollow.settings import Settings

#: as olivaw's documentation writes one, tabs and all
ISSUE = """# Run information
Some text about the robot.
---
name: S200311bg
repository: https://git.ligo.org/pe/O3/S200311bg

productions:
\t- Prod0:
\t\t- status: uploaded, preferred
\t\t- pipeline: bayeswave
\t\t- comment: PSD production
\t- Prod1:
\t\t- status: Blocked
\t\t- pipeline: bilby
\t- Prod2:
\t\t- status: Start
\t\t- pipeline: bilby
\t\t- needs: [Prod0]
\t- Prod3:
\t\t- status: 88
\t\t- pipeline: bilby
---
More text.
"""


def moved(ledger: Ledger, tmp_path: Path, files: list[str], **values: str) -> list[str]:
    site = Site(ledger, Settings(home=str(tmp_path / "home"), scheduler="local"), "test")
    return arrive(site, translate(read(files, values), source="olivaw")).notes


def test_an_issue_with_text_around_its_yaml_arrives(ledger: Ledger, tmp_path: Path) -> None:
    file = tmp_path / "issue.md"
    file.write_text(ISSUE)
    notes = moved(ledger, tmp_path, [str(file)])
    with ledger.read() as session:
        statuses = {row.name: row.status for row in find_event(session, "S200311bg").analyses}
        assert statuses == {"Prod0": "uploaded", "Prod1": "wait", "Prod2": "ready", "Prod3": "manual"}
        prod0 = find_analysis(session, "S200311bg", "Prod0")
        assert prod0.comment == "PSD production"
        assert [review.verdict for review in session.query(Review)] == ["preferred"]
        assert find_event(session, "S200311bg").document["repository"] == "https://git.ligo.org/pe/O3/S200311bg"
    assert any("tabs" in note for note in notes)
    assert any("Prod3" in note and "nobody watches a job" in note for note in notes)


def test_an_issue_as_gitlabs_api_gives_it_arrives_with_its_state(ledger: Ledger, tmp_path: Path) -> None:
    file = tmp_path / "issue.json"
    file.write_text(json.dumps({"title": "S200311bg", "description": ISSUE, "labels": ["trigger", "C01::Productions running"]}))
    assert any("'Productions running'" in note for note in moved(ledger, tmp_path, [str(file)]))


def test_a_real_description_is_converted_when_its_placeholder_has_a_value(ledger: Ledger, shared: Path, tmp_path: Path) -> None:
    file = str(shared / "data/blueprints/tests_integration_GW190426190642.yaml")
    with pytest.raises(InputError, match=r"found '\{wd\}', expected a value for each name in braces: --set wd=VALUE"):
        read([file], {})
    moved(ledger, tmp_path, [file], wd="/runs")
    with ledger.read() as session:
        event = find_event(session, "GW190426")
        assert (event.gps, event.graceid) == (1240340820.67627, "G330687")
        assert event.document["working directory"] == "/runs"
        assert event.document["data"]["calibration"]["V1"] == "analyses/calibration/V1.dat"
        assert event.document["data"]["segment length"] == 4
        assert event.document["likelihood"]["sample rate"] == 1024
        assert event.document["likelihood"]["maximum frequency"] == {"H1": 448, "L1": 448}
        priors = event.document["priors"]
        assert priors["mass 2"] == {"minimum": 1, "maximum": 1000}
        assert priors["luminosity distance"] == {"minimum": 10, "maximum": 20000}
        assert event.document["psds"]["1024"]["H1"] == "analyses/psds/1024/H1-psd.dat"
        assert event.document["quality"]["supress"] == {"V1": {"lower": 49.5, "upper": 50.5}}
        prod5 = find_analysis(session, "GW190426", "ProdF5")
        assert prod5.document["waveform"] == {"approximant": "IMRPhenomXPHM"}
        assert prod5.status == "ready"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nothing here", "one mapping with name"),
        ("repository: x", "name: found None"),
        ("name: S1\nproductions: {}", "productions: found {}, expected a list"),
        ("name: S1\nproductions: [Prod0]", "found 'Prod0'"),
        ("name: S1\nproductions: [{Prod0: [{status: wait}]}]", "Prod0, pipeline: found None"),
        ("name: S1\npriors: {q: [1, 0]}", "priors.mass ratio"),
        ("name: S1\nquality: {upper-frequency: 448}", "interferometers: found None"),
        ("{name: S1", "not YAML"),
    ],
)
def test_a_bad_description_is_refused_with_its_place(ledger: Ledger, tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text(text)
    with pytest.raises(InputError) as error:
        moved(ledger, tmp_path, [str(file)])
    assert said in str(error.value)
    assert "bad.yaml" in str(error.value)


@pytest.mark.parametrize(
    ("word", "status", "about"),
    [
        ("Start", "ready", ""),
        ("Manualupload", "manual", ""),
        ("Finalised", "finalised", "results"),
        ("Preferred", "uploaded", "results"),
        ("preferred, uploaded", "uploaded", "results"),
        (8842311, "running", "job"),
        ("Stopped", "stopped", ""),
        (None, "ready", ""),
    ],
)
def test_the_words_of_both(word: object, status: str, about: str) -> None:
    claim = read_word(word, "GW1/x")
    assert (claim.status, claim.about) == (status, about)


def test_two_states_that_exclude_each_other_are_refused() -> None:
    with pytest.raises(InputError, match="GW1/x, status: found 'running, uploaded'"):
        read_word("running, uploaded", "GW1/x")
