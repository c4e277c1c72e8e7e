"""What a task is given by Airflow, as far as our operators look."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any


def context(*, run_id: str = "rev-1", try_number: int = 1, max_tries: int = 30, retries: int = 30, **run: Any) -> dict[str, Any]:
    """What a task is given by Airflow, as far as our operators look."""
    pushed: dict[str, Any] = {}
    ti = SimpleNamespace(
        id="0198-ti",
        try_number=try_number,
        max_tries=max_tries,
        map_index=-1,
        task=SimpleNamespace(retries=retries),
        xcom_push=lambda key, value: pushed.update({key: value}),
        pushed=pushed,
    )
    return {"ti": ti, "dag_run": SimpleNamespace(run_id=run_id, conf=run.get("conf", {}), triggering_user_name=run.get("user"))}
