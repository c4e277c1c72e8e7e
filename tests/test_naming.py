"""Names in Airflow follow from names in the ledger."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from gwfollow.naming import EVENT_FILES, event_dag_id, event_file, file_dag_id, group_ids, read_revision, revision_row


def test_a_dag_is_named_after_its_event() -> None:
    assert event_dag_id("GW150914_095045") == "event.GW150914_095045"


def test_plain_names_stay_and_others_lose_what_airflow_does_not_take() -> None:
    assert group_ids(["Prod-0", "bilby.xphm+psd"]) == {"Prod-0": "Prod-0", "bilby.xphm+psd": "bilby_xphm_psd"}


def test_a_later_name_that_would_be_alike_is_told_apart_and_the_older_one_keeps_its_id() -> None:
    groups = group_ids(["a.b", "a+b", "a_b"])

    assert groups["a.b"] == "a_b"
    assert len(set(groups.values())) == 3
    assert all(re.fullmatch(r"a_b-[0-9a-f]{8}", groups[name]) for name in ("a+b", "a_b"))


names_of_analyses = st.text("ab.+_-/é ", min_size=1, max_size=4)


@given(st.lists(names_of_analyses, unique=True), names_of_analyses)
def test_every_id_is_valid_and_unique_and_a_new_analysis_changes_no_older_one(names: list[str], new: str) -> None:
    groups = group_ids(names)

    assert len(set(groups.values())) == len(names)
    assert all(re.fullmatch(r"[A-Za-z0-9_-]+", group) for group in groups.values())
    assert {name: group for name, group in group_ids([*names, new]).items() if name in groups} == groups


@given(st.integers(min_value=1))
def test_an_event_has_one_file_for_ever(event_id: int) -> None:
    assert event_file(event_id) in range(EVENT_FILES)
    assert event_file(event_id) == event_file(event_id + EVENT_FILES)


def test_neighbours_have_different_files_and_the_dag_of_a_file_is_no_events_dag() -> None:
    assert {event_file(number) for number in range(1, EVENT_FILES + 1)} == set(range(EVENT_FILES))
    assert not any(file_dag_id(number).startswith(event_dag_id("")) for number in range(EVENT_FILES))


def test_a_page_says_the_revision_that_was_written_on_it() -> None:
    assert read_revision(f"# GW1\n\n| | |\n|---|---|\n{revision_row(12)}\n\nmore") == 12
    assert read_revision("# GW1") is None
