"""Scans and state checks in an event's DAG: a group of their own, beside parameter estimation."""

from __future__ import annotations

import sys

import pytest
from airflow.sdk import DAG, TaskGroup
from airflow.sdk.exceptions import DownstreamTasksSkipped
from tasks import context

from gwfollow.ledger.views import AnalysisView, EventView
from gwfollow.life import Site
from gwfollow.life.plan import Plan
from pe_operators import event_dags
from pe_operators.base import ALERT

WAY = ["data", "scan", "wait", "collect", "process", "publish"]


def dag_of(*analyses: AnalysisView) -> DAG:
    return event_dags.event_dag(EventView("S1", 1126259462.4, "S1", "gracedb", 3, ("H1",), analyses))


def scan(name: str, **more: object) -> AnalysisView:
    return AnalysisView(name, "omegascan", "ready", **more)  # type: ignore[arg-type]


def psd(name: str = "psd", **more: object) -> AnalysisView:
    return AnalysisView(name, "psd", "ready", **more)  # type: ignore[arg-type]


def before(dag: DAG, task: str) -> set[str]:
    return dag.task_dict[task].upstream_task_ids


def test_each_scan_has_its_way_between_one_beginning_and_one_summary() -> None:
    dag = dag_of(psd(), scan("H1-strain"), AnalysisView("state", "DataQuality", "ready"))
    for name in ("H1-strain", "state"):
        way = [f"data_quality.{name}.{step}" for step in WAY]
        assert before(dag, way[0]) == {"data_quality.begin"}
        assert [before(dag, later) for later in way[1:]] == [{earlier} for earlier in way[:-1]]
    assert before(dag, "data_quality.begin") == before(dag, "psd.build") == {"plan"}
    assert before(dag, "data_quality.summary") == {"data_quality.H1-strain.publish", "data_quality.state.publish"}
    # the summary comes whatever became of the scans, so that it cannot stand for them in the verdict
    assert dag.task_dict["data_quality.summary"].trigger_rule == "all_done"
    assert before(dag, "verdict") == {"psd.publish", "data_quality.summary", *before(dag, "data_quality.summary")}
    assert set(dag.task_group.children) == {"plan", "verdict", "psd", "data_quality"}


def test_an_event_without_scans_has_no_such_group_and_imports_nothing_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith(("pe_operators.data_quality", "pe_operators.omega_scan"))]:
        monkeypatch.delitem(sys.modules, name)
    dag = dag_of(psd())
    assert set(dag.task_group.children) == {"plan", "verdict", "psd"}
    assert not {"pe_operators.data_quality", "pe_operators.omega_scan"} & sys.modules.keys()
    assert "data_quality" in dag_of(scan("H1")).task_group.children
    assert "pe_operators.data_quality" in sys.modules


def test_needs_join_scans_and_parameter_estimation_both_ways() -> None:
    dag = dag_of(psd(), scan("late", needs=("psd",)), psd("pe", needs=("late",)), scan("again", needs=("late",)))
    assert before(dag, "data_quality.late.data") == {"data_quality.begin", "psd.collect"}
    assert before(dag, "pe.build") == {"plan", "data_quality.late.collect"}
    assert before(dag, "data_quality.again.data") == {"data_quality.begin", "data_quality.late.collect"}
    # skipped as finished in an earlier run is as good as finished; failed is not
    assert dag.task_dict["data_quality.late.data"].trigger_rule == "none_failed"


def test_a_scan_may_wait_for_a_persons_approval() -> None:
    dag = dag_of(scan("H1", review_first=True))
    assert before(dag, "data_quality.H1.publish") == {"data_quality.H1.review"}
    assert before(dag, "data_quality.H1.review") == {"data_quality.H1.process"}


@pytest.mark.parametrize("name", ["data_quality", "data quality", "plan", "verdict"])
def test_an_analysis_called_like_a_part_of_the_dag_takes_nothing_away(name: str) -> None:
    alone = dag_of(psd(name))
    both = dag_of(psd(name), scan("H1"))
    own = [group for group, child in alone.task_group.children.items() if isinstance(child, TaskGroup)]
    assert own[0] != "data_quality"
    # also when the event gets its first scan
    assert set(both.task_group.children) == {"plan", "verdict", "data_quality", *own}


@pytest.mark.parametrize("name", ["begin", "summary"])
def test_a_scan_called_like_a_task_beside_it_has_another_id(name: str) -> None:
    dag = dag_of(scan(name), scan("H1"))
    assert len([task for task in dag.task_dict if task.endswith(".publish")]) == 2
    assert name not in {task.split(".")[1] for task in dag.task_dict if task.endswith(".publish")}


def test_scans_start_before_what_nobody_waits_for() -> None:
    dag = dag_of(scan("H1"))
    first = [dag.task_dict[f"data_quality.{task}"].priority_weight for task in ("begin", "H1.data", "H1.scan")]
    assert set(first) == {ALERT}
    assert dag.task_dict["data_quality.H1.wait"].priority_weight < ALERT


@pytest.fixture
def plans(site: Site, monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    found: dict[str, object] = {}
    monkeypatch.setattr("gwfollow.life.plan.plan", lambda *_, **__: Plan(found["work"]))  # type: ignore[arg-type]
    return found


@pytest.mark.parametrize(
    ("work", "left"),
    [
        (("psd",), {"psd"}),
        (("H1",), {"data_quality.begin", "data_quality.summary", "data_quality.H1"}),
        (("psd", "L1"), {"psd", "data_quality.begin", "data_quality.summary", "data_quality.L1"}),
    ],
)
def test_the_plan_skips_the_beginning_and_the_summary_with_the_scans(
    plans: dict[str, object], work: tuple[str, ...], left: set[str]
) -> None:
    plans["work"] = work
    dag = dag_of(psd(), scan("H1"), scan("L1"))
    with pytest.raises(DownstreamTasksSkipped) as skipped:
        dag.task_dict["plan"].execute(context())  # type: ignore[attr-defined]
    stay = set(dag.task_dict) - set(skipped.value.tasks) - {"plan", "verdict"}
    assert {task if task.endswith((".begin", ".summary")) else task.rpartition(".")[0] for task in stay} == left
