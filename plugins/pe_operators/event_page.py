"""What a person reads at the top of an event's DAG."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from gwfollow.naming import EVENT_FILES, PROJECT, revision_row

if TYPE_CHECKING:
    from gwfollow.ledger.views import AnalysisView, EventView


def describe(event: EventView) -> str:
    """The event's facts and how to steer it, as Markdown; for the project, which events each analysis spans."""
    project = event.kind == PROJECT
    facts = {"": "analyses that span events"} if project else _facts(event)
    rows = [f"| {name} | {value} |" for name, value in facts.items()]
    lines = [f"# {event.name}", "", "| | |", "|---|---|", *rows, revision_row(event.revision), ""]
    if event.analyses:
        columns = ["analysis", "pipeline", *(["subjects"] if project else []), "needs"]
        lines += [_row(columns), _row("---" for _ in columns)]
        for a in event.analyses:
            subjects = [", ".join(a.subjects) or "-"] if project else []
            lines.append(_row([a.name, a.pipeline, *subjects, _needs(a)]))
    return "\n".join([*lines, "", STEERING])


def _facts(event: EventView) -> dict[str, str]:
    return {
        "GPS time": f"{event.gps:.3f} s" if event.gps is not None else "not given",
        "GraceDB": event.graceid or "none",
        "detectors": ", ".join(event.interferometers) or "not given",
        "source": event.source,
    }


def _needs(analysis: AnalysisView) -> str:
    nothing = (f"{condition} (nothing is called that)" for condition in analysis.dangling)
    return ", ".join([*analysis.needs, *analysis.elsewhere, *nothing]) or "-"


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def state_of(event: EventView) -> str:
    """One word for the tag: what most wants a person's eye comes first."""
    statuses = {analysis.status for analysis in event.analyses}
    for word, members in STATES.items():
        if statuses & members:
            return word
    return "done" if statuses else "empty"


def describe_failure(event: EventView, error: Exception) -> str:
    """The page of an event whose DAG cannot be built."""
    reason = f"The DAG of this event cannot be built:\n\n    {type(error).__name__}: {error}\n"
    return f"# {event.name}\n\n{reason}\n| | |\n|---|---|\n{revision_row(event.revision)}"


def describe_file(number: int) -> str:
    """The page of a file's own DAG."""
    return (
        f"# Events, file {number} of {EVENT_FILES}\n\nAirflow knows the file by this DAG, also when none of its events is active. "
        "It has no tasks; there is nothing to start or to clear here."
    )


STATES = {
    "stuck": {"stuck"},
    "running": {"running", "finished", "processing", "stop"},
    "ready": {"ready", "restart"},
    "waiting": {"wait", "manual"},
}

STEERING = """\
**Trigger** looks at the whole event again. **Clear** *wait* of a stuck analysis for one more resurrection of its job, *process* or
*publish* where it was stuck after that, *build* (of a scan: *scan*) and what follows for a fresh attempt (the old folder is kept), *data* and
what follows of a scan that was skipped to wait for its data again. **Mark** *wait* **failed**
to take its job from the scheduler. Answer *review* where it waits for approval. All of it stands in `gwfollow journal`; the event's
tab, `gwfollow set`, `resurrect` and `review` do the same."""
