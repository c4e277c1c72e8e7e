"""The files in dags/events: every active event in one of them, whatever another event is like."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG

from gwfollow.ledger.apply import apply
from gwfollow.ledger.blueprints import read_text
from gwfollow.ledger.store import Ledger
from gwfollow.ledger.views import AnalysisView, EventView
from gwfollow.naming import EVENT_FILES, event_dag_id, event_file, file_dag_id
from pe_operators import event_dags
from pe_operators.base import ALERT, HOUSEKEEPING

EVENTS = 25
Parse = Callable[[int], dict[str, DAG]]


@pytest.fixture
def ledger(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    found = Ledger.open(sqlite_url)
    monkeypatch.setattr(event_dags, "open_ledger", lambda _: found)
    text = "---\n".join(
        f"kind: event\nname: S{number}\n---\nkind: analysis\nname: psd\npipeline: psd\nevent: S{number}\n"
        for number in range(EVENTS)
    )
    with found.change(who="test") as change:
        apply(change, read_text(text, "test.yaml").blueprints)
    return found


@pytest.fixture
def parse(ledger: Ledger, checkout: Path) -> Parse:
    """The DAGs that a file leaves where Airflow looks for them."""

    def of(number: int) -> dict[str, DAG]:
        found: dict[str, Any] = runpy.run_path(str(checkout / "dags" / "events" / f"file_{number}.py"))
        return {name: value for name, value in found.items() if isinstance(value, DAG)}

    return of


def test_there_is_a_file_for_every_part(checkout: Path) -> None:
    files = {file.name for file in (checkout / "dags" / "events").glob("*.py")}
    assert files == {f"file_{number}.py" for number in range(EVENT_FILES)}


def test_every_active_event_is_in_the_file_that_is_asked_for_and_in_no_other(ledger: Ledger, parse: Parse) -> None:
    with ledger.change(who="test") as change:
        change.event("S5").active = False
        place = {event_dag_id(f"S{n}"): event_file(change.event(f"S{n}").id) for n in range(EVENTS) if n != 5}
    found = [(dag_id, number) for number in range(EVENT_FILES) for dag_id in parse(number)]
    assert len(found) == len(place) + EVENT_FILES
    assert dict(found) == place | {file_dag_id(number): number for number in range(EVENT_FILES)}


def test_a_file_is_known_before_its_first_event(ledger: Ledger, parse: Parse) -> None:
    with ledger.change(who="test") as change:
        for number in range(EVENTS):
            change.event(f"S{number}").active = False
    assert list(parse(3)) == ["events.3"]


def test_a_task_builds_its_own_dag_alone_from_whatever_file_it_was_started(parse: Parse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", "event.S7")
    assert [list(parse(number)) for number in range(EVENT_FILES)] == [["event.S7"]] * EVENT_FILES
    assert "psd.submit" in parse(0)["event.S7"].task_dict


def test_an_event_whose_building_breaks_off_takes_no_other_away(parse: Parse, monkeypatch: pytest.MonkeyPatch) -> None:
    group = event_dags.analysis_group

    def broken(event: str, *rest: Any) -> Any:
        built = group(event, *rest)
        if event == "S8":
            raise ValueError("a bad row")
        return built

    monkeypatch.setattr(event_dags, "analysis_group", broken)
    found = parse(event_file(9))  # ids count from 1
    assert set(found) == {file_dag_id(event_file(9)), "event.S0", "event.S8", "event.S16", "event.S24"}
    assert "ValueError: a bad row" in (found["event.S8"].doc_md or "")
    assert list(found["event.S8"].task_dict) == ["unbuildable"]


def test_what_an_alert_asked_for_starts_before_other_work_and_what_follows_a_job_comes_last() -> None:
    psd = (AnalysisView("psd", "psd", "ready"),)
    alert, other = (
        event_dags.event_dag(EventView("S1", None, None, source, 1, (), psd)).task_dict for source in ("gracedb", "blueprint")
    )
    for task in ("plan", "psd.build", "psd.submit"):
        assert alert[task].priority_weight > other[task].priority_weight > alert["psd.collect"].priority_weight
    assert {task.weight_rule for task in alert.values()} == {other["plan"].weight_rule}
    # whatever hangs on it
    assert alert["plan"].priority_weight == alert["psd.submit"].priority_weight


@pytest.mark.parametrize("file", ["alerts", "upkeep"])
def test_what_keeps_everything_going_comes_first(checkout: Path, file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[DAG] = []
    enter = DAG.__enter__
    monkeypatch.setattr(DAG, "__enter__", lambda dag: made.append(dag) or enter(dag))
    runpy.run_path(str(checkout / "dags" / f"{file}.py"))
    tasks = [task for dag in made for task in dag.tasks]
    assert tasks
    assert all((task.priority_weight, task.weight_rule) == (HOUSEKEEPING, by_rule()) for task in tasks)
    assert HOUSEKEEPING > ALERT


def by_rule() -> object:
    return event_dags.event_dag(EventView("S1", None, None, "gracedb", 1, (), ())).task_dict["plan"].weight_rule


def test_an_event_without_analyses_has_a_dag_too() -> None:
    view = EventView("GW1", None, None, "blueprint", 1, (), ())
    assert event_dags.event_dag(view).task_dict["plan"].downstream_task_ids == {"verdict"}


def test_the_project_has_a_dag_whose_groups_are_joined_within_it_alone() -> None:
    joint = AnalysisView("joint", "pop", "ready", elsewhere=("GW1/pe",), subjects=("GW1",))
    after = AnalysisView("after", "pop", "ready", needs=("joint",), subjects=("GW1",))
    dag = event_dags.event_dag(EventView("project", None, None, "blueprint", 1, (), (joint, after), "project"))
    assert dag.dag_id == "event.project"
    assert dag.task_dict["joint.build"].upstream_task_ids == {"plan"}
    assert dag.task_dict["after.build"].upstream_task_ids == {"plan", "joint.collect"}
