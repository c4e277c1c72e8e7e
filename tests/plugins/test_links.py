"""The buttons on a task's page lead to gwfollow's pages below Airflow's own address."""

from __future__ import annotations

import pytest

from pe_operators import CollectOperator, JobLogLink, ResultPageLink


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
