"""The names that Airflow and GraceDB know our events and analyses by."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

#: an Airflow task group id may hold these; a dot would read as a nested group
_NOT_ALLOWED = re.compile(r"[^A-Za-z0-9_-]")

#: ids that GraceDB gives to mock and test superevents (MS..., TS...) and events (M123, T123)
_MOCK = re.compile(r"(MS|TS)\d{6}|[MT]\d+$")

#: files in ``dags/events/`` among which the active events are dealt out; another number moves events between files, which Airflow
#: follows within a reading of all of them
EVENT_FILES = 8

#: name of the ledger's one row that stands for the project: its analyses span events.  No event may be called so.
PROJECT = "project"

#: pipelines that say how the data were: they wait for frames, and stand in a group of their own in the event's DAG
OMEGA_SCAN, STATE_CHECKS = "omegascan", "dataquality"
DATA_QUALITY = frozenset({OMEGA_SCAN, STATE_CHECKS})
#: the id of that group
DATA_QUALITY_GROUP = "data_quality"

_REVISION = "revision of the ledger"


def is_mock(graceid: str) -> bool:
    """Whether GraceDB's id itself says that the event is a mock or a test."""
    return _MOCK.match(graceid) is not None


def event_dag_id(event: str) -> str:
    """The id of the event's DAG: ``event.GW150914``."""
    return f"event.{event}"


def event_file(event_id: int) -> int:
    """The number of the file in ``dags/events/`` that has the DAG of the event with this id (of its row in the ledger), always."""
    return event_id % EVENT_FILES


def file_dag_id(number: int) -> str:
    """The id of the DAG by which Airflow knows a file of events before there are any: ``events.3``."""
    return f"events.{number}"


def revision_row(revision: int) -> str:
    """The line on an event's page by which `read_revision` knows what Airflow has read."""
    return f"| {_REVISION} | {revision} |"


def read_revision(page: str) -> int | None:
    """The event's revision on its page; None where the page does not say."""
    found = re.search(rf"^\| {_REVISION} \| (\d+) \|$", page, re.MULTILINE)
    return int(found[1]) if found else None


def is_data_quality(pipeline: str) -> bool:
    """Whether analyses with this pipeline say how the data were."""
    return pipeline.lower() in DATA_QUALITY


def group_ids(analyses: Iterable[str], reserved: Iterable[str] = ()) -> dict[str, str]:
    """The task group id of each analysis of one event; none is like one of `reserved`, which stand beside them.

    Give the names in the ledger's order (oldest first).  What Airflow would not take becomes an underscore; a later name that would
    then be like an earlier one ends in eight digits of its own hash.  So a new analysis never changes the id of an older one, as long
    as the same are reserved.
    """
    groups: dict[str, str] = {}
    taken: set[str] = set(reserved)
    for name in analyses:
        if name in groups:
            continue
        group = _NOT_ALLOWED.sub("_", name)
        if group in taken:
            group = f"{group}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
        groups[name] = group
        taken.add(group)
    return groups


def event_of_dag(dag_id: str | None) -> str | None:
    """The event whose DAG this is; None for no DAG at all, and the empty string, which names no event, for another DAG."""
    if dag_id is None:
        return None
    return dag_id.removeprefix("event.") if dag_id.startswith("event.") else ""
