"""Reading blueprints, before any ledger is touched."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from gwfollow.errors import InputError
from gwfollow.ledger.blueprints import read_file, read_text

ANALYSIS = "kind: analysis\nname: a\npipeline: psd\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: GW150914", "f, document 1: has no 'kind'; expected one of event"),
        ("- a\n- b", "f, document 1: found ['a', 'b'], expected a mapping with the key 'kind'"),
        ("just words", "expected a mapping with the key 'kind'"),
        ("kind: evnt\nname: a", "f, document 1, kind: found 'evnt', expected one of event"),
        ("kind: [event]\nname: a", "kind: found ['event'], expected one of"),
        ("kind: ProjectAnalysis\nname: a", "f, document 1: kind 'ProjectAnalysis' is not supported yet"),
        ("kind: analysisbundle\nname: a", "kind 'analysisbundle' is not supported yet"),
        ("kind: postprocessing\nname: a", "kind 'postprocessing' is not supported yet"),
        (
            ANALYSIS + "analyses: [x]",
            "f, document 1 (analysis a): an analysis over other analyses (`analyses:`) is not supported yet",
        ),
        (ANALYSIS + "subjects: [x]", "(`subjects:`) is not supported yet"),
        (ANALYSIS + "strategy: {x: [1]}", "(`strategy:`) is not supported yet"),
        (ANALYSIS + "postprocessing: [x]", "`postprocessing:`"),
        (ANALYSIS + "status: done", "f, document 1 (analysis a), status: found 'done', expected one of wait, ready"),
        (ANALYSIS + "needs: psd", "f, document 1 (analysis a), needs: found 'psd', expected a valid list"),
        (ANALYSIS + "needs: [[]]", "needs[0]: found [], expected conditions"),
        (ANALYSIS + "---\n" + ANALYSIS.replace("name: a", "name: ../a"), "f, document 2 (analysis ../a), name: found '../a'"),
        ("kind: event\nname: E\nproductions: {a: {}}", "f, document 1, productions: found {'a': {}}, expected a list"),
        ("kind: event\nname: E\nproductions: [a]", "f, document 1, productions[0]: found 'a', expected {name:"),
        (
            "kind: event\nname: E\nproductions: [{a: {status: ready}}]",
            "f, document 1, productions[0] (analysis a), pipeline: found None",
        ),
        ("# nothing\n---\n", "f: no document in it"),
        ("", "f: no document in it"),
    ],
)
def test_what_cannot_be_applied_is_refused_with_document_and_field(text: str, message: str) -> None:
    with pytest.raises(InputError) as error:
        read_text(text, "f")
    assert message in str(error.value)


@pytest.mark.parametrize("kind", ["event", "Event", "subject", "Subject"])
def test_an_event_is_read(kind: str) -> None:
    (read,) = read_text(
        f"kind: {kind}\nname: GW1\nevent time: 1126259462.391\ngid: G190047\ninterferometers: [H1]", "f"
    ).blueprints
    assert (read.kind, read.name, read.gps, read.graceid) == ("event", "GW1", 1126259462.391, "G190047")
    assert read.document == {"interferometers": ["H1"]}


def test_an_analysis_is_ready_unless_it_says_otherwise() -> None:
    read = read_text(f"{ANALYSIS}---\n{ANALYSIS}status: Wait\n---\n{ANALYSIS}status: uploaded", "f")
    assert [blueprint.status for blueprint in read.blueprints] == ["ready", "wait", "uploaded"]


@pytest.mark.parametrize("status", ["running", "stuck", "restart", "stop", "processing"])
def test_a_status_that_speaks_of_a_job_elsewhere_becomes_wait_with_a_warning(status: str) -> None:
    read = read_text(f"{ANALYSIS}status: {status}", "f")
    assert read.blueprints[0].status == "wait"
    assert f"status: '{status}' speaks of a job that is not in this ledger" in read.warnings[0]


def test_productions_of_an_event_become_analyses_after_it() -> None:
    text = "kind: event\nname: E\nproductions:\n- Prod0: {pipeline: bayeswave, status: wait}\n- Prod1: {pipeline: bilby, needs: [Prod0]}"
    read = read_text(text, "f").blueprints
    assert [(b.kind, b.event, b.name, b.pipeline, b.status) for b in read] == [
        ("event", None, "E", "", "ready"),
        ("analysis", "E", "Prod0", "bayeswave", "wait"),
        ("analysis", "E", "Prod1", "bilby", "ready"),
    ]
    assert "productions" not in read[0].document


def test_a_file_is_named_in_messages_without_its_folders(tmp_path: Path) -> None:
    path = tmp_path / "GW1.yaml"
    path.write_text("kind: event")
    with pytest.raises(InputError, match=r"^blueprint GW1.yaml, document 1 \(event\), name: found None"):
        read_file(str(path))


def test_a_file_that_is_not_there_or_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none.yaml: No such file"):
        read_file(str(tmp_path / "none.yaml"))
    with pytest.raises(InputError, match="Is a directory"):
        read_file(str(tmp_path))
    path = tmp_path / "binary.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match=r"binary.yaml: not text in UTF-8"):
        read_file(str(path))


def test_a_dash_reads_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(ANALYSIS.encode())))
    assert read_file("-").blueprints[0].name == "a"
