"""What a person reads at the top of an event's DAG."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gwfollow.naming import EVENT_FILES, revision_row

if TYPE_CHECKING:
    from gwfollow.ledger.views import EventView


def describe(event: EventView) -> str:
    """The event's facts and how to steer it, as Markdown."""
    facts = {
        "GPS time": f"{event.gps:.3f} s" if event.gps is not None else "not given",
        "GraceDB": event.graceid or "none",
        "detectors": ", ".join(event.interferometers) or "not given",
        "source": event.source,
    }
    rows = [f"| {name} | {value} |" for name, value in facts.items()]
    lines = [f"# {event.name}", "", "| | |", "|---|---|", *rows, revision_row(event.revision), ""]
    if event.analyses:
        lines += ["| analysis | pipeline | needs |", "|---|---|---|"]
        lines += [
            f"| {a.name} | {a.pipeline} | {', '.join([*a.needs, *(f'{d} (nothing is called that)' for d in a.dangling)]) or '-'} |"
            for a in event.analyses
        ]
    return "\n".join([*lines, "", STEERING])


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
**Trigger** looks at the whole event again. **Clear** *wait* of a stuck analysis for one more resurrection of its job, *build* and
what follows for a fresh attempt (the old folder is kept). **Mark** *wait* **failed** to take its job from the scheduler. All of it
stands in `gwfollow journal`, and `gwfollow set` does the same from the command line."""
