"""Analyses that post-processings add."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select

from gwfollow.errors import InputError, NotFound
from gwfollow.ledger.apply import Report, apply
from gwfollow.ledger.blueprints import read_text
from gwfollow.ledger.export import documents
from gwfollow.ledger.schema import Analysis, Event
from gwfollow.ledger.store import Ledger
from gwfollow.ledger.yamlfile import write_documents

EVENT = "kind: event\nname: {}\n"
STANDARD = """kind: postprocessing
name: standard
stages:
  - {name: summary, pipeline: pesummary, comment: pages}
  - {name: skymap, pipeline: pesummary, needs: [summary], status: wait, pesummary: {mode: full}}
"""
PAGES = "kind: postprocessing\nname: pages\nsubject: {}\nanalyses: {}\nstages: [{{name: all, pipeline: pesummary}}]\n"


def bilby(name: str = "bilby", **more: str) -> str:
    return f"kind: analysis\nname: {name}\npipeline: bilby\n" + "".join(f"{key}: {value}\n" for key, value in more.items())


@pytest.fixture
def ledger(sqlite_url: str) -> Iterator[Ledger]:
    found = Ledger.open(sqlite_url)
    yield found
    found.close()


def put(ledger: Ledger, *texts: str, event: str | None = None, update: bool = False) -> Report:
    blueprints = read_text("---\n".join(texts), "f").blueprints
    return ledger.run(lambda change: apply(change, blueprints, event=event, update=update), who="test")


def verdicts(report: Report) -> list[str]:
    return [f"{entry.verdict} {entry.name}" for entry in report.entries]


def rows(ledger: Ledger) -> dict[str, Any]:
    with ledger.read() as session:
        return {
            f"{row.event.name}/{row.name}": (
                row.pipeline,
                row.status,
                row.document,
                sorted((need.role, need.needed.name) for need in row.needs if need.needed is not None),
            )
            for row in session.scalars(select(Analysis).order_by(Analysis.id))
        }


def test_an_analysis_gets_one_more_for_each_stage_that_works_on_it(ledger: Ledger) -> None:
    report = put(ledger, STANDARD, EVENT.format("GW1"), bilby(postprocessing="[standard]"))
    assert verdicts(report) == [
        "added standard",
        "added GW1",
        "added GW1/bilby",
        "added GW1/bilby-summary",
        "added GW1/bilby-skymap",
    ]
    found = rows(ledger)
    assert found["GW1/bilby"] == ("bilby", "ready", {}, [])
    assert found["GW1/bilby-summary"] == ("pesummary", "ready", {"analyses": ["bilby"]}, [("analyses", "bilby")])
    assert found["GW1/bilby-skymap"] == (
        "pesummary",
        "wait",
        {"analyses": ["bilby"], "needs": ["bilby-summary"], "pesummary": {"mode": "full"}},
        [("analyses", "bilby"), ("needs", "bilby-summary")],
    )


def test_a_post_processing_may_stand_after_the_analysis_in_the_ledger_or_in_the_configuration(ledger: Ledger) -> None:
    put(ledger, EVENT.format("GW1"), bilby("after", postprocessing="standard"), STANDARD)
    put(ledger, bilby("known", postprocessing="standard"), event="GW1")
    configured = "kind: configuration\npostprocessing: {other: {stages: [{name: x, pipeline: psd}]}}\n"
    put(ledger, configured, bilby("configured", postprocessing="other"), event="GW1")
    assert list(rows(ledger)) == [
        "GW1/after",
        "GW1/after-summary",
        "GW1/after-skymap",
        "GW1/known",
        "GW1/known-summary",
        "GW1/known-skymap",
        "GW1/configured",
        "GW1/configured-x",
    ]


def test_each_analysis_of_a_matrix_has_its_own_stages(ledger: Ledger) -> None:
    put(ledger, STANDARD, EVENT.format("GW1"), bilby("b-{x.y}", strategy="{x.y: [1, 2]}", postprocessing="standard"))
    assert rows(ledger)["GW1/b-2-summary"][3] == [("analyses", "b-2")]
    assert len(rows(ledger)) == 6


@pytest.mark.parametrize(
    ("analysis", "message"),
    [
        (
            bilby(postprocessing="[standrad]"),
            r"postprocessing: found 'standrad', expected one that is known \(standard, same, pages\); did you mean 'standard'",
        ),
        (bilby(postprocessing="[pages]"), "found 'pages', expected one without `analyses`"),
        (bilby("x" * 95, postprocessing="[standard]"), "stage summary, name: found 'xxx"),
        (bilby(postprocessing="[standard, same]"), "standard and same both have a stage for bilby-summary"),
    ],
)
def test_a_post_processing_that_cannot_follow_is_refused_and_nothing_is_stored(
    ledger: Ledger, analysis: str, message: str
) -> None:
    same = STANDARD.replace("name: standard", "name: same")
    put(ledger, EVENT.format("GW1"), STANDARD, same, PAGES.format("all", "[pipeline:rift]"))
    with pytest.raises(InputError, match=message):
        put(ledger, analysis, event="GW1")
    assert rows(ledger) == {}


def test_where_there_is_none_the_message_says_so(ledger: Ledger) -> None:
    with pytest.raises(NotFound, match="found 'standard', expected one that is known; there is none"):
        put(ledger, EVENT.format("GW1"), bilby(postprocessing="standard"))


def test_one_over_all_analyses_is_made_in_each_event_that_has_them_now_or_later(ledger: Ledger) -> None:
    put(ledger, EVENT.format("GW1"), bilby(), EVENT.format("GW2"), bilby("rift").replace("pipeline: bilby", "pipeline: rift"))
    report = put(ledger, PAGES.format("all", "[{pipeline: bilby}]"))
    assert verdicts(report) == ["added pages", "added GW1/pages-all"]
    assert report.work == ["GW1"]
    assert rows(ledger)["GW1/pages-all"] == ("pesummary", "ready", {"analyses": [{"pipeline": "bilby"}]}, [("analyses", "bilby")])
    assert verdicts(put(ledger, bilby(), event="GW2")) == ["added GW2/bilby", "added GW2/pages-all"]
    # one more analysis joins what is there
    put(ledger, bilby("second"), event="GW1")
    assert rows(ledger)["GW1/pages-all"][3] == [("analyses", "bilby"), ("analyses", "second")]


def test_one_over_all_analyses_of_one_event_leaves_the_others(ledger: Ledger) -> None:
    put(ledger, EVENT.format("GW1"), bilby(), EVENT.format("GW2"), bilby())
    assert verdicts(put(ledger, PAGES.format("GW2", "[pipeline:bilby]"))) == ["added pages", "added GW2/pages-all"]


def test_what_is_named_must_all_be_there_and_of_the_rest_any_is_enough(ledger: Ledger) -> None:
    put(ledger, EVENT.format("GW1"), PAGES.format("all", "[bilby, pipeline:rift, pipeline:bilby]"))
    put(ledger, bilby("other"), event="GW1")
    assert list(rows(ledger)) == ["GW1/other"]
    assert verdicts(put(ledger, bilby(), event="GW1")) == ["added GW1/bilby", "added GW1/pages-all"]


def test_its_own_stages_are_not_what_it_works_on(ledger: Ledger) -> None:
    put(ledger, EVENT.format("GW1"), PAGES.format("all", "[pipeline:pesummary]"))
    put(ledger, bilby(), event="GW1")
    assert list(rows(ledger)) == ["GW1/bilby"]


def test_archived_events_are_left_alone(ledger: Ledger) -> None:
    put(ledger, EVENT.format("GW1"), bilby(status="cancelled"))
    with ledger.change(who="test") as change:
        change.session.scalars(select(Event)).one().active = False
    assert verdicts(put(ledger, PAGES.format("all", "[pipeline:bilby]"))) == ["added pages"]


def test_a_stage_that_somebody_cancelled_is_not_made_again(ledger: Ledger) -> None:
    put(ledger, EVENT.format("GW1"), bilby(), PAGES.format("all", "[pipeline:bilby]"))
    with ledger.change(who="test") as change:
        change.session.scalars(select(Analysis).where(Analysis.name == "pages-all")).one().status = "cancelled"
    put(ledger, bilby("second"), event="GW1")
    assert rows(ledger)["GW1/pages-all"][1] == "cancelled"


def test_a_changed_post_processing_needs_the_option_update_and_is_told_by_its_name(ledger: Ledger) -> None:
    put(ledger, STANDARD)
    with pytest.raises(InputError, match=r"postprocessing.standard.stages: found .*--update to change it"):
        put(ledger, STANDARD.replace("skymap", "map"))
    (entry,) = put(ledger, STANDARD.replace("skymap", "map"), update=True).entries
    assert (entry.kind, entry.name, entry.verdict) == ("postprocessing", "standard", "changed")


def test_what_is_exported_makes_the_same_analyses_again(ledger: Ledger, tmp_path: Any) -> None:
    put(ledger, EVENT.format("GW1"), STANDARD, PAGES.format("all", "[pipeline:bilby]"), bilby(postprocessing="standard"))
    with ledger.read() as session:
        text = write_documents(documents(session))
    other = Ledger.open(f"sqlite:///{tmp_path / 'other.db'}", create=True)
    put(other, text)
    assert sorted(rows(other).items()) == sorted(rows(ledger).items())
    assert {entry.verdict for entry in put(ledger, text).entries} == {"unchanged"}
    other.close()
