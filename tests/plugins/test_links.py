"""The buttons on a task's page lead to gwfollow's pages below Airflow's own address."""

from __future__ import annotations

import pytest

from pe_operators import CollectOperator, JobLogLink, ResultPageLink
from pe_operators.links import EventLink


@pytest.mark.parametrize(("link", "kind"), [(JobLogLink(), "logs"), (ResultPageLink(), "results")])
def test_a_link_names_the_event_and_the_analysis(
    link: JobLogLink | ResultPageLink, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://site.example/airflow/")
    operator = CollectOperator(task_id="collect", event="GW150914", analysis="bilby.1")
    found = link.get_link(operator, ti_key=None)  # type: ignore[arg-type]
    assert found == f"https://site.example/airflow/gwfollow/{kind}/GW150914/bilby.1/"


def test_submit_wait_and_collect_have_their_buttons() -> None:
    operator = CollectOperator(task_id="collect", event="GW150914", analysis="bilby")
    assert {link.name for link in operator.operator_extra_links} == {"Job log", "Result page"}


def test_a_task_of_another_dag_leads_to_the_events_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://site.example/airflow/")
    operator = CollectOperator(task_id="collect", event="scan-1126259462.400", analysis="scan-H1_strain")
    assert EventLink().get_link(operator, ti_key=None) == "https://site.example/airflow/dags/event.scan-1126259462.400"  # type: ignore[arg-type]
