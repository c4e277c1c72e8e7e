"""Reading blueprints, before any ledger is touched."""

from __future__ import annotations

import io
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gwfollow.errors import InputError
from gwfollow.ledger.blueprints import read_file, read_text

ANALYSIS = "kind: analysis\nname: a\npipeline: psd\n"
PROJECT = "kind: projectanalysis\nname: a\npipeline: psd\nsubjects: [GW1]\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: GW150914", "f, document 1: has no 'kind'; expected one of event"),
        ("- a\n- b", "f, document 1: found ['a', 'b'], expected a mapping with the key 'kind'"),
        ("just words", "expected a mapping with the key 'kind'"),
        ("kind: evnt\nname: a", "f, document 1, kind: found 'evnt', expected one of event"),
        ("kind: [event]\nname: a", "kind: found ['event'], expected one of"),
        ("kind: ProjectAnalysis\nname: a", "f, document 1 (projectanalysis a), pipeline: found None, expected a value"),
        ("kind: analysisbundle\nname: a", "f, document 1 (analysisbundle a), analyses: found None"),
        ("kind: postprocessing\nname: a", "f, document 1 (postprocessing a), stages: found None, expected a value"),
        (PROJECT + "event: GW1", "(projectanalysis a), event: found 'GW1', expected subjects"),
        (PROJECT + "postprocessing: [x]", "postprocessing: found ['x'], expected none"),
        (ANALYSIS + "analyses: [[]]", "f, document 1 (analysis a), analyses[0]: found [], expected conditions"),
        (ANALYSIS + "subjects: [x]", "(analysis a), subjects: found ['x'], expected `kind: projectanalysis`"),
        (ANALYSIS + "needs settings: {minimum: 0}", "needs settings.minimum: found 0, expected a whole number"),
        (ANALYSIS + "strategy: {x: 1}", "f, document 1, strategy.x: found 1, expected a list"),
        (ANALYSIS + "postprocessing: [x, x]", "postprocessing: found ['x', 'x'], expected names"),
        (ANALYSIS + "postprocessing: 3", "postprocessing: found 3, expected names"),
        (ANALYSIS + "review: 3", "review: found 3, expected {status: approved"),
        (ANALYSIS + "review: [approved, great]", "review[1].status: found 'great', expected one of approved"),
        (ANALYSIS + "review: {status: approved, message: [x]}", "review.message: found ['x'], expected text"),
        (ANALYSIS + "review: {status: approved, timestamp: yesterday}", "review.timestamp: found 'yesterday', expected a time"),
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


def test_what_is_asked_is_the_status_that_the_document_names_and_nothing_where_it_is_silent() -> None:
    read = read_text(f"{ANALYSIS}---\n{ANALYSIS}status: Running\n---\n{ANALYSIS}status: Cancelled", "f")
    assert [blueprint.asked for blueprint in read.blueprints] == [None, "running", "cancelled"]


@pytest.mark.parametrize("kind", ["projectanalysis", "ProjectAnalysis", "PROJECTANALYSIS"])
def test_a_project_analysis_is_read_with_its_events(kind: str) -> None:
    text = f"kind: {kind}\nname: a\npipeline: psd\nsubjects: [GW1, GW2]\nanalyses: [pipeline:bilby]\nneeds: [GW1/x]\nstatus: wait"
    (read,) = read_text(text, "f").blueprints
    assert (read.kind, read.name, read.pipeline, read.status, read.event) == ("projectanalysis", "a", "psd", "wait", None)
    assert read.subjects == ("GW1", "GW2")
    assert read.document == {"subjects": ["GW1", "GW2"], "analyses": ["pipeline:bilby"], "needs": ["GW1/x"]}


def test_what_an_analysis_says_about_others_and_reviews_stays_in_its_document() -> None:
    text = ANALYSIS + "analyses: [{pipeline: bilby}]\nrefreshable: true\nlabels: {interesting: 2}\nreview before publishing: true"
    assert read_text(text + "\nneeds settings: {minimum: 2}", "f").blueprints[0].document == {
        "analyses": [{"pipeline": "bilby"}],
        "refreshable": True,
        "labels": {"interesting": 2},
        "review before publishing": True,
        "needs settings": {"minimum": 2},
    }


