"""What only a pipeline understands of a document is refused when it is applied: file, key, value, and what is allowed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from gwfollow.errors import InputError
from gwfollow.ledger.apply import Report, apply
from gwfollow.ledger.blueprints import read_text
from gwfollow.ledger.schema import Analysis, Event
from gwfollow.ledger.store import Ledger, find_analysis, find_event
from gwfollow.life.door import Door
from gwfollow.pipelines import registry
from gwfollow.pipelines.base import DocumentCheck
from gwfollow.pipelines.psd import PSD
from gwfollow.scans import channel_sets

EVENT = "kind: event\nname: S1\nevent time: 1126259462.4\ninterferometers: [H1]\n"
SCAN, CHECKS = "kind: analysis\nname: one\npipeline: omegascan\n", "kind: analysis\nname: one\npipeline: dataquality\n"
PLACE = "f, document 2 (analysis one), "


@pytest.fixture
def lite(sqlite_url: str) -> Iterator[Ledger]:
    ledger = Ledger.open(sqlite_url)
    yield ledger
    ledger.close()


@pytest.fixture
def configs(checkout: Path) -> Path:
    return checkout / "include" / "configs"


def put(ledger: Ledger, configs: Path, *documents: str, **options: Any) -> Report:
    blueprints = read_text("\n---\n".join(documents), "f").blueprints
    return ledger.run(lambda change: apply(change, blueprints, door=Door(configs), **options), who="alice")


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (SCAN, "scan: found None, expected a mapping"),
        (SCAN + "scan: H1_strain", "scan: found 'H1_strain', expected a mapping"),
        (
            SCAN + "scan: {channel set: H1_strian}",
            "scan, channel set: found 'H1_strian', expected one of H1_reduced, H1_strain, ",
        ),
        (SCAN + "scan: {channel set: /none.yaml}", "scan, channel set: found '/none.yaml', expected a file that is there"),
        (SCAN + "scan: {channel set: H1_strain, engine: cWB}", "scan, engine: found 'cWB', expected gwfollow or gwdetchar"),
        (SCAN + "scan: {channel set: H1_strain, chanels: [X]}", "scan, chanels: found 'chanels', expected one of engine, "),
        (
            SCAN + "scan: {channel set: H1_reduced, channels: ['H1:NO']}",
            "scan, channels: found 'H1:NO', expected a channel of the",
        ),
        (CHECKS + "checks: [1]", "checks: found [1], expected a mapping"),
        (CHECKS + "checks: {file: none.yaml}", "checks, file: found 'none.yaml', expected a file of the folder"),
        (CHECKS + "checks: {start: 5.0}", "checks.start and end: found [5.0, 1126259462.4], expected the event's begin and end"),
        (CHECKS + "checks: {windw: 2}", "no key is called 'windw', expected one of file, group, pipeline, start, end, window, "),
        (CHECKS + "checks: {window: {befor: 2}}", "no key is called 'window.befor', expected one of before, after; did you mean"),
    ],
)
def test_a_wrong_document_is_refused_with_its_place_and_nothing_is_stored(
    lite: Ledger, configs: Path, document: str, words: str
) -> None:
    with pytest.raises(InputError) as refused:
        put(lite, configs, EVENT, document)
    assert str(refused.value).startswith(PLACE)
    assert words in str(refused.value)
    with lite.read() as session:
        assert session.scalars(select(Event)).all() == []


def test_what_a_document_leaves_to_the_defaults_counts_with_them(lite: Ledger, configs: Path) -> None:
    defaults = "kind: configuration\npipelines: {omegascan: {scan: {channel set: H1_strain}}}"
    assert put(lite, configs, defaults, EVENT, SCAN, CHECKS.replace("one", "two")).warnings == []
    with pytest.raises(InputError, match="scan, engine: found 'cWB'"):
        put(lite, configs, SCAN + "scan: {engine: cWB}", event="S1", update=True)


def test_a_set_is_read_once_however_many_scan_it(lite: Ledger, configs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read, load = [], channel_sets.load
    monkeypatch.setattr(channel_sets, "load", lambda name, *more: read.append(name) or load(name, *more))
    sets = ("H1_strain", "L1_strain")
    scans = [f"{SCAN.replace('one', f'a{number}')}scan: {{channel set: {sets[number % 2]}}}" for number in range(20)]
    put(lite, configs, EVENT, *scans)
    assert sorted(read) == ["H1_strain", "L1_strain"]


def test_changed_defaults_of_an_analysis_are_told_of_and_refuse_nothing(lite: Ledger, configs: Path) -> None:
    put(lite, configs, EVENT, CHECKS, SCAN.replace("one", "scan") + "scan: {channel set: H1_strain}")
    told = put(lite, configs, EVENT + "checks: {file: none.yaml}", update=True).warnings
    assert [warning.partition(": found")[0] for warning in told] == [
        "S1/one cannot be built with its defaults as they are now: checks, file"
    ]
    with lite.read() as session:
        assert find_event(session, "S1").document["checks"] == {"file": "none.yaml"}
    told = put(lite, configs, "kind: configuration\npipelines: {omegascan: {scan: {engine: cWB}}}").warnings
    assert [warning.partition(" cannot")[0] for warning in told] == ["S1/one", "S1/scan"]


def test_what_has_been_done_elsewhere_is_not_looked_at_until_it_is_changed_here(lite: Ledger, configs: Path) -> None:
    put(lite, configs, EVENT, SCAN + "status: uploaded\nscan: {channel set: of_another_site}")
    with lite.change(who="test") as change:
        change.analysis("S1", "one").attempt = 1
    assert put(lite, configs, EVENT, SCAN + "status: uploaded\nscan: {channel set: of_another_site}").warnings == []
    with pytest.raises(InputError, match="found 'of_a_third_site'"):
        put(lite, configs, SCAN + "scan: {channel set: of_a_third_site}", event="S1", update=True)


# ---- pipelines of others -----------------------------------------------------------------------------------------------------
asked: list[Any] = []


class Faulty(PSD):
    @classmethod
    def document_check(cls, configs: Path) -> DocumentCheck | None:
        def check(document: Any) -> None:
            asked.append(document["event time"])
            raise KeyError("bands")

        return check


class Misread(PSD):
    @classmethod
    def document_check(cls, configs: Path) -> DocumentCheck | None:
        asked.append(configs)
        return True  # type: ignore[return-value]


class Unable(PSD):
    @classmethod
    def document_check(cls, configs: Path) -> DocumentCheck | None:
        asked.append(configs)
        raise OSError(f"{configs} cannot be read")


@pytest.fixture
def others(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Three pipelines of another package, and one of which the module is gone."""
    named = [("faulty", "Faulty"), ("misread", "Misread"), ("unable", "Unable")]
    points = [EntryPoint(name, f"{__name__}:{value}", registry.GROUP) for name, value in named]
    points.append(EntryPoint("gone", "no_such_module_at_all:Thing", registry.GROUP))
    monkeypatch.setattr(registry, "entry_points", lambda group: points)
    monkeypatch.setattr("gwfollow.ledger.apply.entry_points", lambda group: points)
    forget = (registry.installed.cache_clear, registry._candidates.cache_clear)
    asked.clear()
    for clear in forget:
        clear()
    yield
    for clear in forget:
        clear()


