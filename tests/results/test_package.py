"""RO-Crate and PROV: what is in them, read back with the libraries that others read them with."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from prov.model import ProvDocument
from rocrate.rocrate import ROCrate

from gwfollow.errors import InputError, NotFound, PermanentError
from gwfollow.ledger.apply import apply
from gwfollow.ledger.blueprints import read_text
from gwfollow.ledger.schema import Analysis, Asset, Attempt, Job, Review, now
from gwfollow.ledger.store import Ledger
from gwfollow.results.crate import Package, package
from gwfollow.results.keep import Offer, keep, record
from gwfollow.results.provenance import FORMATS, as_text, provenance
from gwfollow.results.store import Store
from gwfollow.settings import Settings

BLUEPRINT = """
kind: event
name: GW150914
event time: 1126259462.391
interferometers: [H1, L1]
---
kind: analysis
name: psd
pipeline: psd
status: uploaded
---
kind: analysis
name: bilby/x
pipeline: bilby
needs: [psd]
status: uploaded
""".replace("bilby/x", "bilby-x")
PERSON = "Ada <ada@example.org> & co"


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=str(tmp_path / "home"))


@pytest.fixture
def catalogue(sqlite_url: str, settings: Settings, tmp_path: Path) -> Iterator[Ledger]:
    """psd made two PSDs, bilby-x took one of them and made samples; a person reviewed it."""
    made = Ledger.open(sqlite_url)
    with made.change(who="alice@test") as change:
        apply(change, read_text(BLUEPRINT, "x.yaml").blueprints)
    files = {"psds": ("psd", "H1.dat", "20 1e-46\n"), "samples": ("bilby-x", "r.txt", "samples\n")}
    for name, (analysis, filename, text) in files.items():
        file = tmp_path / filename
        file.write_text(text)
        kept = keep(Store(settings.results_folder), [Offer(name if name != "samples" else "posterior", "H1", file)])
        with made.change(who="worker 7") as change:
            row = change.analysis("GW150914", analysis)
            row.attempt = 1
            inputs = {"document": "0" * 64} | ({"from psd: psds, H1": sha256(files["psds"][2])} if analysis != "psd" else {})
            attempt = Attempt(analysis=row, number=1, folder=str(tmp_path), state="collected", inputs=inputs, ended=now())
            change.session.add(attempt)
            change.journal("attempt 1 begun", event="GW150914", analysis=analysis)
            change.session.flush()
            change.session.add(Asset(attempt_id=attempt.id, name=name, label="H1", path=str(file), sha256=sha256(text), size=9))
            key = f"GW150914/{analysis}/1"
            change.session.add(Job(attempt_id=attempt.id, number=0, key=key, scheduler="htcondor", job_id="7.0", submitted=now()))
            record(change, attempt, kept)
            if analysis != "psd":
                review = Review(analysis_id=row.id, verdict="approved", person=PERSON, message="looks <good>")
                change.session.add(review)
    yield made
    made.close()


@pytest.fixture
def pack(catalogue: Ledger, settings: Settings, tmp_path: Path) -> Callable[..., Package]:
    def packed(analysis: str | None = None, name: str = "crate", licence: str = "") -> Package:
        return package(catalogue, settings, "GW150914", analysis, tmp_path / name, licence)

    return packed


def entity(crate: Any, kind: str, **wanted: str) -> Any:
    (found,) = [e for e in crate.get_entities() if e.type == kind and all(e.get(k) == v for k, v in wanted.items())]
    return found


def test_a_crate_has_files_inputs_people_software_and_licence_and_can_be_read(pack: Callable[..., Package]) -> None:
    done = pack(licence="CC-BY-4.0")
    assert done.files == 2
    crate = ROCrate(str(done.path))
    files = {e.id: e for e in crate.data_entities if e.get("sha256")}
    assert set(files) == {"psd/H1.dat", "bilby-x/r.txt", "ledger.yaml", "event.json", "provenance.json"}
    for identifier, file in files.items():
        assert hashlib.sha256((done.path / identifier).read_bytes()).hexdigest() == file["sha256"]
    action = entity(crate, "CreateAction", name="GW150914/bilby-x, attempt 1")
    assert [e.id for e in action["result"]] == ["bilby-x/r.txt"]
    assert "psd/H1.dat" in [e.id for e in action["object"]]
    assert {e["name"] for e in action["instrument"]} == {"gwfollow", "bilby"}
    assert all(e.get("softwareVersion") for e in action["instrument"])
    review = entity(crate, "Review")
    assert (review["reviewBody"], review["author"]["name"]) == ("looks <good>", PERSON)
    assert [person["name"] for person in crate.root_dataset["contributor"]] == [PERSON]
    assert crate.license.id == "https://spdx.org/licenses/CC-BY-4.0"
    ProvDocument.deserialize(content=(done.path / "provenance.json").read_text(), format="json")
    applied = read_text((done.path / "ledger.yaml").read_text(), "ledger.yaml").blueprints
    assert len(applied) == 3


def test_one_analysis_comes_with_what_it_was_made_from(pack: Callable[..., Package]) -> None:
    done = pack("bilby-x", "crate.zip")
    assert done.path.is_file()
    crate = ROCrate(str(done.path))
    files = {e.id for e in crate.data_entities if e.get("sha256")}
    assert {"bilby-x/r.txt", "inputs/psd/H1.dat"} <= files
    assert {e.id for e in crate.data_entities} >= files


def test_an_altered_object_is_told_and_no_crate_is_left(pack: Callable[..., Package], settings: Settings, tmp_path: Path) -> None:
    path = Store(settings.results_folder).path(sha256("samples\n"))
    path.chmod(0o644)
    path.write_text("SAMPLES\n")
    before = sorted(p.name for p in tmp_path.iterdir())
    with pytest.raises(PermanentError, match=r"bilby-x/r\.txt.*altered"):
        pack()
    assert sorted(p.name for p in tmp_path.iterdir()) == before


def test_an_object_that_changes_while_the_crate_is_written_is_found_when_it_is_read_back(
    pack: Callable[..., Package], settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Store(settings.results_folder).path(sha256("samples\n"))
    path.chmod(0o644)
    path.write_text("SAMPLES\n")
    monkeypatch.setattr(Store, "check", lambda *_: "")
    for name in ("crate", "crate.zip"):
        with pytest.raises(PermanentError, match="another SHA-256"):
            pack(name=name)
        assert not (tmp_path / name).exists()


def test_what_is_there_already_is_not_overwritten(pack: Callable[..., Package], tmp_path: Path) -> None:
    (tmp_path / "crate").mkdir()
    with pytest.raises(InputError, match="there already"):
        pack()
    with pytest.raises(NotFound, match="no analysis 'x'"):
        pack("x", "other")


def test_an_analysis_without_results_is_told(catalogue: Ledger, settings: Settings, tmp_path: Path) -> None:
    with catalogue.change(who="test") as change:
        event = change.event("GW150914")
        change.session.add(Analysis(event_id=event.id, name="new", pipeline="bilby", status="ready", document={}))
    with pytest.raises(NotFound, match="GW150914/new has no results in the store"):
        package(catalogue, settings, "GW150914", "new", tmp_path / "crate")


@pytest.mark.parametrize("form", FORMATS)
def test_provenance_in_every_form_joins_maker_and_taker_by_content(form: str, catalogue: Ledger) -> None:
    with catalogue.read() as session:
        text = as_text(provenance(session, "GW150914"), form)
    assert sha256("20 1e-46\n") in text
    if form == "provn":
        return  # the library writes PROV-N and does not read it
    read = ProvDocument.deserialize(content=text, format=form)
    found = read.get_provn()
    psd = f"sha256:{sha256('20 1e-46' + chr(10))}"
    assert f"wasGeneratedBy({psd}, attempt:GW150914/psd/1" in found.replace("\\", "")
    assert f"used(attempt:GW150914/bilby-x/1, {psd}" in found.replace("\\", "")
    assert "prov:Person" in found
    assert "looks <good>" in found


def test_provenance_names_people_jobs_and_times(catalogue: Ledger) -> None:
    with catalogue.read() as session:
        document = json.loads(as_text(provenance(session, "GW150914"), "json"))
    labels = {agent["prov:label"] for agent in document["agent"].values()}
    assert {PERSON, "worker 7", "alice@test", "gwfollow", "pipeline bilby"} <= labels
    attempt = document["activity"]["attempt:GW150914/bilby-x/1"]
    assert {"prov:startTime", "prov:endTime"} <= attempt.keys()
    assert document["activity"]["job:GW150914/bilby-x/1"]["gwfollow:job"] == "7.0"
    (started,) = [v for v in document["wasStartedBy"].values() if v["prov:activity"] == "attempt:GW150914/bilby-x/1"]
    assert document["activity"][started["prov:starter"]]["prov:label"] == "GW150914/bilby-x: attempt 1 begun"