@pytest.mark.parametrize(
    ("text", "reviews"),
    [
        ("approved", [{"status": "approved", "message": "", "person": None, "timestamp": None}]),
        (
            "[{status: APPROVED, message: fine, timestamp: '2024-05-01 12:00:00.5'}, {status: preferred, person: ada}]",
            [
                {
                    "status": "approved",
                    "message": "fine",
                    "person": None,
                    "timestamp": datetime(2024, 5, 1, 12, 0, 0, 500000, tzinfo=UTC),
                },
                {"status": "preferred", "message": "", "person": "ada", "timestamp": None},
            ],
        ),
        (
            "{status: rejected, timestamp: '2024-05-01T12:00:00+02:00'}",
            [{"status": "rejected", "message": "", "person": None, "timestamp": datetime(2024, 5, 1, 10, tzinfo=UTC)}],
        ),
        ("[]", []),
    ],
)
def test_verdicts_come_with_an_analysis(text: str, reviews: list[object]) -> None:
    (read,) = read_text(f"{ANALYSIS}review: {text}", "f").blueprints
    assert list(read.reviews) == reviews
    assert "review" not in read.document


def test_a_remark_without_a_status_is_no_verdict() -> None:
    read = read_text(ANALYSIS + "review: [{message: looks odd}]", "f")
    assert read.blueprints[0].reviews == ()
    assert read.warnings == ["f, document 1 (analysis a), review[0]: has no status, so it is no verdict; it was not read"]


def test_names_of_post_processings_are_taken_from_the_document_and_their_settings_stay() -> None:
    named, alone, settings = read_text(
        f"{ANALYSIS}postprocessing: [x, y]\n---\n{ANALYSIS}postprocessing: x\n---\n{ANALYSIS}postprocessing: {{pesummary: {{a: 1}}}}",
        "f",
    ).blueprints
    assert (named.stages, alone.stages, settings.stages) == (("x", "y"), ("x",), ())
    assert (named.document, settings.document) == ({}, {"postprocessing": {"pesummary": {"a": 1}}})


def test_a_matrix_comes_out_as_its_analyses() -> None:
    text = "kind: analysis\nname: a-{x.y}\npipeline: psd\nstrategy: {x.y: [X, Y Z]}"
    read = read_text(text, "f")
    assert [b.name for b in read.blueprints] == ["a-X", "a-Y-Z"]
    assert read.warnings == ["f, document 1 (analysis a-Y Z): the name 'a-Y Z' has spaces; it was read as 'a-Y-Z'"]


def test_a_project_analysis_may_be_a_matrix() -> None:
    text = "kind: ProjectAnalysis\nname: a-{x.y}\npipeline: psd\nsubjects: [GW1]\nstrategy: {x.y: [1, 2]}"
    assert [(b.kind, b.name, b.subjects) for b in read_text(text, "f").blueprints] == [
        ("projectanalysis", "a-1", ("GW1",)),
        ("projectanalysis", "a-2", ("GW1",)),
    ]


def test_productions_may_have_a_matrix_too() -> None:
    text = "kind: event\nname: E\nproductions: [{'a-{x.y}': {pipeline: psd, strategy: {x.y: [1, 2]}}}]"
    assert [b.name for b in read_text(text, "f").blueprints] == ["E", "a-1", "a-2"]


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("name: GW1\nproductions:\n- Prod0:\n    rundir: {wd}/Prod0\n", "gwfollow import olivaw FILE"),
        ("productions: []\nname: GW1", "gwfollow import olivaw FILE"),
        ("project: {name: x}\nevents: []", "gwfollow import asimov FILE"),
    ],
)
def test_what_another_command_reads_is_refused_with_its_name(text: str, command: str) -> None:
    with pytest.raises(InputError, match=command):
        read_text(text, "f")


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
