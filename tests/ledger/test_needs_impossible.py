"""A need that nothing can ever meet is an error when it is applied, not a start and not a wait without end."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from sqlalchemy import select

from gwfollow.errors import InputError
from gwfollow.ledger.apply import Report, apply
from gwfollow.ledger.blueprints import read_text
from gwfollow.ledger.needs import unmet
from gwfollow.ledger.schema import Analysis, Event
from gwfollow.ledger.store import Ledger, find_analysis

STAGE = """
{kind: event, name: GW1}
---
{kind: analysis, name: generate-psd, pipeline: bayeswave}
---
{kind: analysis, name: pe, pipeline: bilby, waveform: {approximant: IMRPhenomXPHM}}
---
{kind: event, name: GW2}
---
{kind: analysis, name: pe, pipeline: bilby}
"""


def put(ledger: Ledger, text: str, **options: Any) -> Report:
    return ledger.run(lambda change: apply(change, read_text(text, "f").blueprints, **options), who="test")


class Enough(Exception):
    """Ends a transaction that nothing shall come of."""


def tried(ledger: Ledger, text: str) -> tuple[Report, set[str]]:
    """What would become of it, and the analyses that x would need; nothing is stored."""
    try:
        with ledger.change(who="test") as change:
            report = apply(change, read_text(text, "f").blueprints)
            needs = [need for row in change.session.scalars(select(Analysis)) if row.name == "x" for need in row.needs]
            needed = {f"{need.needed.event.name}/{need.needed.name}" for need in needs if need.needed}
            raise Enough
    except Enough:
        return report, needed


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    """Two events; what is applied here must be refused or taken back."""
    ledger = Ledger.open(f"sqlite:///{tmp_path_factory.mktemp('stage')}/ledger.db", create=True)
    put(ledger, STAGE)
    return ledger


def with_lists(kind: str = "analysis", **lists: Any) -> str:
    about = {"event": "GW1"} if kind == "analysis" else {"subjects": ["GW1", "GW2"]}
    return yaml.safe_dump({"kind": kind, "name": "x", "pipeline": "sum", **about, **lists})


@pytest.mark.parametrize(
    ("lists", "message"),
    [
        (
            {"needs": ["generate-psds"]},
            r"^f, document 1 \(analysis x\), needs\[0\]: found 'generate-psds', expected the name of another analysis of GW1; "
            r"did you mean 'generate-psd'\?; --later lets it wait for one that will be applied$",
        ),
        ({"needs": ["x"]}, "the name of another analysis of GW1"),
        ({"analyses": ["bilby"]}, r"analyses\[0\]: found 'bilby'"),
        ({"needs": [{"pipeline": "bayeswav"}]}, r"found 'pipeline: bayeswav', expected what an analysis of GW1 has; did you mean 'bayeswave'"),
        ({"needs": ["pe", {"waveform.approximant": "XO4"}]}, r"needs\[1\].*\(waveform.approximant: imrphenomxphm\)"),
        ({"needs": [[{"pipeline": "rift"}, {"review": "approved"}]]}, r"\(pipeline: bayeswave, bilby\)"),
        ({"needs": [{"pipeline": "bilby"}], "needs settings": {"minimum": 2}}, r"found '1 that they select', expected at least 2 \(needs settings"),
        ({"needs": ["GW2/pe"]}, "expected an analysis of GW1, its own event"),
    ],
)  # fmt: skip
def test_it_is_refused_with_what_is_nearest_and_nothing_is_stored(stage: Ledger, lists: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        put(stage, with_lists(**lists))
    with stage.read() as session:
        assert session.scalar(select(Analysis).where(Analysis.name == "x")) is None


@pytest.mark.parametrize(
    "lists",
    [
        {"needs": [{"optional": True, "pipeline": "rift"}]},
        {"needs": [{"optional": True, "name": "rift"}]},
        {"needs": [{"status": "uploaded"}, {"pipeline": "rift"}]},
        {"needs": [{"review": "approved"}]},
        {"needs": ["label: interesting"]},
        {"analyses": [{"pipeline": "rift"}]},
        {"analyses": [[{"pipeline": "rift"}, {"review": "approved"}]]},
    ],
)
def test_what_may_come_by_itself_may_be_empty(stage: Ledger, lists: dict[str, Any]) -> None:
    assert tried(stage, with_lists(**lists))[0].entries[0].verdict == "added"


def test_an_alternative_that_nothing_meets_is_a_warning(stage: Ledger) -> None:
    report, needed = tried(stage, with_lists(needs=[{"pipeline": "bilby"}, {"pipeline": "rift"}]))
    expected = "f, document 1 (analysis x), needs[1]: nothing in GW1 has pipeline: rift at present; the other entries are enough"
    assert (expected in report.warnings, needed) == (True, {"GW1/pe"})


def test_later_lets_it_wait_and_never_start(ledger: Ledger) -> None:
    put(ledger, STAGE)
    put(ledger, with_lists(needs=["rift-1"]), later=True)
    with ledger.read() as session:
        assert unmet(session, find_analysis(session, "GW1", "x")) == ["nothing is called rift-1"]
    # what is in the ledger already is no error of another blueprint
    put(ledger, "{kind: analysis, event: GW1, name: rift-1, pipeline: rift, status: finished}")
    with ledger.read() as session:
        assert unmet(session, find_analysis(session, "GW1", "x")) == []


@pytest.mark.parametrize(
    ("lists", "message"),
    [
        ({"needs": ["generate-psd"]}, r"needs\[0\]: found 'generate-psd', expected the name of another analysis of GW2"),
        ({"needs": ["GW1/psd"]}, "another analysis of GW1"),
        ({"needs": ["GW3/pe"]}, "expected one of its subjects"),
        ({"needs": [{"pipeline": "bayeswave"}]}, "expected what an analysis of GW2 has"),
        ({"subjects": ["GW1", "GW22"]}, r"subjects\[1\]: found 'GW22', expected an event of the ledger; did you mean 'GW2'"),
        ({"subjects": ["GW1", "project"]}, r"subjects"),
        ({"needs": ["project/x"]}, "another analysis of project"),
    ],
)
def test_every_subject_of_a_project_analysis_must_be_able_to_meet_it(stage: Ledger, lists: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        put(stage, with_lists("projectanalysis", **lists))
    with stage.read() as session:
        assert session.scalar(select(Event).where(Event.kind == "project")) is None


def test_one_subject_may_be_named_and_a_minimum_counts_over_all(stage: Ledger) -> None:
    _, needed = tried(stage, with_lists("projectanalysis", needs=["GW1/generate-psd", "pe"]))
    assert needed == {"GW1/generate-psd", "GW1/pe", "GW2/pe"}
    one = {"needs": [{"pipeline": "bayeswave"}], "needs settings": {"minimum": 1}}
    assert tried(stage, with_lists("projectanalysis", **one))[1] == {"GW1/generate-psd"}


@pytest.mark.parametrize("document", ["{kind: event, name: project}", "{kind: analysis, event: project, name: a, pipeline: b}"])
def test_the_name_of_the_project_is_no_event(stage: Ledger, document: str) -> None:
    with pytest.raises(InputError, match="project"):
        put(stage, document)


def test_a_circle_among_project_analyses_is_refused(ledger: Ledger) -> None:
    put(ledger, STAGE)
    one, other = (
        f"{{kind: projectanalysis, name: {name}, pipeline: sum, subjects: [GW1], needs: [project/{needed}]}}"
        for name, needed in (("a", "b"), ("b", "a"))
    )
    with pytest.raises(
        InputError, match=r"event project, needs: found '(a needs b needs a|b needs a needs b)', expected no circle"
    ):
        put(ledger, f"{one}\n---\n{other}")
    put(ledger, one, later=True)
    put(ledger, other.replace("project/a", "pe"))
    with ledger.read() as session:
        assert unmet(session, find_analysis(session, "project", "a")) == ["b is ready"]


def test_the_wish_for_a_review_is_noted_where_any_default_says_so(ledger: Ledger) -> None:
    put(ledger, "{kind: configuration, pipelines: {bilby: {review before publishing: true}}}")
    put(ledger, STAGE)
    put(ledger, "{kind: analysis, event: GW2, name: other, pipeline: bilby, review before publishing: false}")
    with ledger.read() as session:
        rows = session.scalars(select(Analysis).order_by(Analysis.id))
        assert [(row.name, row.review_first) for row in rows] == [
            ("generate-psd", False),
            ("pe", True),
            ("pe", True),
            ("other", False),
        ]
