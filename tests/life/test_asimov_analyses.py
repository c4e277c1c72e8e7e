"""Plugins of asimov for subject and project analyses, from blueprints: what they work on comes from the ledger."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gwfollow.checksums import sha256_of
from gwfollow.ledger import open_ledger
from gwfollow.ledger.apply import apply
from gwfollow.ledger.blueprints import read_text
from gwfollow.ledger.schema import Asset
from gwfollow.ledger.store import Change
from gwfollow.life import Site
from gwfollow.life.build import build
from gwfollow.life.site import current_attempt
from gwfollow.settings import Settings

pytestmark = pytest.mark.slow

BLUEPRINTS = """
kind: event
name: GW150914
event time: 1126259462.4
interferometers: [H1]
---
kind: analysis
name: one
pipeline: simpletestpipeline
event: GW150914
---
kind: analysis
name: combined
pipeline: subjecttestpipeline
event: GW150914
analyses: [one]
---
kind: projectanalysis
name: population
pipeline: projecttestpipeline
subjects: [GW150914]
analyses: [one]
"""


@pytest.fixture
def site(checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    peers = checkout / ".venv-peers"
    if not (peers / "installed").is_file():
        pytest.skip("no .venv-peers: scripts/peers.sh makes it")
    monkeypatch.setenv("GWFOLLOW_ASIMOV_PYTHON", str(peers / "bin" / "python"))
    settings = Settings(home=str(tmp_path), scheduler="local")
    ledger = open_ledger(settings, create=True)
    with ledger.change(who="test") as change:
        assert apply(change, read_text(BLUEPRINTS, "test.yaml").blueprints).warnings == []
    yield Site(ledger, settings, who="test")
    ledger.close()


def finish(site: Site, name: str, result: Path) -> None:
    """As if its job had run: the result is there and in the ledger."""
    result.write_text("whole\n")

    def action(change: Change) -> None:
        row = change.analysis("GW150914", name)
        attempt = current_attempt(change.session, row)
        assert attempt is not None
        change.session.add(Asset(attempt_id=attempt.id, name="results", path=str(result), sha256=sha256_of(result), size=6))
        change.set_status(row, "running")
        change.set_status(row, "finished")

    site.ledger.run(action, who="test")


def seen_by(site: Site, event: str, name: str) -> Any:
    """What asimov's own test pipeline writes down of all that it can see."""
    return json.loads((build(site, event, name).folder / name / "ledger_dump.json").read_text())


def test_they_work_on_what_the_ledger_knows_of_others(site: Site) -> None:
    folder = build(site, "GW150914", "one").folder
    result = folder / "one" / "results.dat"
    finish(site, "one", result)
    for event, name, kind in (("GW150914", "combined", "SubjectAnalysis"), ("project", "population", "ProjectAnalysis")):
        dump = seen_by(site, event, name)
        assert dump["analysis"]["kind"] == kind
        assert [subject["name"] for subject in dump["subjects"]] == ["GW150914"]
        (other,) = dump["encompassed analyses"]
        assert (other["subject"], other["name"], other["status"]) == ("GW150914", "one", "finished")
        assert other["assets"] == {"results": str(result)}