@pytest.mark.parametrize(
    ("pipeline", "times", "reason"),
    [
        ("faulty", 1, "KeyError: 'bands'"),
        ("misread", 1, "TypeError: 'bool' object is not callable"),
        ("unable", 1, "OSError: /configs cannot be read"),
        ("gone", 0, "No module named 'no_such_module_at_all'"),
    ],
)
def test_a_pipeline_that_cannot_say_holds_nobody_up_and_is_told_of_once(
    lite: Ledger, others: None, pipeline: str, times: int, reason: str
) -> None:
    analyses = [f"kind: analysis\nname: {name}\npipeline: {pipeline}\n" for name in ("a", "b")]
    (warning,) = put(lite, Path("/configs"), EVENT, *analyses).warnings
    assert warning.startswith(f"pipeline '{pipeline}' cannot say whether the document of S1/a is right: ")
    assert warning.endswith(reason)
    assert len(asked) == times
    with lite.read() as session:
        assert [row.name for row in session.scalars(select(Analysis))] == ["a", "b"]
        assert find_analysis(session, "S1", "b").status == "ready"


def test_who_applies_no_scan_imports_nothing_of_scans_nor_anything_heavy(sqlite_url: str, tmp_path: Path) -> None:
    file = tmp_path / "b.yaml"
    file.write_text(
        EVENT + "---\nkind: analysis\nname: psd\npipeline: psd\n---\nkind: analysis\nname: pe\npipeline: bilby\nneeds: [psd]\n"
    )
    program = f"""
import sys
from gwfollow.cli import group
group(["apply", "-f", {str(file)!r}], standalone_mode=False)
print(sorted({{"numpy", "scipy", "gwpy", "lal", "airflow", "matplotlib", "h5py", "gwfollow.scans", "gwfollow.quality"}} & set(sys.modules)))
"""
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "GWFOLLOW_LEDGER": sqlite_url}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.splitlines() == ["added: event S1", "added: analysis S1/psd", "added: analysis S1/pe", "[]"]
