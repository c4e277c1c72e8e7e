"""The figures of the measurements of Airflow's face are what their names say."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from sqlalchemy import func, select

sys.path.insert(0, str(Path(__file__).parents[2] / "bench"))

from alert_latency import GOALS, Passage, breakdown
from alert_latency import row as alert_row
from gwfollow.ledger.schema import Outbox
from gwfollow.ledger.store import Ledger
from gwfollow.ledger.views import active_events
from latency import Lag, percentile, row, starts
from ledgers import CHAIN, add_events, event_name, fill
from measure import BenchError
from overhead import Run, table


def test_the_95th_percentile_of_twenty_is_the_nineteenth() -> None:
    assert percentile([float(number) for number in range(1, 21)], 95) == 19.0
    assert percentile([7.0], 95) == 7.0


def test_lags_of_any_order_are_sorted_before_they_are_judged() -> None:
    line = row("jobs", [Lag(3.0, 9.0), Lag(1.0, 4.0), Lag(2.0, 5.0)])
    assert line.split() == ["jobs", "2.0", "s", "3.0", "s", "5.0", "s", "9.0", "s", "9.0", "s"]


def test_only_the_tasks_of_events_count_in_airflows_logs(tmp_path: Path) -> None:
    for dag, figure in (("event.E0", 20), ("event.E0", 40), ("upkeep", 999)):
        log = tmp_path / f"dag_id={dag}" / f"task_id=t{figure}" / "attempt=1.log"
        log.parent.mkdir(parents=True)
        log.write_text("a line\n" + json.dumps({"event": "Worker startup parse complete", "dag_file_parse_ms": figure}) + "\n")
    assert "2 tasks: least 20, p50 30, p95 40" in starts(tmp_path)
    with pytest.raises(BenchError):
        starts(tmp_path / "nowhere")


def test_the_dags_own_time_is_no_overhead() -> None:
    text = table([Run(wall=70.0, dag=60.0, cpu=12.0)], [Run(wall=45.0, dag=40.0, cpu=4.0)])
    around = next(line for line in text.splitlines() if line.strip().startswith("around"))
    same = next(line for line in text.splitlines() if "same DAG time" in line)
    assert around.split()[-7:] == ["5.0", "s", "10.0", "s", "5.0", "s", "2.00"]
    assert same.split()[-7:] == ["55.0", "s", "60.0", "s", "5.0", "s", "1.09"]


def test_a_filled_ledger_has_active_events_with_their_chain(tmp_path: Path) -> None:
    ledger = Ledger.open(fill(tmp_path, 3))
    with ledger.read() as session:
        found = active_events(session)
    assert [event.name for event in found] == [event_name(number) for number in range(3)]
    assert {a.name: a.needs for a in found[2].analyses} == {name: (needs,) if needs else () for name, needs in CHAIN.items()}


def test_events_are_added_up_to_a_number_and_make_no_work(tmp_path: Path) -> None:
    ledger = Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}", create=True)
    for wanted in (2, 5, 3):
        add_events(ledger, wanted)
    with ledger.read() as session:
        assert [event.name for event in active_events(session)] == [event_name(number) for number in range(5)]
        assert session.scalar(select(func.count()).select_from(Outbox)) == 0


def test_a_row_has_median_95th_percentile_and_most_of_every_stage() -> None:
    passages = [Passage(f"S{n}", {"inbox": 0.1 * n, "run": 1.0 * n, "job": 2.0 * n}) for n in range(1, 21)]
    figures = alert_row("200", passages, 3.5).replace(" s", "").split()
    assert figures == ["200", "20", "1.05", "1.90", "2.00", "10.50", "19.00", "20.00", "21.00", "38.00", "40.00", "3.5"]
    assert alert_row("0", [Passage("S1", {"run": 1.0, "job": 2.0})], 0.0).split()[2:5] == ["-", "-", "-"]
    assert list(GOALS) == ["inbox", "run", "job"]


def test_the_moments_within_airflow_are_in_their_order() -> None:
    passages = [Passage("S1", {}, {"submit ended": 5.0, "plan started": 1.0}), Passage("S2", {}, {"plan started": 3.0})]
    lines = breakdown({"0": passages}).splitlines()[2:]
    assert [line.split() for line in lines] == [["plan", "started", "2.00"], ["submit", "ended", "5.00"]]
