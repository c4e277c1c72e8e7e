"""What a person reads at the top of an event's DAG."""

from __future__ import annotations

import pytest

from gwfollow.ledger.views import AnalysisView, EventView
from gwfollow.naming import read_revision
from pe_operators.event_page import describe, describe_failure, state_of


def event(*statuses: str) -> EventView:
    analyses = tuple(AnalysisView(f"a{i}", "bilby", status) for i, status in enumerate(statuses))
    return EventView("GW150914", 1126259462.4, "S150914a", "blueprint", 3, ("H1", "L1"), analyses)


def test_the_facts_and_what_needs_what_are_there() -> None:
    view = EventView(
        "GW150914",
        1126259462.4,
        None,
        "gracedb",
        3,
        ("H1",),
        (AnalysisView("pe", "bilby", "ready", ("psd",), ("generate-psd",)),),
    )
    text = describe(view)
    assert "| GPS time | 1126259462.400 s |" in text
    assert "| GraceDB | none |" in text
    assert "| pe | bilby | psd, generate-psd (nothing is called that) |" in text
    assert "Clear" in text


@pytest.mark.parametrize(
    ("statuses", "word"),
    [
        (("uploaded", "stuck", "running"), "stuck"),
        (("uploaded", "running", "ready"), "running"),
        (("ready", "uploaded"), "ready"),
        (("wait",), "waiting"),
        (("uploaded", "finalised"), "done"),
        ((), "empty"),
    ],
)
def test_the_tag_says_what_most_wants_an_eye(statuses: tuple[str, ...], word: str) -> None:
    assert state_of(event(*statuses)) == word


def test_an_event_that_cannot_be_built_says_why() -> None:
    assert "ValueError: a bad row" in describe_failure(event(), ValueError("a bad row"))


def test_every_page_says_the_revision_that_runs_wait_for() -> None:
    assert read_revision(describe(event("ready"))) == 3
    assert read_revision(describe_failure(event("ready"), ValueError("a bad row"))) == 3


def test_the_page_of_the_project_shows_subjects_and_what_is_needed_of_them() -> None:
    joint = AnalysisView("joint", "pop", "ready", elsewhere=("GW1/pe", "GW2/pe"), subjects=("GW1", "GW2"))
    page = describe(EventView("project", None, None, "blueprint", 4, (), (joint,), "project"))
    assert "| joint | pop | GW1, GW2 | GW1/pe, GW2/pe |" in page
    assert "GPS time" not in page
    assert read_revision(page) == 4
